"""Removing topics and groups from the SQLite log, in short transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from stream.errors import ConfigError

BATCH = 2_000


def remove_groups(db: sqlite3.Connection, groups: Sequence[tuple[str, str]], now: float) -> None:
    """Forget what the groups (topic, group) own and committed. Raises ``ConfigError`` when a member of one lives at
    ``now`` (seconds since 1970)."""
    of_group = "topic = (SELECT id FROM topics WHERE name = ?) AND grp = ?"
    for topic, group in groups:
        alive = db.execute(f"SELECT count(*) FROM members WHERE {of_group} AND expires > ?", (topic, group, now))
        if alive.fetchone()[0]:
            raise ConfigError(f"group {group} is at work on topic {topic}: stop its workers first")
    for topic, group in groups:
        for table in ("members", "owners", "offsets"):
            db.execute(f"DELETE FROM {table} WHERE {of_group}", (topic, group))


def empty(db: sqlite3.Connection, partition: int, offset_bits: int) -> bool:
    """Delete some records of a partition (its id); False when there was none left."""
    first, behind = partition << offset_bits, (partition + 1) << offset_bits
    some = "SELECT position FROM records WHERE position >= ? AND position < ? ORDER BY position LIMIT ?"
    deleted = db.execute(f"DELETE FROM records WHERE position IN ({some})", (first, behind, BATCH)).rowcount
    return deleted > 0


def remove_topic(db: sqlite3.Connection, name: str) -> None:
    """Remove a topic that is empty, with its partitions and all that groups hold of it."""
    (topic,) = db.execute("SELECT id FROM topics WHERE name = ?", (name,)).fetchone()
    db.execute("DELETE FROM newest WHERE partition IN (SELECT id FROM partitions WHERE topic = ?)", (topic,))
    for table in ("partitions", "members", "owners", "offsets"):
        db.execute(f"DELETE FROM {table} WHERE topic = ?", (topic,))
    db.execute("DELETE FROM topics WHERE id = ?", (topic,))
