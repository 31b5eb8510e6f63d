"""The alert stage on a real log: each alert raised once, whatever comes again; rules followed while they change."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from alerts.matching import alert_id, candidates
from alerts.rules import Rule, RuleErrors
from alerts.stages import LOOK_EVERY, RaiseAlerts, RulesFolder, alert_ledger
from stream.log import Log, Offset, Record, open_log, partition_of
from stream.messages import Alert, EnrichedArticle, Superseded, decode, encode
from stream.stage import Done, Incoming, Outcome, Reject
from stream.takedowns import Takedowns
from stream.topics import TOPICS, Names
from stream.worker import Worker, run_workers
from tests.alerts.examples import (
    ARTICLE,
    CHANGE,
    DAY,
    ENRICHED,
    EVERYTHING,
    NOW,
    VARIED,
    article,
    enriched,
    revisions,
    rule,
)

NAMES = Names()
PARTITIONS = 2


@contextmanager
def fresh_log() -> Iterator[Log]:
    with TemporaryDirectory() as folder:
        log = open_log(f"sqlite:///{folder}/log.db")
        log.create_topics(NAMES.described(), PARTITIONS)
        try:
            yield log
        finally:
            log.close()


def stage(log: Log, rules: Sequence[Rule]) -> RaiseAlerts:
    """A stage as after a restart: with an empty ledger."""
    return RaiseAlerts(lambda: rules, alert_ledger(log, NAMES.topic("alerts")), Takedowns(log, NAMES), lambda: NOW, DAY)


def publish(log: Log, messages: Sequence[EnrichedArticle]) -> None:
    with log.transaction() as tx:
        for message in messages:
            partition = partition_of(message.article.id, PARTITIONS)
            tx.publish(NAMES.topic("enriched"), partition, message.article.id, encode(message))


def incoming(messages: Sequence[EnrichedArticle]) -> list[Incoming]:
    return [
        Incoming(Record(NAMES.topic("enriched"), partition_of(m.article.id, PARTITIONS), i, NOW, m.article.id, None), m)
        for i, m in enumerate(messages)
    ]


def commit(log: Log, outcomes: Sequence[Outcome]) -> None:
    with log.transaction() as tx:
        for outcome in outcomes:
            assert isinstance(outcome, Done)
            for out in outcome.outputs:
                assert out.message is not None
                for partition in out.partitions(PARTITIONS):
                    tx.publish(NAMES.topic(out.topic), partition, out.key, encode(out.message))


def raised(log: Log) -> list[Alert]:
    records = [r for p in range(PARTITIONS) for r in log.read(NAMES.topic("alerts"), p, 0, 10_000)]
    found = [decode(r.value) for r in records if r.value]
    assert [r.key for r in records] == [a.id for a in found if isinstance(a, Alert)]
    return [a for a in found if isinstance(a, Alert)]


def assert_raised_once(log: Log, messages: Sequence[EnrichedArticle], rules: Sequence[Rule]) -> None:
    """Each id once; twice only where it was held back before it was to be sent. Sent is all that has cause to be."""
    told: dict[str, list[bool]] = {}
    for alert in raised(log):
        told.setdefault(alert.id, []).append(alert.held_back is not None)
    causes = [alert for message in messages for alert in candidates(rules, message, NOW, DAY)]
    assert told.keys() == {alert.id for alert in causes}
    assert {id_ for id_, held in told.items() if not held[-1]} == {a.id for a in causes if a.held_back is None}
    assert all(held in ([True], [False], [True, False]) for held in told.values())


# -- raised once


@given(revisions(), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.booleans(), st.booleans()), max_size=5))
@settings(max_examples=40, deadline=None)
def test_each_alert_is_raised_once_in_any_split_and_after_any_redelivery(
    messages: list[EnrichedArticle], batches: list[tuple[int, int, bool, bool]]
) -> None:
    """Batches from anywhere to anywhere, some never committed, some after a restart; in the end all is delivered."""
    with fresh_log() as log:
        handler = stage(log, VARIED)
        for start, length, committed, restart in [*batches, (0, len(messages), True, False)]:
            handler = stage(log, VARIED) if restart else handler
            outcomes = handler(incoming(messages[start : start + length]))
            if committed:
                commit(log, outcomes)
        assert_raised_once(log, messages, VARIED)


@given(revisions(), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_workers_that_start_again_from_the_beginning_raise_nothing_twice(
    messages: list[EnrichedArticle], rounds: int
) -> None:
    with fresh_log() as log:
        publish(log, messages)
        for _ in range(rounds):
            worker = Worker(log, NAMES, "alert", "enriched", stage(log, VARIED))
            while worker.step(0.0):
                pass
            rewind(log, worker)
        assert_raised_once(log, messages, VARIED)


def rewind(log: Log, worker: Worker) -> None:
    """Stop the worker and set its group back to the beginning, as a restored copy of the offsets would."""
    worker.close()
    topic = NAMES.topic("enriched")
    consumer = log.consumer(topic, NAMES.group("alert", "enriched"))
    consumer.poll(1, 0.0)
    with log.transaction(consumer) as tx:
        tx.commit({partition: Offset(0) for partition in consumer.assignment()})
    consumer.close()


def test_another_generation_raises_nothing_again() -> None:
    with fresh_log() as log:
        commit(log, stage(log, EVERYTHING)(incoming([ENRICHED])))
        later = ENRICHED.model_copy(update={"model": ENRICHED.model.model_copy(update={"version": "99"})})
        again = stage(log, EVERYTHING)(incoming([later]))
        assert again == [Done()]
        assert len(raised(log)) == 2


HELD = enriched(article(origin="first_poll", published_from="fetched"))
LIVE = enriched(article(version=ARTICLE.version + 1, feed_id="another"))
ONE = (rule("*", "articles"),)


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_held_back_at_first_is_sent_once_when_it_comes_live(restart: bool) -> None:
    with fresh_log() as log:
        handler = stage(log, ONE)
        for message in (HELD, HELD, LIVE, LIVE, HELD):
            handler = stage(log, ONE) if restart else handler
            commit(log, handler(incoming([message])))
        assert [alert.held_back is None for alert in raised(log)] == [False, True]
        assert len({alert.id for alert in raised(log)}) == 1


@pytest.mark.parametrize(
    ("batch", "sent"),
    [([HELD, LIVE], [False, True]), ([LIVE, HELD], [True]), ([HELD, HELD, LIVE, LIVE], [False, True])],
)
def test_held_back_and_live_in_one_batch(batch: list[EnrichedArticle], sent: list[bool]) -> None:
    with fresh_log() as log:
        commit(log, stage(log, ONE)(incoming(batch)))
        assert [alert.held_back is None for alert in raised(log)] == sent


@pytest.mark.parametrize("value", [b"no JSON", b"[" * 100_000, b"[]", b'{"message": "Alert"}'], ids=lambda v: v[:8])
def test_an_alert_that_cannot_be_read_counts_as_sent(value: bytes) -> None:
    with fresh_log() as log:
        partition = partition_of(ARTICLE.id, PARTITIONS)
        with log.transaction() as tx:
            tx.publish(NAMES.topic("alerts"), partition, alert_id("r", ARTICLE.id), value)
        assert stage(log, ONE)(incoming([LIVE])) == [Done()]


def test_whether_an_alert_was_held_back_is_known_of_newer_schemas_too() -> None:
    with fresh_log() as log:
        (held,) = candidates(ONE, HELD, NOW, DAY)
        value = encode(held.model_copy(update={"schema_version": 99}))
        with log.transaction() as tx:
            tx.publish(NAMES.topic("alerts"), partition_of(ARTICLE.id, PARTITIONS), held.id, value)
        assert stage(log, ONE)(incoming([HELD])) == [Done()]
        assert stage(log, ONE)(incoming([LIVE])) != [Done()]


def test_a_new_statement_of_a_known_article_is_raised_alone() -> None:
    with fresh_log() as log:
        handler = stage(log, EVERYTHING)
        commit(log, handler(incoming([ENRICHED])))
        told = enriched(ARTICLE.model_copy(update={"version": ARTICLE.version + 1}), CHANGE,
                        CHANGE.model_copy(update={"id": "new"}))  # fmt: skip
        (outcome,) = handler(incoming([told]))
        assert isinstance(outcome, Done)
        assert [out.message.subject.id for out in outcome.outputs if isinstance(out.message, Alert)] == ["new"]


def test_alerts_go_where_their_ledger_is_read() -> None:
    causes = [TOPICS[topic].partitioned_by for topic in ("enriched", "transitions")]
    assert TOPICS["alerts"].partitioned_by == ", or ".join(causes)
    with fresh_log() as log:
        for n in range(8):
            commit(log, stage(log, EVERYTHING)(incoming([enriched(ARTICLE.model_copy(update={"id": f"a{n}"}))])))
        for alert in raised(log):
            at = partition_of(alert.evidence[0].article_id, PARTITIONS)
            assert alert.id in {r.key for r in log.read(NAMES.topic("alerts"), at, 0, 1_000)}


def test_what_is_no_enriched_article_is_rejected_and_the_rest_goes_on() -> None:
    with fresh_log() as log:
        batch = incoming([ENRICHED])
        stray = Incoming(batch[0].record, Superseded(article_id="a", version=1))
        rejected, done = stage(log, EVERYTHING)([stray, *batch])
        assert rejected == Reject("the alert stage reads EnrichedArticle and Transition, this is Superseded")
        assert isinstance(done, Done)
        assert len(done.outputs) == 2


def test_without_rules_nothing_is_raised() -> None:
    with fresh_log() as log:
        assert stage(log, ())(incoming([ENRICHED])) == [Done()]
        assert stage(log, ())([]) == []


def test_a_worker_publishes_alerts_and_offsets_together() -> None:
    with fresh_log() as log:
        publish(log, [ENRICHED])
        stop = Event()
        worker = Worker(log, NAMES, "alert", "enriched", _stopping(stage(log, EVERYTHING), stop))
        run_workers([worker], stop, idle=0.01)
        assert {alert.rule for alert in raised(log)} == {"all-articles", "all-changes"}
        committed = log.committed(NAMES.topic("enriched"), NAMES.group("alert", "enriched"))
        assert sum(offset.offset for offset in committed.values()) == 1


class _stopping:  # noqa: N801 (a wrapper, used as a function)
    def __init__(self, handler: RaiseAlerts, stop: Event) -> None:
        self.handler, self.stop = handler, stop

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        self.stop.set()
        return self.handler(batch)


# -- the rules folder


class Clock:
    """A clock that only goes when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


RULE = "id: {0}\nname: n\nquery: aden\ntarget: articles\n"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def write(folder: Path, text: str, name: str = "rules.yml") -> None:
    """Write with a time of change that differs from any before, as an hour later would."""
    path = folder / name
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before + 3_600_000_000_000, before + 3_600_000_000_000))


def ids(rules: Sequence[Rule]) -> list[str]:
    return [one.id for one in rules]


def test_changed_rules_are_taken_up_after_a_while(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path, RULE.format("a"))
    follow = RulesFolder(tmp_path, clock)
    write(tmp_path, RULE.format("b"))
    assert ids(follow()) == ["a"]
    clock.seconds += LOOK_EVERY
    assert ids(follow()) == ["b"]
    write(tmp_path, RULE.format("c"), "more.yml")
    clock.seconds += LOOK_EVERY
    assert ids(follow()) == ["c", "b"]
    (tmp_path / "rules.yml").unlink()
    clock.seconds += LOOK_EVERY
    assert ids(follow()) == ["c"]


def test_unchanged_rules_are_not_read_again(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path, RULE.format("a"))
    follow = RulesFolder(tmp_path, clock)
    before = follow()
    clock.seconds += LOOK_EVERY
    assert follow() is before


def test_broken_rules_leave_the_last_good_ones_in_force_and_log_one_line(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path, RULE.format("a"))
    follow = RulesFolder(tmp_path, clock)
    write(tmp_path, "id: [\n")
    with capture_logs() as logs:
        for _ in range(3):
            clock.seconds += LOOK_EVERY
            assert ids(follow()) == ["a"]
    assert [(line["event"], line["problems"]) for line in logs] == [
        ("rules are broken, the last good ones stay in force", 1)
    ]
    assert "rules.yml:2: not YAML" in logs[0]["first"]
    write(tmp_path, RULE.format("b"))
    clock.seconds += LOOK_EVERY
    assert ids(follow()) == ["b"]


def test_a_folder_that_comes_later_is_taken_up_and_one_that_breaks_is_survived(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "rules"
    follow = RulesFolder(folder, clock)
    assert follow() == ()
    folder.mkdir()
    write(folder, RULE.format("a"))
    (folder / "gone.yml").symlink_to(folder / "nowhere")
    clock.seconds += LOOK_EVERY
    with capture_logs() as logs:
        assert follow() == ()
    assert "gone.yml: cannot be read: No such file" in logs[0]["first"]
    (folder / "gone.yml").unlink()
    clock.seconds += LOOK_EVERY
    assert ids(follow()) == ["a"]


def test_broken_rules_at_the_start_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "id: [\n")
    with pytest.raises(RuleErrors, match="not YAML"):
        RulesFolder(tmp_path)


def test_rules_that_change_apply_to_the_next_batch(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path, RULE.format("a").replace("aden", "doha"))
    with fresh_log() as log:
        ledger = alert_ledger(log, NAMES.topic("alerts"))
        handler = RaiseAlerts(
            RulesFolder(tmp_path, clock), ledger, Takedowns(log, NAMES), lambda: NOW, timedelta(hours=1)
        )
        commit(log, handler(incoming([ENRICHED])))
        write(tmp_path, RULE.format("b").replace("aden", "doha"))
        clock.seconds += LOOK_EVERY
        commit(log, handler(incoming([ENRICHED])))
        assert [alert.rule for alert in raised(log)] == ["a", "b"]


def test_a_rule_with_a_new_query_under_its_old_id_does_not_alert_again() -> None:
    with fresh_log() as log:
        commit(log, stage(log, [rule("doha", "articles")])(incoming([ENRICHED])))
        commit(log, stage(log, [rule("baghdad", "articles")])(incoming([ENRICHED])))
        assert [alert.query for alert in raised(log)] == ["doha"]
