"""The file under the SQLite index: opening it, knowing it for ours, and SQLite's errors in our words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream.errors import ConfigError, IndexUnavailable

APPLICATION_ID = 0x6E777831
"""Marks the file (``PRAGMA application_id``): "nwx1"."""

STORE_VERSION = 1
"""``PRAGMA user_version``: raise it when an older newswatch could no longer work with the file."""

_ELSEWHERE = "set index_url or data_dir to a folder that can be written"


def open_store(path: str, busy_timeout: float) -> sqlite3.Connection:
    """A connection to the index file, created where there is none; for one thread.

    Raises ``ConfigError`` when the folder cannot be written, when the file is no index of ours or a newer one;
    ``IndexUnavailable`` when it stays locked.
    """
    if not path:
        raise ConfigError("index_url: no file is named; write sqlite:///PATH")
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)
    except (OSError, sqlite3.OperationalError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"index {path}: cannot be opened: {reason}; set index_url or data_dir to a folder that can be written"
        ) from error
    try:
        with guarded(path, opening=True):
            _claim(db, path, busy_timeout)
    except BaseException:
        db.close()
        raise
    return db


def _claim(db: sqlite3.Connection, path: str, busy_timeout: float) -> None:
    """Check that the file is ours and not newer; make an empty one ours."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    mark = int(db.execute("PRAGMA application_id").fetchone()[0])
    empty = mark == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not empty and mark != APPLICATION_ID:
        raise ConfigError(f"index {path}: this is a database of another program; set index_url to another file")
    if version > STORE_VERSION:
        raise ConfigError(
            f"index {path}: made by a newer newswatch (store version {version}, this one knows {STORE_VERSION});"
            " upgrade newswatch or set index_url to another file"
        )
    _switch_to_wal(db, busy_timeout)
    db.execute("PRAGMA synchronous = FULL")
    if mark == APPLICATION_ID:
        return
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {STORE_VERSION}")
    db.execute("COMMIT")


def _switch_to_wal(db: sqlite3.Connection, busy_timeout: float) -> None:
    """SQLite does not wait for its busy timeout here when two processes create the file at once."""
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _code(error) not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def guarded(path: str, *, opening: bool = False) -> Iterator[None]:
    """SQLite's errors as ``ConfigError`` where a person must act first, else as ``IndexUnavailable``."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = _code(error)
        if code == sqlite3.SQLITE_NOTADB:
            raise ConfigError(f"index {path}: this file is not a database; set index_url to another file") from error
        if code == sqlite3.SQLITE_CORRUPT:
            raise ConfigError(
                f"index {path}: the file is damaged ({error}); restore a backup or replay into a new file"
            ) from error
        if opening and code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
            raise ConfigError(
                f"index {path}: cannot be written ({error}); set index_url or data_dir to a folder that can"
            ) from error
        if isinstance(error, sqlite3.OperationalError):
            raise IndexUnavailable(f"index {path}: {error}") from error
        raise


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; extended ones carry it in their low byte."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
