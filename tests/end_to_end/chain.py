"""A chain of three stages in processes of their own, A → B → C → D, and the records that flow through it."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess

from stream.log import Log, Record, lag, partition_of
from stream.logs import configure_logging
from stream.messages import Superseded
from stream.stage import Done, Incoming, Outcome
from stream.topics import Names, Outgoing
from stream.worker import Limits, Worker, run_workers
from tests.contracts.stores import SqliteStore
from tests.forks import FORKS

NAMES = Names(prefix="chain.")
PARTITIONS = 3
TOPICS = ("articles", "enriched", "location-changes", "alerts")
"""A, B, C and D; they carry ``Superseded`` here, the smallest of messages."""
STAGES = {"enrich": TOPICS[0:2], "index": TOPICS[1:3], "alert": TOPICS[2:4]}
"""Each with what it reads and what it writes."""


def invent(count: int, poison_each: int, chance: random.Random) -> list[str]:
    """The names of ``count`` records; some are poison to a stage that the name tells, one kills the second stage."""
    names = [f"good.{n:05}" for n in range(count)]
    *poison, killer = chance.sample(range(count), count // poison_each + 1)
    for n in poison:
        names[n] = f"poison.{chance.choice(list(STAGES))}.{n:05}"
    names[killer] = f"killer.index.{killer:05}"
    return names


def value_of(name: str) -> bytes:
    """The record called so; no stage would write these very bytes again, so that they prove to be the original."""
    return json.dumps({"version": 1, "message": "Superseded", "article_id": name, "unknown": "Düne"}).encode()


def partition_for(name: str) -> int:
    """The partition that it keeps from A to D."""
    return partition_of(name, PARTITIONS)


_KEYS = [next(k for n in itertools.count() if partition_of(k := str(n), PARTITIONS) == p) for p in range(PARTITIONS)]


def append(log: Log, names: Sequence[str]) -> None:
    """Put the records into A."""
    with log.transaction() as tx:
        for name in names:
            tx.publish(NAMES.topic(TOPICS[0]), partition_for(name), name, value_of(name))


def everything(log: Log, topic: str) -> list[list[Record]]:
    """All records of ``topic``, by partition."""
    return [log.read(NAMES.topic(topic), p, 0, 100_000, 1 << 30) for p in range(PARTITIONS)]


def is_through(log: Log) -> bool:
    """Whether no stage has anything left; asked in the order of the flow."""
    return not any(lag(log, *group_of(stage)) for stage in STAGES)


def group_of(stage: str) -> tuple[str, str]:
    """The full names of the stage's topic and of its group."""
    source = STAGES[stage][0]
    return NAMES.topic(source), NAMES.group(stage, source)


@dataclass(frozen=True)
class Copy:
    """The handler of ``stage``: passes messages on, raises at poison and dies at its killer."""

    stage: str

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """See ``stream.stage.Handler``."""
        return [self._copy(incoming) for incoming in batch]

    def _copy(self, incoming: Incoming) -> Done:
        assert isinstance(incoming.message, Superseded)
        name = incoming.message.article_id
        if name.startswith(f"killer.{self.stage}."):
            os.kill(os.getpid(), signal.SIGKILL)
        if name.startswith(f"poison.{self.stage}."):
            raise RuntimeError(f"cannot digest {name}")
        return Done((Outgoing(STAGES[self.stage][1], name, _KEYS[incoming.record.partition], incoming.message),))


class Chain:
    """One worker process a stage on the log in ``store``; ``with`` ends them all. ``deaths`` counts what it killed."""

    def __init__(self, store: SqliteStore, batch: int) -> None:
        self._store = store
        self._batch = batch
        self._processes: dict[str, ForkServerProcess] = {}
        self.deaths = dict.fromkeys(STAGES, 0)
        self.restarts = dict.fromkeys(STAGES, -1)

    def __enter__(self) -> Chain:
        self.keep_running()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.join()

    def keep_running(self) -> None:
        """Start anew who is dead, at once."""
        for stage in STAGES:
            process = self._processes.get(stage)
            if process is None or not process.is_alive():
                self.restarts[stage] += 1
                self._processes[stage] = FORKS.Process(
                    target=_work, args=(self._store, stage, self._batch), daemon=True
                )
                self._processes[stage].start()

    def kill(self, stage: str) -> None:
        """SIGKILL."""
        self._processes[stage].kill()
        self._processes[stage].join()
        self.deaths[stage] += 1


def _work(store: SqliteStore, stage: str, batch: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what a stage says of each poison
    configure_logging("error", stage)
    log = store.open()
    worker = Worker(log, NAMES, stage, STAGES[stage][0], Copy(stage), Limits(records=batch))
    run_workers([worker], threading.Event(), idle=0.1)
