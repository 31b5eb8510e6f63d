"""Copies of live SQLite files of ours, each as it was at one moment, while other processes go on writing."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from stream.sqlite import BUSY_SECONDS
from stream.sqlite import FILE as LOG_FILE
from stream.sqlite_file import FileKind
from stream.topics import Names

PAGES = 2_000
"""Copied at once, between two looks at how far it is."""

Show = Callable[[int, int], None]
"""Gets the pages that are copied, and how many there are."""

Positions = dict[tuple[int, str, int], int]
"""What groups have committed: offset by topic (its id in the file), group and partition."""


def copy_log(source: str, target: Path, show: Show) -> None:
    """Copy the log at ``source``; see ``copy_file``."""
    copy_file(LOG_FILE, source, target, show)


def copy_file(kind: FileKind, source: str, target: Path, show: Show) -> None:
    """Copy the file at ``source``, as it is at the call, by SQLite's backup interface. Raises ``ConfigError`` and the
    kind's ``unavailable``, also when the disk of ``target`` is full."""
    with closing(kind.open(source, BUSY_SECONDS, create=False)) as live, kind.guarded(str(target)):
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it reads this one moment
        with closing(sqlite3.connect(target)) as copy:
            live.backup(copy, pages=PAGES, progress=lambda _status, left, total: show(total - left, total))


def positions_of(stage: str, names: Names, source: str) -> Positions:
    """What the groups of ``stage``, of whichever generation, have committed in the log at ``source``."""
    with closing(LOG_FILE.open(source, BUSY_SECONDS, create=False)) as log, LOG_FILE.guarded(source):
        return _positions(stage, names, log)


def set_back(stage: str, names: Names, positions: Positions, log: Path) -> None:
    """Let the groups of ``stage`` in a copied log stand at ``positions`` (from its beginning, where none is given), and
    nobody be a member of any group: those who were are not here."""
    with closing(LOG_FILE.open(str(log), BUSY_SECONDS, create=False)) as copy, LOG_FILE.guarded(str(log)):
        copy.execute("BEGIN IMMEDIATE")
        places = list(_positions(stage, names, copy))
        copy.executemany("DELETE FROM offsets WHERE topic = ? AND grp = ? AND partition = ?", places)
        rows = [(*place, offset) for place, offset in positions.items()]
        copy.executemany("INSERT INTO offsets (topic, grp, partition, offset, metadata) VALUES (?, ?, ?, ?, '')", rows)
        copy.execute("DELETE FROM members")
        copy.execute("UPDATE owners SET member = NULL")
        copy.execute("COMMIT")


def _positions(stage: str, names: Names, log: sqlite3.Connection) -> Positions:
    rows = log.execute("SELECT topic, grp, partition, offset FROM offsets").fetchall()
    ours = re.compile(rf"{re.escape(names.prefix)}(g\d+\.)?{stage}\..+")
    return {(topic, group, partition): offset for topic, group, partition, offset in rows if ours.fullmatch(group)}
