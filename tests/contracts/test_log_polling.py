"""The contract of ``stream.log.Consumer`` for one member: what ``poll`` returns and when, positions and offsets."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from stream.errors import Fenced
from stream.log import Consumer, Log, Offset, Record
from tests.busy import busy
from tests.contracts.processes import Child, Desk, publish, publish_and_commit
from tests.contracts.test_log import A, B, put, values


def joined(log: Log, group: str = "g", partitions: int = 2) -> Consumer:
    """The only member of its group on ``t.a``, which owns all its partitions and has read nothing yet."""
    consumer = log.consumer("t.a", group)
    deadline = time.monotonic() + 60
    while len(consumer.assignment()) < partitions:
        assert time.monotonic() < deadline
        for record in reversed(consumer.poll(1, 0.1)):
            consumer.seek(record.partition, record.offset)
    return consumer


def drain(consumer: Consumer, count: int, max_records: int = 100, max_bytes: int = 8_000_000) -> list[Record]:
    """Poll until ``count`` records came; more than that would show as well."""
    records: list[Record] = []
    deadline = time.monotonic() + 60
    while len(records) < count and time.monotonic() < deadline:
        records += consumer.poll(max_records, 1.0, max_bytes)
    return records + consumer.poll(max_records, 0.0, max_bytes)


def texts(records: list[Record], partition: int | None = None) -> list[str]:
    """The values as text, of all partitions or of one."""
    return [(r.value or b"").decode() for r in records if partition in (None, r.partition)]


@pytest.fixture
def log(log: Log) -> Log:
    """The store's log with the topics ``t.a`` and ``t.b``."""
    log.create_topics([A, B], 2)
    return log


def test_a_new_group_starts_at_the_beginning(log: Log) -> None:
    put(log, "t.a", 0, "a", "b")
    put(log, "t.a", 1, "x")
    consumer = log.consumer("t.a", "g")
    assert (consumer.topic, consumer.group) == ("t.a", "g")
    assert consumer.assignment() == frozenset()
    records = drain(consumer, 3)
    assert (texts(records, 0), texts(records, 1)) == (["a", "b"], ["x"])
    assert consumer.assignment() == {0, 1}


def test_a_member_starts_at_the_committed_offset(log: Log) -> None:
    put(log, "t.a", 0, "a", "b", "c")
    consumer = joined(log)
    with log.transaction(consumer) as tx:
        tx.commit({0: Offset(log.read("t.a", 0, 0, 2)[1].offset)})
    consumer.close()
    assert texts(drain(log.consumer("t.a", "g"), 2)) == ["b", "c"]


def test_committed_offsets_keep_their_note_and_stay_with_their_group(open_store: Callable[[], Log], log: Log) -> None:
    consumer = joined(log)
    note = '{"attempts": 2, "ü": "ß"}' + "x" * 975
    assert len(note) == 1_000
    with log.transaction(consumer) as tx:
        tx.commit({0: Offset(5, note), 1: Offset(7)})
    with log.transaction(consumer) as tx:
        tx.commit({1: Offset(8, "first")})
        tx.commit({1: Offset(9, "last")})
    expected = {0: Offset(5, note), 1: Offset(9, "last")}
    assert log.committed("t.a", "g") == open_store().committed("t.a", "g") == expected
    assert log.committed("t.a", "other") == log.committed("t.b", "g") == {}


def test_partitions_without_a_committed_offset_are_left_out(log: Log) -> None:
    consumer = joined(log)
    with log.transaction(consumer) as tx:
        tx.commit({1: Offset(0)})
    assert log.committed("t.a", "g") == {1: Offset(0)}


def test_only_an_owner_commits(log: Log) -> None:
    put(log, "t.a", 0, "a")
    stranger = log.consumer("t.a", "g")
    with log.transaction(stranger) as tx:
        tx.publish("t.b", 0, "k", b"who commits nothing needs to own nothing")
    with pytest.raises(Fenced, match=r"t\.a"):
        publish_and_commit(Desk(log, stranger), "t.b", log.read("t.a", 0, 0, 1), {0: Offset(1)})
    assert (log.committed("t.a", "g"), values(log, "t.b", 0)) == ({}, ["who commits nothing needs to own nothing"])


def test_a_member_alone_keeps_what_it_owns_from_its_first_poll_on(log: Log) -> None:
    consumer = joined(log)
    log.committed("t.a", "g")
    time.sleep(0.7)  # a second join would be under way
    consumer.poll(1, 0.0)
    with log.transaction(consumer) as tx:
        tx.commit({0: Offset(0), 1: Offset(0)})


def test_a_consumer_that_left_commits_nothing_any_more(log: Log) -> None:
    consumer = joined(log)
    consumer.close()
    consumer.close()  # safe to repeat
    with pytest.raises(Fenced), log.transaction(consumer) as tx:
        tx.commit({0: Offset(1)})


def test_leaving_commits_nothing(log: Log) -> None:
    put(log, "t.a", 0, "a")
    consumer = log.consumer("t.a", "g")
    drain(consumer, 1)
    consumer.close()
    assert log.committed("t.a", "g") == {}
    assert texts(drain(log.consumer("t.a", "g"), 1)) == ["a"]


# -- what one poll returns


def test_poll_gives_no_more_records_than_asked_for(log: Log) -> None:
    for partition in (0, 1):
        put(log, "t.a", partition, *[str(n) for n in range(10)])
    consumer = joined(log)
    batches = [consumer.poll(3, 0.0) for _ in range(8)]
    assert all(len(batch) <= 3 for batch in batches)
    records = [r for batch in batches for r in batch] + drain(consumer, 0)
    for partition in (0, 1):
        assert texts(records, partition) == [str(n) for n in range(10)]


@pytest.mark.parametrize("limit", [1, 99, 100, 150, 199, 200, 250, 1_000])
def test_poll_gives_no_more_bytes_than_asked_for_but_at_least_one_record(log: Log, limit: int) -> None:
    for partition in (0, 1):
        put(log, "t.a", partition, *["x" * 97] * 5)  # 100 bytes each with the key
    consumer = joined(log)
    records: list[Record] = []
    while batch := consumer.poll(100, 0.0, limit):
        assert len(batch) == 1 or sum(len(r.key) + len(r.value or b"") for r in batch) <= limit
        records += batch
    assert sorted((r.partition, r.offset) for r in records) == [(p, o) for p in (0, 1) for o in range(5)]


def test_small_records_go_on_beside_large_ones(log: Log) -> None:
    put(log, "t.a", 0, *["x" * 500] * 5)
    put(log, "t.a", 1, *["y"] * 5)
    records = drain(joined(log), 10, max_bytes=100)
    assert sorted((r.partition, r.offset) for r in records) == [(p, o) for p in (0, 1) for o in range(5)]


def test_each_record_comes_once(log: Log) -> None:
    consumer = joined(log)
    seen: list[Record] = []
    for n in range(20):
        put(log, "t.a", n % 2, str(n))
        seen += consumer.poll(1 + n % 3, 0.0)
    seen += drain(consumer, 20 - len(seen))
    assert sorted(int(v) for v in texts(seen)) == list(range(20))


def test_a_full_partition_does_not_starve_the_other(log: Log) -> None:
    consumer = joined(log)
    put(log, "t.a", 0, *["old"] * 200)
    for size in (1, 2, 10):
        for _ in range(5):
            put(log, "t.a", 1, "new")
            time.sleep(0.1)  # until it is here, where it has to come over a network
            assert "new" in texts([r for _ in range(3) for r in consumer.poll(size, 0.0)])


# -- when it returns


def test_poll_of_an_empty_topic_waits_as_long_as_told(log: Log) -> None:
    consumer = joined(log)
    for timeout in (0.0, 0.3):
        began = time.monotonic()
        assert consumer.poll(10, timeout) == []
        assert timeout <= time.monotonic() - began < timeout + 1.5 * busy()


def test_poll_returns_early_when_another_process_publishes(log: Log, spawn: Callable[..., Child]) -> None:
    child = spawn()
    consumer = joined(log)
    child.call(publish, "t.b", 0, ["the child is up"])
    child.begin(publish, "t.a", 1, ["news"])
    began = time.monotonic()
    assert texts(consumer.poll(10, 20.0)) == ["news"]
    assert time.monotonic() - began < 15
    child.result()


def test_poll_keeps_its_timeout_while_others_write_all_the_time(log: Log, spawn: Callable[..., Child]) -> None:
    consumer = joined(log)
    child = spawn()
    child.call(publish, "t.b", 0, ["the child is up"])
    child.begin(publish, "t.b", 0, ["x"] * 100_000)
    began = time.monotonic()
    assert consumer.poll(10, 0.2) == []
    assert time.monotonic() - began < 1.0 * busy()
    child.kill()


def test_nothing_is_locked_after_a_poll(log: Log, spawn: Callable[..., Child]) -> None:
    put(log, "t.a", 0, "a", "b")
    consumer = log.consumer("t.a", "g")
    assert drain(consumer, 2)
    child = spawn()
    child.call(publish, "t.a", 0, ["c"])
    assert texts(drain(consumer, 1)) == ["c"]


# -- position, seek, pause


def test_position_is_what_poll_reads_next(log: Log) -> None:
    put(log, "t.a", 0, "a", "b", "c")
    consumer = joined(log)
    assert (consumer.position(0), consumer.position(1)) == (0, 0)
    first = consumer.poll(1, 1.0)
    assert consumer.position(0) == first[-1].offset + 1
    rest = drain(consumer, 2)
    assert consumer.position(0) == rest[-1].offset + 1
    assert log.read("t.a", 0, consumer.position(0), 1) == []


def test_seek_goes_back_and_forward_and_commits_nothing(log: Log) -> None:
    put(log, "t.a", 0, "a", "b", "c")
    consumer = joined(log)
    offsets = [r.offset for r in drain(consumer, 3)]
    consumer.seek(0, offsets[1])
    assert consumer.position(0) == offsets[1]
    assert texts(drain(consumer, 2)) == ["b", "c"]
    consumer.seek(0, 0)
    consumer.seek(0, offsets[2])
    assert texts(drain(consumer, 1)) == ["c"]
    assert log.committed("t.a", "g") == {}


def test_a_paused_partition_stays_owned_and_silent_until_resumed(log: Log) -> None:
    put(log, "t.a", 0, "a", "b")
    put(log, "t.a", 1, "x", "y")
    consumer = joined(log)
    consumer.pause(0)
    assert texts(drain(consumer, 2)) == ["x", "y"]
    assert consumer.assignment() == {0, 1}
    consumer.seek(1, 0)
    consumer.pause(1)
    assert consumer.poll(10, 0.1) == []
    with log.transaction(consumer) as tx:
        tx.commit({0: Offset(0)})
    consumer.resume(0)
    assert texts(drain(consumer, 2)) == ["a", "b"]
    consumer.resume(1)
    consumer.resume(1)  # safe to repeat
    assert texts(drain(consumer, 2)) == ["x", "y"]


def test_groups_do_not_see_each_other(log: Log) -> None:
    put(log, "t.a", 0, "a", "b")
    one, other = joined(log, "one"), joined(log, "other")
    assert texts(drain(one, 2)) == ["a", "b"]
    with log.transaction(one) as tx:
        tx.commit({0: Offset(2)})
    assert texts(drain(other, 2)) == ["a", "b"]
    assert one.assignment() == other.assignment() == {0, 1}
    assert log.committed("t.a", "other") == {}


def test_a_group_of_the_same_name_on_another_topic_is_another_group(log: Log) -> None:
    put(log, "t.b", 0, "x")
    consumer = joined(log)
    other = log.consumer("t.b", "g")
    assert texts(drain(other, 1)) == ["x"]
    assert drain(consumer, 0) == []
    assert consumer.assignment() == other.assignment() == {0, 1}
