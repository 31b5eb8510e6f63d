"""The tables of the SQLite index: their DDL, derived from the field table, and the rows that a document makes.

Each kind (of each generation) has four: ``T`` (the documents by id, with their time), ``T_words`` (FTS5, a column a
``words`` field), ``T_vocabulary`` (its terms) and ``T_values`` (a row a value of every other field, and of names).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from indexer.fields import FIELDS, SHARED, Field, Kind
from indexer.query import Matchable
from indexer.words import VERSION, fold
from stream.lineage import FIRST

LAYOUT = 1
"""Raise it when the tables of a kind change; ``setup`` then makes them anew from the documents."""

SENTINEL = "\ue000"
"""Stands before each value in a column, so that no phrase crosses from one to the next; no word contains it."""

_PUNCTUATION = {code: 0xE000 + code for code in range(0x21, 0x7F) if not chr(code).isalnum()}
"""FTS5's ``ascii`` tokenizer cuts at ASCII punctuation and nowhere else: inside words it is mapped to private use."""


def table_of(kind: Kind, generation: str) -> str:
    """The name of the kind's table; some kinds are shared by all generations."""
    name = kind.replace("-", "_")
    return name if kind in SHARED else f"{generation}_{name}"


def live_generation(db: sqlite3.Connection) -> str:
    """The generation that who asks for no other sees."""
    row = db.execute("SELECT value FROM meta WHERE name = 'live'").fetchone()
    return row[0] if row else FIRST


def term_of(token: str) -> str:
    """A word as FTS5 holds it."""
    return token.translate(_PUNCTUATION)


def word_columns(kind: Kind) -> list[str]:
    """The columns of the FTS5 table: the paths of the ``words`` fields."""
    return [f.path for f in FIELDS[kind].values() if f.type == "words"]


def field_number(kind: Kind, path: str) -> int:
    """How ``T_values`` names a field: its place in the field table (part of ``layout_of``)."""
    return list(FIELDS[kind]).index(path)


def layout_of(kind: Kind) -> str:
    """A hash over all that decides what the tables of a kind hold."""
    fields = [[f.path, f.type, f.countable] for f in FIELDS[kind].values()]
    return hashlib.blake2b(json.dumps([LAYOUT, VERSION, fields]).encode(), digest_size=8).hexdigest()


def documents_ddl(table: str) -> list[str]:
    """The table of documents; it survives a change of layout. ``AUTOINCREMENT``: a row number is never used twice."""
    return [
        f"CREATE TABLE IF NOT EXISTS {table} (doc INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " version INTEGER NOT NULL, time INTEGER NOT NULL, document TEXT NOT NULL)",
        f"CREATE INDEX IF NOT EXISTS {table}_time ON {table} (time, id)",
    ]


def search_ddl(table: str, kind: Kind) -> list[str]:
    """The tables that searches use, made anew; all they hold comes from the documents."""
    columns = ", ".join(f'"{c}"' for c in word_columns(kind))
    return [
        f"DROP TABLE IF EXISTS {table}_vocabulary",
        f"DROP TABLE IF EXISTS {table}_words",
        f"DROP TABLE IF EXISTS {table}_values",
        f"CREATE VIRTUAL TABLE {table}_words USING fts5({columns}, tokenize='ascii', columnsize=0)",
        f"CREATE VIRTUAL TABLE {table}_vocabulary USING fts5vocab('{table}_words', 'instance')",
        f"CREATE TABLE {table}_values (doc INTEGER NOT NULL, field INTEGER NOT NULL, value NOT NULL, shown NOT NULL,"
        " PRIMARY KEY (doc, field, shown)) WITHOUT ROWID",
        f"CREATE INDEX {table}_value ON {table}_values (field, value, doc)",
    ]


def insert_search_rows(db: sqlite3.Connection, table: str, doc: int, view: Matchable) -> None:
    """Write all rows by which the document with row number ``doc`` is found."""
    columns = word_columns(view.kind)
    texts = [_column(view, c) for c in columns]
    if any(texts):
        marks = ", ".join("?" * (len(columns) + 1))
        db.execute(f"INSERT INTO {table}_words (rowid, {_quoted(columns)}) VALUES ({marks})", [doc, *texts])
    rows = [(doc, number, value, shown) for number, value, shown in _values(view)]
    db.executemany(f"INSERT OR IGNORE INTO {table}_values VALUES (?, ?, ?, ?)", rows)


def delete_search_rows(db: sqlite3.Connection, table: str, doc: int) -> None:
    """Remove what ``insert_search_rows`` wrote."""
    db.execute(f"DELETE FROM {table}_words WHERE rowid = ?", (doc,))
    db.execute(f"DELETE FROM {table}_values WHERE doc = ?", (doc,))


def _quoted(columns: list[str]) -> str:
    return ", ".join(f'"{c}"' for c in columns)


def _column(view: Matchable, path: str) -> str:
    """The words of all values, a sentinel before each value; empty where there are none."""
    return " ".join(" ".join([SENTINEL, *map(term_of, value)]) for value in view.tokens(path))


def _values(view: Matchable) -> Iterator[tuple[int, Any, Any]]:
    """(field number, value to compare with, value to show) of every value that is not only text."""
    for number, field in enumerate(FIELDS[view.kind].values()):
        for value, shown in _pairs(view, field):
            yield number, value, shown


def _pairs(view: Matchable, field: Field) -> Iterator[tuple[Any, Any]]:
    if field.countable:
        yield from ((f, v) for v in view.values.get(field.path, ()) if (f := fold(v)))
    elif field.type == "geo":
        yield from ((1, 1) for _ in view.values.get(field.path, ()))
    elif field.type != "words":
        yield from ((v, v) for v in view.comparable(field.path))
