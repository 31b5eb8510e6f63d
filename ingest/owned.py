"""The feeds that this worker owns, with their states: tables of its partitions, and what is not published yet.

A partition that holds a record of a newer newswatch waits, with its feeds, until this worker is upgraded: the others
are polled all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import structlog

from stream.errors import NewerSchema
from stream.log import Log, partition_of
from stream.messages import Feed, FeedState
from stream.table import Table
from stream.topics import Names

logger = structlog.get_logger()


class OwnedFeeds:
    """Tables of ``feeds`` and ``feed-state`` for the owned partitions (the topics are partitioned alike)."""

    def __init__(self, log: Log, names: Names) -> None:
        self._feeds: Table[Feed] = Table(log, names.topic("feeds"), Feed)
        self._states: Table[FeedState] = Table(log, names.topic("feed-state"), FeedState)
        self._unpublished: dict[str, FeedState] = {}
        self.partitions: frozenset[int] = frozenset()
        """Those read whole."""
        self.waiting: dict[int, str] = {}
        """Those that are assigned too, but hold a record of a newer schema, with what is to be done about it; looked
        at again by ``refresh_all``."""
        self._count = log.partitions(names.topic("feeds"))

    def assign(self, partitions: frozenset[int]) -> None:
        """Own exactly these from now on. Raises ``LogError``; then repeat."""
        for partition in (self.partitions | self.waiting.keys()) - partitions:
            self._drop(partition)
        self.partitions &= partitions
        self.waiting = {p: reason for p, reason in self.waiting.items() if p in partitions}
        for partition in partitions - self.partitions - self.waiting.keys():
            self.refresh(partition)

    def forget(self) -> None:
        """Own nothing, remember nothing: the log is asked again by the next ``assign``."""
        self.assign(frozenset())
        self._unpublished.clear()

    def refresh(self, partition: int) -> None:
        """Read on in both topics: the partition is owned then, or waits. Raises ``LogError``."""
        try:
            self._states.refresh(partition)  # before the feeds: else the state of a feed just moved here looks orphaned
            self._feeds.refresh(partition)
        except NewerSchema as error:
            if partition not in self.waiting:
                logger.warning("the feeds of a partition wait", partition=partition, reason=str(error))
            self.waiting[partition] = str(error)
            self.partitions -= {partition}
        else:
            self.waiting.pop(partition, None)
            self.partitions |= {partition}

    def refresh_all(self) -> None:
        """``refresh`` all owned partitions and those that wait."""
        for partition in self.partitions | self.waiting.keys():
            self.refresh(partition)

    def refresh_for(self, feeds: Iterable[Feed]) -> None:
        """``refresh`` those owned partitions that the feeds' publishers belong to."""
        for partition in {partition_of(f.publisher, self._count) for f in feeds} & self.partitions:
            self.refresh(partition)

    def feeds(self) -> Iterator[tuple[int, Feed]]:
        """All owned feeds with their partitions."""
        for partition in sorted(self.partitions):
            for feed in self._feeds.values(partition).values():
                yield partition, feed

    def partition(self, feed: Feed) -> int | None:
        """The owned partition where ``feed`` is, as it is; None when it was removed, changed or is not owned."""
        partition = partition_of(feed.publisher, self._count)
        return partition if partition in self.partitions and self._feeds.get(partition, feed.id) == feed else None

    def state(self, partition: int, feed: Feed) -> FeedState:
        """The feed's newest state, published or not."""
        published = self._states.get(partition, feed.id)
        mine = self._unpublished.get(feed.id)
        if mine and (published is None or _when(mine) >= _when(published)):
            return mine
        return published or FeedState(feed_id=feed.id)

    def published_state(self, partition: int, feed: Feed) -> FeedState | None:
        """The state that was published last."""
        return self._states.get(partition, feed.id)

    def lengths_elsewhere(self, partition: int, feed: Feed) -> dict[str, int]:
        """By article the characters of the longest text that another of the publisher's feeds held at its last poll; a
        feed that fails holds nothing."""
        found: dict[str, int] = {}
        for other in self._feeds.values(partition).values():
            if other.publisher == feed.publisher and other.id != feed.id:
                state = self.state(partition, other)
                if state.failures:
                    continue
                for seen in (s for s in state.entries if s.last_seen == state.last_success):
                    found[seen.article_id] = max(seen.length, found.get(seen.article_id, 0))
        return found

    def orphans(self) -> list[tuple[int, str]]:
        """Partition and feed id of the states whose feed is gone; forgets what was remembered of them."""
        found = [
            (partition, feed_id)
            for partition in sorted(self.partitions)
            for feed_id in self._states.values(partition)
            if self._feeds.get(partition, feed_id) is None
        ]
        for _, feed_id in found:
            self._unpublished.pop(feed_id, None)
        return found

    def remember(self, state: FeedState) -> None:
        """Keep a state that is not worth a record yet."""
        self._unpublished[state.feed_id] = state

    def published(self, state: FeedState) -> None:
        """``state`` is in the log now."""
        self._unpublished.pop(state.feed_id, None)

    def _drop(self, partition: int) -> None:
        for feed_id in self._feeds.values(partition):
            self._unpublished.pop(feed_id, None)
        self._feeds.drop(partition)
        self._states.drop(partition)


def _when(state: FeedState) -> float:
    return state.last_polled.timestamp() if state.last_polled else 0.0
