"""The topology in one table: every topic, what it is keyed and partitioned by, and how long it is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from stream.log import partition_of
from stream.messages import AnyMessage


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. ``retention`` None with ``compacted`` means: the newest record of every key, for ever."""

    name: str
    key: str
    partitioned_by: str
    value: str
    compacted: bool
    retention: timedelta | None = None
    generational: bool = False


TOPICS: dict[str, Topic] = {
    t.name: t
    for t in (
        Topic("feeds", "feed id", "publisher", "Feed", compacted=True),
        Topic("feed-state", "feed id", "publisher", "FeedState", compacted=True),
        Topic("articles", "article id + version", "article id", "Article", compacted=True),
        Topic("takedowns", "article id", "article id", "Takedown", compacted=True),
        Topic("enriched", "article id", "article id", "EnrichedArticle", False, timedelta(days=14), generational=True),
        Topic("location-changes", "statement id + version", "actor root", "LocationChange | Superseded | Takedown",
              compacted=True, generational=True),
        Topic("relocations", "relocation id", "actor root", "Relocation", compacted=True, generational=True),
        Topic("transitions", "transition id", "actor root", "Transition", False, timedelta(days=90), generational=True),
        Topic("alerts", "alert id", "article id, or actor root", "Alert", compacted=True),
        Topic("deliveries", "delivery id", "delivery id", "Delivery", compacted=True),
        Topic("backfills", "archive id", "nothing: all in partition 0", "Backfill", compacted=True),
        Topic("generations", "generation", "nothing: in one", "Generation", compacted=True),
        Topic("workers", "worker id", "worker id", "Heartbeat", compacted=True),
        Topic("dead-letters", "original key", "original key", "the original bytes", False, timedelta(days=30)),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """The full names of topics: prefix, generation where derived, name (``news.g1.enriched``)."""

    prefix: str = "news."
    generation: str = "g1"

    def topic(self, name: str) -> str:
        """The full name of the topic called ``name`` in ``TOPICS``."""
        return self.prefix + (f"{self.generation}." if TOPICS[name].generational else "") + name

    def group(self, stage: str, name: str) -> str:
        """The consumer group of ``stage`` on topic ``name``: articles are derived from once a generation, what all
        generations share is worked on once for all."""
        own = f"{self.generation}." if TOPICS[name].generational or name == "articles" else ""
        return f"{self.prefix}{own}{stage}.{name}"

    def generation_of(self, group: str) -> str | None:
        """The generation that a consumer group works on; None of one that all generations share."""
        found = re.match(rf"{re.escape(self.prefix)}(g[1-9][0-9]*)\.", group)
        return found[1] if found else None

    def described(self, *, derived_only: bool = False) -> list[Topic]:
        """All topics, or only the generation's own, under their full names, for ``Log.create_topics``."""
        return [
            Topic(self.topic(t.name), t.key, t.partitioned_by, t.value, t.compacted, t.retention, t.generational)
            for t in TOPICS.values()
            if t.generational or not derived_only
        ]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a stage wants to publish: ``topic`` as in ``TOPICS``; ``partition_key`` None means every partition."""

    topic: str
    key: str
    partition_key: str | None
    message: AnyMessage | None
    headers: Mapping[str, str] | None = None

    def partitions(self, count: int) -> range:
        """Where it goes in a topic of ``count`` partitions."""
        if self.partition_key is None:
            return range(count)
        one = partition_of(self.partition_key, count)
        return range(one, one + 1)
