"""The SQLite log beside plain SQLite inserts and reads of the same rows: records of 3 KiB, transactions of 100."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from benchmarks.measure import compare, resident_mb
from stream.log import Offset, open_log
from stream.topics import Names

RECORDS, BATCH, PARTITIONS, MILLION = 20_000, 100, 4, 1_000_000
VALUE = b"x" * 3072


def run() -> None:
    """Print both comparisons."""
    with tempfile.TemporaryDirectory(prefix="newswatch-bench-", dir=Path.cwd()) as folder:
        stores = iter(range(1_000_000))
        compare(
            f"SQLite log: produce, 3 KiB, transactions of {BATCH}", "records",
            lambda: _produce(f"{folder}/{next(stores)}.db"), "sqlite3", lambda: _insert(f"{folder}/{next(stores)}.db"),
            rate=5_000,
        )  # fmt: skip
        ours, plain = f"{folder}/ours.db", f"{folder}/plain.db"
        _produce(ours)
        _insert(plain)
        compare(
            "SQLite log: consume and commit, 3 KiB, batches of 500", "records",
            lambda: _consume(ours, f"group{next(stores)}"), "sqlite3", lambda: _select(plain), rate=10_000,
        )  # fmt: skip
        _memory(f"{folder}/long.db")


def _memory(path: str) -> None:
    """Resident memory while a million records go through, in and out."""
    log = open_log(f"sqlite:///{path}")
    log.create_topics(Names().described(), PARTITIONS)
    topic = Names().topic("articles")
    consumer = log.consumer(topic, "memory")
    seen: list[float] = []
    for start in range(0, MILLION, 10_000):
        for batch in range(start, start + 10_000, BATCH):
            with log.transaction() as tx:
                for i in range(batch, batch + BATCH):
                    tx.publish(topic, i % PARTITIONS, f"key{i}", VALUE)
        while consumer.poll(500, 0.0):
            with log.transaction(consumer) as tx:
                tx.commit({p: Offset(consumer.position(p)) for p in consumer.assignment()})
        seen.append(resident_mb())
    log.close()
    print(f"SQLite log: memory over {MILLION:,} records in and out, 3 KiB")
    print(f"  after 10,000: {seen[0]:.0f} MB, after 100,000: {seen[9]:.0f} MB, at the end: {seen[-1]:.0f} MB\n")


def _produce(path: str) -> int:
    log = open_log(f"sqlite:///{path}")
    log.create_topics(Names().described(), PARTITIONS)
    topic = Names().topic("articles")
    for start in range(0, RECORDS, BATCH):
        with log.transaction() as tx:
            for i in range(start, start + BATCH):
                tx.publish(topic, i % PARTITIONS, f"key{i}", VALUE)
    log.close()
    return RECORDS


def _consume(path: str, group: str) -> int:
    log = open_log(f"sqlite:///{path}")
    consumer = log.consumer(Names().topic("articles"), group)
    done = 0
    while records := consumer.poll(500, 0.0):
        done += len(records)
        with log.transaction(consumer) as tx:
            tx.commit({p: Offset(consumer.position(p)) for p in {r.partition for r in records}})
    log.close()
    assert done == RECORDS
    return done


def _plain(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA page_size = 8192")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, time INTEGER, key TEXT, value BLOB)")
    return db


def _insert(path: str) -> int:
    db = _plain(path)
    for start in range(0, RECORDS, BATCH):
        db.execute("BEGIN IMMEDIATE")
        rows = [(0, f"key{i}", VALUE) for i in range(start, start + BATCH)]
        db.executemany("INSERT INTO rows (time, key, value) VALUES (?, ?, ?)", rows)
        db.execute("COMMIT")
    db.close()
    return RECORDS


def _select(path: str) -> int:
    db = _plain(path)
    done = 0
    while rows := db.execute("SELECT * FROM rows WHERE id > ? ORDER BY id LIMIT 500", (done,)).fetchall():
        done = rows[-1][0]
    db.close()
    return done
