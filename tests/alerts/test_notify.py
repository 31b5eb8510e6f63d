"""The notify stage on a real log and real receivers: planned once, sent in any weather, each end recorded once."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

import pytest
from structlog.testing import capture_logs

from alerts.channels import Channel, Failure, open_channels
from alerts.lanes import UNSET_PATIENCE, Lane
from alerts.notify import PlanDeliveries, delivered, deliveries_of, delivery_id, given_up, pause, too_late
from alerts.sender import Sender
from stream.dead_letters import list_dead_letters
from stream.ids import digest
from stream.log import Log, Offset, lag, open_log, partition_of
from stream.messages import Alert, Delivery, Takedown, decode, encode
from stream.takedowns import Takedowns
from stream.targets import Mail, NotifySettings, Webhook
from stream.topics import Names
from stream.worker import Steps, Worker, run_workers
from tests.alerts.receivers import SECRET, Hook, Mailbox, hook, silent
from tests.contracts.stores import STORES, Store
from tests.stream.golden import ALERT

NAMES = Names()
PARTITIONS = 2
ALERTS, DELIVERIES = NAMES.topic("alerts"), NAMES.topic("deliveries")
LIVE = ALERT.model_copy(update={"held_back": None})
GROUPS = ((ALERTS, "news.notify.alerts"), (DELIVERIES, "news.notify.deliveries"))


def clock() -> datetime:
    return datetime.now(UTC)


def alert(name: str, age: timedelta = timedelta(0), held_back: str | None = None) -> Alert:
    return LIVE.model_copy(update={"id": name, "created": clock() - age, "held_back": held_back})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = reopened(tmp_path)
    log.create_topics(NAMES.described(), PARTITIONS)
    yield log
    log.close()


def reopened(folder: Path) -> Log:
    return open_log(f"sqlite:///{folder}/log.db")


def webhook(name: str, url: str) -> Webhook:
    return Webhook(name=name, url=url, secret=SECRET)


def raise_alerts(log: Log, *alerts: Alert) -> None:
    with log.transaction() as tx:
        for one in alerts:
            tx.publish(ALERTS, partition_of(one.id, PARTITIONS), one.id, encode(one))


def settings(*webhooks: Webhook, mail: Sequence[Mail] = (), give_up_after: float = 3600.0) -> NotifySettings:
    return NotifySettings(
        webhook=webhooks, mail=tuple(mail), timeout=timedelta(seconds=1), give_up_after=timedelta(seconds=give_up_after)
    )


def stage(log: Log, given: NotifySettings, channels: dict[str, Channel] | None = None) -> list[Steps]:
    """The workers of a process of the stage, as after a restart."""
    found = open_channels(given) if channels is None else channels
    plan = PlanDeliveries(log, DELIVERIES, found, clock, Takedowns(log, NAMES))
    return [Worker(log, NAMES, "notify", "alerts", plan), Sender(log, NAMES, found, given, clock)]


@contextmanager
def running(where: Path | Store, given: NotifySettings) -> Iterator[None]:
    """The stage in a thread, with a log of its own; it drains at the end."""
    stop = Event()

    def run() -> None:
        log = reopened(where) if isinstance(where, Path) else where.open()
        run_workers(stage(log, given), stop, idle=0.02)
        log.close()
        gc.collect()  # the ledger's file is of this thread

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def recorded(log: Log) -> list[Delivery]:
    records = [r for p in range(PARTITIONS) for r in log.read(DELIVERIES, p, 0, 10_000)]
    found = [decode(r.value) for r in records if r.value]
    deliveries = [d for d in found if isinstance(d, Delivery)]
    assert [r.key for r in records] == [d.id for d in deliveries]
    return deliveries


def ends(log: Log) -> list[Delivery]:
    """The final records, each id once."""
    final = [d for d in recorded(log) if d.state != "waiting"]
    assert [i for i, n in Counter(d.id for d in final).items() if n > 1] == []
    assert all(d.alert is None for d in final)
    return final


def is_done(log: Log) -> bool:
    return not any(lag(log, *group) for group in GROUPS)


# -- what is planned


def test_each_alert_is_planned_once_for_each_target_and_held_back_ones_for_none(log: Log) -> None:
    given = settings(webhook("a", "https://a.example/"), webhook("b", "https://b.example/"))
    raise_alerts(log, alert("1"), alert("2", held_back="found by a replay of kept articles"), alert("1"), alert("3"))
    for _ in range(2):
        plan = PlanDeliveries(log, DELIVERIES, open_channels(given), clock, Takedowns(log, NAMES))
        worker = Worker(log, NAMES, "notify", "alerts", plan)
        while worker.step(0.0):
            pass
        worker.close()
        rewind(log)
    planned = recorded(log)
    assert sorted((d.alert_id, d.target) for d in planned) == [("1", "a"), ("1", "b"), ("3", "a"), ("3", "b")]
    assert all(d.state == "waiting" and d.alert and d.id == delivery_id(d.alert.id, d.target) for d in planned)
    assert delivery_id("1", "a") == digest("delivery", "1", "a")


def rewind(log: Log) -> None:
    """Lose the offsets of the group, as Kafka does when nobody consumed for a week."""
    consumer = log.consumer(*GROUPS[0])
    consumer.poll(1, 0.0)
    with log.transaction(consumer) as tx:
        tx.commit({partition: Offset(0) for partition in consumer.assignment()})
    consumer.close()


def test_another_generation_sends_nothing_again(log: Log) -> None:
    assert Names(generation="g2").group("notify", "alerts") == NAMES.group("notify", "alerts") == GROUPS[0][1]


# -- what is sent


class TakenDownMeanwhile:
    """A target that fails, and while it does the article that the alert quotes is taken down."""

    name = "desk"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = 0

    def wants(self, _alert: Alert) -> bool:
        return True

    def send(self, _delivery_id: str, alert: Alert) -> Failure | None:
        self.asked += 1
        article = alert.evidence[0].article_id
        with closing(reopened(self.folder)) as log, log.transaction() as tx:
            tx.publish(NAMES.topic("takedowns"), 0, article, encode(Takedown(article_id=article, at=clock())))
        return Failure("not now")


def test_what_was_taken_down_after_its_alert_was_planned_is_not_sent(tmp_path: Path, log: Log) -> None:
    raise_alerts(log, alert("1"))
    target = TakenDownMeanwhile(tmp_path)
    steps = stage(log, settings(), {"desk": target})
    deadline = time.monotonic() + 60
    while not ends(log) and time.monotonic() < deadline:
        for step in steps:
            step.step(0.02)
    assert [(d.state, d.reason) for d in ends(log)] == [("given_up", "an article that it quotes was taken down")]
    assert target.asked == 1
    for step in steps:
        step.close()


def test_alerts_are_sent_and_recorded(log: Log, tmp_path: Path, receiver: Hook, box: Mailbox) -> None:
    to = ("anna@example.org", "bob@example.org")
    mail = Mail.model_validate(
        {"name": "m", "to": to, "from": "n@example.org", "host": "127.0.0.1", "port": box.port, "security": "none"}
    )
    raise_alerts(log, *(alert(str(n)) for n in range(5)), alert("held", held_back="from a backfill"))
    with running(tmp_path, settings(webhook("desk", receiver.url), mail=[mail])):
        until(lambda: len(ends(log)) == 15, "15 deliveries")
        until(lambda: is_done(log), "no lag")
    assert Counter(receiver.ids()) == Counter(delivery_id(str(n), "desk") for n in range(5))
    assert Counter(box.ids()) == Counter(delivery_id(str(n), f"m:{a}") for n in range(5) for a in to)
    assert {(d.state, d.attempts, d.reason) for d in ends(log)} == {("delivered", 1, None)}
    told = deliveries_of(log, DELIVERIES, ["3", "held"])
    assert [(d.alert_id, d.state) for d in told] == [("3", "delivered")] * 3
    assert sorted(d.target for d in told) == ["desk", "m:anna@example.org", "m:bob@example.org"]


def test_a_dead_target_keeps_nobody_waiting_and_gets_all_when_it_is_back(
    log: Log, tmp_path: Path, receiver: Hook
) -> None:
    with hook() as dead, hook() as mute, capture_logs() as logs:
        dead.answer = lambda n: (503, {"Retry-After": "0"}) if n < 3 else (200, {})
        mute.answer = silent
        given = settings(*(webhook(n, h.url) for n, h in (("dead", dead), ("mute", mute), ("well", receiver))))
        raise_alerts(log, *(alert(str(n)) for n in range(10)))
        began = time.monotonic()
        with running(tmp_path, given):
            until(lambda: len(receiver.ids()) == 10, "the target that is well")
            assert time.monotonic() - began < 8  # the mute one takes a second for each
            until(lambda: len(set(dead.ids())) == 10, "the target that comes back")
            until(lambda: len(ends(log)) == 20, "20 records")
            mute.answer = lambda _: (204, {})
        with running(tmp_path, given):  # after a restart the rest is sent
            until(lambda: is_done(log), "no lag")
    assert Counter(dead.ids()) == Counter(delivery_id(str(n), "dead") for n in range(10))
    said = [line for line in logs if line["event"] == "target fails, alerts for it wait"]
    assert {"dead", "mute"} == {line["target"] for line in said}
    assert [line["seconds"] for line in said if line["target"] == "dead"] == [1.0, 2.0, 4.0]
    assert {d.alert_id for d in ends(log) if d.target == "mute"} == {str(n) for n in range(10)}


def test_an_alert_that_upsets_its_receiver_does_not_keep_the_others_back(
    log: Log, tmp_path: Path, receiver: Hook
) -> None:
    upset = delivery_id("0", "desk")
    refused: list[str] = []

    class Picky:
        name = "desk"

        def wants(self, _alert: Alert) -> bool:
            return True

        def send(self, identifier: str, one: Alert) -> Failure | None:
            if identifier == upset:
                refused.append(identifier)
                return Failure("HTTP 500")
            return inner.send(identifier, one)

    given = settings(webhook("desk", receiver.url))
    inner = open_channels(given)["desk"]
    raise_alerts(log, *(alert(str(n)) for n in range(4)))
    workers = stage(log, given, {"desk": Picky()})
    deadline = time.monotonic() + 60
    while len(receiver.ids()) < 3 or len(refused) < 2:
        assert time.monotonic() < deadline
        for worker in workers:
            worker.step(0.01)
    for worker in workers:
        worker.close()
    assert {d.alert_id for d in ends(log)} == {"1", "2", "3"}


def test_what_is_refused_or_too_late_is_given_up_in_one_line_and_recorded(
    log: Log, tmp_path: Path, receiver: Hook
) -> None:
    receiver.answer = lambda _: (422, {})
    with hook() as down, capture_logs() as logs:
        down.answer = lambda _: (500, {})
        given = settings(webhook("picky", receiver.url), webhook("down", down.url), give_up_after=3.0)
        raise_alerts(log, alert("new"), alert("old", timedelta(hours=1)))
        with running(tmp_path, given):
            until(lambda: len(ends(log)) == 4, "all to be given up")
            until(lambda: is_done(log), "no lag")
    found = {(d.alert_id, d.target): d.reason for d in ends(log)}
    late = "not delivered within 3 seconds (notify.give_up_after): "
    assert found.pop(("old", "down")) in (  # as it stands before the other or behind it
        late + "that was over when its turn came",
        late + "the target failed before its turn came: 127.0.0.1 answers HTTP 500",
    )
    assert found == {
        ("new", "picky"): "127.0.0.1 refuses the alert: HTTP 422",
        ("new", "down"): late + "127.0.0.1 answers HTTP 500",
        ("old", "picky"): late + "that was over when its turn came",
    }
    said = [line for line in logs if line["event"] == "alert is not delivered"]
    told = {(line["alert"], line["target"]): line["reason"] for line in said}
    assert told == {(d.alert_id, d.target): d.reason for d in ends(log)}


def test_what_waited_behind_a_failing_target_says_how_that_fails() -> None:
    class Down:
        name = "down"

        def wants(self, _alert: Alert) -> bool:
            return True

        def send(self, _identifier: str, _alert: Alert) -> Failure | None:
            return Failure("HTTP 503")

    ended: SimpleQueue[Delivery] = SimpleQueue()
    lane = Lane(Down(), timedelta(seconds=1), clock, lambda _: True, lambda _: False, ended)
    for name in ("first", "second"):
        one = alert(name)
        lane.put(Delivery(id=name, alert_id=name, target="down", state="waiting", at=one.created, alert=one))
    reasons = {end.alert_id: end.reason for end in (ended.get(timeout=60), ended.get(timeout=60))}
    lane.stop()
    lane.join(5)
    late = "not delivered within 1 second (notify.give_up_after): "
    assert reasons == {"first": late + "HTTP 503", "second": late + "the target failed before its turn came: HTTP 503"}


def test_a_missing_target_keeps_its_alerts_for_an_hour_from_when_it_was_first_missed(log: Log) -> None:
    raise_alerts(log, alert("1", timedelta(hours=2)))  # its target failed for two hours, then it was taken out
    given = settings(webhook("gone", "https://a.example/"), give_up_after=86_400)
    now = clock()
    worker = stage(log, given)[0]
    while worker.step(0.0):
        pass
    worker.close()
    sender = Sender(log, NAMES, {}, settings(give_up_after=86_400), lambda: now)

    def after_a_step(condition: Callable[[], bool]) -> Callable[[], bool]:
        return lambda: sender.step(0.0) >= 0 and condition()

    with capture_logs() as logs:
        waits = "target fails, alerts for it wait"
        until(after_a_step(lambda: any(line["event"] == waits for line in logs)), "the target to be missed")
        now += UNSET_PATIENCE
        until(after_a_step(lambda: is_done(log)), "it to be given up")
    sender.close()
    (end,) = ends(log)
    assert (end.alert_id, end.state) == ("1", "given_up")
    assert end.reason == "the settings name no such target, for 60 minutes by now"


def test_what_is_no_delivery_becomes_a_dead_letter_and_the_rest_goes_on(
    log: Log, tmp_path: Path, receiver: Hook
) -> None:
    with log.transaction() as tx:
        tx.publish(DELIVERIES, 0, "x", b"no JSON")
        tx.publish(DELIVERIES, 0, "y", encode(LIVE))
        tx.publish(ALERTS, 0, "z", encode(Delivery(id="z", alert_id="z", target="z", state="waiting", at=clock())))
    raise_alerts(log, alert("1"))
    with running(tmp_path, settings(webhook("desk", receiver.url))):
        until(lambda: len(receiver.ids()) == 1, "the alert")
        until(lambda: is_done(log), "no lag")
    letters = list_dead_letters(log, NAMES)
    assert {letter.key for letter in letters} == {"x", "y", "z"}
    assert {letter.stage for letter in letters} == {"notify"}


@pytest.mark.parametrize("backend", sorted(STORES))
def test_a_record_behind_one_that_waits_becomes_one_dead_letter_over_all_restarts(backend: str, tmp_path: Path) -> None:
    store = STORES[backend](tmp_path)
    log = store.open()
    log.create_topics(NAMES.described(), PARTITIONS)
    one = alert("1")
    waits = Delivery(id="w", alert_id="1", target="down", state="waiting", at=clock(), alert=one)
    with hook() as down:
        down.answer = lambda _: (500, {})
        given = settings(webhook("down", down.url))
        with log.transaction() as tx:
            tx.publish(DELIVERIES, 0, "w", encode(waits))
        for n in range(3):
            if n < 2:  # one before each start but the last
                with log.transaction() as tx:
                    tx.publish(DELIVERIES, 0, f"bad{n}", b"no JSON")
            down.requests = 0
            with running(store, given):
                until(lambda: down.requests > 0, "the target to be tried")
            assert [letter.key for letter in list_dead_letters(log, NAMES)] == [f"bad{m}" for m in range(min(n, 1) + 1)]
        assert log.committed(*GROUPS[1])[0].offset == 0
    log.close()


def test_a_dead_letter_of_a_lost_partition_is_left_to_its_new_owner(log: Log) -> None:
    with log.transaction() as tx:
        for partition in range(PARTITIONS):
            tx.publish(DELIVERIES, partition, f"bad{partition}", b"no JSON")
    given = settings()
    first, second = (Sender(log, NAMES, {}, given, clock) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first, "_settle", lambda: None)  # it has read, and loses a partition before it could record
        until(lambda: first.step(0.0) > 0, "the first to read")
        until(lambda: first.step(0.0) + second.step(0.0) >= 0 and len(second.assignment()) == 1, "the take-over")
        until(lambda: second.step(0.0) >= 0 and len(list_dead_letters(log, NAMES)) == 1, "the second to record")
    first.step(0.0)
    first.close()
    second.close()
    assert sorted(letter.key for letter in list_dead_letters(log, NAMES)) == ["bad0", "bad1"]


def test_a_record_of_a_newer_newswatch_waits_for_the_upgrade(log: Log, tmp_path: Path, receiver: Hook) -> None:
    raise_alerts(log, alert("1"))
    given = settings(webhook("desk", receiver.url))
    with log.transaction() as tx:
        newer = Delivery(schema_version=99, id="n", alert_id="n", target="desk", state="waiting", at=clock())
        tx.publish(DELIVERIES, 0, "n", encode(newer))
    with running(tmp_path, given):
        until(lambda: len(receiver.ids()) == 1, "the other alert")
        until(lambda: len([d for d in _known(log) if d.state == "delivered"]) == 1, "its record")
    assert lag(log, *GROUPS[1]) > 0
    assert list_dead_letters(log, NAMES) == []


def _known(log: Log) -> list[Delivery]:
    records = [r for p in range(PARTITIONS) for r in log.read(DELIVERIES, p, 0, 1_000) if r.key != "n"]
    return [d for d in (decode(r.value) for r in records if r.value) if isinstance(d, Delivery)]


def test_a_restart_sends_again_only_what_was_not_recorded(log: Log, tmp_path: Path, receiver: Hook) -> None:
    """A dead target keeps the offset low: what others have taken is read again, and not sent again."""
    with hook() as down:
        down.answer = lambda _: (500, {})
        given = settings(webhook("down", down.url), webhook("well", receiver.url))
        raise_alerts(log, *(alert(str(n)) for n in range(30)))
        for _ in range(2):
            with running(tmp_path, given):
                until(lambda: len(ends(log)) == 30, "the target that is well")
                until(lambda: down.requests > 0, "the target that is not")
                down.requests = 0
    assert Counter(receiver.ids()) == Counter(delivery_id(str(n), "well") for n in range(30))


def test_two_processes_share_the_work(log: Log, tmp_path: Path, receiver: Hook) -> None:
    given = settings(webhook("desk", receiver.url))
    with running(tmp_path, given), running(tmp_path, given):
        for n in range(40):
            raise_alerts(log, alert(str(n)))
            time.sleep(0.01)
        until(lambda: len(ends(log)) == 40, "all")
    assert set(receiver.ids()) == {delivery_id(str(n), "desk") for n in range(40)}


@pytest.mark.parametrize("backend", sorted(STORES))
def test_on_every_log_each_alert_arrives_and_ends_once(backend: str, tmp_path: Path, receiver: Hook) -> None:
    store = STORES[backend](tmp_path)
    log = store.open()
    log.create_topics(NAMES.described(), PARTITIONS)
    receiver.answer = lambda n: (500, {}) if n == 1 else (204, {})
    with hook() as dead:
        dead.answer = lambda _: (400, {})
        given = settings(webhook("desk", receiver.url), webhook("dead", dead.url))
        for batch in range(2):
            raise_alerts(log, *(alert(f"{batch}-{n}") for n in range(10)))
            with running(store, given):
                until(lambda batch=batch: len(ends(log)) == 20 * (batch + 1), "all ends", 60.0)  # type: ignore[misc]
                until(lambda: is_done(log), "no lag", 60.0)
    assert Counter(receiver.ids()) == Counter(delivery_id(f"{b}-{n}", "desk") for b in range(2) for n in range(10))
    assert Counter((d.target, d.state) for d in ends(log)) == {("desk", "delivered"): 20, ("dead", "given_up"): 20}
    log.close()
    store.discard()


# -- decisions


def test_back_off_doubles_up_to_five_minutes_and_obeys_the_target_for_an_hour() -> None:
    assert [pause(n, None) for n in (1, 2, 3, 9, 10, 10_000)] == [1, 2, 4, 256, 300, 300]
    assert [pause(1, asked) for asked in (0.0, 0.5, 90.0, 1e9)] == [1, 1, 90, 3600]


def test_an_end_names_the_time_and_drops_the_alert() -> None:
    waiting = Delivery(id="i", alert_id="a", target="t", state="waiting", at=clock(), alert=alert("a"))
    now = clock()
    assert not too_late(waiting, now, timedelta(minutes=1))
    assert too_late(waiting, now + timedelta(minutes=1), timedelta(minutes=1))
    done = delivered(waiting, now, 3)
    assert (done.state, done.at, done.attempts, done.alert, done.reason) == ("delivered", now, 3, None, None)
    lost = given_up(waiting, now, 2, "why")
    assert (lost.state, lost.at, lost.attempts, lost.alert, lost.reason) == ("given_up", now, 2, None, "why")
