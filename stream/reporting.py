"""What a worker process says of itself: a heartbeat on the topic ``workers``, the gauge of lag, its health."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol

from stream.errors import NewswatchError
from stream.log import Log, partition_of
from stream.messages import Heartbeat, Standing, encode
from stream.metrics import LAG, Health
from stream.topics import Names

EVERY_SECONDS = 10.0
MAINTAIN_SECONDS = 60.0
MAINTAIN_BATCHES = 20
"""At most so many batches of upkeep in a row: some 200 ms, then the worker goes on with its work."""
SILENT_SECONDS = 30.0
"""A worker whose last heartbeat is older than this is gone or stands still."""


@dataclass(slots=True)
class Counts:
    """What became of the records of one topic since the worker started."""

    done: int = 0
    rejected: int = 0
    retried: int = 0


class Reported(Protocol):
    """A consumer of one topic that reports: its topic as in ``TOPICS``, what it owns, and what it did."""

    topic: str
    counts: Counts

    def assignment(self) -> frozenset[int]:
        """The partitions owned now."""

    def waits(self) -> dict[int, str]:
        """Why a partition stands still, by partition."""

    def lag(self) -> int:
        """What the whole group has left to do."""


class Reporter:
    """Reports for one process of ``stage``, at most every ``EVERY_SECONDS``. Use it in the thread of ``log``."""

    def __init__(self, log: Log, names: Names, stage: str, reported: Sequence[Reported], health: Health) -> None:
        self._log = log
        self._names = names
        self._stage = stage
        self._reported = reported
        self._health = health
        self._host = socket.gethostname()
        self._id = f"{self._host}-{os.getpid()}-{stage}"
        self._started = datetime.now(UTC)
        self._next = 0.0
        self._maintain_at = time.monotonic() + MAINTAIN_SECONDS
        self._last = time.monotonic()
        self._done = 0

    def came_round(self, error: NewswatchError | None = None) -> None:
        """The loop came round; with the error that made it wait for the log, if one did. Raises ``LogError``."""
        waits = {r.topic: r.waits() for r in self._reported}
        self._health.came_round(read=error is None, waits=waits)
        if error is None and time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_SECONDS
            self._publish(self._heartbeat())
        if error is None and time.monotonic() >= self._maintain_at:
            self._maintain_at = time.monotonic() + MAINTAIN_SECONDS
            self._maintain()

    def leave(self) -> None:
        """Take the heartbeat back: this worker ends as it should."""
        self._publish(None)

    def _maintain(self) -> None:
        """A little of the log's upkeep; every worker does some, so that it is done whoever runs."""
        for _ in range(MAINTAIN_BATCHES):
            if not self._log.maintain(datetime.now(UTC)):
                return
        self._maintain_at = time.monotonic()  # there is more

    def _publish(self, heartbeat: Heartbeat | None) -> None:
        topic = self._names.topic("workers")
        with self._log.transaction() as tx:
            partition = partition_of(self._id, self._log.partitions(topic))
            tx.publish(topic, partition, self._id, encode(heartbeat) if heartbeat else None)

    def _heartbeat(self) -> Heartbeat:
        now = time.monotonic()
        done = sum(r.counts.done + r.counts.rejected for r in self._reported)
        rate = (done - self._done) / max(now - self._last, 1e-3)
        self._done, self._last = done, now
        return Heartbeat(
            id=self._id, stage=self._stage, host=self._host, pid=os.getpid(), newswatch=version("newswatch"),
            started=self._started, at=datetime.now(UTC), per_second=round(rate, 2),
            standings=tuple(self._standing(r) for r in self._reported),
        )  # fmt: skip

    def _standing(self, reported: Reported) -> Standing:
        left = reported.lag()
        LAG.labels(self._stage, reported.topic).set(left)
        return Standing(
            topic=reported.topic, partitions=tuple(sorted(reported.assignment())), lag=left,
            done=reported.counts.done, rejected=reported.counts.rejected, retried=reported.counts.retried,
            waits=tuple(f"partition {p}: {reason}" for p, reason in reported.waits().items()),
        )  # fmt: skip
