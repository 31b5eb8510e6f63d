"""What the chaos tests share: their seed, processes to kill, patience with an end, and what is in the log then."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess
from typing import TypeVar

from stream.log import Log
from stream.logs import configure_logging
from stream.messages import Message, decode
from stream.worker import Worker, run_workers
from tests.contracts.stores import Store
from tests.forks import FORKS

SEED = "CHAOS_SEED"
"""The environment variable that repeats a test's random moments."""


M = TypeVar("M", bound=Message)


def chance() -> random.Random:
    """The test's source of randomness; its seed is printed, and shown by pytest where the test fails."""
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(1_000_000))
    print(f"{SEED}={seed}")
    return random.Random(seed)


def one_by_one(log: Log, topic: str, group: str) -> bool:
    """Whether the group suspects a record of killing its processes: a death now, at random, would be counted."""
    return any(o.metadata.startswith("record:") for o in log.committed(topic, group).values())


def wait(
    until: Callable[[], bool],
    seconds: float,
    what: str,
    *,
    keep: Callable[[], object] | None = None,
    look: float = 0.01,
) -> None:
    """Look every ``look`` seconds, for at most ``seconds``, whether ``what`` has come; ``keep`` is called meanwhile."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        if keep:
            keep()
        time.sleep(look)


def messages(log: Log, topic: str, kind: type[M]) -> list[M]:
    """All messages of this kind in the topic (its full name)."""
    records = [r for p in range(log.partitions(topic)) for r in log.read(topic, p, 0, 100_000, 1 << 30)]
    return [m for m in (decode(r.value) for r in records if r.value) if isinstance(m, kind)]


class Crew:
    """Processes that do the same work on one store; ``with`` ends them all.

    ``work`` makes a process's workers, given its own log; it is a function of a module that ``tests.forks`` imports.
    """

    def __init__(self, store: Store, work: Callable[[Log], Sequence[Worker]], count: int) -> None:
        self._store, self._work = store, work
        self._processes: list[ForkServerProcess | None] = [None] * count

    def __enter__(self) -> Crew:
        for n in range(len(self._processes)):
            self.replace(n)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process:
                process.kill()
                process.join()

    def replace(self, n: int) -> None:
        """SIGKILL for the ``n``-th, and another one in its place."""
        if before := self._processes[n]:
            before.kill()
            before.join()
        process = self._processes[n] = FORKS.Process(target=_run, args=(self._store, self._work), daemon=True)
        process.start()


def _run(store: Store, work: Callable[[Log], Sequence[Worker]]) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    configure_logging("error", "chaos")
    run_workers(work(store.open()), threading.Event(), idle=0.1)
