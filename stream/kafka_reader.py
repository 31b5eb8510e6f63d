"""Reading Kafka without a group: records from an offset, what partitions hold, and offsets by time.

A transaction's end is on disk when the broker says so, but its records become visible a moment later, when the
markers are written behind them. ``read`` and ``ends`` look at the end of the partition including what is not visible
yet, and wait until it is: so they see all that was committed before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from stream.errors import LogError
from stream.kafka_client import Cluster
from stream.log import Bounds, Record, size_of

STABLE_SECONDS = 30.0
"""A transaction whose process died holds up those who read behind it until the broker ends it, after 10 to 20 s."""
LOOK_SECONDS = 0.005
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def record(found: Any) -> Record:
    """A record as the library gives it in our terms."""
    headers = {name: (value or b"").decode() for name, value in found.headers or ()}
    moment = _EPOCH + timedelta(milliseconds=found.timestamp)
    return Record(found.topic, found.partition, found.offset, moment, (found.key or b"").decode(), found.value, headers)


class Reader:
    """Reads any partition; for one thread."""

    def __init__(self, cluster: Cluster, admin: Any) -> None:
        self._cluster = cluster
        self._admin = admin
        self._consumer: Any = None
        self._empty: dict[tuple[str, int], tuple[int, int]] = {}  # nothing from the first offset to the second

    def read(self, topic: str, partition: int, offset: int, max_records: int, max_bytes: int) -> list[Record]:
        """See ``Log.read``."""
        empty_from, empty_to = self._empty.get((topic, partition), (0, 0))
        start = empty_to if empty_from <= offset < empty_to else offset
        place = TopicPartition(topic, partition)
        records: list[Record] = []
        size = 0
        with self._cluster.guarded():
            # asked for, for what a fetch says of the end may be older than this call: fetches are sent ahead
            end = self._admin.list_partition_offsets({place: OffsetSpec.LATEST})[place].offset
            position = start
            if start < end:
                self._go_to(place, start)
            deadline = time.monotonic() + STABLE_SECONDS
            while position < end and len(records) < max_records:
                for found in self._fetch(place, max_records - len(records)):
                    new = record(found)
                    size += size_of(new.key, new.value)
                    if records and size > max_bytes:
                        return records
                    records.append(new)
                position = self._consumer.position(place)
                self._check(deadline, topic)
            if position >= end:
                self._empty[topic, partition] = (records[-1].offset + 1 if records else offset, position)
        return records

    def bounds(self, topic: str, partitions: int) -> dict[int, Bounds]:
        """See ``Log.bounds``."""
        places = _places(topic, range(partitions))
        with self._cluster.guarded():
            starts = self._admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
            ends = self.ends(topic, range(partitions))
        return {p.partition: Bounds(starts[p].offset, ends[p.partition]) for p in places}

    def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """The end of what is visible of each partition, as soon as that is all that was there at the call.

        A transaction's marker may be appended a little after its commit was acknowledged, and is waited for by this:
        the end seen first would still be the one in front of the marker.
        """
        places = _places(topic, partitions)
        if not places:
            return {}
        with self._cluster.guarded():
            ends = self._admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
            deadline = time.monotonic() + STABLE_SECONDS
            while any((visible := self._visible(places))[p] < ends[p].offset for p in places):
                self._check(deadline, topic)
                time.sleep(LOOK_SECONDS)
        return {p.partition: visible[p] for p in places}

    def offsets_for_time(self, topic: str, partitions: int, time: datetime) -> dict[int, int]:
        """See ``Log.offsets_for_time``: what the broker finds may be a marker, so the record behind it is looked up."""
        milliseconds = max(0, -((_EPOCH - time) // timedelta(milliseconds=1)))  # rounded up
        places = _places(topic, range(partitions))
        ends = self.ends(topic, range(partitions))
        with self._cluster.guarded():
            found = self._admin.list_partition_offsets(dict.fromkeys(places, milliseconds))
        offsets: dict[int, int] = {}
        for place in places:
            offset = found[place].offset
            records = self.read(topic, place.partition, offset, 1, 1) if offset >= 0 else []
            offsets[place.partition] = records[0].offset if records else ends[place.partition]
        return offsets

    def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            self._consumer.close(autocommit=False)
            self._consumer = None

    def _visible(self, places: list[Any]) -> Mapping[Any, int]:
        visible: Mapping[Any, int] = self._connected().end_offsets(places)
        return visible

    def _go_to(self, place: Any, offset: int) -> None:
        consumer = self._connected()
        consumer.assign([place])
        consumer.seek(place, offset)

    def _fetch(self, place: Any, count: int) -> list[Any]:
        """What came within a moment: the library would wait the whole time for records behind a transaction's end."""
        found: list[Any] = self._consumer.poll(timeout_ms=LOOK_SECONDS * 1000, max_records=count).get(place, [])
        return found

    def _connected(self) -> Any:
        if self._consumer is None:  # answered at once, so that no fetch of one partition keeps the next one waiting
            self._consumer = self._cluster.consumer(
                fetch_min_bytes=0, fetch_max_wait_ms=1, enable_incremental_fetch_sessions=False
            )
        return self._consumer

    def _check(self, deadline: float, topic: str) -> None:
        if time.monotonic() > deadline:
            raise LogError(
                f"log {self._cluster.url}: topic {topic} cannot be read to its end within {STABLE_SECONDS:.0f} s:"
                " no broker answers, or a transaction does not end"
            )


def _places(topic: str, partitions: Iterable[int]) -> list[Any]:
    return [TopicPartition(topic, partition) for partition in partitions]
