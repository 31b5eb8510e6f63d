"""What the tests of the worker work with: a log with all topics, messages that say what becomes of them, a handler."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from stream.errors import LogError
from stream.log import Log, Record, partition_of
from stream.messages import Superseded, decode, encode
from stream.sqlite import SqliteLog
from stream.stage import Done, Handler, Incoming, Outcome, Reject
from stream.topics import Names, Outgoing
from stream.worker import Limits, Worker
from tests.contracts.processes import Desk

NAMES = Names(prefix="t.")
STAGE = "enrich"
INPUT, OUTPUT, DEAD = NAMES.topic("articles"), NAMES.topic("enriched"), NAMES.topic("dead-letters")
GROUP = NAMES.group(STAGE, "articles")
PARTITIONS = 2
NEWER = json.dumps({"message": "Superseded", "schema_version": 2, "article_id": "newer", "version": 0}).encode()
MISFORMED = "not decodable"
"""What ``value_of`` makes no message of."""


def value_of(name: str) -> bytes | None:
    """The record called ``name``: a message with that id, or what its first letters say."""
    if name.startswith("tombstone"):
        return None
    if name.startswith("bytes"):
        return f"{name}: {MISFORMED} \N{BULLET}".encode("utf-16")
    if name.startswith("newer"):
        return NEWER.replace(b"newer", name.encode())
    return encode(Superseded(article_id=name, version=0))


def partition_key(partition: int, partitions: int = PARTITIONS) -> str:
    """A key that goes to ``partition``."""
    return next(key for n in itertools.count() if partition_of(key := str(n), partitions) == partition)


@dataclass
class Bench:
    """A log with all topics, and what is in them."""

    log: Log
    partitions: int = PARTITIONS

    def __post_init__(self) -> None:
        self.log.create_topics(NAMES.described(), self.partitions)

    def put(self, partition: int, *names: str) -> None:
        """Publish the records of these names, each under its name as key."""
        with self.log.transaction() as tx:
            for name in names:
                tx.publish(INPUT, partition, name, value_of(name))

    def outputs(self) -> list[list[str]]:
        """The ids of the messages that the handler published, by partition."""
        records = (self.log.read(OUTPUT, p, 0, 100_000) for p in range(self.partitions))
        return [[_id(r.value or b"") for r in of] for of in records]

    def dead(self) -> dict[tuple[int, int], Record]:
        """The dead letters by the partition and offset of the record; each may be there once."""
        records = [r for p in range(self.partitions) for r in self.log.read(DEAD, p, 0, 100_000)]
        letters = {(int(r.headers["partition"]), int(r.headers["offset"])): r for r in records}
        assert len(letters) == len(records)
        return letters

    def committed(self) -> dict[int, int]:
        """The offsets that the stage committed."""
        return {p: o.offset for p, o in self.log.committed(INPUT, GROUP).items()}

    def notes(self) -> list[str]:
        """What is noted beside them, where anything is."""
        return [o.metadata for o in self.log.committed(INPUT, GROUP).values() if o.metadata]

    def ends(self) -> dict[int, int]:
        """The ends of the partitions that hold anything."""
        return {p: b.end for p, b in self.log.bounds(INPUT).items() if b.end}


def _id(value: bytes) -> str:
    message = decode(value)
    assert isinstance(message, Superseded)
    return message.article_id


def name_of(incoming: Incoming) -> str:
    """The name of a record."""
    return incoming.record.key


def copy(incoming: Incoming, partitions: int = PARTITIONS) -> Done:
    """The record handled: its message goes to the same partition of the output."""
    out = Outgoing(
        "enriched", incoming.record.key, partition_key(incoming.record.partition, partitions), incoming.message
    )
    return Done((out,))


@dataclass
class Copier:
    """A handler: copies, rejects what is called so, and raises where one is poison. Remembers whom it handled."""

    partitions: int = PARTITIONS
    handled: list[Incoming] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def __call__(self, batch: Sequence[Incoming]) -> list[Outcome]:
        self.sizes.append(len(batch))
        if poison := [name_of(i) for i in batch if name_of(i).startswith("poison")]:
            raise RuntimeError(f"boom {poison[0]}")
        self.handled += batch
        return [self.outcome(i) for i in batch]

    def outcome(self, incoming: Incoming) -> Outcome:
        """What becomes of one record."""
        return (
            Reject(f"no {name_of(incoming)}")
            if name_of(incoming).startswith("reject")
            else copy(incoming, self.partitions)
        )

    def names(self, partition: int | None = None) -> list[str]:
        """The names of the records handled, in order, of all partitions or of one."""
        return [name_of(i) for i in self.handled if partition in (None, i.record.partition)]


def make_worker(log: Log, handler: Handler, records: int = 500) -> Worker:
    """The stage on its input."""
    return Worker(log, NAMES, STAGE, "articles", handler, Limits(records=records))


def work(worker: Worker, done: Callable[[], bool], within: float = 60.0) -> None:
    """Step until ``done``; errors of the log are survived as ``run_workers`` does."""
    deadline = time.monotonic() + within
    while not done():
        assert time.monotonic() < deadline, "the worker does not get on"
        with suppress(LogError):
            worker.step(0.05)


def lock(log: SqliteLog) -> Callable[[], None]:
    """Another program takes the write lock of the log's file; returns what lets go of it."""
    taken, over = threading.Event(), threading.Event()

    def hold() -> None:
        other = SqliteLog(log.path)
        with other.writing():
            taken.set()
            over.wait()
        other.close()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()

    def release() -> None:
        over.set()
        thread.join()

    return release


class Fault:
    """Lets the ``nth`` statement from now on fail, once, as an error of SQLite in the middle of its work."""

    def __init__(self, log: SqliteLog, nth: int) -> None:
        self.statements = 0
        self.happened = False
        self._nth = nth
        with log.reading() as db:
            db.set_trace_callback(self._count)
            db.set_progress_handler(self._fail, 1)

    def _count(self, _statement: str) -> None:
        self.statements += 1

    def _fail(self) -> bool:
        due = self.statements == self._nth and not self.happened
        self.happened |= due
        return due


# -- what a child can be told (see ``tests/contracts/processes.py``)


def work_for_ever(desk: Desk) -> None:
    """Step until killed; at a record called ``death`` the process dies."""
    copier = Copier()

    def handler(batch: Sequence[Incoming]) -> list[Outcome]:
        if any(name_of(i).startswith("death") for i in batch):
            os.kill(os.getpid(), signal.SIGKILL)
        return copier(batch)

    worker = make_worker(desk.log, handler)
    while True:
        worker.step(0.1)
