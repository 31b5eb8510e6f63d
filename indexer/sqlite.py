"""The index on SQLite and FTS5, for one machine and several processes: one file, a write-ahead log."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Literal

from indexer.compile_sqlite import Condition, condition
from indexer.fields import FIELDS, KINDS, Document, Kind
from indexer.index import ABSENT, Page, Put, Report, Stored
from indexer.paging import MAX_LIMIT, Place, decode_cursor, encode_cursor
from indexer.query import InvalidDocument, Matchable, Query, everything, fitting
from indexer.query.values import micros, time_of
from indexer.sqlite_tables import (
    delete_search_rows,
    documents_ddl,
    field_number,
    insert_search_rows,
    layout_of,
    live_generation,
    search_ddl,
    table_of,
)
from stream.errors import ConfigError, IndexUnavailable
from stream.lineage import FIRST, LIVE, NAME
from stream.sqlite_file import FileKind

FILE = FileKind(
    what="index",
    setting="index_url",
    application_id=0x6E777831,  # "nwx1"
    version=1,
    schema="CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    unavailable=IndexUnavailable,
)
_HOUR = 3_600_000_000
_BATCH = 500


class SqliteIndex:
    """``indexer.index.Index`` in the file ``path``. A write waits up to ``busy_timeout`` seconds for another's."""

    def __init__(self, path: str, generation: str = FIRST, *, busy_timeout: float = 10.0, create: bool = True) -> None:
        """Open the file, or create it if ``create``. Raises ``ConfigError``, one line, where that cannot be."""
        if generation != LIVE and not NAME.fullmatch(generation):
            raise ConfigError(f"generation: {generation!r} is no generation; they are called g1, g2, …")
        self._path, self._generation = path, generation
        self._db = FILE.open(path, busy_timeout, create=create)
        self._checked: set[str] = set()

    def setup(self) -> list[str]:
        """Create what is missing; tables of an older layout are made anew from their documents."""
        lines = []
        generation = self._shown()
        for kind in KINDS:
            table = table_of(kind, generation)
            with self._transaction("IMMEDIATE"):
                had = self._layout(table)
                if had == layout_of(kind):
                    continue
                for statement in [*documents_ddl(table), *search_ddl(table, kind)]:
                    self._db.execute(statement)
                count = self._index_again(kind, table)
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"layout:{table}", layout_of(kind)))
            lines.append(f"index: {table} {'created' if had is None else f'changed: {count} documents indexed again'}")
        with self._transaction("IMMEDIATE"):
            if self._layout(table_of("articles", live_generation(self._db))) is None:  # the file was made anew
                self._db.execute("INSERT OR REPLACE INTO meta VALUES ('live', ?)", (generation,))
        return lines

    def put(self, puts: Sequence[Put]) -> list[Report]:
        """Store documents in one transaction; one report each."""
        if not puts:
            return []
        tables = {p.kind: self._table(p.kind) for p in puts}
        with self._transaction("IMMEDIATE"):
            return [self._put(tables[p.kind], p) for p in puts]

    def get(self, kind: Kind, ids: Sequence[str]) -> dict[str, Stored]:
        """The present documents by id."""
        table, found = self._table(kind), {}
        with self._transaction():
            for at in range(0, len(ids), _BATCH):
                some = list(ids[at : at + _BATCH])
                marks = ", ".join("?" * len(some))
                rows = self._db.execute(f"SELECT id, version, document FROM {table} WHERE id IN ({marks})", some)
                found.update({row[0]: _stored(row) for row in rows})
        return found

    def search(
        self, kind: Kind, query: Query | None = None, *, since: datetime | None = None, until: datetime | None = None,
        oldest_first: bool = False, limit: int = 20, cursor: str | None = None,
    ) -> Page:  # fmt: skip
        """A page of what matches; pages follow each other by the last hit's time and id, so writes never shift them."""
        if not 0 <= limit <= MAX_LIMIT:
            raise ConfigError(f"limit: {limit} is not between 0 and {MAX_LIMIT:,}")
        place = decode_cursor(cursor, oldest_first) if cursor is not None else None
        now = place.now if place else micros(datetime.now(UTC))
        table = self._table(kind)
        matching = _within(_condition(kind, query, table, now), since, until)
        with self._transaction():
            counted = self._db.execute(f"SELECT count(*) FROM {table} d WHERE {matching.sql}", matching.parameters)
            total = int(counted.fetchone()[0])
            rows = self._page(table, matching, place, oldest_first, limit + 1)
        last = rows[limit - 1] if 0 < limit < len(rows) else None
        following = encode_cursor(Place(now, last[3], last[0]), oldest_first) if last else None
        return Page([_stored(row[:3]) for row in rows[:limit]], total, following)

    def facets(
        self, kind: Kind, field: str, query: Query | None = None, *,
        since: datetime | None = None, until: datetime | None = None, size: int = 10,
    ) -> list[tuple[str, int]]:  # fmt: skip
        """The most frequent values of a field that can be counted."""
        if field not in FIELDS[kind] or not FIELDS[kind][field].countable:
            raise ConfigError(f"facets: {field!r} is no keyword or name of {kind}; the field reference lists them")
        table = self._table(kind)
        matching = _within(_condition(kind, query, table, micros(datetime.now(UTC))), since, until)
        sql = (
            f"SELECT shown, count(*) FROM {table}_values WHERE field = ? AND doc IN"
            f" (SELECT doc FROM {table} d WHERE {matching.sql}) GROUP BY shown ORDER BY 2 DESC, 1 LIMIT ?"
        )
        with self._transaction():
            rows = self._db.execute(sql, [field_number(kind, field), *matching.parameters, max(size, 0)])
            return [(value, count) for value, count in rows]

    def histogram(
        self, kind: Kind, interval: Literal["hour", "day"], query: Query | None = None, *,
        since: datetime | None = None, until: datetime | None = None,
    ) -> list[tuple[datetime, int]]:  # fmt: skip
        """How many match in each hour or day, in order of time."""
        table = self._table(kind)
        length = _HOUR if interval == "hour" else 24 * _HOUR
        matching = _within(_condition(kind, query, table, micros(datetime.now(UTC))), since, until)
        start = f"time - ((time % {length}) + {length}) % {length}"  # towards the past, also before 1970
        sql = f"SELECT {start}, count(*) FROM {table} d WHERE {matching.sql} GROUP BY 1 ORDER BY 1"
        with self._transaction():
            return [(time_of(at), count) for at, count in self._db.execute(sql, matching.parameters)]

    def prune(self, kind: Kind, before: datetime) -> int:
        """Remove what is older, a batch a transaction so that no writer waits for long."""
        table, count = self._table(kind), 0
        while True:
            with self._transaction("IMMEDIATE"):
                some = f"SELECT doc FROM {table} WHERE time < ? ORDER BY time LIMIT ?"
                removed = self._delete(table, self._db.execute(some, (micros(before), _BATCH)))
            count += removed
            if removed < _BATCH:
                return count

    def remove(self, kind: Kind, ids: Sequence[str]) -> int:
        """Remove documents, a batch a transaction."""
        table, count = self._table(kind), 0
        for at in range(0, len(ids), _BATCH):
            some = list(ids[at : at + _BATCH])
            with self._transaction("IMMEDIATE"):
                marks = ", ".join("?" * len(some))
                count += self._delete(table, self._db.execute(f"SELECT doc FROM {table} WHERE id IN ({marks})", some))
        return count

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _delete(self, table: str, found: Iterable[tuple[int]]) -> int:
        """Delete the documents with these row numbers; how many."""
        docs = [(doc,) for (doc,) in found]
        for (doc,) in docs:
            delete_search_rows(self._db, table, doc)
        self._db.executemany(f"DELETE FROM {table} WHERE doc = ?", docs)
        return len(docs)

    def _put(self, table: str, put: Put) -> Report:
        try:
            view = Matchable(put.kind, put.document)
            text = _text(put.document)
            f"{put.id}{text}".encode()
        except (InvalidDocument, TypeError, ValueError) as error:
            return Report(put.id, "refused", str(error))
        if (time := view.time) is None:
            return Report(put.id, "refused", f"{put.kind}: the document has no time to be sorted by")
        found = self._db.execute(f"SELECT doc, version, document FROM {table} WHERE id = ?", (put.id,)).fetchone()
        if put.if_match is not None and put.if_match != (_etag(found[1], found[2]) if found else ABSENT):
            return Report(put.id, "changed")
        if found and found[1] > put.version:
            return Report(put.id, "older")
        if not found:
            row = (put.id, put.version, time, text)
            doc = self._db.execute(
                f"INSERT INTO {table} (id, version, time, document) VALUES (?, ?, ?, ?)", row
            ).lastrowid
            insert_search_rows(self._db, table, doc or 0, view)
        elif found[1] != put.version or found[2] != text:
            self._db.execute(
                f"UPDATE {table} SET version = ?, time = ?, document = ? WHERE doc = ?",
                (put.version, time, text, found[0]),
            )
            if found[2] != text:
                delete_search_rows(self._db, table, found[0])
                insert_search_rows(self._db, table, found[0], view)
        return Report(put.id, "stored")

    def _page(
        self, table: str, matching: Condition, place: Place | None, oldest_first: bool, limit: int
    ) -> list[tuple[str, int, str, int]]:
        beyond, order = (">", "ASC") if oldest_first else ("<", "DESC")
        after = f" AND (d.time, d.id) {beyond} (?, ?)" if place else ""
        parameters = [*matching.parameters, *([place.time, place.id] if place else []), limit]
        return self._db.execute(
            f"SELECT d.id, d.version, d.document, d.time FROM {table} d WHERE {matching.sql}{after}"
            f" ORDER BY d.time {order}, d.id {order} LIMIT ?",
            parameters,
        ).fetchall()

    def _index_again(self, kind: Kind, table: str) -> int:
        """Make the search rows of every document of a kind; returns how many there are. What no longer fits the field
        table is dropped from the documents: who reads one must be able to put it back."""
        count, last = 0, 0
        while rows := self._db.execute(
            f"SELECT doc, document FROM {table} WHERE doc > ? ORDER BY doc LIMIT ?", (last, _BATCH)
        ).fetchall():
            for doc, text in rows:
                stored = json.loads(text)
                document = fitting(kind, stored)
                if document != stored:
                    self._db.execute(f"UPDATE {table} SET document = ? WHERE doc = ?", (_text(document), doc))
                insert_search_rows(self._db, table, doc, Matchable(kind, document))
            count, last = count + len(rows), rows[-1][0]
        return count

    def _table(self, kind: Kind) -> str:
        """The kind's table. Raises ``ConfigError`` where it is missing or laid out by another version."""
        table = table_of(kind, self._shown())
        if table not in self._checked:
            with self._transaction():
                layout = self._layout(table)
            if layout != layout_of(kind):
                fault = "is not there" if layout is None else "was made by another version of newswatch"
                raise ConfigError(f"index {self._path}: {table} {fault}; run newswatch setup")
            self._checked.add(table)
        return table

    def _shown(self) -> str:
        """The generation that is meant now."""
        if self._generation != LIVE:
            return self._generation
        with FILE.guarded(self._path):
            return live_generation(self._db)

    def _layout(self, table: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (f"layout:{table}",)).fetchone()
        return row[0] if row else None

    def _transaction(self, mode: Literal["DEFERRED", "IMMEDIATE"] = "DEFERRED") -> AbstractContextManager[None]:
        return transaction(self._db, self._path, mode)


@contextmanager
def transaction(db: sqlite3.Connection, path: str, mode: Literal["DEFERRED", "IMMEDIATE"]) -> Iterator[None]:
    """One transaction on the index at ``path``, ended in any case; SQLite's errors become ours."""
    with FILE.guarded(path):
        db.execute(f"BEGIN {mode}")
        try:
            yield
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


def _text(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _stored(row: Sequence[object]) -> Stored:
    id_, version, text = str(row[0]), int(str(row[1])), str(row[2])
    return Stored(id_, version, json.loads(text), _etag(version, text))


def _etag(version: int, text: str) -> str:
    return hashlib.blake2b(f"{version}:{text}".encode(), digest_size=16).hexdigest()


def _condition(kind: Kind, query: Query | None, table: str, now: int) -> Condition:
    if query is not None and query.kind != kind:
        raise ConfigError(f"query: it was read as one on {query.kind}, not on {kind}")
    return condition(query or everything(kind), table, now)


def _within(matching: Condition, since: datetime | None, until: datetime | None) -> Condition:
    """The condition, and the time in [since, until)."""
    parts, parameters = [matching.sql], [*matching.parameters]
    for time, operator in ((since, ">="), (until, "<")):
        if time is not None:
            parts.append(f"d.time {operator} ?")
            parameters.append(micros(time))
    return Condition(" AND ".join(parts), parameters)
