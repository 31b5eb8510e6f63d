"""What the tests of the ingest worker share: a clock, topics as messages, a worker in a thread, a log that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from ingest.feeds import diff
from ingest.stage import IngestWorker
from stream.log import Log, open_log
from stream.messages import Article, Feed, FeedState, decode, encode
from stream.topics import Names
from tests.ingest.server import LOOPBACK

NAMES = Names()
PARTITIONS = 4


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def set_feeds(log: Log, *feeds: Feed, before: tuple[Feed, ...] = ()) -> None:
    """Make the topic equal to ``feeds``, as the command line does."""
    with log.transaction() as tx:
        for out in diff(feeds, {f.id: f for f in before}).outgoing(states(log)):
            for partition in out.partitions(PARTITIONS):
                tx.publish(NAMES.topic(out.topic), partition, out.key, encode(out.message) if out.message else None)


def records(log: Log, topic: str) -> list[tuple[int, object]]:
    """Partition and message of all records, in order within a partition."""
    name = NAMES.topic(topic)
    return [(p, decode(r.value)) for p in range(PARTITIONS) for r in log.read(name, p, 0, 10_000) if r.value]


def published(log: Log) -> list[Article]:
    return [m for _, m in records(log, "articles") if isinstance(m, Article)]


def states(log: Log) -> dict[str, FeedState]:
    return {m.feed_id: m for _, m in records(log, "feed-state") if isinstance(m, FeedState)}


@contextmanager
def running(url: str, clock: Callable[[], datetime]) -> Iterator[threading.Event]:
    """A worker in a thread with a log of its own."""
    stop = threading.Event()

    def work() -> None:
        log = open_log(url)
        try:
            IngestWorker(log, NAMES, LOOPBACK, clock).run(stop)
        finally:
            log.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


class Failing:
    """The real log, but its next transactions fail: as when the disk is full or a paused worker lost its partitions."""

    def __init__(self, log: Log, *errors: Exception) -> None:
        self._log = log
        self._errors = list(errors)

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def transaction(self, consumer: object = None) -> object:
        if self._errors:
            raise self._errors.pop(0)
        return self._log.transaction(consumer)  # type: ignore[arg-type]
