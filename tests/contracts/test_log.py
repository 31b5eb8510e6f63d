"""The contract of ``stream.log.Log``, clause by clause: topics, records, transactions, reading.

Consumers are in ``test_log_polling.py``, groups of processes in ``test_log_groups.py``, and arbitrary sequences of
calls against a model in ``test_log_model.py``.
"""

from __future__ import annotations

import itertools
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.errors import ConfigError, RecordTooLarge, TooLate, UnknownTopic
from stream.log import MAX_RECORD_BYTES, Bounds, Consumer, Log, Offset, lag, open_log, partition_of
from stream.topics import Topic
from tests.contracts.processes import Child, publish, read_end
from tests.contracts.stores import Store
from tests.strategies import TEXT

A = Topic("t.a", "", "", "", compacted=False)
B = Topic("t.b", "", "", "", compacted=True)
SLOW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)


def put(log: Log, topic: str, partition: int, *values: str) -> None:
    """Publish the values in one transaction."""
    with log.transaction() as tx:
        for value in values:
            tx.publish(topic, partition, "key", value.encode())


def values(log: Log, topic: str, partition: int) -> list[str]:
    """All that a partition holds."""
    return [(r.value or b"").decode() for r in log.read(topic, partition, 0, 100_000)]


def drop(log: Log, consumer: Consumer | None = None, offsets: Mapping[int, Offset] | None = None) -> None:
    """A transaction over both topics that ends with an exception."""
    with log.transaction(consumer) as tx:
        tx.publish("t.a", 0, "key", b"dropped")
        tx.publish("t.b", 0, "key", b"dropped")
        if offsets is not None:
            tx.commit(offsets)
        raise ZeroDivisionError


# -- topics


def test_a_store_can_be_handed_to_another_process(store: Store) -> None:
    assert pickle.loads(pickle.dumps(store)) == store


def test_create_topics_reports_what_it_made_and_is_safe_to_repeat(log: Log) -> None:
    first = log.create_topics([A, B], 3)
    assert [("t.a" in line, "t.b" in line) for line in first] == [(True, False), (False, True)]
    assert log.create_topics([A, B], 3) == []
    assert (log.partitions("t.a"), log.partitions("t.b")) == (3, 3)


def test_create_topics_creates_only_what_is_missing(log: Log) -> None:
    log.create_topics([A], 2)
    put(log, "t.a", 1, "kept")
    assert len(log.create_topics([A, B], 2)) == 1
    assert values(log, "t.a", 1) == ["kept"]


@pytest.mark.parametrize(
    ("topic", "partitions"),
    [
        (A, 5),
        (Topic("t.a", "", "", "", compacted=True), 2),
        (Topic("t.a", "", "", "", compacted=False, retention=timedelta(days=1)), 2),
    ],
    ids=["partitions", "cleanup", "retention"],
)
def test_create_topics_reports_a_difference_and_changes_nothing(log: Log, topic: Topic, partitions: int) -> None:
    log.create_topics([A], 2)
    (line,) = log.create_topics([topic], partitions)
    assert "t.a" in line
    assert "\n" not in line
    assert log.partitions("t.a") == 2
    assert log.create_topics([topic], partitions) == [line]
    assert log.create_topics([A], 2) == []


def test_create_topics_reports_every_difference(log: Log) -> None:
    log.create_topics([A], 2)
    assert len(log.create_topics([Topic("t.a", "", "", "", True, timedelta(days=1))], 3)) == 3


def test_topics_that_another_made_are_seen(open_store: Callable[[], Log]) -> None:
    one, other = open_store(), open_store()
    with pytest.raises(UnknownTopic):
        other.partitions("t.a")
    one.create_topics([A], 2)
    assert other.partitions("t.a") == 2


@pytest.mark.parametrize(
    "use",
    [
        lambda log: log.partitions("nil"),
        lambda log: log.consumer("nil", "group"),
        lambda log: log.read("nil", 0, 0, 1),
        lambda log: log.bounds("nil"),
        lambda log: log.offsets_for_time("nil", datetime.now(UTC)),
        lambda log: log.committed("nil", "group"),
        lambda log: put(log, "nil", 0, "x"),
        lambda log: put(log, "t.a", 2, "x"),
        lambda log: put(log, "t.a", -1, "x"),
        lambda log: log.read("t.a", 2, 0, 1),
    ],
)
def test_an_unknown_topic_or_partition_is_refused_by_name(log: Log, use: Callable[[Log], object]) -> None:
    log.create_topics([A], 2)
    with pytest.raises(UnknownTopic, match=r"nil|t\.a") as caught:
        use(log)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "nothing", "http://host/log", "sqlite://log.db", "sqlite:///", "sqlite:///:memory:"]
)
def test_a_url_that_no_backend_serves_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="log_url"):
        open_log(url)


def test_a_refused_url_does_not_show_its_password() -> None:
    with pytest.raises(ConfigError) as caught:
        open_log("amqp://user:hunter2@host/x")
    assert "hunter2" not in str(caught.value)


# -- records


def test_a_partition_keeps_the_order_of_appends(log: Log) -> None:
    log.create_topics([A], 2)
    put(log, "t.a", 0, "a", "b")
    put(log, "t.a", 1, "x")
    put(log, "t.a", 0, "c")
    assert values(log, "t.a", 0) == ["a", "b", "c"]
    assert values(log, "t.a", 1) == ["x"]


def test_offsets_rise_and_bounds_say_where_they_end(log: Log) -> None:
    log.create_topics([A], 2)
    assert log.bounds("t.a") == {0: Bounds(0, 0), 1: Bounds(0, 0)}
    put(log, "t.a", 0, "a", "b")
    put(log, "t.a", 0, "c")
    offsets = [r.offset for r in log.read("t.a", 0, 0, 10)]
    assert offsets[0] == 0
    assert offsets == sorted(set(offsets))
    bounds = log.bounds("t.a")
    assert bounds[1] == Bounds(0, 0)
    assert bounds[0].start == 0
    assert bounds[0].end > offsets[-1]


def test_an_offset_is_never_used_twice(open_store: Callable[[], Log]) -> None:
    log = open_store()
    log.create_topics([A, B], 1)
    used = []
    for _ in range(3):
        put(log, "t.a", 0, "x")
        with pytest.raises(ZeroDivisionError):
            drop(log)
        used.append(log.read("t.a", 0, 0, 100)[-1].offset)
        log.close()
        log = open_store()
    assert len(set(used)) == 3


@SLOW
@given(key=TEXT, value=st.none() | st.binary(max_size=50), headers=st.dictionaries(TEXT, TEXT, max_size=3))
def test_keys_values_and_headers_come_back_as_they_went_in(
    log: Log, key: str, value: bytes | None, headers: dict[str, str]
) -> None:
    log.create_topics([A], 2)
    end = log.bounds("t.a")[1].end
    with log.transaction() as tx:
        tx.publish("t.a", 1, key, value, headers)
    (record,) = log.read("t.a", 1, end, 10)
    assert (record.topic, record.partition) == ("t.a", 1)
    assert (record.key, record.value, dict(record.headers)) == (key, value, headers)


def test_a_record_without_headers_has_none_and_an_empty_value_is_no_tombstone(log: Log) -> None:
    log.create_topics([A], 1)
    with log.transaction() as tx:
        tx.publish("t.a", 0, "k", b"")
        tx.publish("t.a", 0, "k", None)
    empty, tombstone = log.read("t.a", 0, 0, 10)
    assert (empty.value, dict(empty.headers)) == (b"", {})
    assert tombstone.value is None


def test_the_timestamp_is_the_time_of_the_append_in_utc(log: Log) -> None:
    log.create_topics([A], 1)
    before = datetime.now(UTC)
    with log.transaction() as tx:
        tx.publish("t.a", 0, "k", b"v")
        time.sleep(0.05)
        ready = datetime.now(UTC)
    (record,) = log.read("t.a", 0, 0, 1)
    slack = timedelta(milliseconds=1)  # a broker may count in whole milliseconds
    assert before - slack <= record.timestamp <= datetime.now(UTC) + slack
    assert record.timestamp.utcoffset() == timedelta(0)
    assert record.timestamp < ready + timedelta(seconds=5)


@pytest.mark.parametrize("key", ["", "key", "schlüssel", "鍵"])
def test_a_record_of_the_largest_size_is_taken_and_a_larger_one_refused_at_once(log: Log, key: str) -> None:
    log.create_topics([A], 1)
    largest = bytes(MAX_RECORD_BYTES - len(key.encode()))
    with log.transaction() as tx:
        tx.publish("t.a", 0, key, largest)
    with log.transaction() as tx:
        with pytest.raises(RecordTooLarge, match=r"t\.a"):
            tx.publish("t.a", 0, key, largest + b"x")
        tx.publish("t.a", 0, "after", b"goes on")
    assert [r.value for r in log.read("t.a", 0, 0, 10)] == [largest, b"goes on"]


def test_a_key_alone_can_be_too_large_and_the_message_stays_short(log: Log) -> None:
    log.create_topics([A], 1)
    with log.transaction() as tx, pytest.raises(RecordTooLarge) as caught:
        tx.publish("t.a", 0, "k\n" * MAX_RECORD_BYTES, None)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_partition_of_is_the_same_for_ever() -> None:
    assert [partition_of(k, 8) for k in ("", "hamas", "bbc.co.uk", "Ünïcödé")] == [4, 5, 4, 5]  # by b2sum -l 64
    assert {partition_of(str(n), 4) for n in range(100)} == {0, 1, 2, 3}


# -- transactions


def test_a_transaction_over_several_topics_is_one(open_store: Callable[[], Log]) -> None:
    log, reader = open_store(), open_store()
    log.create_topics([A, B], 2)
    with log.transaction() as tx:
        for topic, partition in itertools.product(("t.a", "t.b"), (0, 1)):
            tx.publish(topic, partition, "k", b"v")
        for seen in (log, reader):
            assert not any(seen.read(t, p, 0, 1) for t in ("t.a", "t.b") for p in (0, 1))
    for seen in (log, reader):
        assert all(seen.read(t, p, 0, 1) for t in ("t.a", "t.b") for p in (0, 1))


def test_an_exception_drops_everything_and_passes_on(log: Log) -> None:
    log.create_topics([A, B], 1)
    with pytest.raises(ZeroDivisionError):
        drop(log)
    assert log.read("t.a", 0, 0, 1) == log.read("t.b", 0, 0, 1) == []
    put(log, "t.a", 0, "the log goes on")
    assert values(log, "t.a", 0) == ["the log goes on"]


def test_publishes_and_commits_happen_together_or_not_at_all(log: Log) -> None:
    log.create_topics([A, B], 1)
    put(log, "t.a", 0, "a", "b")
    consumer = log.consumer("t.a", "g")
    consumer.poll(10, 20.0)
    with pytest.raises(ZeroDivisionError):
        drop(log, consumer, {0: Offset(2)})
    assert (values(log, "t.b", 0), log.committed("t.a", "g")) == ([], {})
    with log.transaction(consumer) as tx:
        tx.publish("t.b", 0, "k", b"v")
        tx.commit({0: Offset(2)})
        assert log.committed("t.a", "g") == {}
    assert (values(log, "t.b", 0), log.committed("t.a", "g")) == (["v"], {0: Offset(2)})


def test_what_comes_too_late_is_not_published(log: Log) -> None:
    log.create_topics([A], 1)
    now = datetime.now(UTC)
    with log.transaction(before=now + timedelta(minutes=1)) as tx:
        tx.publish("t.a", 0, "key", b"in time")
    consumer = log.consumer("t.a", "g")
    consumer.poll(10, 20.0)
    for member in (None, consumer):
        late = log.transaction(member, before=now)
        tx = late.__enter__()
        tx.publish("t.a", 0, "key", b"late")
        if member:
            tx.commit({0: Offset(1)})
        with pytest.raises(TooLate, match="came too late"):
            late.__exit__(None, None, None)
    assert log.committed("t.a", "g") == {}
    put(log, "t.a", 0, "after")
    assert values(log, "t.a", 0) == ["in time", "after"]


def test_an_empty_transaction_does_nothing(log: Log) -> None:
    log.create_topics([A], 1)
    with log.transaction():
        pass
    assert log.bounds("t.a") == {0: Bounds(0, 0)}


def test_offsets_are_committed_only_in_the_name_of_a_consumer(log: Log) -> None:
    log.create_topics([A], 1)
    with log.transaction() as tx, pytest.raises(ValueError, match="consumer"):
        tx.commit({0: Offset(1)})


def test_what_another_process_committed_is_read_at_once(log: Log, spawn: Callable[..., Child]) -> None:
    log.create_topics([A], 1)
    child = spawn()
    for turn in range(20):
        child.call(publish, "t.a", 0, [f"child {turn}"])
        assert values(log, "t.a", 0)[-1] == f"child {turn}"
        put(log, "t.a", 0, f"parent {turn}")
        assert child.call(read_end, "t.a", 0) == log.bounds("t.a")[0].end


def test_writers_in_several_processes_take_turns(log: Log, spawn: Callable[..., Child]) -> None:
    log.create_topics([A], 1)
    children = [spawn() for _ in range(2)]
    for number, child in enumerate(children):
        child.begin(publish, "t.a", 0, [f"{number}-{n:03}" for n in range(100)])
    for n in range(100):
        put(log, "t.a", 0, f"p-{n:03}")
    for child in children:
        child.result()
    records = log.read("t.a", 0, 0, 1_000)
    assert [r.offset for r in records] == sorted({r.offset for r in records})
    by_writer = itertools.groupby(sorted((r.value or b"").decode() for r in records), lambda v: v[0])
    written = {writer: list(theirs) for writer, theirs in by_writer}
    assert {writer: len(theirs) for writer, theirs in written.items()} == {"0": 100, "1": 100, "p": 100}
    for writer, theirs in written.items():  # each writer's own records are in the order of its commits
        assert [v for v in values(log, "t.a", 0) if v[0] == writer] == theirs


# -- reading


def test_read_starts_at_the_offset_and_ends_at_the_end(log: Log) -> None:
    log.create_topics([A], 2)
    put(log, "t.a", 0, "a", "b", "c")
    put(log, "t.a", 1, "x")
    offsets = [r.offset for r in log.read("t.a", 0, 0, 10)]
    assert [r.value for r in log.read("t.a", 0, offsets[1], 10)] == [b"b", b"c"]
    assert [r.value for r in log.read("t.a", 0, offsets[1], 1)] == [b"b"]
    assert log.read("t.a", 0, log.bounds("t.a")[0].end, 10) == []
    assert log.read("t.a", 0, 10**9, 10) == []


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (99, 1), (100, 1), (250, 2), (300, 3), (10_000, 5)])
def test_read_keeps_to_the_bytes_but_gives_at_least_one(log: Log, limit: int, count: int) -> None:
    log.create_topics([A], 1)
    put(log, "t.a", 0, *["x" * 97] * 5)  # 100 bytes each with the key
    assert len(log.read("t.a", 0, 0, 10, limit)) == count


def test_offsets_for_time_finds_the_first_record_at_or_after(log: Log) -> None:
    log.create_topics([A], 2)
    for _ in range(4):
        put(log, "t.a", 0, "x", "y")
        time.sleep(0.003)
    put(log, "t.a", 1, "x")
    records = {p: log.read("t.a", p, 0, 100) for p in (0, 1)}
    tick = timedelta(microseconds=1)
    times = sorted({r.timestamp for r in records[0]})
    assert len(times) == 4
    moments = [t + d for t in times for d in (-tick, timedelta(0), tick)]
    day = timedelta(days=1)
    for moment in [times[0] - 365 * day, *moments, times[-1] + day]:
        expected = {
            p: next((r.offset for r in records[p] if r.timestamp >= moment), log.bounds("t.a")[p].end) for p in (0, 1)
        }
        assert log.offsets_for_time("t.a", moment) == expected


def test_offsets_for_time_of_an_empty_partition_is_its_end(log: Log) -> None:
    log.create_topics([A], 1)
    assert log.offsets_for_time("t.a", datetime(2000, 1, 1, tzinfo=UTC)) == {0: 0}


@pytest.mark.parametrize("committed", [{}, {0: 1}, {0: 3, 1: 1}])
def test_lag_is_what_the_group_has_yet_to_commit(log: Log, committed: dict[int, int]) -> None:
    log.create_topics([A], 2)
    put(log, "t.a", 0, "a", "b", "c")
    put(log, "t.a", 1, "x")
    consumer = log.consumer("t.a", "g")
    _own_all(consumer.poll, consumer.assignment, 2)
    with log.transaction(consumer) as tx:
        tx.commit({p: Offset(o) for p, o in committed.items()})
    left = 4 - sum(committed.values())
    assert left <= lag(log, "t.a", "g") <= left * 2  # a transaction may take an offset of its own


def _own_all(poll: Callable[[int, float], Sequence[object]], owned: Callable[[], frozenset[int]], count: int) -> None:
    while len(owned()) < count:
        poll(1, 0.1)
