"""The feeds that this worker owns, with their states: tables of its partitions, and what is not published yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from stream.log import Log, partition_of
from stream.messages import Feed, FeedState
from stream.table import Table
from stream.topics import Names


class OwnedFeeds:
    """Tables of ``feeds`` and ``feed-state`` for the owned partitions (the topics are partitioned alike)."""

    def __init__(self, log: Log, names: Names) -> None:
        self._feeds: Table[Feed] = Table(log, names.topic("feeds"), Feed)
        self._states: Table[FeedState] = Table(log, names.topic("feed-state"), FeedState)
        self._unpublished: dict[str, FeedState] = {}
        self.partitions: frozenset[int] = frozenset()
        """Those read whole."""
        self._count = log.partitions(names.topic("feeds"))

    def assign(self, partitions: frozenset[int]) -> None:
        """Own exactly these from now on. Raises ``LogError``, ``NewerSchema``; then repeat."""
        for partition in self.partitions - partitions:
            self._drop(partition)
        self.partitions &= partitions
        for partition in partitions - self.partitions:
            self.refresh(partition)
            self.partitions |= {partition}

    def forget(self) -> None:
        """Own nothing, remember nothing: the log is asked again by the next ``assign``."""
        self.assign(frozenset())
        self._unpublished.clear()

    def refresh(self, partition: int) -> None:
        """Read on in both topics. Raises ``LogError``, ``NewerSchema``."""
        self._feeds.refresh(partition)
        self._states.refresh(partition)

    def refresh_all(self) -> None:
        """``refresh`` all owned partitions."""
        for partition in self.partitions:
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

    def published_at(self, partition: int, feed: Feed) -> datetime | None:
        """The time of the poll whose state was published last."""
        published = self._states.get(partition, feed.id)
        return published.last_polled if published else None

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
