"""The log port: partitioned, append-only topics, consumer groups, and transactions that publish and commit together.

``open_log("sqlite:///path/log.db")`` gives the embedded backend, ``open_log("kafka://host:9092")`` Kafka. Code above
this floor knows only what is written here; ``tests/contracts/test_log*.py`` hold every backend to it.

Words. A *topic* has a fixed number of *partitions*; a record's place in its partition is its *offset* (0, 1, 2, …;
compaction, retention and on Kafka transactions leave gaps, an offset is never used twice). A *group* consumes a topic:
each partition is owned by one of its live members at a time. A *committed offset* is the offset of the next record to
be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from stream.errors import ConfigError, RecordTooLarge, TooLate

if TYPE_CHECKING:
    from stream.settings import KafkaSettings
    from stream.topics import Topic

MAX_RECORD_BYTES = 900_000
"""Of key and value of one record together; every backend refuses a larger one (``RecordTooLarge``)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read.

    ``timestamp`` is the clock's time at its append (UTC), never a time of the article, and never before that of the
    record in front of it: while a clock that was set back catches up, timestamps stand still.
    """

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    key: str
    value: bytes | None
    """None is a tombstone: under compaction the key is gone."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offset:
    """A position to commit: the offset of the next record to read, and a small note (cut at 1,000 characters)."""

    offset: int
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a partition holds: ``start`` is the lowest offset that may be there, ``end`` that of the next append."""

    start: int
    end: int


def size_of(key: str, value: bytes | None) -> int:
    """What a record counts for in every limit: the bytes of its key (UTF-8) and its value."""
    return len(key.encode()) + len(value or b"")


def check_size(topic: str, key: str, value: bytes | None) -> None:
    """Raise ``RecordTooLarge`` when key and value are more than ``MAX_RECORD_BYTES``."""
    size = size_of(key, value)
    if size > MAX_RECORD_BYTES:
        raise RecordTooLarge(
            f"topic {topic}: a record of {size:,} bytes (key {key[:100]!r}); at most {MAX_RECORD_BYTES:,}"
        )


def refuse_late(before: datetime | None) -> None:
    """Raise ``TooLate`` when it is no more ``before``."""
    if before is not None and datetime.now(UTC) >= before:
        raise TooLate(f"what was to stand in the log before {before:%H:%M:%S} UTC came too late; nothing was published")


def partition_of(partition_key: str, partitions: int) -> int:
    """The partition for ``partition_key``: BLAKE2b of its UTF-8, modulo; the same in every process and language."""
    return int.from_bytes(hashlib.blake2b(partition_key.encode(), digest_size=8).digest(), "big") % partitions


class Transaction(Protocol):
    """What one transaction publishes and commits; used inside ``with log.transaction(consumer) as tx``."""

    def publish(
        self, topic: str, partition: int, key: str, value: bytes | None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Append a record. Raises ``RecordTooLarge``, ``UnknownTopic`` (also for a partition out of range) at once."""

    def commit(self, offsets: Mapping[int, Offset]) -> None:
        """Commit the consumer's position for these partitions of its topic; the last call for a partition counts.

        Raises ``ValueError`` in a transaction without a consumer.
        """


class Consumer(Protocol):
    """One member of a group on one topic. Not for several threads; ``close`` leaves the group at once.

    Partitions come and go only inside ``poll``: a member that joins gets its share at the others' next polls. Of one
    whose process died or stands still (SIGSTOP) they are free within 10 s and go to the next other member that polls;
    a member that lives but does not poll for 5 minutes is treated alike. As long as nobody has taken its partitions it
    keeps them at its next ``poll``; until then it may still commit, or (Kafka) is fenced already. A partition newly
    owned is read from its committed offset, without one, or where retention has passed it, from its start.
    """

    topic: str
    group: str

    def poll(self, max_records: int, timeout: float, max_bytes: int = 8_000_000) -> list[Record]:
        """Up to ``max_records`` new records of the owned, not paused partitions, in offset order within each.

        Waits up to ``timeout`` seconds for the first; returns as soon as there are any, and no more than
        ``max_bytes`` of them (but at least one). Each record is returned once by this consumer, unless ``seek``
        goes back; a partition that was lost and comes back starts from its committed offset. However full one
        partition is, the others get their turn. No lock and no read transaction is held after the call. Raises
        ``LogError`` when the log cannot be read; then no position has moved.
        """

    def assignment(self) -> frozenset[int]:
        """The partitions owned as of the last ``poll``."""

    def position(self, partition: int) -> int:
        """The offset that ``poll`` will read next in an owned partition. Raises ``KeyError`` for another."""

    def seek(self, partition: int, offset: int) -> None:
        """Read an owned partition from ``offset`` on; commits nothing. Ignored for one that is not owned."""

    def pause(self, partition: int) -> None:
        """Return no records of this partition until ``resume``; it stays owned."""

    def resume(self, partition: int) -> None:
        """Undo ``pause``."""

    def close(self) -> None:
        """Leave the group: the partitions are free at once. Commits nothing."""


class Log(Protocol):
    """A log. One object serves one thread; processes share the log by opening it each for themselves.

    Every method raises ``LogError`` when the log cannot be read or written, and ``UnknownTopic`` for a topic or a
    partition that is not in it.
    """

    def create_topics(self, topics: Sequence[Topic], partitions: int) -> list[str]:
        """Create what is missing; safe to repeat.

        Returns one line for each topic created and for each difference (partition count, cleanup, retention)
        between an existing one and its description, which is never changed silently.
        """

    def partitions(self, topic: str) -> int:
        """The number of partitions."""

    def transaction(
        self, consumer: Consumer | None = None, before: datetime | None = None
    ) -> AbstractContextManager[Transaction]:
        """All of the block's publishes and commits happen together at its end, or none of them.

        An exception in the block drops it. With a ``consumer`` the end raises ``Fenced`` when it no longer owns one of
        the partitions committed: another member took it over, although this process may not know (it was paused).
        Only the partitions given to ``commit`` are checked: a transaction that commits nothing is never fenced. When
        the block's end returned, the records are on disk, readers see them, and the order of one process's records is
        the order of its commits; when it raised, nothing of it happened. (On Kafka it may be open, for as long as no
        broker answers, what happened; the message says so. A batch that was settled after all the consumer does not
        get again; without one, the same records in the log's next transaction are known to be there, if they are.)
        Open it only to publish: no slow work inside.

        ``before``, by this machine's clock: unless its records stand in the log by then, ready to be committed, the end
        raises ``TooLate`` and nothing happens. Who reads them later than that finds them (on SQLite but for the moment
        that the last write to the disk takes).
        """

    def consumer(self, topic: str, group: str) -> Consumer:
        """Join ``group`` on ``topic``. Partitions come with the first ``poll``."""

    def read(
        self, topic: str, partition: int, offset: int, max_records: int, max_bytes: int = 8_000_000
    ) -> list[Record]:
        """The records from ``offset`` on, without a group; empty at the end. Sees all that was committed before.

        No more than ``max_bytes`` of them, but at least one.
        """

    def bounds(self, topic: str) -> dict[int, Bounds]:
        """The offsets that each partition holds. Sees every transaction that ended before."""

    def offsets_for_time(self, topic: str, time: datetime) -> dict[int, int]:
        """Per partition the offset of the first record stamped at or after ``time``; its end where there is none."""

    def committed(self, topic: str, group: str) -> dict[int, Offset]:
        """The group's committed positions; partitions without one are left out."""

    def maintain(self, now: datetime, max_records: int = 1_000) -> int:
        """Drop some of what retention and compaction allow to go at ``now``; concurrent readers and writers go on.

        Of a topic with a retention: records appended longer ago. Of a compacted one: records whose key came again.
        A tombstone takes the older records of its key at once, and goes itself at the first upkeep later than a day
        after its append. At most some ``max_records`` a call; returns how many
        were dealt with, 0 when there is nothing left to do. Where the servers do this by themselves it does nothing.
        """

    def remove(self, topics: Sequence[str], groups: Sequence[tuple[str, str]]) -> list[str]:
        """Remove groups (each a topic and a group on it), then topics with all their records; a line for each topic.

        What is not there is passed over, so that a removal that was interrupted can be repeated. Raises ``ConfigError``
        when a member of one of the groups lives: then no topic is removed.
        """

    def close(self) -> None:
        """Leave all groups joined through this object and free its resources."""


def lag(log: Log, topic: str, group: str) -> int:
    """How many offsets the group has yet to commit on ``topic``: 0 when no record is left, else at least their number.

    Gaps count; a partition behind whose committed offset there is nothing but a gap does not.
    """
    committed = log.committed(topic, group)
    left = 0
    for partition, bounds in log.bounds(topic).items():
        start = max(bounds.start, committed[partition].offset if partition in committed else 0)
        if start < bounds.end and log.read(topic, partition, start, 1, 1):
            left += bounds.end - start
    return left


def open_log(url: str, *, create: bool = True, kafka: KafkaSettings | None = None) -> Log:
    """The log at ``url``; an embedded one is made when absent, unless ``create`` is False.

    ``kafka`` says how brokers are spoken to; without it they are in plain text. Raises ``ConfigError`` for a URL that
    no backend serves, for a log that is not there, and for brokers that do not let us in; ``LogError`` when no broker
    answers.
    """
    scheme = url.partition(":")[0]
    path = url.removeprefix("sqlite:///")
    if path not in (url, "", ":memory:"):
        from stream.sqlite import SqliteLog

        return SqliteLog(path, create=create)
    if url.startswith("kafka://"):
        from stream.kafka import KafkaLog
        from stream.settings import KafkaSettings

        return KafkaLog(url, kafka or KafkaSettings())
    raise ConfigError(f"log_url: no log is served at this {scheme!r} URL; use sqlite:///PATH or kafka://HOST:PORT")
