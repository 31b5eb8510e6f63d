"""The log on Kafka (kafka-python 3, brokers from 2.5 on). Semantics: ``stream/log.py``.

Every transaction is one of Kafka's, whose marker takes an offset of its own, so offsets have gaps. What the embedded
log promises and Kafka keeps otherwise: a member that the broker has taken for dead is fenced even where nobody took
its partitions; a take-over waits until the living members have polled; the order of a partition is that of the
appends, in which concurrent transactions may be interleaved, and nobody sees one before those in front have ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any

from kafka.errors import KafkaError, KafkaTimeoutError

from stream import kafka_topics
from stream.errors import LogError, UnknownTopic
from stream.kafka_client import cluster
from stream.kafka_groups import SETTLE_SECONDS, GroupConsumer, committed, library_group
from stream.kafka_reader import STABLE_SECONDS, Reader
from stream.kafka_writer import Batch, Publication, Writer
from stream.log import Bounds, Consumer, Offset, Record, check_size
from stream.settings import KafkaSettings
from stream.topics import Topic

SESSION_SECONDS = 6.0


class KafkaLog:
    """The ``Log`` on the brokers at ``url`` (``kafka://HOST:PORT,…``).

    ``session`` is for how many seconds a member whose process is dead or stopped keeps its partitions. Raises
    ``ConfigError`` for wrong settings, also when the broker does not let us in, and ``LogError`` when none answers.
    """

    def __init__(self, url: str, settings: KafkaSettings, session: float = SESSION_SECONDS) -> None:
        self._cluster = cluster(url, settings)
        self._session = session
        self._admin: Any = self._cluster.admin()
        self.reader = Reader(self._cluster, self._admin)
        self._writer = Writer(self._cluster)
        self._counts: dict[str, int] = {}
        self._consumers: list[GroupConsumer] = []
        self._lookers: dict[str, Any] = {}

    # -- topics

    def create_topics(self, topics: Sequence[Topic], partitions: int) -> list[str]:
        """See ``Log.create_topics``."""
        return kafka_topics.create(self._cluster, self._admin, topics, partitions)

    def partitions(self, topic: str) -> int:
        """See ``Log.partitions``."""
        if topic not in self._counts:
            with self._cluster.guarded():
                found = kafka_topics.describe(self._admin, [topic])
            if topic not in found:
                raise UnknownTopic(f"topic {topic}: not in the log {self._cluster.url}; run: newswatch setup")
            self._counts[topic] = found[topic]
        return self._counts[topic]

    def check(self, topic: str, partition: int) -> None:
        """Raise ``UnknownTopic`` when there is no such partition."""
        if not 0 <= partition < self.partitions(topic):
            raise UnknownTopic(f"topic {topic}: no partition {partition}, it has {self.partitions(topic)}")

    # -- writing

    def transaction(self, consumer: Consumer | None = None, before: datetime | None = None) -> KafkaTransaction:
        """See ``Log.transaction``."""
        if consumer is not None and not isinstance(consumer, GroupConsumer):
            raise TypeError("a transaction takes a consumer of the same log")
        return KafkaTransaction(self, consumer, before)

    def write(self, publications: list[Publication], before: datetime | None) -> None:
        """The end of a transaction without a consumer."""
        happened = self._writer.settle(SETTLE_SECONDS)
        if happened is None or list(happened.publications) != publications:  # else the caller repeats what is there
            self._writer.write(Batch(publications, before=before))

    def consumer(self, topic: str, group: str) -> GroupConsumer:
        """See ``Log.consumer``."""
        consumer = GroupConsumer(self, self._cluster, topic, group, self._session)
        self._consumers.append(consumer)
        return consumer

    # -- reading

    def read(
        self, topic: str, partition: int, offset: int, max_records: int, max_bytes: int = 8_000_000
    ) -> list[Record]:
        """See ``Log.read``."""
        self.check(topic, partition)
        return self.reader.read(topic, partition, offset, max_records, max_bytes)

    def bounds(self, topic: str) -> dict[int, Bounds]:
        """See ``Log.bounds``."""
        return self.reader.bounds(topic, self.partitions(topic))

    def offsets_for_time(self, topic: str, time: datetime) -> dict[int, int]:
        """See ``Log.offsets_for_time``."""
        return self.reader.offsets_for_time(topic, self.partitions(topic), time)

    def committed(self, topic: str, group: str) -> dict[int, Offset]:
        """See ``Log.committed``."""
        partitions = self.partitions(topic)
        identifier = library_group(topic, group)
        with self._cluster.guarded():
            if identifier not in self._lookers:
                self._lookers[identifier] = self._cluster.consumer(group_id=identifier, retry_backoff_ms=20)
            try:
                return committed(self._lookers[identifier], topic, partitions, STABLE_SECONDS)
            except KafkaTimeoutError as error:
                raise LogError(
                    f"log {self._cluster.url}: what group {group} committed on topic {topic} cannot be read within"
                    f" {STABLE_SECONDS:.0f} s: no broker answers, or a transaction does not end"
                ) from error

    def maintain(self, now: datetime, max_records: int = 1_000) -> int:  # noqa: ARG002 (the brokers do it)
        """See ``Log.maintain``: the brokers do it by themselves."""
        return 0

    def remove(self, topics: Sequence[str], groups: Sequence[tuple[str, str]]) -> list[str]:
        """See ``Log.remove``."""
        with self._cluster.guarded():
            for topic in topics:
                self._counts.pop(topic, None)
            kafka_topics.remove_groups(self._admin, {library_group(*group): group[1] for group in groups})
            return [f"topic {topic}: removed" for topic in kafka_topics.remove(self._admin, topics)]

    def close(self) -> None:
        """See ``Log.close``."""
        for consumer in self._consumers:
            with suppress(LogError):  # its session runs out by itself
                consumer.close()
        self._writer.close()
        with suppress(KafkaError):
            self.reader.close()
            for looker in self._lookers.values():
                looker.close(autocommit=False)
            self._lookers.clear()
            self._admin.close()


class KafkaTransaction:
    """See ``Transaction``: collects, and writes all at the end of the block."""

    def __init__(self, log: KafkaLog, consumer: GroupConsumer | None, before: datetime | None) -> None:
        self._log = log
        self._consumer = consumer
        self._before = before
        self._publications: list[Publication] = []
        self._offsets: dict[int, Offset] = {}

    def publish(
        self, topic: str, partition: int, key: str, value: bytes | None, headers: Mapping[str, str] | None = None
    ) -> None:
        """See ``Transaction.publish``."""
        check_size(topic, key, value)
        self._log.check(topic, partition)
        self._publications.append(Publication(topic, partition, key, value, headers or {}))

    def commit(self, offsets: Mapping[int, Offset]) -> None:
        """See ``Transaction.commit``."""
        if self._consumer is None:
            raise ValueError("only the transaction of a consumer can commit offsets")
        self._offsets |= offsets

    def __enter__(self) -> KafkaTransaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or not (self._publications or self._offsets):
            return
        if self._consumer is None:
            self._log.write(self._publications, self._before)
        else:
            self._consumer.write(self._publications, self._offsets, self._before)
