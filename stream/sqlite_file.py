"""A SQLite file of ours, log or index: opening it, knowing it for ours, and its errors in our words."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stream.errors import ConfigError, NewswatchError

_FIXES: dict[int, str] = {
    sqlite3.SQLITE_CANTOPEN: "set {setting} or data_dir to a folder that can be written",
    sqlite3.SQLITE_READONLY: "check the rights on it, or set {setting} or data_dir to a folder that can be written",
    sqlite3.SQLITE_FULL: "make room on the disk; nothing was lost, work goes on by itself",
    sqlite3.SQLITE_BUSY: "another process holds the write lock for long; work goes on when it ends",
    sqlite3.SQLITE_LOCKED: "another process holds the write lock for long; work goes on when it ends",
    sqlite3.SQLITE_NOTADB: "the file is not ours; set {setting} or data_dir to another place",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it from a backup, or set {setting} to another place",
}
_WAITING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_FOR_GOOD = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


@dataclass(frozen=True, slots=True)
class FileKind:
    """What makes a file ours.

    ``what`` it is and the ``setting`` that places it, for messages; ``application_id`` and ``version`` as SQLite's
    pragmas of these names; ``schema`` (statements ended by ``;``) for a new one; ``unavailable`` is raised for what
    passes by itself.
    """

    what: str
    setting: str
    application_id: int
    version: int
    schema: str
    unavailable: type[NewswatchError]

    def open(self, path: str, busy_seconds: float, *, create: bool = True) -> sqlite3.Connection:
        """A connection to the file, made with its folder where there is none; WAL, durable commits, for one thread.

        Raises ``ConfigError`` when it cannot be made or written, is not there although it is not to be made
        (``create`` False), is not ours, or was made by a newer newswatch; ``unavailable`` when it stays locked.
        """
        if not path or path == ":memory:":
            raise ConfigError(f"{self.setting}: no file is named; write sqlite:///PATH")
        if not create and not Path(path).exists():
            raise ConfigError(
                f"{self.what} {path}: not there; go to the folder where newswatch runs, or set data_dir,"
                " or begin with: newswatch setup"
            )
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self.what} {path}: its folder cannot be made: {error.strerror};"
                f" set {self.setting} or data_dir to a folder that can be written"
            ) from error
        with self.guarded(path, opening=True), ExitStack() as on_failure:
            db = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
            on_failure.callback(db.close)
            self._prepare(db, path, busy_seconds)
            on_failure.pop_all()
        return db

    @contextmanager
    def guarded(self, path: str, *, opening: bool = False) -> Iterator[None]:
        """SQLite's errors as ``ConfigError`` where a person must act first, else as ``unavailable``; one line."""
        try:
            yield
        except sqlite3.Error as error:
            # SQLite's primary result code; extended ones carry it in their low byte
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            fix = _FIXES.get(code, "see SQLite's message").format(setting=self.setting)
            line = f"{self.what} {path}: {error}; {fix}"
            if code in _FOR_GOOD or (opening and code not in _WAITING):
                raise ConfigError(line) from error
            raise self.unavailable(line) from error

    def _prepare(self, db: sqlite3.Connection, path: str, busy_seconds: float) -> None:
        db.execute("BEGIN")  # one snapshot: another process may be making the tables just now
        self._is_made(db, path)  # before anything is changed in it
        db.execute("COMMIT")
        db.execute("PRAGMA page_size = 8192")
        _switch_to_wal(db, busy_seconds)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        if not self._is_made(db, path):
            for statement in re.split(r";\s*\n", self.schema.strip()):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {self.application_id}")
            db.execute(f"PRAGMA user_version = {self.version}")
        db.execute("COMMIT")

    def _is_made(self, db: sqlite3.Connection, path: str) -> bool:
        """False when the file is empty. Raises ``ConfigError`` when it is anything but ours."""
        version = db.execute("PRAGMA user_version").fetchone()[0]
        application = db.execute("PRAGMA application_id").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and application != self.application_id:
            raise ConfigError(f"{self.what} {path}: another program's SQLite file; set {self.setting} to another place")
        if version > self.version:
            raise ConfigError(
                f"{self.what} {path}: made by a newer newswatch (store version {version}, this one knows"
                f" {self.version}); upgrade newswatch, or set {self.setting} to another place"
            )
        return bool(tables)


def _switch_to_wal(db: sqlite3.Connection, busy_seconds: float) -> None:
    """SQLite does not wait for its busy timeout here; processes that start together switch together."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
