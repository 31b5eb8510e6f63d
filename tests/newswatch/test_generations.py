"""Replay, promotion and their parts on files, without the extraction: offsets, refusals, following, draining."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Timer

import pytest

from indexer.generations import open_index_sets
from indexer.index import Put
from newswatch import draining, promotion
from newswatch.cli import main
from newswatch.dropping import drop, listed
from newswatch.flow import DERIVING, Behind, Flow, derives_from
from newswatch.following import Before, Following, Plan, plan
from newswatch.promotion import promote
from newswatch.replay import Replay, begin
from newswatch.showing import Progress, Rate, time_left
from newswatch.wiring import connect_index, connect_log, names, set_up
from stream.dead_letters import headers, list_dead_letters
from stream.errors import ConfigError, NewswatchError
from stream.generations import Generations
from stream.lineage import EVER, Generation
from stream.log import Log, Offset, Record
from stream.messages import encode
from stream.settings import Settings
from stream.stage import Done, Incoming, Outcome, Retry
from stream.topics import Names
from tests.end_to_end.chaos import wait
from tests.stream.golden import ARTICLE

G2 = Names(generation="g2")
DAY = timedelta(days=1)
NOON = "2026-09-01T12:00:00Z"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(data_dir=tmp_path, partitions=2)
    set_up(made)
    return made


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    with closing(connect_log(settings)) as opened:
        yield opened


def append(log: Log, count: int) -> None:
    with log.transaction() as tx:
        for n in range(count):
            tx.publish("news.articles", n % 2, f"{n}", encode(ARTICLE))


def pass_on(log: Log, topics: Names, stages: tuple[str, ...] = DERIVING) -> None:
    """Commit for the groups of ``stages`` all that there is, as their workers would."""
    for stage in stages:
        for source in derives_from(stage):
            topic = topics.topic(source)
            ends = {p: Offset(b.end) for p, b in log.bounds(topic).items()}
            consumer = log.consumer(topic, topics.group(stage, source))
            wait(lambda: len(consumer.assignment()) == 2, 30, "both", keep=lambda: consumer.poll(9, 0))  # noqa: B023
            with log.transaction(consumer) as tx:
                tx.commit(ends)
            consumer.close()


def index_article(settings: Settings, generation: str, *ids: str) -> None:
    with closing(connect_index(settings, generation)) as index:
        index.put([Put("articles", id_, 1, {"id": id_, "published": NOON}) for id_ in ids])


# -- replay


def test_a_replay_begins_at_its_time_once(settings: Settings, log: Log) -> None:
    append(log, 4)
    time.sleep(0.01)
    since = datetime.now(UTC)
    append(log, 2)
    found = begin(settings, "g2", since, None)
    assert log.committed("news.articles", G2.group("enrich", "articles")) == {0: Offset(2), 1: Offset(2)}
    assert log.partitions("news.g2.enriched") == 2
    replay = Replay(log, G2, found)
    assert replay.look() == Progress(0, 2, Behind("enrich", "articles", 2))
    pass_on(log, G2, ("enrich",))
    assert begin(settings, "g2", since - DAY, None) == found  # goes on as it was begun
    assert log.committed("news.articles", G2.group("enrich", "articles")) == {0: Offset(3), 1: Offset(3)}
    pass_on(log, G2)
    replay.look()
    assert replay.caught_up
    assert not replay.is_over


def test_a_replay_with_an_end_is_over_there(settings: Settings, log: Log) -> None:
    append(log, 2)
    time.sleep(0.01)
    until = datetime.now(UTC)
    append(log, 2)
    replay = Replay(log, G2, begin(settings, "g2", EVER, until))
    assert replay.look().total == 2
    pass_on(log, G2)
    replay.look()
    assert replay.is_over


@pytest.mark.parametrize(("name", "says"), [("g1", "is or was live; .* e.g. g2"), ("g2", "--since: say from when")])
def test_a_replay_that_cannot_be_meant_is_refused(settings: Settings, name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        begin(settings, name, EVER if name == "g1" else None, None)


def test_what_was_appended_later_waits() -> None:
    def handle(batch: object) -> list[Outcome]:
        assert isinstance(batch, list)
        return [Done()] * len(batch)

    now = datetime.now(UTC)
    batch = [Incoming(Record("a", 0, n, now + timedelta(seconds=n), "k", b""), ARTICLE) for n in range(3)]
    early, *late = Before(handle, now + timedelta(seconds=1))(batch)
    assert early == Done()
    assert all(isinstance(outcome, Retry) for outcome in late)


def test_the_time_left_follows_the_rate() -> None:
    rate = Rate()
    assert rate.add(0.0, 0) == 0.0
    assert rate.add(2.0, 100) == 50.0
    assert time_left(Progress(100, 400, None), 50.0) == timedelta(seconds=6)
    assert time_left(Progress(100, 400, None), 0.0) is None


# -- the flow


def test_a_flow_has_passed_when_the_last_stage_has(settings: Settings, log: Log) -> None:
    append(log, 2)
    flow = Flow(log, names(settings))
    assert flow.look() == Behind("enrich", "articles", 2)
    append(log, 2)  # later: not waited for
    with log.transaction() as tx:
        tx.publish("news.g1.enriched", 0, "a", b"{}")
    pass_on(log, names(settings), ("enrich", "fuse"))
    assert flow.look() == Behind("alert", "enriched", 1)
    pass_on(log, names(settings), ("alert", "index"))
    assert flow.look() is None


# -- promotion


@pytest.fixture
def replayed(settings: Settings, log: Log) -> Generation:
    """g2 with all that g1 has."""
    append(log, 2)
    pass_on(log, names(settings))
    index_article(settings, "g1", "a", "b")
    found = begin(settings, "g2", EVER, None)
    pass_on(log, G2)
    index_article(settings, "g2", "a", "b")
    return found


def promoted(settings: Settings) -> list[str]:
    lines: list[str] = []
    promote(settings, "g2", Event(), lines.append)
    return lines


def known(log: Log) -> Mapping[str, Generation]:
    return Generations(log, G2).read()


def test_a_promotion_changes_searches_and_stages_over(settings: Settings, log: Log, replayed: Generation) -> None:
    following = Following(Generations(log, G2), "live", Event())
    assert not following.is_set()
    assert promoted(settings)[-1] == "g2 is live: searches and dashboards show it"
    wait(following.is_set, 10, "the stages hear of it")
    assert following.changed
    assert plan(known(log), "live") == Plan("g2", live=True, draining=("g1",))
    assert plan(known(log), "g1") == Plan("g1", live=False)
    assert names(settings, log) == G2
    new = known(log)["g2"]
    assert new.since == replayed.since
    assert known(log)["g1"].live_until == new.live_from
    assert new.searched_from is not None
    index_article(settings, "g2", "c")
    with closing(connect_index(settings)) as index:
        assert index.search("articles").total == 3
    assert promoted(settings) == ["g2 is live already"]


def test_an_index_that_was_lost_after_a_promotion_is_made_anew_and_one_of_before_is_changed_over(
    settings: Settings, log: Log, replayed: Generation
) -> None:
    file, before = settings.data_dir / "index.db", settings.data_dir / "before.db"
    shutil.copy(file, before)
    promoted(settings)
    file.unlink()
    set_up(settings)
    index_article(settings, "g2", "a")
    with closing(connect_index(settings)) as index:
        assert index.search("articles").total == 1
    shutil.copy(before, file)  # as of a backup that was made before: searches show g1
    assert promoted(settings) == ["g2 is live: searches and dashboards show it"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_promotion_that_was_cut_off_goes_on(
    settings: Settings, log: Log, replayed: Generation, swapped: bool
) -> None:
    """Killed behind the hand-over, or when searches had changed over and nobody had recorded it."""
    moment = datetime.now(UTC)
    old = Generation(id="g1", live_from=EVER, live_until=moment)
    Generations(log, G2).publish(old, replayed.model_copy(update={"live_from": moment}))
    if swapped:
        with closing(open_index_sets(settings.index)) as sets:
            assert sets.promote("g2").count == 0
    assert {g.record.id: g.state for g in listed(settings)} == {"g1": "ending", "g2": "live, not searched yet"}
    assert begin(settings, "g2", None, None) == known(log)["g2"]  # its replay may go on until then
    assert promoted(settings) == ["g2 is live: searches and dashboards show it"]
    assert known(log)["g2"].live_from == moment
    with pytest.raises(ConfigError, match="is or was live"):
        begin(settings, "g2", None, None)


@pytest.mark.parametrize("step", ["_require_all", "_swap"])
def test_of_two_who_promote_at_once_the_second_finds_it_done(
    settings: Settings, log: Log, replayed: Generation, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The other comes, and ends, amidst the steps of the first: the instant stays the one that was told."""
    instants: list[datetime | None] = []
    real = getattr(promotion, step)

    def meanwhile(*given: object) -> None:
        monkeypatch.setattr(promotion, step, real)
        promoted(settings)
        instants.append(known(log)["g2"].live_from)
        real(*given)

    monkeypatch.setattr(promotion, step, meanwhile)
    assert promoted(settings)[-1] == "g2 is live: searches and dashboards show it"
    assert instants == [known(log)["g2"].live_from] == [known(log)["g1"].live_until]
    assert replayed.live_from is None


def test_what_is_dropped_while_it_is_promoted_is_not_promoted_any_more(
    settings: Settings, log: Log, replayed: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = promotion._require_all

    def meanwhile(*given: object) -> None:
        real(*given)  # type: ignore[arg-type]
        drop(settings, replayed.id)

    monkeypatch.setattr(promotion, "_require_all", meanwhile)
    with pytest.raises(ConfigError, match="no generation g2 was made"):
        promoted(settings)
    assert known(log) == {}


@contextmanager
def locked(settings: Settings, seconds: float) -> Iterator[None]:
    """Another process holds the log's write lock for so long from now on."""
    with closing(sqlite3.connect(settings.data_dir / "log.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = Timer(seconds, other.execute, ["COMMIT"])
        timer.start()
        yield
        timer.join()


@pytest.mark.parametrize("slow", [1, 9])
def test_an_instant_is_never_in_the_past_when_it_can_be_read(
    settings: Settings, log: Log, replayed: Generation, monkeypatch: pytest.MonkeyPatch, slow: int
) -> None:
    """The log takes its time ``slow`` times: what was fetched meanwhile would alert through both generations."""
    monkeypatch.setattr(promotion, "AHEAD", timedelta(seconds=1))
    real, calls = Generations.publish, itertools.count(1)

    def slowly(generations: Generations, *changed: Generation, before: datetime | None = None) -> None:
        is_slow = any(one.live_until for one in changed) and next(calls) <= slow
        with locked(settings, 1.1) if is_slow else nullcontext():
            real(generations, *changed, **{"before": before} if before else {})

    monkeypatch.setattr(Generations, "publish", slowly)
    if slow > 1:
        with pytest.raises(NewswatchError, match=r"the log is too slow .* nothing has changed; try again"):
            promoted(settings)
        assert known(log) == {"g2": replayed}
        return
    promoted(settings)
    record = next(r for p in range(2) for r in log.read("news.generations", p, 0, 9) if b'"live_until":"' in r.value)
    instant = known(log)["g2"].live_from
    assert instant is not None
    assert instant > record.timestamp


def test_what_lacks_something_is_not_promoted(
    settings: Settings, log: Log, replayed: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert replayed.live_from is None
    monkeypatch.setattr(promotion, "PATIENCE", 0.3)
    index_article(settings, "g1", "lost")
    with pytest.raises(NewswatchError, match=r"g2 lacks 1 articles that are searched now, e\.g\. lost: .*--since"):
        promoted(settings)
    append(log, 2)
    with pytest.raises(NewswatchError, match=r"g2 has not caught up: enrich has about 2 .* replay --into g2 running"):
        promoted(settings)
    assert known(log)["g2"].live_from is None


def test_what_cannot_be_promoted_says_why(settings: Settings, log: Log) -> None:
    with pytest.raises(ConfigError, match="no generation g2 was made"):
        promoted(settings)
    until = datetime.now(UTC)
    begin(settings, "g2", EVER, until)
    with pytest.raises(ConfigError, match=r"--until"):
        promoted(settings)
    former = Generation(id="g2", created=until, live_from=until, live_until=until + DAY)
    Generations(log, G2).publish(former, Generation(id="g3", created=until, live_from=until + DAY))
    with pytest.raises(ConfigError, match="was live until"):
        promoted(settings)


# -- the end of a generation


def test_an_old_generation_drains_and_can_be_dropped(
    settings: Settings, log: Log, replayed: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert replayed.live_from is None
    monkeypatch.setattr(promotion, "AHEAD", timedelta(seconds=0.5))
    monkeypatch.setattr(draining, "GRACE", timedelta(seconds=0.3))
    monkeypatch.setattr(draining, "SETTLED", timedelta(seconds=0.2))
    promoted(settings)
    old = draining.Drain(log, names(settings))
    append(log, 1)
    old.step(0)
    assert known(log)["g1"].drained is None
    with pytest.raises(ConfigError, match="has yet to raise alerts"):
        drop(settings, "g1")
    with pytest.raises(ConfigError, match="g2 is live"):
        drop(settings, "g2")
    pass_on(log, Names())
    wait(lambda: known(log)["g1"].drained is not None, 10, "the end", keep=lambda: old.step(0))
    assert len(drop(settings, "g1")) == 4 + 3
    assert known(log).keys() == {"g2"}
    with closing(open_index_sets(settings.index)) as sets:
        assert sets.present().keys() == {"g2"}
    with pytest.raises(ConfigError, match="there is no generation g1"):
        drop(settings, "g1")
    assert [g.state for g in listed(settings)] == ["live"]
    assert set_up(settings) == []  # nothing of the old one is made again


def test_dead_letters_of_a_generation_that_is_over_are_passed_over(
    settings: Settings, log: Log, replayed: Generation, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    promoted(settings)
    monkeypatch.setenv("NEWSWATCH_DATA_DIR", str(settings.data_dir))
    old = known(log)["g1"]
    Generations(log, G2).publish(old.model_copy(update={"drained": datetime.now(UTC)}))
    record = Record("news.articles", 0, 0, datetime.now(UTC), "k", b"v")
    with log.transaction() as tx:
        for group in ("news.g1.enrich.articles", "news.g2.enrich.articles", "news.alert.decisions"):
            tx.publish("news.dead-letters", 0, group, b"v", headers("enrich", group, record, "broken", 1))
    with pytest.raises(SystemExit) as ended:
        main(["dead-letters", "retry", "--all"])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (0, "gave back 2 dead letters\n")
    assert "nobody works on g1 any more; passed over" in said.err
    assert [bool(letter.retried) for letter in list_dead_letters(log, G2)] == [False, True, True]
