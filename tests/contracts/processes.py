"""Child processes that do with a log what the test tells them, until they are stopped or killed.

``child.call(poll, 10, 1.0)`` runs ``poll(desk, 10, 1.0)`` in the child and returns (or raises) what it did.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Concatenate, ParamSpec, TypeVar

from stream.errors import LogError
from stream.log import Consumer, Log, Offset, Record
from tests.contracts.stores import Store
from tests.forks import FORKS

P = ParamSpec("P")
R = TypeVar("R")
PATIENCE = 60.0  # seconds that a test waits for a child at most


@dataclass
class Desk:
    """What a child has before it: its own log, and the consumer that it joined a group with."""

    log: Log
    joined: Consumer | None = None

    @property
    def consumer(self) -> Consumer:
        """The consumer; ``join`` comes first."""
        assert self.joined is not None
        return self.joined


class Child:
    """A process of its own on the log in ``store``."""

    def __init__(self, store: Store) -> None:
        self._pipe, theirs = FORKS.Pipe()
        self._process = FORKS.Process(target=_serve, args=(store, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, function: Callable[Concatenate[Desk, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Start ``function`` in the child and go on; ``result`` waits for it."""
        self._pipe.send((function, args, kwargs))

    def result(self) -> Any:
        """What the function begun first of those open returned; raises what it raised."""
        if not self._pipe.poll(PATIENCE):
            raise TimeoutError("the child does not answer")
        outcome = self._pipe.recv()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def call(self, function: Callable[Concatenate[Desk, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``function`` in the child and wait for it."""
        self.begin(function, *args, **kwargs)
        outcome: R = self.result()
        return outcome

    def stop(self) -> None:
        """Let the process stand still (SIGSTOP)."""
        os.kill(self._pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        os.kill(self._pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it without a word (SIGKILL), also when it stands still."""
        if self._process.is_alive():
            os.kill(self._pid, signal.SIGKILL)
        self._process.join()
        self._pipe.close()

    def alive(self) -> bool:
        """Whether the process still runs or stands still."""
        return self._process.is_alive()

    @property
    def _pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid


def _serve(store: Store, pipe: Connection) -> None:
    desk = Desk(store.open())
    with suppress(EOFError):  # the test is over
        while True:
            function, args, kwargs = pipe.recv()
            try:
                pipe.send(function(desk, *args, **kwargs))
            except Exception as error:  # noqa: BLE001 (the test is to see it)
                pipe.send(error)


# -- what a child can be told


def join(desk: Desk, topic: str, group: str) -> None:
    """Become a member of ``group``."""
    desk.joined = desk.log.consumer(topic, group)


def poll(desk: Desk, max_records: int = 1_000, timeout: float = 0.0) -> list[Record]:
    """Poll as the member it joined as."""
    return desk.consumer.poll(max_records, timeout)


def assignment(desk: Desk) -> frozenset[int]:
    """The partitions it believes to own."""
    return desk.consumer.assignment()


def leave(desk: Desk) -> None:
    """Close the consumer."""
    desk.consumer.close()


def publish(desk: Desk, topic: str, partition: int, values: Sequence[str]) -> None:
    """Publish the values, one transaction each."""
    for value in values:
        with desk.log.transaction() as tx:
            tx.publish(topic, partition, "key", value.encode())


def publish_and_commit(desk: Desk, topic: str, records: Sequence[Record], offsets: Mapping[int, Offset]) -> None:
    """Copy the records to ``topic`` and commit the offsets, in one transaction."""
    with desk.log.transaction(desk.consumer) as tx:
        for record in records:
            tx.publish(topic, record.partition, record.key, record.value, record.headers)
        tx.commit(offsets)


def read_end(desk: Desk, topic: str, partition: int) -> int:
    """The end of a partition as this process sees it."""
    return desk.log.bounds(topic)[partition].end


def copy_for_ever(desk: Desk, source: str, target: str, group: str, seed: int) -> None:
    """Copy ``source`` to ``target`` in small transactions at an uneven pace, as a worker does, until killed."""
    chance = random.Random(seed)
    join(desk, source, group)
    while True:
        records = desk.consumer.poll(chance.randint(1, 7), 0.1)
        if chance.random() < 0.3:
            time.sleep(chance.uniform(0, 0.01))
        try:
            publish_and_commit(desk, target, records, {r.partition: Offset(r.offset + 1) for r in records})
        except LogError:  # fenced as well: the batch is read again by whoever owns its partitions now
            for record in reversed(records):
                desk.consumer.seek(record.partition, record.offset)
