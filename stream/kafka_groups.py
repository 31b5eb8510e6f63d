"""Consumer groups on Kafka: a member of a classic group, with positions and buffers of its own.

The library joins, beats and fetches; what is handed out when, and from where, is decided here. A partition is owned
from when its starting point is known, under the membership (member and generation) that commits are made in: a
generation that follows at once on the last keeps what it owned with its positions, any other starts from what is
committed. Reading that waits for a transaction that is still open on the group's offsets, so nothing that a former
owner has yet to commit can be read twice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kafka import TopicPartition
from kafka.coordinator.assignors.sticky.sticky_assignor import (
    StickyPartitionAssignor,
)
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.structs import MemberState

from stream.errors import Fenced, LogError
from stream.fairness import share_out
from stream.kafka_client import Cluster
from stream.kafka_joins import keep_joins
from stream.kafka_reader import record
from stream.kafka_writer import Batch, Publication, Writer
from stream.log import Offset, Record, size_of

if TYPE_CHECKING:
    from stream.kafka import KafkaLog

POLL_SECONDS = 300.0  # a member that does not poll for so long hangs: it leaves its group
HEARTBEAT_SECONDS = 0.2  # so soon it is noticed that another one left
BUFFER_BYTES = 1_000_000  # of a partition; it is fetched again below
PROOF_SECONDS = 3.0  # of silence after which the broker is asked for a sign of life
SETTLE_SECONDS = 1.0
START_SECONDS = 0.5
JOIN_SECONDS = 0.05
LOOK_SECONDS = 5.0


def library_group(topic: str, group: str) -> str:
    """The id of the group on the broker, where a group is not one topic's but the whole cluster's."""
    return f"{group}@{topic}"


def committed(consumer: Any, topic: str, partitions: int, seconds: float) -> dict[int, Offset]:
    """What the group of ``consumer`` has committed. Raises ``KafkaTimeoutError`` while a transaction is open on it."""
    found: dict[int, Offset] = {}
    for partition in range(partitions):
        offset = consumer.committed(TopicPartition(topic, partition), metadata=True, timeout_ms=seconds * 1000)
        if offset is not None:
            found[partition] = Offset(offset.offset, offset.metadata or "")
    return found


class Buffer:
    """The records of a partition that were fetched and not handed out, and their bytes, added up one by one."""

    def __init__(self) -> None:
        self.records: deque[Record] = deque()
        self.size = 0

    def add(self, one: Record) -> None:
        """Behind the others."""
        self.records.append(one)
        self.size += size_of(one.key, one.value)

    def take(self) -> None:
        """The first one is handed out."""
        one = self.records.popleft()
        self.size -= size_of(one.key, one.value)


class GroupConsumer:
    """See ``Consumer`` in ``stream/log.py``."""

    def __init__(self, log: KafkaLog, cluster: Cluster, topic: str, group: str, session: float) -> None:
        self.topic = topic
        self.group = group
        self._log = log
        self._cluster = cluster
        self._session = session
        self._partitions = log.partitions(topic)
        self._writer = Writer(cluster)
        self._library: Any = None
        self._membership: Any = None
        self._positions: dict[int, int] = {}
        self._buffers: dict[int, Buffer] = {}
        self._paused: set[int] = set()
        self._turn = 0
        self._proven = 0.0

    # -- reading

    def poll(self, max_records: int, timeout: float, max_bytes: int = 8_000_000) -> list[Record]:
        """See ``Consumer.poll``."""
        deadline = time.monotonic() + timeout
        self._take_up(self._writer.settle(SETTLE_SECONDS))
        if self._library is None:
            self._join()
        looked = False
        while True:
            self._pump(max(0.0, deadline - time.monotonic()))
            if records := self._hand_out(max_records, max_bytes):
                return records
            if time.monotonic() >= deadline:
                if timeout >= START_SECONDS / 10 or looked or not self._await_unread():
                    return []
                looked = True  # there was no time to wait, but what is there now is to be found

    def _join(self) -> None:
        with self._cluster.guarded():
            self._library = self._cluster.consumer(
                group_id=library_group(self.topic, self.group),
                session_timeout_ms=int(self._session * 1000), max_poll_interval_ms=int(POLL_SECONDS * 1000),
                heartbeat_interval_ms=int(HEARTBEAT_SECONDS * 1000),
                partition_assignment_strategy=[StickyPartitionAssignor()],
                max_partition_fetch_bytes=BUFFER_BYTES, fetch_max_bytes=8 * BUFFER_BYTES, retry_backoff_ms=50,
            )  # fmt: skip
            keep_joins(self._library)
            self._library.partitions_for_topic(self.topic)  # or the first generation would be of no partitions
            self._library.subscribe([self.topic])
        self._proven = time.monotonic()

    def _pump(self, seconds: float) -> None:
        """Let the library do its part, and take what it fetched."""
        if any(self._buffers[p].records for p in self._active()):
            seconds = 0.0
        if self._library.group_metadata().state != MemberState.STABLE:
            seconds = max(seconds, JOIN_SECONDS)
        with self._cluster.guarded():
            self._hold_back()
            fetched = self._library.poll(timeout_ms=int(min(seconds, 1.0) * 1000), max_records=10_000)
            if self._library.group_metadata().state != MemberState.STABLE:
                return
            if self._is_new_assignment():
                self._follow()
                return
        for place, records in fetched.items():
            if place.partition in self._buffers:
                for one in records:
                    self._buffers[place.partition].add(record(one))
        self._prove(bool(fetched))

    def _hold_back(self) -> None:
        """Let nothing more be fetched of a partition that has enough in its buffer."""
        here = self._library.assignment()
        for partition, buffer in self._buffers.items():
            if (place := self._place(partition)) in here:
                (self._library.pause if buffer.size >= BUFFER_BYTES else self._library.resume)(place)

    def _hand_out(self, max_records: int, max_bytes: int) -> list[Record]:
        self._turn += 1
        if self._library.group_metadata().state != MemberState.STABLE:
            return []  # a commit would come too late
        records = share_out(sorted(self._active()), self._turn, max_records, max_bytes, self._peek)
        for one in records:
            self._buffers[one.partition].take()
            self._positions[one.partition] = one.offset + 1
        return records

    def _peek(self, partition: int, count: int, size: int) -> list[Record]:
        records: list[Record] = []
        for one in self._buffers[partition].records:
            size -= size_of(one.key, one.value)
            if len(records) == count or (records and size < 0):
                break
            records.append(one)
        return records

    def _await_unread(self) -> bool:
        """Wait until something of what is in the active partitions now is in a buffer; False when there is nothing."""
        ends = self._log.reader.ends(self.topic, self._active())
        deadline = time.monotonic() + LOOK_SECONDS
        while time.monotonic() < deadline:
            here = {place.partition for place in self._library.assignment()} & self._active() & ends.keys()
            if any(self._buffers[p].records for p in here):
                return True
            with self._cluster.guarded():
                if all(self._library.position(self._place(p)) >= ends[p] for p in here):
                    return False
            self._pump(0.02)
        return False

    def _active(self) -> set[int]:
        return self._positions.keys() - self._paused

    def _prove(self, alive: bool) -> None:
        """The library waits for an absent broker in silence, which would look like an empty topic."""
        now = time.monotonic()
        if not alive and now - self._proven > PROOF_SECONDS:
            with self._cluster.guarded():
                self._library.end_offsets([self._place(0)], timeout_ms=PROOF_SECONDS * 1000)
        if alive or now - self._proven > PROOF_SECONDS:
            self._proven = now

    def assignment(self) -> frozenset[int]:
        """See ``Consumer.assignment``."""
        return frozenset(self._positions)

    def position(self, partition: int) -> int:
        """See ``Consumer.position``."""
        return self._positions[partition]

    def seek(self, partition: int, offset: int) -> None:
        """See ``Consumer.seek``."""
        if partition in self._positions:
            self._positions[partition] = offset
            self._buffers[partition] = Buffer()
            if (place := self._place(partition)) in self._library.assignment():
                self._library.seek(place, offset)

    def pause(self, partition: int) -> None:
        """See ``Consumer.pause``."""
        self._paused.add(partition)

    def resume(self, partition: int) -> None:
        """See ``Consumer.resume``."""
        self._paused.discard(partition)

    # -- membership

    def _is_new_assignment(self) -> bool:
        now, before = self._library.group_metadata(), self._membership
        return before is None or (now.generation_id, now.member_id) != (before.generation_id, before.member_id)

    def _follow(self) -> None:
        """Own what the new generation gives us, from where it is to be read."""
        now, before = self._library.group_metadata(), self._membership
        follows = before is not None and (now.member_id, now.generation_id) == (
            before.member_id,
            before.generation_id + 1,
        )
        assigned = {place.partition for place in self._library.assignment()}
        kept = {p: at for p, at in self._positions.items() if follows and p in assigned}
        for partition in self._positions.keys() - kept.keys():
            self._drop(partition)
        try:
            starts = {**(self._starts() if assigned - kept.keys() else {}), **kept}
        except KafkaTimeoutError:
            return  # what the former owner has begun is not over yet; the next poll looks again
        self._membership = now
        for partition in assigned:
            self._positions[partition] = starts[partition]
            self._buffers[partition] = Buffer()
            self._library.seek(self._place(partition), starts[partition])
        self._proven = time.monotonic()

    def _starts(self) -> dict[int, int]:
        done = committed(self._library, self.topic, self._partitions, START_SECONDS)
        places = [self._place(p) for p in range(self._partitions)]
        first = self._library.beginning_offsets(places, timeout_ms=START_SECONDS * 1000)
        return {p.partition: max(first[p], done.get(p.partition, Offset(0)).offset) for p in places}

    def _drop(self, partition: int) -> None:
        self._positions.pop(partition, None)
        self._buffers.pop(partition, None)
        self._paused.discard(partition)

    def _place(self, partition: int) -> Any:
        return TopicPartition(self.topic, partition)

    # -- committing

    def write(
        self, publications: list[Publication], offsets: Mapping[int, Offset], before: datetime | None = None
    ) -> None:
        """The end of a transaction. Raises ``Fenced`` when a partition is not ours any more."""
        self._take_up(self._writer.settle(SETTLE_SECONDS))
        if offsets.keys() - self._positions.keys():
            lost = ", ".join(str(p) for p in sorted(offsets.keys() - self._positions.keys()))
            raise Fenced(f"topic {self.topic}: group {self.group} gave partition {lost} to another member")
        # the membership as of the poll: the library forgets it when it hears that it is over, and would not be fenced
        self._writer.write(Batch(publications, self.topic, self.group, dict(offsets), self._membership, before))

    def _take_up(self, late: Batch | None) -> None:
        """A transaction that was taken for failed has happened: its records are not to be read again."""
        for partition, offset in late.offsets.items() if late else ():
            if self._positions.get(partition, offset.offset) < offset.offset:
                self.seek(partition, offset.offset)

    def close(self) -> None:
        """See ``Consumer.close``."""
        library, self._library, self._membership = self._library, None, None
        for partition in list(self._positions):
            self._drop(partition)
        self._writer.close()
        if library is not None:
            try:
                library.close(autocommit=False, timeout_ms=5_000)
            except KafkaError as error:
                raise LogError(self._cluster.said(error)) from error
