"""What fusion knows of its partitions, in a throw-away SQLite file: statements, updates, what was published last.

The log is the truth; the file is a copy of it up to some offset of each partition, gone with the process.
"""

from __future__ import annotations

import marshal
import sqlite3
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from processors.relocations.root import Root
from processors.relocations.statement import Statement, from_row
from stream.errors import LogError
from stream.messages import Announced

ROOTS_OF = 100_000
"""Roots are kept in memory, those used last, as long as they hold no more statements than this (about 100 MB)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was published last of a relocation, as far as the next publication depends on it."""

    version: int
    announced: tuple[Announced, ...]
    contradicted: tuple[Any, ...]
    """``disputed`` and the contradictions, for comparing."""
    merged_into: str | None


class Cache:
    """One object serves one thread. Changes are pending until ``keep``; ``forget_pending`` undoes them.

    Every method raises ``LogError`` when the temporary file cannot be written (the disk is full): the batch waits.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # "": a temporary file that SQLite removes by itself
        weakref.finalize(self, self._db.close)
        for statement in _SCHEMA:
            self._db.execute(statement)
        self._roots: OrderedDict[tuple[int, str], Root] = OrderedDict()
        self._held = 0

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

    def drop(self, partition: int) -> None:
        """Forget all of a partition."""
        for table in ("statements", "updates", "known", "offsets"):
            self._execute(f"DELETE FROM {table} WHERE partition = ?", partition)
        self._forget_roots(partition)

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
            found = Root()
            found.add(from_row(row, superseded) for row, superseded in self._execute(_LOAD, partition, root))
            found.walk()
            self._roots[key] = found
            self._held += len(found.statements)
        self._roots.move_to_end(key)
        return found

    def store(self, partition: int, root: str, statements: Iterable[Statement], *, known: int = 0) -> None:
        """Store statements (new, or in the place of a lesser revision); ``known``: how many more its ``Root`` holds."""
        rows = [(partition, root, s.id, s.article_id, s.version, s.row()) for s in statements]
        with self._guarded():
            self._db.executemany("INSERT OR REPLACE INTO statements VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._held += known
        while self._held > ROOTS_OF and len(self._roots) > 1:
            _, oldest = self._roots.popitem(last=False)
            self._held -= len(oldest.statements)

    def store_read(self, partition: int, statements: Iterable[Statement]) -> None:
        """Store what was read from the log to catch up; of a statement that is there the higher revision stays."""
        self._forget_roots(partition)
        rows = [(partition, s.actor.root, s.id, s.article_id, s.version, s.row()) for s in statements]
        with self._guarded():
            self._db.executemany(_STORE_NEWEST, rows)

    def update(self, partition: int, article_id: str, version: int) -> None:
        """Note an update of an article."""
        self._execute("INSERT OR IGNORE INTO updates VALUES (?, ?, ?)", partition, article_id, version)

    def updates(self, partition: int, article_id: str) -> set[int]:
        """The versions of the article's updates."""
        versions = "SELECT version FROM updates WHERE partition = ? AND article_id = ?"
        return {version for (version,) in self._execute(versions, partition, article_id)}

    def said_in(self, partition: int, article_id: str) -> list[tuple[str, str]]:
        """Root and id of the article's statements."""
        return self._execute(
            "SELECT root, id FROM statements WHERE partition = ? AND article_id = ?", partition, article_id
        ).fetchall()

    # -- what was published

    def known(self, partition: int, identifier: str) -> Known | None:
        """What was published last of a relocation."""
        found = self._execute(
            "SELECT entry FROM known WHERE partition = ? AND id = ?", partition, identifier
        ).fetchone()
        if found is None:
            return None
        version, announced, contradicted, merged = marshal.loads(found[0])  # noqa: S302 - written by this process
        entries = tuple(Announced.model_construct(id=i, kind=k, after=a, times=t) for i, k, a, t in announced)
        return Known(version, entries, contradicted, merged)

    def remember(self, partition: int, identifier: str, relocation: dict[str, Any] | None) -> None:
        """Note what was published: the relocation's fields as in its JSON; None: nothing any more."""
        if relocation is None:
            self._execute("DELETE FROM known WHERE partition = ? AND id = ?", partition, identifier)
            return
        announced = tuple((a["id"], a["kind"], a["after"], a["times"]) for a in relocation["announced"])
        entry = (relocation["version"], announced, contradicted(relocation), relocation["merged_into"])
        self._execute("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", partition, identifier, marshal.dumps(entry))

    def _forget_roots(self, partition: int) -> None:
        for key in [k for k in self._roots if k[0] == partition]:
            self._held -= len(self._roots.pop(key).statements)

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        with self._guarded():
            return self._db.execute(statement, values)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LogError(f"fuse: temporary file: {error}; make room in the temp folder") from error


def contradicted(relocation: dict[str, Any]) -> tuple[Any, ...]:
    """Whether and by what the relocation is contradicted, for comparing."""
    against = tuple((c["about"], c["statement"], c["relocation"] or "") for c in relocation["contradictions"])
    return (relocation["disputed"], against)


_SCHEMA = (
    "PRAGMA synchronous = OFF",
    "CREATE TABLE statements (partition INTEGER, root TEXT, id TEXT, article_id TEXT, version INTEGER, row BLOB,"
    " PRIMARY KEY (partition, root, id)) WITHOUT ROWID",
    "CREATE INDEX of_article ON statements (partition, article_id)",
    "CREATE TABLE updates (partition INTEGER, article_id TEXT, version INTEGER,"
    " PRIMARY KEY (partition, article_id, version)) WITHOUT ROWID",
    "CREATE TABLE known (partition INTEGER, id TEXT, entry BLOB, PRIMARY KEY (partition, id)) WITHOUT ROWID",
    "CREATE TABLE offsets (partition INTEGER, topic TEXT, next INTEGER, PRIMARY KEY (partition, topic)) WITHOUT ROWID",
)
_LOAD = (
    "SELECT row, coalesce((SELECT min(u.version) FROM updates u WHERE u.partition = s.partition"
    " AND u.article_id = s.article_id AND u.version > s.version), 0)"
    " FROM statements s WHERE s.partition = ? AND s.root = ?"
)
_STORE_NEWEST = (
    "INSERT INTO statements VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " article_id = excluded.article_id, version = excluded.version, row = excluded.row"
    " WHERE (excluded.version, excluded.row) > (version, row)"
)
