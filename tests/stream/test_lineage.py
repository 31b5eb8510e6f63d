"""Generations: which is live, whose articles alert through which, and the topic that says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from stream.generations import Generations
from stream.lineage import (
    ALWAYS,
    GRACE,
    Generation,
    as_of,
    draining,
    live_of,
    marked,
    moment_of,
    standing,
    turn_of,
)  # fmt: skip
from stream.log import Record, open_log
from stream.topics import Names

T = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OLD = Generation(id="g1", live_from=datetime(1970, 1, 1, tzinfo=UTC), live_until=T)
REPLAY = Generation(id="g2", created=T - timedelta(hours=1), since=T - timedelta(days=9))
NEW = REPLAY.model_copy(update={"live_from": T})


def test_without_any_record_the_first_generation_is_live_and_all_alerts_are_its_own() -> None:
    assert live_of({}) == "g1"
    assert turn_of({}, "g1") == ALWAYS
    assert not draining({})


def test_a_replay_finds_everything_in_articles_of_others() -> None:
    known = {"g2": REPLAY}
    assert live_of(known) == "g1"
    assert turn_of(known, "g1") == ALWAYS
    turn = turn_of(known, "g2")
    assert turn.is_replayed(T + timedelta(days=1000))
    assert not turn.is_over(T)


def test_at_a_promotion_each_article_alerts_through_one_generation_by_its_fetch() -> None:
    known = {"g1": OLD, "g2": NEW}
    assert live_of(known) == "g2"
    assert draining(known) == ("g1",)
    old, new = turn_of(known, "g1"), turn_of(known, "g2")
    for moment in (T - timedelta(days=30), T - SECOND, T, T + SECOND):
        through_old, through_new = (not (g.is_replayed(moment) or g.is_over(moment)) for g in (old, new))
        assert (through_old, through_new) == (moment < T, moment >= T)


def test_an_article_counts_as_of_its_fetch_unless_an_outage_held_it_up() -> None:
    assert as_of(T, T) == T
    assert as_of(T, T + GRACE - SECOND) == T
    late = T + GRACE
    assert as_of(T, late) == late
    assert as_of(T + timedelta(milliseconds=1), T) > T  # a log that counts in milliseconds
    assert as_of(T + timedelta(days=1), T) == T  # a clock that is ahead


def test_what_counts_as_of_before_a_moment_is_appended_soon_after_it() -> None:
    for held_up in (timedelta(0), SECOND, GRACE - SECOND, GRACE, timedelta(days=2)):
        for fetched in (T - timedelta(days=2), T - GRACE, T - SECOND, T):
            appended = fetched + held_up
            assert as_of(fetched, appended) >= T or appended < T + GRACE


def test_what_is_derived_says_as_of_when_its_articles_count() -> None:
    record = Record("enriched", 0, 0, T + timedelta(hours=1), "k", None)
    assert moment_of(record) == record.timestamp
    assert moment_of(record, T) == T  # as an older newswatch wrote it
    assert moment_of(Record("enriched", 0, 0, T + timedelta(hours=1), "k", None, marked(T))) == T


def test_a_generation_that_has_drained_is_ended_no_more() -> None:
    known = {"g1": OLD.model_copy(update={"drained": T + SECOND}), "g2": NEW}
    assert not draining(known)
    assert standing(known, "g2") is NEW


def test_the_topic_holds_the_newest_record_of_each_until_it_is_gone(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    names = Names()
    found = Generations(log, names)
    assert found.read() == {}  # a log that was set up before there was the topic
    log.create_topics(names.described(), 4)
    found.publish(REPLAY)
    found.publish(OLD, NEW)
    assert found.read() == Generations(log, names).read() == {"g1": OLD, "g2": NEW}
    found.publish(gone="g1")
    assert found.read() == {"g2": NEW}
    log.close()


def test_only_what_is_derived_is_a_generations_own() -> None:
    one, two = Names(), Names(generation="g2")
    shared = {("index", "alerts"), ("index", "workers"), ("notify", "alerts"), ("ingest", "feeds")}
    own = {("enrich", "articles"), ("fuse", "location-changes"), ("alert", "transitions"), ("index", "relocations")}
    assert all(one.group(*group) == two.group(*group) for group in shared)
    assert all(one.group(*group) != two.group(*group) for group in own)
    assert one.topic("generations") == two.topic("generations")
    assert {t.name for t in two.described(derived_only=True)} == {
        f"news.g2.{name}" for name in ("enriched", "location-changes", "relocations", "transitions")
    }
