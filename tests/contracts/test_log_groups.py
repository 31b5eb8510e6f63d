"""The contract of consumer groups: members in several processes, which join, leave, die, and stand still."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Sequence

import pytest

from stream.errors import Fenced
from stream.log import Consumer, Log, Offset, Record
from tests.contracts.processes import (
    Child,
    assignment,
    copy_for_ever,
    join,
    leave,
    poll,
    publish_and_commit,
)
from tests.contracts.stores import Store
from tests.contracts.test_log import A, B, put, values

PARTITIONS = 4
TAKEOVER = 10.0  # seconds: promised by ``Consumer``
AT_ONCE = 3.0  # seconds: half the time after which a member is taken for dead


@pytest.fixture
def log(log: Log) -> Log:
    """The store's log with the topics ``t.a`` and ``t.b``."""
    log.create_topics([A, B], PARTITIONS)
    return log


def until(
    shares: Callable[[Sequence[frozenset[int]]], bool], *members: Consumer | Child, within: float = 60.0
) -> list[Record]:
    """Let the members poll in turn until their ``shares`` are as wanted; what they read meanwhile."""
    deadline = time.monotonic() + within
    records: list[Record] = []
    while not shares([_owned(m) for m in members]):
        assert time.monotonic() < deadline, [sorted(_owned(m)) for m in members]
        for member in members:
            records += member.call(poll) if isinstance(member, Child) else member.poll(1_000, 0.0)
        time.sleep(0.01)
    return records


def _owned(member: Consumer | Child) -> frozenset[int]:
    return member.call(assignment) if isinstance(member, Child) else member.assignment()


def split(*counts: int) -> Callable[[Sequence[frozenset[int]]], bool]:
    """All partitions are owned, none twice, by shares of these sizes in any order."""

    def fits(shares: Sequence[frozenset[int]]) -> bool:
        return sorted(map(len, shares)) == sorted(counts) and frozenset().union(*shares) == set(range(sum(counts)))

    return fits


def member(child: Child, group: str = "g") -> Child:
    """The child as a member of ``group`` on ``t.a``."""
    child.call(join, "t.a", group)
    return child


def copied(records: Iterable[Record]) -> dict[int, Offset]:
    """The offsets to commit after these records."""
    return {r.partition: Offset(r.offset + 1) for r in records}


def test_members_in_several_processes_share_the_partitions(log: Log, spawn: Callable[..., Child]) -> None:
    mine = log.consumer("t.a", "g")
    until(split(4), mine)
    one, other = member(spawn()), member(spawn())
    until(split(1, 1, 2), mine, one, other)
    for partition in range(PARTITIONS):
        put(log, "t.a", partition, f"for {partition}")
    for m in (mine, one, other):
        owned = _owned(m)
        records: list[Record] = []
        deadline = time.monotonic() + 60
        while len(records) < len(owned) and time.monotonic() < deadline:
            records += m.call(poll) if isinstance(m, Child) else m.poll(100, 0.2)
        assert sorted(r.partition for r in records) == sorted(owned)


def test_a_fifth_member_of_four_partitions_gets_none(open_store: Callable[[], Log], log: Log) -> None:
    members = [open_store().consumer("t.a", "g") for _ in range(5)]
    until(split(0, 1, 1, 1, 1), *members)


def test_one_that_leaves_frees_its_partitions_at_once(
    open_store: Callable[[], Log], store: Store, log: Log, spawn: Callable[..., Child]
) -> None:
    mine = store.in_production().open().consumer("t.a", "g")
    child = member(spawn(store.in_production()))
    until(split(2, 2), mine, child)
    child.call(leave)
    began = time.monotonic()
    until(split(4), mine)
    assert time.monotonic() - began < AT_ONCE
    mine.close()
    assert log.committed("t.a", "g") == {}


def test_closing_the_log_leaves_the_groups(store: Store, log: Log) -> None:
    other, another = store.in_production().open(), store.in_production().open()
    theirs, mine = other.consumer("t.a", "g"), another.consumer("t.a", "g")
    until(split(2, 2), theirs, mine)
    other.close()
    began = time.monotonic()
    until(split(4), mine)
    assert time.monotonic() - began < AT_ONCE
    another.close()


def test_one_waiting_in_poll_takes_what_is_freed_at_once(log: Log, store: Store, spawn: Callable[..., Child]) -> None:
    put(log, "t.a", 0, "a")
    mine = log.consumer("t.a", "g")
    until(split(4), mine)
    child = member(spawn())
    child.begin(poll, 10, 20.0)
    time.sleep(0.2)
    mine.close()
    assert [r.value for r in child.result()] == [b"a"]


def test_one_that_was_killed_is_taken_over_in_time(log: Log, store: Store, spawn: Callable[..., Child]) -> None:
    put(log, "t.a", 0, "a", "b")
    users = store.in_production()
    mine = users.open()
    consumer = mine.consumer("t.a", "g")
    child = member(spawn(users))
    until(split(2, 2), consumer, child)
    child.kill()
    began = time.monotonic()
    until(split(4), consumer, within=TAKEOVER)
    assert time.monotonic() - began < TAKEOVER
    mine.close()


def test_a_takeover_goes_on_from_the_committed_offset(log: Log, spawn: Callable[..., Child]) -> None:
    for partition in range(PARTITIONS):
        put(log, "t.a", partition, "a", "b", "c")
    child = member(spawn())
    until(split(4), child)
    child.call(poll)
    child.call(publish_and_commit, "t.b", [], {p: Offset(1 + p % 2) for p in range(PARTITIONS)})
    child.kill()
    consumer = log.consumer("t.a", "g")
    records = until(split(4), consumer) + consumer.poll(100, 0.0)
    for partition in range(PARTITIONS):
        got = [(r.value or b"").decode() for r in records if r.partition == partition]
        assert got == ["a", "b", "c"][1 + partition % 2 :]


def test_one_that_stood_still_too_long_is_refused(log: Log, spawn: Callable[..., Child]) -> None:
    for partition in range(PARTITIONS):
        put(log, "t.a", partition, "work")
    child = member(spawn())
    batch = until(split(4), child)
    assert len(batch) == PARTITIONS
    child.stop()
    mine = log.consumer("t.a", "g")
    taken = until(split(4), mine, within=TAKEOVER)
    assert [r.offset for r in taken] == [r.offset for r in batch]
    with log.transaction(mine) as tx:
        for partition in (0, 1, 2):
            tx.publish("t.b", partition, "k", b"mine")
        tx.commit({p: Offset(1, "mine") for p in (0, 1, 2)})
    child.resume()
    for records in (batch, batch[:1], batch[-1:]):  # all, and one alone, whether committed since then or not
        with pytest.raises(Fenced):
            child.call(publish_and_commit, "t.b", records, copied(records))
    assert [values(log, "t.b", p) for p in range(PARTITIONS)] == [["mine"], ["mine"], ["mine"], []]
    assert log.committed("t.a", "g") == {p: Offset(1, "mine") for p in (0, 1, 2)}


def test_one_that_stood_still_joins_again_and_reads_from_what_is_committed(
    log: Log, spawn: Callable[..., Child]
) -> None:
    for partition in range(PARTITIONS):
        put(log, "t.a", partition, "a", "b", "c")
    child = member(spawn())
    until(split(4), child)
    child.stop()
    mine = log.consumer("t.a", "g")
    until(split(4), mine, within=TAKEOVER)
    with log.transaction(mine) as tx:
        tx.commit({p: Offset(1) for p in range(PARTITIONS)})
    child.resume()
    records = until(split(2, 2), mine, child)
    said = [(r.value or b"").decode() for r in records]
    assert len(said) >= 4
    assert said == ["b", "c"] * (len(said) // 2)  # on a busy machine a partition may move, and be read, once more


def test_slow_work_between_polls_does_not_lose_partitions(
    open_store: Callable[[], Log], store: Store, log: Log
) -> None:
    put(log, "t.a", 0, "a")
    slow, eager = log.consumer("t.a", "g"), open_store().consumer("t.a", "g")
    until(split(2, 2), slow, eager)
    kept = slow.assignment()
    deadline = time.monotonic() + 2.5 * store.session
    while time.monotonic() < deadline:
        eager.poll(10, 0.1)
    assert eager.assignment() == set(range(PARTITIONS)) - kept
    with log.transaction(slow) as tx:
        tx.commit({p: Offset(0) for p in kept})
    slow.poll(10, 0.0)
    assert slow.assignment() == kept


def test_a_joining_member_takes_nothing_before_the_owner_polls(open_store: Callable[[], Log], log: Log) -> None:
    put(log, "t.a", 0, "a")
    owner, joiner = log.consumer("t.a", "g"), open_store().consumer("t.a", "g")
    until(split(4), owner)
    joiner.poll(10, 0.2)
    assert owner.assignment() == set(range(PARTITIONS))
    assert joiner.assignment() == set()
    with log.transaction(owner) as tx:  # a batch under way is committed before its partition goes
        tx.commit({p: Offset(1, "owner") for p in range(PARTITIONS)})
    until(split(2, 2), owner, joiner)
    assert {joiner.position(p) for p in joiner.assignment()} == {1}


# -- publish and commit at once, whatever happens


def test_copying_is_exactly_once_and_in_order_under_kills_and_pauses(
    log: Log, store: Store, spawn: Callable[..., Child]
) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(1_000_000))
    print(f"CHAOS_SEED={seed} repeats this run's choices")
    chance = random.Random(seed)

    def more_work(turn: int) -> None:
        for partition in range(PARTITIONS):
            put(log, "t.a", partition, *[f"{turn}-{partition}-{n}" for n in range(chance.randint(100, 150))])

    def copier() -> Child:
        child = spawn()
        child.begin(copy_for_ever, "t.a", "t.b", "copy", chance.randrange(1_000_000))
        return child

    def count(topic: str) -> int:
        return sum(len(values(log, topic, p)) for p in range(PARTITIONS))

    children = [copier(), copier()]
    for turn in range(6):
        seen = count("t.b")
        more_work(turn)
        _wait(lambda seen=seen: count("t.b") > seen)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.15))
        print(f"turn {turn}: {count('t.a') - count('t.b')} records were still to be copied")
        victim = chance.randrange(len(children))
        if chance.random() < 0.25:
            children[victim].stop()
            time.sleep(1.4 * store.session)
            children[victim].resume()
        else:
            children[victim].kill()
            children[victim] = copier()
    _wait(lambda: count("t.b") >= count("t.a"))
    time.sleep(0.2)  # one that would copy twice shows
    for child in children:
        child.kill()
    for partition in range(PARTITIONS):
        assert values(log, "t.b", partition) == values(log, "t.a", partition)
    ends = {p: Offset(log.read("t.a", p, 0, 100_000)[-1].offset + 1) for p in range(PARTITIONS)}
    assert log.committed("t.a", "copy") == ends


def _wait(done: Callable[[], bool], within: float = 180.0) -> None:
    deadline = time.monotonic() + within
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)
