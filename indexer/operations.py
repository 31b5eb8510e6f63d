"""The index stage's sinks for newswatch itself: workers, feeds and dead letters as documents, for those who watch it.

Each document is the present state of one thing. What is taken back (a worker that ended, a feed that was removed) is a
tombstone in the log and a mark on the document: nothing is deleted. All of it may be a little late, and a late older
record never overwrites a newer one: the version of a document is the time of the record's append.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import structlog

from indexer.documents import dead_letter_document, feed_document, worker_documents
from indexer.fields import Kind
from indexer.index import Index, Put, Report
from indexer.stage import RETRY_AFTER
from stream import dead_letters
from stream.errors import ConfigError, IndexUnavailable, InvalidMessage
from stream.log import Log, Record
from stream.messages import Feed, FeedState, Heartbeat, decode
from stream.stage import Done, Incoming, Outcome, Reject, Retry
from stream.table import Table
from stream.topics import TOPICS, Names

logger = structlog.get_logger()

Json = dict[str, Any]
M = TypeVar("M", Heartbeat, FeedState)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Sink(ABC):
    """A ``stream.stage.Handler`` of a raw worker (it looks at records): stores what they say of one kind of thing."""

    kind: Kind

    def __init__(self, index: Index) -> None:
        """``index`` must be set up."""
        self._index = index

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """Store the batch; ``Retry`` for all of it while the index is away."""
        try:
            return self._store([i.record for i in batch])
        except (IndexUnavailable, ConfigError) as error:
            return [Retry(str(error), RETRY_AFTER)] * len(batch)

    @abstractmethod
    def _documents(self, record: Record) -> list[Json]:
        """The documents that a record makes. Raises ``InvalidMessage``."""

    @abstractmethod
    def _marked(self, record: Record) -> tuple[list[str], Json] | None:
        """The ids that a record marks where they are there, and the fields that it sets; None for one that makes
        documents."""

    def _version(self, record: Record) -> int:
        return (record.timestamp - _EPOCH) // timedelta(microseconds=1)

    def _refused(self, report: Report) -> Outcome:
        return Reject(f"the index refuses {self.kind} {report.id}: {report.reason}")

    def _store(self, records: Sequence[Record]) -> list[Outcome]:
        outcomes: list[Outcome] = [Done()] * len(records)
        puts: list[tuple[int, Put]] = []
        there = self._there(records)
        for place, record in enumerate(records):
            try:
                for id_, document in self._changed(record, there):
                    there[id_] = document
                    puts.append((place, Put(self.kind, id_, self._version(record), document)))
            except InvalidMessage as error:
                outcomes[place] = Reject(str(error))
        for (place, _), report in zip(puts, self._index.put([p for _, p in puts]), strict=True):
            if report.outcome == "refused":
                outcomes[place] = self._refused(report)
        return outcomes

    def _there(self, records: Iterable[Record]) -> dict[str, Json]:
        """The present documents of what the records mark."""
        ids = [id_ for record in records if (marked := self._marked(record)) for id_ in marked[0]]
        return {id_: dict(s.document) for id_, s in self._index.get(self.kind, ids).items()} if ids else {}

    def _changed(self, record: Record, there: dict[str, Json]) -> list[tuple[str, Json]]:
        marked = self._marked(record)
        if marked is None:
            return [(str(d["id"]), d) for d in self._documents(record)]
        return [(id_, {**there[id_], **marked[1]}) for id_ in marked[0] if id_ in there]


class IndexWorkers(Sink):
    """Heartbeats: a document for each topic of each worker."""

    kind: Kind = "workers"

    def _documents(self, record: Record) -> list[Json]:
        return worker_documents(_message(record, Heartbeat))

    def _marked(self, record: Record) -> tuple[list[str], Json] | None:
        return None if record.value else ([f"{record.key}.{topic}" for topic in TOPICS], {"ended": True})


class IndexFeeds(Sink):
    """The state of each feed's polling, with what the feed list says of it."""

    kind: Kind = "feeds"

    def __init__(self, index: Index, log: Log, names: Names) -> None:
        """``feeds`` and ``feed-state`` must have the same partitions."""
        super().__init__(index)
        self._feeds = Table(log, names.topic("feeds"), Feed)

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """Store the batch. Raises ``LogError`` when the feed list cannot be read."""
        for partition in {i.record.partition for i in batch}:
            self._feeds.refresh(partition)
        return super().__call__(batch)

    def _documents(self, record: Record) -> list[Json]:
        state = _message(record, FeedState)
        feed = self._feeds.get(record.partition, state.feed_id)
        return [feed_document(feed, state)] if feed and state.last_polled else []

    def _marked(self, record: Record) -> tuple[list[str], Json] | None:
        return None if record.value else ([record.key], {"removed": True})

    def _version(self, record: Record) -> int:
        """A feed that moves to another publisher is taken back in one partition and written to another at once: the
        mark gives way."""
        return super()._version(record) - (0 if record.value else 1)


class IndexDeadLetters(Sink):
    """Dead letters without their bytes, and which were given back."""

    kind: Kind = "dead-letters"

    def _documents(self, record: Record) -> list[Json]:
        return [dead_letter_document(dead_letters.letter_of(record))]

    def _marked(self, record: Record) -> tuple[list[str], Json] | None:
        note = record.headers.get(dead_letters.RETRIED)
        return ([note], {"retried": record.timestamp.isoformat()}) if note else None

    def _refused(self, report: Report) -> Outcome:
        """Left out: a dead letter that says of another that it cannot be shown would help nobody."""
        logger.error("dead letter is not shown", id=report.id, reason=report.reason)
        return Done()


def _message(record: Record, expected: type[M]) -> M:
    message = decode(record.value or b"")
    if not isinstance(message, expected):
        raise InvalidMessage(f"a {type(message).__name__}, where the index expects {expected.__name__} records")
    return message
