"""A log within a log: topics whose names get a prefix on the way in and lose it on the way out.

So a test has a log of its own on a broker that it shares with the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from stream.log import Bounds, Consumer, Log, Offset, Record, Transaction
from stream.topics import Topic


class PrefixedLog:
    """See ``Log``."""

    def __init__(self, inner: Log, prefix: str) -> None:
        self._inner = inner
        self._prefix = prefix

    def create_topics(self, topics: Sequence[Topic], partitions: int) -> list[str]:
        """See ``Log.create_topics``."""
        return self._inner.create_topics([replace(t, name=self._prefix + t.name) for t in topics], partitions)

    def partitions(self, topic: str) -> int:
        """See ``Log.partitions``."""
        return self._inner.partitions(self._prefix + topic)

    @contextmanager
    def transaction(self, consumer: Consumer | None = None, before: datetime | None = None) -> Iterator[Transaction]:
        """See ``Log.transaction``."""
        inner = consumer.inner if isinstance(consumer, PrefixedConsumer) else consumer
        with self._inner.transaction(inner, before) as tx:
            yield PrefixedTransaction(tx, self._prefix)

    def consumer(self, topic: str, group: str) -> PrefixedConsumer:
        """See ``Log.consumer``."""
        return PrefixedConsumer(self._inner.consumer(self._prefix + topic, group), topic)

    def read(
        self, topic: str, partition: int, offset: int, max_records: int, max_bytes: int = 8_000_000
    ) -> list[Record]:
        """See ``Log.read``."""
        records = self._inner.read(self._prefix + topic, partition, offset, max_records, max_bytes)
        return [replace(r, topic=topic) for r in records]

    def bounds(self, topic: str) -> dict[int, Bounds]:
        """See ``Log.bounds``."""
        return self._inner.bounds(self._prefix + topic)

    def offsets_for_time(self, topic: str, time: datetime) -> dict[int, int]:
        """See ``Log.offsets_for_time``."""
        return self._inner.offsets_for_time(self._prefix + topic, time)

    def committed(self, topic: str, group: str) -> dict[int, Offset]:
        """See ``Log.committed``."""
        return self._inner.committed(self._prefix + topic, group)

    def maintain(self, now: datetime, max_records: int = 1_000) -> int:
        """See ``Log.maintain``."""
        return self._inner.maintain(now, max_records)

    def remove(self, topics: Sequence[str], groups: Sequence[tuple[str, str]]) -> list[str]:
        """See ``Log.remove``."""
        return self._inner.remove([self._prefix + t for t in topics], [(self._prefix + t, g) for t, g in groups])

    def close(self) -> None:
        """See ``Log.close``."""
        self._inner.close()


class PrefixedTransaction:
    """See ``Transaction``."""

    def __init__(self, inner: Transaction, prefix: str) -> None:
        self._inner = inner
        self._prefix = prefix

    def publish(
        self, topic: str, partition: int, key: str, value: bytes | None, headers: Mapping[str, str] | None = None
    ) -> None:
        """See ``Transaction.publish``."""
        self._inner.publish(self._prefix + topic, partition, key, value, headers)

    def commit(self, offsets: Mapping[int, Offset]) -> None:
        """See ``Transaction.commit``."""
        self._inner.commit(offsets)


class PrefixedConsumer:
    """See ``Consumer``."""

    def __init__(self, inner: Consumer, topic: str) -> None:
        self.inner = inner
        self.topic = topic
        self.group = inner.group

    def poll(self, max_records: int, timeout: float, max_bytes: int = 8_000_000) -> list[Record]:
        """See ``Consumer.poll``."""
        return [replace(r, topic=self.topic) for r in self.inner.poll(max_records, timeout, max_bytes)]

    def assignment(self) -> frozenset[int]:
        """See ``Consumer.assignment``."""
        return self.inner.assignment()

    def position(self, partition: int) -> int:
        """See ``Consumer.position``."""
        return self.inner.position(partition)

    def seek(self, partition: int, offset: int) -> None:
        """See ``Consumer.seek``."""
        self.inner.seek(partition, offset)

    def pause(self, partition: int) -> None:
        """See ``Consumer.pause``."""
        self.inner.pause(partition)

    def resume(self, partition: int) -> None:
        """See ``Consumer.resume``."""
        self.inner.resume(partition)

    def close(self) -> None:
        """See ``Consumer.close``."""
        self.inner.close()
