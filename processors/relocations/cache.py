"""What fusion knows of its partitions, in a throw-away SQLite file: statements, updates, what was published last.

The log is the truth; the file is a copy of it up to some offset of each partition, gone with the process.
"""

from __future__ import annotations

import json
import marshal
import sqlite3
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from processors.relocations.revisions import newest
from processors.relocations.root import Root
from processors.relocations.statement import Statement, from_row, micros
from stream.errors import LogError
from stream.messages import Relocation, refuse_newer

_ROOM = 1_000
"""Bytes of a row beside a value."""
ROOTS_OF = 200_000
"""Roots are kept in memory, those used last, as long as they hold no more statements than this (of some 2 KB)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was published last of a relocation, as far as the next publication depends on it."""

    version: int
    announced: tuple[tuple[str, str, str, int], ...]
    """The fields of each ``Announced``."""
    contradicted: tuple[Any, ...]
    """What other relocations have a say in, for comparing: see ``contradicted``."""
    merged_into: str | None

    @classmethod
    def of(cls, relocation: Relocation) -> Known:
        """What is to be known of a publication."""
        announced = tuple((a.id, a.kind, a.after, a.times) for a in relocation.announced)
        return cls(relocation.version, announced, contradicted(relocation), relocation.merged_into)

    @classmethod
    def read(cls, value: bytes) -> Known:
        """The same from the record's JSON, without the whole of it being checked. Raises ``KeyError``, ``ValueError``
        where it is no relocation of ours, ``NewerSchema`` where a newer newswatch wrote it."""
        fields = json.loads(value)
        refuse_newer(Relocation, fields.get("schema_version", 1))
        announced = tuple((a["id"], a["kind"], a["after"], a["times"]) for a in fields["announced"])
        against = tuple((c["about"], c["statement"], c["relocation"], c["text"]) for c in fields["contradictions"])
        turns = tuple(
            (c["statement"], micros(datetime.fromisoformat(c["when"])))
            for c in fields["history"] if c["kind"] == "disputed"
        )  # fmt: skip
        return cls(fields["version"], announced, (fields["disputed"], against, turns), fields["merged_into"])

    def row(self) -> bytes:
        """For ``from_row``: short-lived, for this version of Python and newswatch alone."""
        return marshal.dumps((self.version, self.announced, self.contradicted, self.merged_into))

    @classmethod
    def from_row(cls, row: bytes) -> Known:
        """What ``row`` gave."""
        return cls(*marshal.loads(row))  # noqa: S302 - written by this very process


def contradicted(relocation: Relocation) -> tuple[Any, ...]:
    """Whether, by what and since when the relocation is contradicted, for comparing: all that another relocation of
    the actor may change in it, the dispute's entry in the history, too (the rival's start may come late, or go)."""
    against = tuple((c.about, c.statement, c.relocation, c.text) for c in relocation.contradictions)
    turns = tuple((c.statement, micros(c.when)) for c in relocation.history if c.kind == "disputed")
    return relocation.disputed, against, turns


class Cache:
    """One object serves one thread. Changes are pending until ``keep``; ``forget_pending`` undoes them.

    Every method raises ``LogError`` when the temporary file cannot be written (the disk is full): the batch waits.
    """

    def __init__(self) -> None:
        # "": a temporary file that SQLite removes by itself; it is closed by whatever thread collects this object
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        for statement in _SCHEMA:
            self._db.execute(statement)
        self.taken_down: set[tuple[int, str]] = set()
        """Partition and article whose statements are never stored from the takedown in that partition on: what came
        before it there is stored, or the takedown would find nothing to remove."""
        self._roots: OrderedDict[tuple[int, str], Root] = OrderedDict()
        self._held = 0
        self._era = 0
        """Of roots asleep count those of this era: what was put to sleep before may lack what the log says."""

    # -- what is pending

    def begin(self) -> None:
        """Begin a unit of changes, if none is pending."""
        if not self._db.in_transaction:
            self._execute("BEGIN")

    def keep(self) -> None:
        """Keep what is pending."""
        if self._db.in_transaction:
            self._execute("COMMIT")

    def forget_pending(self) -> None:
        """Undo what is pending."""
        if self._db.in_transaction:
            self._execute("ROLLBACK")
        self._roots.clear()
        self._held = 0
        self._era += 1

    def drop(self, partition: int) -> None:
        """Forget all of a partition."""
        for table in ("statements", "roots", "updates", "known", "offsets"):
            self._execute(f"DELETE FROM {table} WHERE partition = ?", partition)
        self.taken_down = {known for known in self.taken_down if known[0] != partition}
        self.forget_roots(partition)

    # -- how far it goes

    def offset(self, partition: int, topic: str) -> int:
        """The offset of ``topic`` up to which the partition is in here."""
        found = self._execute("SELECT next FROM offsets WHERE partition = ? AND topic = ?", partition, topic).fetchone()
        return int(found[0]) if found else 0

    def set_offset(self, partition: int, topic: str, following: int) -> None:
        """From now on the partition is in here up to, without, ``following``."""
        self._execute("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", partition, topic, following)

    # -- statements

    def root(self, partition: int, root: str) -> Root:
        """The root with all its statements, walked; the same object until it is too long unused."""
        key = (partition, root)
        found = self._roots.get(key)
        if found is None:
            asleep = self._execute("SELECT name, era, row FROM roots WHERE root = ?", hash(key)).fetchone()
            if asleep and asleep[:2] == (root, self._era):
                found = Root.awakened(asleep[2])
            else:
                found = Root()
                found.add(self._load(partition, root))
                found.walk()
            self._roots[key] = found
            self._held += len(found)
        self._roots.move_to_end(key)
        return found

    def _load(self, partition: int, root: str) -> Iterable[Statement]:
        standing: dict[str, Statement] = {}
        for row, superseded in self._execute(_LOAD, hash((partition, root))):
            statement = from_row(row, superseded)
            if statement.actor.root == root:
                standing[statement.id] = newest(standing.get(statement.id), statement)
        return standing.values()

    def store(self, partition: int, statements: Iterable[Statement]) -> None:
        """Store statements; of several revisions of one the newest stands. Not those of articles taken down."""
        ours = (s for s in statements if (partition, s.article_id) not in self.taken_down)
        rows = [(*_hashes(partition, s), partition, s.article_id, s.version, s.row()) for s in ours]
        self._execute_all("INSERT INTO statements VALUES (?, ?, ?, ?, ?, ?)", rows)

    def forget_roots(self, partition: int) -> None:
        """Load the partition's roots anew: statements were stored that they do not have."""
        for key in [k for k in self._roots if k[0] == partition]:
            self._held -= len(self._roots.pop(key))
        self._era += 1

    def grown(self, statements: int) -> None:
        """The roots in use hold so many statements more: put those to sleep that were not used for longest."""
        self._held += statements
        while self._held > ROOTS_OF and len(self._roots) > 1:
            (partition, root), oldest = self._roots.popitem(last=False)
            self._held -= len(oldest)
            self._put_to_sleep(partition, root, oldest.asleep())

    def _put_to_sleep(self, partition: int, root: str, row: bytes) -> None:
        """What is too large for a value of SQLite (of a million statements and more) is walked anew instead."""
        if len(row) + len(root.encode()) < self._db.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) - _ROOM:
            values = (hash((partition, root)), partition, root, self._era, row)
            self._execute("INSERT OR REPLACE INTO roots VALUES (?, ?, ?, ?, ?)", *values)
        else:  # nor must it be found as it was when it was smaller
            self._execute("DELETE FROM roots WHERE root = ?", hash((partition, root)))

    def update(self, partition: int, article_id: str, version: int) -> None:
        """Note an update of an article."""
        self._execute("INSERT OR IGNORE INTO updates VALUES (?, ?, ?)", partition, article_id, version)

    def updates(self, partition: int, article_id: str) -> set[int]:
        """The versions of the article's updates."""
        versions = "SELECT version FROM updates WHERE partition = ? AND article_id = ?"
        return {version for (version,) in self._execute(versions, partition, article_id)}

    def said_in(self, partition: int, article_id: str) -> list[Statement]:
        """All revisions of the article's statements."""
        rows = self._execute("SELECT row FROM statements WHERE article = ?", hash((partition, article_id)))
        return [s for (row,) in rows if (s := from_row(row)).article_id == article_id]

    def take_down(self, partition: int, article_id: str) -> None:
        """Forget the article's statements, and those that come yet. Roots that hold them are the caller's to mend."""
        self.taken_down.add((partition, article_id))
        ours = "article = ? AND partition = ? AND article_id = ?"
        self._execute(f"DELETE FROM statements WHERE {ours}", hash((partition, article_id)), partition, article_id)

    # -- what was published

    def known(self, partition: int, identifier: str) -> Known | None:
        """What was published last of a relocation."""
        entry = "SELECT entry FROM known WHERE partition = ? AND id = ?"
        found = self._execute(entry, partition, identifier).fetchone()
        return Known.from_row(found[0]) if found else None

    def merged(self, partition: int) -> dict[str, Known]:
        """All relocations of the partition that another one tells now. Reads what is known of every relocation."""
        rows = self._execute("SELECT id, entry FROM known WHERE partition = ?", partition)
        return {i: known for i, entry in rows if (known := Known.from_row(entry)).merged_into is not None}

    def remember(self, partition: int, published: Mapping[str, Known | None]) -> None:
        """Note what was published, by relocation; None: nothing any more."""
        rows = [(partition, i, k.row()) for i, k in published.items() if k is not None]
        self._execute_all("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", rows)
        gone = [(partition, i) for i, k in published.items() if k is None]
        self._execute_all("DELETE FROM known WHERE partition = ? AND id = ?", gone)

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise _unavailable(error) from error

    def _execute_all(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        try:
            self._db.executemany(statement, rows)
        except sqlite3.Error as error:
            raise _unavailable(error) from error


def _unavailable(error: sqlite3.Error) -> LogError:
    return LogError(f"fuse: temporary file: {error}; make room in the temp folder")


def _hashes(partition: int, statement: Statement) -> tuple[int, int]:
    """What the indexes hold: Python's hashes, which live as long as the process and the file."""
    return hash((partition, statement.actor.root)), hash((partition, statement.article_id))


_SCHEMA = (
    "PRAGMA synchronous = OFF",
    "PRAGMA page_size = 8192",  # a root asleep is 5 KB in the middle: then it is read and replaced in one piece
    "PRAGMA journal_mode = MEMORY",  # of one batch, to undo it
    "PRAGMA cache_size = -65536",  # KiB
    "CREATE TABLE statements (root INTEGER, article INTEGER, partition INTEGER, article_id TEXT, version INTEGER,"
    " row BLOB)",  # root and article: see _hashes
    "CREATE INDEX of_root ON statements (root)",
    "CREATE INDEX of_article ON statements (article)",
    # asleep; root: see _hashes
    "CREATE TABLE roots (root INTEGER PRIMARY KEY, partition INTEGER, name TEXT, era INTEGER, row BLOB)",
    "CREATE TABLE updates (partition INTEGER, article_id TEXT, version INTEGER,"
    " PRIMARY KEY (partition, article_id, version)) WITHOUT ROWID",
    "CREATE TABLE known (partition INTEGER, id TEXT, entry BLOB, PRIMARY KEY (partition, id)) WITHOUT ROWID",
    "CREATE TABLE offsets (partition INTEGER, topic TEXT, next INTEGER, PRIMARY KEY (partition, topic)) WITHOUT ROWID",
)
_LOAD = (
    "SELECT row, coalesce((SELECT min(u.version) FROM updates u WHERE u.partition = s.partition"
    " AND u.article_id = s.article_id AND u.version > s.version), 0)"
    " FROM statements s WHERE s.root = ?"
)
