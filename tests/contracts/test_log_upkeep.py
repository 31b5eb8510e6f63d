"""The log's contract, upkeep: retention and compaction in bounded batches, under concurrent readers and writers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.ids import digest
from stream.log import Bounds, Log, Offset
from stream.messages import Feed, encode
from stream.table import Table
from stream.topics import Topic
from tests.contracts.stores import KEPT_UP_BY_US, STORES, Store

COMPACTED = Topic("t.compacted", "key", "key", "anything", compacted=True)
KEPT_AN_HOUR = Topic("t.hour", "key", "key", "anything", compacted=False, retention=timedelta(hours=1))
KEPT = Topic("t.kept", "key", "key", "anything", compacted=False)


def now(**later: float) -> datetime:
    return datetime.now(UTC) + timedelta(**later)


@pytest.fixture(params=KEPT_UP_BY_US)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of a backend that is kept up by us."""
    return STORES[request.param](tmp_path)


@pytest.fixture
def topics(log: Log) -> Log:
    log.create_topics([COMPACTED, KEPT_AN_HOUR, KEPT], 2)
    return log


def put(log: Log, topic: Topic, *records: tuple[str, bytes | None], partition: int = 0) -> None:
    with log.transaction() as tx:
        for key, value in records:
            tx.publish(topic.name, partition, key, value)


def contents(log: Log, topic: Topic, partition: int = 0) -> list[tuple[int, str, bytes | None]]:
    return [(r.offset, r.key, r.value) for r in log.read(topic.name, partition, 0, 10_000)]


def maintain(log: Log, at: datetime, batch: int = 1_000) -> int:
    """Until all is done; returns the number of calls that did something."""
    calls = 0
    while log.maintain(at, batch):
        calls += 1
        assert calls < 10_000, "upkeep never ends"
    return calls


def test_compaction_keeps_the_newest_record_of_each_key_at_its_offset(topics: Log) -> None:
    put(topics, COMPACTED, ("a", b"1"), ("b", b"1"), ("a", b"2"), ("c", b"1"), ("a", b"3"))
    put(topics, COMPACTED, ("a", b"other partition"), partition=1)
    maintain(topics, now())
    assert contents(topics, COMPACTED) == [(1, "b", b"1"), (3, "c", b"1"), (4, "a", b"3")]
    assert contents(topics, COMPACTED, 1) == [(0, "a", b"other partition")]
    put(topics, COMPACTED, ("b", b"2"))
    maintain(topics, now())
    assert contents(topics, COMPACTED) == [(3, "c", b"1"), (4, "a", b"3"), (5, "b", b"2")]
    assert topics.bounds(COMPACTED.name)[0].end == 6


def test_a_tombstone_buries_at_once_and_goes_itself_after_a_day(topics: Log) -> None:
    put(topics, COMPACTED, ("a", b"1"), ("a", None), ("b", b"1"))
    maintain(topics, now())
    assert contents(topics, COMPACTED) == [(1, "a", None), (2, "b", b"1")]
    maintain(topics, now(hours=23))
    assert (1, "a", None) in contents(topics, COMPACTED)
    maintain(topics, now(hours=25))
    assert contents(topics, COMPACTED) == [(2, "b", b"1")]
    put(topics, COMPACTED, ("a", b"again"))
    maintain(topics, now(hours=50))
    assert contents(topics, COMPACTED) == [(2, "b", b"1"), (3, "a", b"again")]


def test_retention_drops_what_is_too_old_and_moves_the_start(topics: Log) -> None:
    put(topics, KEPT_AN_HOUR, ("a", b"1"), ("b", b"1"))
    put(topics, KEPT, ("a", b"1"))
    maintain(topics, now(minutes=59))
    assert len(contents(topics, KEPT_AN_HOUR)) == 2
    maintain(topics, now(minutes=61))
    assert contents(topics, KEPT_AN_HOUR) == []
    assert topics.bounds(KEPT_AN_HOUR.name)[0] == Bounds(2, 2)
    assert len(contents(topics, KEPT)) == 1
    put(topics, KEPT_AN_HOUR, ("c", b"1"))
    assert contents(topics, KEPT_AN_HOUR) == [(2, "c", b"1")]


def test_upkeep_goes_in_bounded_batches_and_ends(topics: Log) -> None:
    put(topics, COMPACTED, *[(f"k{n % 7}", b"x") for n in range(500)])
    put(topics, KEPT_AN_HOUR, *[(str(n), b"x") for n in range(500)])
    assert maintain(topics, now(hours=2), batch=50) >= 10
    assert len(contents(topics, COMPACTED)) == 7
    assert topics.maintain(now(hours=2)) == 0


def test_a_reader_and_a_consumer_go_on_while_records_go(topics: Log, open_store: Callable[[], Log]) -> None:
    put(topics, COMPACTED, *[(f"k{n % 5}", str(n).encode()) for n in range(100)])
    consumer = topics.consumer(COMPACTED.name, "g")
    first = consumer.poll(10, 1.0)
    maintain(open_store(), now())
    rest = consumer.poll(1_000, 1.0)
    assert [r.offset for r in first] == list(range(10))
    assert [r.offset for r in rest] == [95, 96, 97, 98, 99]
    with topics.transaction(consumer) as tx:
        tx.commit({0: Offset(consumer.position(0))})
    assert topics.committed(COMPACTED.name, "g")[0].offset == 100


def test_a_group_whose_committed_offset_is_gone_starts_at_the_first_that_is_left(topics: Log) -> None:
    put(topics, KEPT_AN_HOUR, ("a", b"1"), ("b", b"1"))
    maintain(topics, now(hours=2))
    put(topics, KEPT_AN_HOUR, ("c", b"1"))
    consumer = topics.consumer(KEPT_AN_HOUR.name, "g")
    assert [(r.offset, r.key) for r in consumer.poll(10, 1.0)] == [(2, "c")]


KEYS = st.sampled_from("abcd")
STEPS = st.lists(st.one_of(st.tuples(KEYS, st.one_of(st.none(), st.binary(max_size=3))), st.just("maintain")))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, batch=st.integers(1, 5))
def test_a_table_never_notices_compaction(steps: list[object], batch: int, open_store: Callable[[], Log]) -> None:
    log = open_store()
    topic = Topic(f"t.{digest(str(steps), batch, str(datetime.now(UTC)))}", "key", "key", "Feed", compacted=True)
    log.create_topics([topic], 1)
    early, expected = Table(log, topic.name, Feed), {}
    for step in steps:
        if step == "maintain":
            log.maintain(now(hours=0), batch)
            continue
        assert isinstance(step, tuple)
        key, value = step
        feed = Feed(id=key, url=f"https://{key}.example/{len(expected)}", publisher=repr(value))
        put(log, topic, (key, None if value is None else encode(feed)))
        if value is None:
            expected.pop(key, None)
        else:
            expected[key] = feed
        early.refresh(0)
    maintain(log, now(), batch)
    late = Table(log, topic.name, Feed)
    late.refresh(0)
    assert late.values(0) == early.values(0) == expected
