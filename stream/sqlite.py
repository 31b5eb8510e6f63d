"""The log on SQLite: one file, one machine, any number of processes. Semantics: ``stream/log.py``.

How it keeps its promises. Every transaction is one ``BEGIN IMMEDIATE`` … ``COMMIT`` with ``synchronous=FULL``: writers
queue, so commit order is offset order and what was committed survives ``kill -9`` and power loss. Reads end at once,
so the write-ahead log can be folded back. A record's row id is its partition's number and its offset in one integer:
reading a partition in order is a range scan of the table itself. Groups live in ``stream/sqlite_groups.py``.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType

from stream import sqlite_removal, sqlite_upkeep
from stream.errors import LogError, UnknownTopic
from stream.log import Bounds, Consumer, Offset, Record, check_size, refuse_late, size_of
from stream.sqlite_file import FileKind
from stream.sqlite_groups import SqliteConsumer
from stream.topics import Topic

OFFSET_BITS = 40
BUSY_SECONDS = 15.0
SESSION_SECONDS = 6.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FILE = FileKind(
    what="log",
    setting="log_url",
    application_id=0x6E776C67,  # "nwlg"
    version=1,
    unavailable=LogError,
    schema="""
CREATE TABLE topics (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
  compacted INTEGER NOT NULL, retention_seconds REAL);
CREATE TABLE partitions (
  id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, number INTEGER NOT NULL,
  first INTEGER NOT NULL DEFAULT 0, next INTEGER NOT NULL DEFAULT 0, last_time INTEGER NOT NULL DEFAULT 0,
  walked INTEGER NOT NULL DEFAULT 0,
  UNIQUE (topic, number));
CREATE TABLE records (
  position INTEGER PRIMARY KEY, time INTEGER NOT NULL, key TEXT NOT NULL, value BLOB, headers TEXT);
CREATE TABLE members (
  topic INTEGER NOT NULL, grp TEXT NOT NULL, member TEXT NOT NULL, expires REAL NOT NULL,
  PRIMARY KEY (topic, grp, member)) WITHOUT ROWID;
CREATE TABLE owners (
  topic INTEGER NOT NULL, grp TEXT NOT NULL, partition INTEGER NOT NULL, member TEXT, epoch INTEGER NOT NULL,
  PRIMARY KEY (topic, grp, partition)) WITHOUT ROWID;
CREATE TABLE offsets (
  topic INTEGER NOT NULL, grp TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
  metadata TEXT NOT NULL, PRIMARY KEY (topic, grp, partition)) WITHOUT ROWID;
"""
    + sqlite_upkeep.SCHEMA,
)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, the unit of a record's timestamp in the file."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


class SqliteLog:
    """The ``Log`` in the file at ``path``, made with its folder when absent.

    ``session`` is for how many seconds a member whose process is dead or stopped keeps its partitions. Raises
    ``ConfigError`` when the file cannot be made, is no log of ours, or was made by a newer newswatch.
    """

    def __init__(self, path: str, session: float = SESSION_SECONDS, *, create: bool = True) -> None:
        self.path = path
        self.session = session
        self._topics: dict[str, tuple[int, dict[int, int]]] = {}
        self._consumers: list[SqliteConsumer] = []
        self._db = FILE.open(path, BUSY_SECONDS, create=create)

    # -- topics

    def create_topics(self, topics: Sequence[Topic], partitions: int) -> list[str]:
        """See ``Log.create_topics``."""
        lines: list[str] = []
        with self.writing() as db:
            for topic in topics:
                row = db.execute(
                    "SELECT partitions, compacted, retention_seconds FROM topics WHERE name = ?", (topic.name,)
                ).fetchone()
                retention = topic.retention.total_seconds() if topic.retention else None
                if row is None:
                    _create(db, topic, partitions, retention)
                    lines.append(f"topic {topic.name}: created with {partitions} partitions")
                    continue
                wanted = (("partitions", partitions), ("compacted", int(topic.compacted)), ("retention", retention))
                lines += [
                    f"topic {topic.name}: {what} is {have}, the settings say {want} (left as it is)"
                    for (what, want), have in zip(wanted, row, strict=True)
                    if have != want
                ]
        return lines

    def partitions(self, topic: str) -> int:
        """See ``Log.partitions``."""
        return len(self.topic(topic)[1])

    def topic(self, name: str) -> tuple[int, dict[int, int]]:
        """The topic's id in the file, and the id of each of its partitions by number."""
        if name not in self._topics:
            with self.reading() as db:
                rows = db.execute(
                    "SELECT t.id, p.number, p.id FROM topics t JOIN partitions p ON p.topic = t.id WHERE t.name = ?",
                    (name,),
                ).fetchall()
            if not rows:
                raise UnknownTopic(f"topic {name}: not in the log {self.path}; run: newswatch setup")
            self._topics[name] = (rows[0][0], {number: identifier for _, number, identifier in rows})
        return self._topics[name]

    def partition(self, topic: str, number: int) -> int:
        """The partition's id in the file. Raises ``UnknownTopic`` when there is none of that number."""
        try:
            return self.topic(topic)[1][number]
        except KeyError:
            raise UnknownTopic(f"topic {topic}: no partition {number}, it has {self.partitions(topic)}") from None

    # -- writing

    def transaction(self, consumer: Consumer | None = None, before: datetime | None = None) -> SqliteTransaction:
        """See ``Log.transaction``."""
        if consumer is not None and not isinstance(consumer, SqliteConsumer):
            raise TypeError("a transaction takes a consumer of the same log")
        return SqliteTransaction(self, consumer, before)

    def consumer(self, topic: str, group: str) -> SqliteConsumer:
        """See ``Log.consumer``."""
        consumer = SqliteConsumer(self, topic, group)
        self._consumers.append(consumer)
        return consumer

    # -- reading

    def read(
        self, topic: str, partition: int, offset: int, max_records: int, max_bytes: int = 8_000_000
    ) -> list[Record]:
        """See ``Log.read``."""
        base = self.partition(topic, partition) << OFFSET_BITS
        records: list[Record] = []
        size = 0
        with self.reading() as db:
            cursor = db.execute(
                "SELECT position, time, key, value, headers FROM records"
                " WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
                (base + offset, base + (1 << OFFSET_BITS), max_records),
            )
            for position, moment, key, value, headers in cursor:
                size += size_of(key, value)
                if records and size > max_bytes:
                    break
                records.append(
                    Record(topic, partition, position - base, _EPOCH + timedelta(microseconds=moment), key, value,
                           json.loads(headers) if headers else {})
                )  # fmt: skip
            cursor.close()  # ends the read: an open one would keep the write-ahead log from shrinking
        return records

    def bounds(self, topic: str) -> dict[int, Bounds]:
        """See ``Log.bounds``."""
        with self.reading() as db:
            rows = db.execute("SELECT number, first, next FROM partitions WHERE topic = ?", (self.topic(topic)[0],))
            return {number: Bounds(first, following) for number, first, following in rows.fetchall()}

    def offsets_for_time(self, topic: str, time: datetime) -> dict[int, int]:
        """See ``Log.offsets_for_time``."""
        return {p: self._first_at(topic, p, b, microseconds(time)) for p, b in self.bounds(topic).items()}

    def _first_at(self, topic: str, partition: int, bounds: Bounds, moment: int) -> int:
        """A bisection, for timestamps never fall within a partition; it steps over the gaps of compaction."""
        base = self.partition(topic, partition) << OFFSET_BITS
        low, high = bounds.start, bounds.end
        found = high
        with self.reading() as db:
            while low < high:
                middle = (low + high) // 2
                row = db.execute(
                    "SELECT position, time FROM records WHERE position >= ? AND position < ? ORDER BY position LIMIT 1",
                    (base + middle, base + high),
                ).fetchone()
                if row is None:
                    high = middle
                elif row[1] >= moment:
                    found, high = row[0] - base, middle
                else:
                    low = row[0] - base + 1
        return found

    def committed(self, topic: str, group: str) -> dict[int, Offset]:
        """See ``Log.committed``."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT partition, offset, metadata FROM offsets WHERE topic = ? AND grp = ?",
                (self.topic(topic)[0], group),
            )
            return {partition: Offset(offset, metadata) for partition, offset, metadata in rows.fetchall()}

    def maintain(self, now: datetime, max_records: int = 1_000) -> int:
        """See ``Log.maintain``: one short transaction, in which also what stands where is read."""
        moment = microseconds(now)
        with self.writing() as db:
            rows = db.execute(
                "SELECT p.id, t.compacted, t.retention_seconds, p.walked"
                " FROM partitions p JOIN topics t ON t.id = p.topic"
            ).fetchall()
            cutoffs = {p: moment - int(kept * 1e6) for p, compacted, kept, _ in rows if kept and not compacted}
            walks = {p: walked for p, compacted, _, walked in rows if compacted}
            return (
                sqlite_upkeep.retain(db, cutoffs, OFFSET_BITS, max_records)
                + sqlite_upkeep.compact(db, walks, OFFSET_BITS, max_records)
                + sqlite_upkeep.bury(db, moment, max_records)
            )

    def remove(self, topics: Sequence[str], groups: Sequence[tuple[str, str]]) -> list[str]:
        """See ``Log.remove``: records go in batches, the topic's own row last."""
        with self.writing() as db:
            sqlite_removal.remove_groups(db, groups, time.time())
        lines = []
        for name in topics:
            with suppress(UnknownTopic):
                _, partitions = self.topic(name)
                for identifier in partitions.values():
                    deleted = True
                    while deleted:
                        with self.writing() as db:
                            deleted = sqlite_removal.empty(db, identifier, OFFSET_BITS)
                with self.writing() as db:
                    sqlite_removal.remove_topic(db, name)
                del self._topics[name]
                lines.append(f"topic {name}: removed")
        return lines

    def changes(self) -> int:
        """A number that changes when another connection has committed; cheap to ask."""
        with self.reading() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """See ``Log.close``."""
        for consumer in self._consumers:
            with suppress(LogError):  # its lease runs out by itself
                consumer.close()
        self._db.close()

    # -- the file

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, with errors of SQLite as one clear ``LogError`` (``ConfigError`` for a damaged file)."""
        with FILE.guarded(self.path):
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection inside an immediate transaction: committed at the end, rolled back on any exception."""
        with self.reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # SQLite has rolled back by itself after some errors (a full disk)
                    db.execute("ROLLBACK")
                raise


class SqliteTransaction:
    """See ``Transaction``: collects, and writes all at the end of the block."""

    def __init__(self, log: SqliteLog, consumer: SqliteConsumer | None, before: datetime | None) -> None:
        self._log = log
        self._consumer = consumer
        self._before = before
        self._records: dict[int, list[tuple[str, bytes | None, str | None]]] = {}
        self._offsets: dict[int, Offset] = {}

    def publish(
        self, topic: str, partition: int, key: str, value: bytes | None, headers: Mapping[str, str] | None = None
    ) -> None:
        """See ``Transaction.publish``."""
        check_size(topic, key, value)
        packed = json.dumps(dict(headers), ensure_ascii=False) if headers else None
        self._records.setdefault(self._log.partition(topic, partition), []).append((key, value, packed))

    def commit(self, offsets: Mapping[int, Offset]) -> None:
        """See ``Transaction.commit``."""
        if self._consumer is None:
            raise ValueError("only the transaction of a consumer can commit offsets")
        self._offsets |= offsets

    def __enter__(self) -> SqliteTransaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or not (self._records or self._offsets):
            return
        with self._log.writing() as db:
            if self._consumer is not None:
                self._consumer.write_offsets(db, self._offsets)
            now = time.time_ns() // 1000
            for partition, records in self._records.items():
                _append(db, partition, records, now)
            refuse_late(self._before)


def _append(
    db: sqlite3.Connection, partition: int, records: Sequence[tuple[str, bytes | None, str | None]], now: int
) -> None:
    following, last_time = db.execute("SELECT next, last_time FROM partitions WHERE id = ?", (partition,)).fetchone()
    moment = max(now, last_time)  # a clock set back must not break the order that offsets_for_time searches by
    position = (partition << OFFSET_BITS) + following
    db.executemany(
        "INSERT INTO records (position, time, key, value, headers) VALUES (?, ?, ?, ?, ?)",
        [(position + i, moment, *record) for i, record in enumerate(records)],
    )
    db.execute(
        "UPDATE partitions SET next = ?, last_time = ? WHERE id = ?", (following + len(records), moment, partition)
    )


def _create(db: sqlite3.Connection, topic: Topic, partitions: int, retention: float | None) -> None:
    identifier = db.execute(
        "INSERT INTO topics (name, partitions, compacted, retention_seconds) VALUES (?, ?, ?, ?)",
        (topic.name, partitions, int(topic.compacted), retention),
    ).lastrowid
    db.executemany("INSERT INTO partitions (topic, number) VALUES (?, ?)", [(identifier, n) for n in range(partitions)])
