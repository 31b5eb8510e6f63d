"""Retention and compaction of the SQLite log in bounded batches: short transactions that readers do not notice.

Compaction walks a compacted topic once, from where it stood to the end, with the newest offset of each key in a
table beside it: a record whose key comes again is deleted when the walk meets the newer one. A tombstone stays for a
day, so that tables that are behind see it, and then goes too. Work and memory are in proportion to the batch, never to
the topic; a publish pays nothing for it. Each function returns how many records it dealt with: 0 when all is done.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta

TOMBSTONES_STAY = timedelta(days=1)

SCHEMA = """\
CREATE TABLE newest (
  partition INTEGER NOT NULL, key TEXT NOT NULL, position INTEGER NOT NULL, tombstone_time INTEGER,
  PRIMARY KEY (partition, key)) WITHOUT ROWID;
CREATE INDEX tombstones ON newest (tombstone_time) WHERE tombstone_time IS NOT NULL;
"""


def retain(db: sqlite3.Connection, cutoffs: dict[int, int], offset_bits: int, batch: int) -> int:
    """Delete up to ``batch`` records older than their partition's cutoff (partition id → microseconds since 1970).

    Timestamps never fall within a partition, so what is too old is always at its beginning.
    """
    deleted = 0
    for partition, cutoff in cutoffs.items():
        base = partition << offset_bits
        rows = db.execute(
            "SELECT position, time FROM records WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
            (base, base + (1 << offset_bits), batch - deleted),
        ).fetchall()
        old = [position for position, moment in rows if moment < cutoff]
        if not old:
            continue
        db.execute("DELETE FROM records WHERE position >= ? AND position <= ?", (base, old[-1]))
        db.execute("UPDATE partitions SET first = ? WHERE id = ?", (old[-1] - base + 1, partition))
        deleted += len(old)
        if deleted >= batch:
            break
    return deleted


def compact(db: sqlite3.Connection, partitions: dict[int, int], offset_bits: int, batch: int) -> int:
    """Walk on by up to ``batch`` records in ``partitions`` (partition id → offset where the walk stands)."""
    looked_at = 0
    for partition, walked in partitions.items():
        base = partition << offset_bits
        rows = db.execute(
            "SELECT position, key, value IS NULL, time FROM records"
            " WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
            (base + walked, base + (1 << offset_bits), batch - looked_at),
        ).fetchall()
        for position, key, tombstone, moment in rows:
            _meet(db, partition, position, key, moment if tombstone else None)
        if rows:
            db.execute("UPDATE partitions SET walked = ? WHERE id = ?", (rows[-1][0] - base + 1, partition))
        looked_at += len(rows)
        if looked_at >= batch:
            break
    return looked_at


def _meet(db: sqlite3.Connection, partition: int, position: int, key: str, tombstone_time: int | None) -> None:
    before = db.execute(
        "SELECT position FROM newest WHERE partition = ? AND key = ?", (partition, key)
    ).fetchone()  # fmt: skip
    db.execute(
        "INSERT INTO newest (partition, key, position, tombstone_time) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET position = excluded.position, tombstone_time = excluded.tombstone_time",
        (partition, key, position, tombstone_time),
    )
    if before is not None:
        db.execute("DELETE FROM records WHERE position = ?", before)


def bury(db: sqlite3.Connection, now: int, batch: int) -> int:
    """Delete up to ``batch`` tombstones that have stayed long enough; ``now`` in microseconds since 1970."""
    rows = db.execute(
        "SELECT partition, key, position FROM newest WHERE tombstone_time < ? LIMIT ?",
        (now - TOMBSTONES_STAY // timedelta(microseconds=1), batch),
    ).fetchall()
    db.executemany("DELETE FROM records WHERE position = ?", [(position,) for _, _, position in rows])
    db.executemany("DELETE FROM newest WHERE partition = ? AND key = ?", [(p, key) for p, key, _ in rows])
    return len(rows)
