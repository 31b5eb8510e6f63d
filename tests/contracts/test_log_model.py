"""Any sequence of calls on a log and one member does what a small model in memory does."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stream.errors import Fenced
from stream.log import Consumer, Log, Offset
from stream.topics import Topic
from tests.contracts.processes import Desk, publish_and_commit
from tests.contracts.stores import SqliteStore, Store
from tests.strategies import TEXT

PARTITIONS = 2
PARTITION = st.integers(0, PARTITIONS - 1)
RECORDS = st.lists(st.tuples(PARTITION, TEXT, st.none() | st.binary(max_size=20)), max_size=5)
NUMBERS = itertools.count()
Content = tuple[str, bytes | None]


class LogMachine(RuleBasedStateMachine):
    """The log beside the model: what each partition holds, what is committed, and where the member stands."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.topic = f"t{next(NUMBERS)}"
        self.held: list[list[Content]] = [[] for _ in range(PARTITIONS)]
        self.committed: dict[int, Offset] = {}
        self.positions: dict[int, int] = {}
        self.paused: set[int] = set()

    @initialize()
    def start(self) -> None:
        self.log: Log = self.store.open()
        self.log.create_topics([Topic(self.topic, "", "", "", compacted=False)], PARTITIONS)
        self.consumer: Consumer = self.log.consumer(self.topic, "g")
        self._join()

    def _join(self) -> None:
        self.consumer = self.log.consumer(self.topic, "g")
        while len(self.consumer.assignment()) < PARTITIONS:
            for record in reversed(self.consumer.poll(1, 0.1)):
                self.consumer.seek(record.partition, record.offset)
        self.positions = {p: self._index(p, self.committed.get(p, Offset(0)).offset) for p in range(PARTITIONS)}
        self.paused = set()

    def _offsets(self, partition: int) -> list[int]:
        """The offsets of the records, in order: there may be gaps between them."""
        return [r.offset for r in self.log.read(self.topic, partition, 0, 1_000)]

    def _index(self, partition: int, offset: int) -> int:
        """Which record in the partition is read next at ``offset``."""
        return sum(o < offset for o in self._offsets(partition))

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.log.close()

    @rule(records=RECORDS)
    def publish(self, records: list[tuple[int, str, bytes | None]]) -> None:
        with self.log.transaction() as tx:
            for partition, key, value in records:
                tx.publish(self.topic, partition, key, value)
        for partition, key, value in records:
            self.held[partition].append((key, value))

    @rule(records=RECORDS, offset=st.integers(0, 5))
    def abort(self, records: list[tuple[int, str, bytes | None]], offset: int) -> None:
        with pytest.raises(ZeroDivisionError):
            self._abort(records, offset)

    def _abort(self, records: list[tuple[int, str, bytes | None]], offset: int) -> None:
        with self.log.transaction(self.consumer) as tx:
            for partition, key, value in records:
                tx.publish(self.topic, partition, key, value)
            tx.commit({0: Offset(offset)})
            raise ZeroDivisionError

    @rule(key=TEXT, note=TEXT, partition=PARTITION)
    def publish_and_commit(self, key: str, note: str, partition: int) -> None:
        offsets = {p: Offset(self.consumer.position(p), note) for p in self.positions}
        with self.log.transaction(self.consumer) as tx:
            tx.publish(self.topic, partition, key, b"together")
            tx.commit(offsets)
        self.held[partition].append((key, b"together"))
        self.committed |= offsets

    @rule(count=st.integers(1, 8), size=st.sampled_from([1, 30, 1_000]))
    def poll(self, count: int, size: int) -> None:
        records = self.consumer.poll(count, 0.0, size)
        assert len(records) <= count
        for record in records:
            assert record.partition not in self.paused
            index = self.positions[record.partition]
            assert record.offset == self._offsets(record.partition)[index]
            assert (record.key, record.value) == self.held[record.partition][index]
            self.positions[record.partition] += 1
        unread = [p for p in self.positions.keys() - self.paused if self.positions[p] < len(self.held[p])]
        assert records or not unread

    @rule(partition=PARTITION, data=st.data())
    def seek(self, partition: int, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.held[partition])))
        self.consumer.seek(partition, [*self._offsets(partition), self.log.bounds(self.topic)[partition].end][index])
        self.positions[partition] = index

    @rule(partition=PARTITION)
    def pause(self, partition: int) -> None:
        self.consumer.pause(partition)
        self.paused.add(partition)

    @rule(partition=PARTITION)
    def resume(self, partition: int) -> None:
        self.consumer.resume(partition)
        self.paused.discard(partition)

    @rule()
    def leave_and_join(self) -> None:
        gone = self.consumer
        gone.close()
        with pytest.raises(Fenced):
            publish_and_commit(Desk(self.log, gone), self.topic, [], {0: Offset(0)})
        self._join()

    @rule()
    def reopen(self) -> None:
        self.log.close()
        self.log = self.store.open()
        self._join()

    @precondition(lambda self: any(self.held))
    @rule(data=st.data())
    def find_by_time(self, data: st.DataObject) -> None:
        records = [self.log.read(self.topic, p, 0, 1_000) for p in range(PARTITIONS)]
        ends = self.log.bounds(self.topic)
        moment = data.draw(st.sampled_from([r.timestamp for r in itertools.chain(*records)]))
        assert self.log.offsets_for_time(self.topic, moment) == {
            p: next((r.offset for r in of if r.timestamp >= moment), ends[p].end) for p, of in enumerate(records)
        }

    @invariant()
    def the_log_holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "log"):
            return
        for partition, held in enumerate(self.held):
            records = self.log.read(self.topic, partition, 0, 1_000)
            assert [(r.key, r.value) for r in records] == held
            offsets = [r.offset for r in records]
            assert offsets == sorted(set(offsets))
            assert self.log.bounds(self.topic)[partition].end > max(offsets, default=-1)
        assert self.log.committed(self.topic, "g") == self.committed
        positions = {p: self._index(p, self.consumer.position(p)) for p in self.consumer.assignment()}
        assert positions == self.positions


def test_the_log_does_what_the_model_does(store: Store, open_store: Callable[[], Log]) -> None:
    open_store()
    machine = type("Machine", (LogMachine,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40 if isinstance(store, SqliteStore) else 5,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
