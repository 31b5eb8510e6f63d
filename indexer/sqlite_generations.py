"""The index sets of all generations in one SQLite file (``indexer/generations.py``): tables, and a row that names the
live one."""

from __future__ import annotations

import re
import sqlite3

from indexer.fields import Kind
from indexer.generations import DERIVED, EXAMPLES, Missing, not_there, refuse_live
from indexer.sqlite import FILE, transaction
from indexer.sqlite_tables import live_generation, table_of

_PARTS = ("_vocabulary", "_words", "_values", "")
_BUSY_SECONDS = 30.0
_BATCH = 2_000


class SqliteIndexSets:
    """``IndexSets`` in the file ``path``."""

    def __init__(self, path: str) -> None:
        """Open the file. Raises ``ConfigError`` where there is none."""
        self._path = path
        self._db = FILE.open(path, _BUSY_SECONDS, create=False)

    def live(self) -> str:
        """See ``IndexSets.live``."""
        with FILE.guarded(self._path):
            return live_generation(self._db)

    def present(self) -> dict[str, dict[Kind, int]]:
        """See ``IndexSets.present``."""
        with FILE.guarded(self._path):
            layouts = self._db.execute("SELECT name FROM meta WHERE name LIKE 'layout:g%'").fetchall()
            found = {m[1] for (name,) in layouts if (m := re.match(r"layout:(g[0-9]+)_", name))}
            return {g: {k: self._count(table_of(k, g)) for k in DERIVED} for g in sorted(found, key=_number)}

    def missing(self, generation: str) -> Missing:
        """See ``IndexSets.missing``."""
        with FILE.guarded(self._path):
            return self._missing(generation)

    def promote(self, generation: str) -> Missing:
        """See ``IndexSets.promote``: looked at and changed over in one transaction."""
        with transaction(self._db, self._path, "IMMEDIATE"):
            missing = self._missing(generation)
            if not missing.count:
                self._db.execute("INSERT OR REPLACE INTO meta VALUES ('live', ?)", (generation,))
        return missing

    def drop(self, generation: str) -> list[str]:
        """See ``IndexSets.drop``: emptied in batches, so that no writer waits for long; the row that says that it is
        there goes last."""
        refuse_live(generation, self.live())
        lines = []
        for kind in DERIVED:
            table = table_of(kind, generation)
            with FILE.guarded(self._path):
                if not self._is_there(table):
                    continue
                count = self._count(table)
            for part in ("_values", ""):
                self._empty(table + part)
            with transaction(self._db, self._path, "IMMEDIATE"):
                for part in _PARTS:
                    self._db.execute(f"DROP TABLE IF EXISTS {table}{part}")
                self._db.execute("DELETE FROM meta WHERE name = ?", (f"layout:{table}",))
            lines.append(f"index: {table} removed with {count} documents")
        return lines

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _missing(self, generation: str) -> Missing:
        live, new = live_generation(self._db), table_of("articles", generation)
        if not self._is_there(new):
            raise not_there(self._path, generation)
        lacks = (
            f"FROM {table_of('articles', live)} a LEFT JOIN {new} b ON b.id = a.id"
            " WHERE b.id IS NULL OR b.version < a.version"
        )
        count = self._db.execute(f"SELECT count(*) {lacks}").fetchone()[0]
        some = self._db.execute(f"SELECT a.id {lacks} LIMIT {EXAMPLES}").fetchall() if count else []
        return Missing(count, tuple(row[0] for row in some))

    def _is_there(self, table: str) -> bool:
        return bool(self._db.execute("SELECT 1 FROM meta WHERE name = ?", (f"layout:{table}",)).fetchone())

    def _count(self, table: str) -> int:
        try:
            return int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        except sqlite3.OperationalError:  # its removal was interrupted
            return 0

    def _empty(self, table: str) -> None:
        key = "(doc, field, shown)" if table.endswith("_values") else "doc"
        some = f"SELECT {key.strip('()')} FROM {table} LIMIT {_BATCH}"
        while True:
            with transaction(self._db, self._path, "IMMEDIATE"):
                removed = self._db.execute(f"DELETE FROM {table} WHERE {key} IN ({some})").rowcount
            if removed < _BATCH:
                return


def _number(generation: str) -> int:
    return int(generation.removeprefix("g"))
