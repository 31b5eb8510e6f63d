"""Takedown: what is kept of an article and of all that was made of it, and removing it, so that nobody brings it back.

The log comes first. A record in ``takedowns`` stops those who could publish, read or send the article from now on;
tombstones in ``articles`` go on through the stages in the order of their topics: enrich passes them to whoever reads
``enriched`` and ``location-changes``, fusion tells its relocations anew and clears the statements' records away, the
index stage removes what it wrote before. So it does not matter how far behind a stage is, or which generation it
makes. What is in the index by now is removed at once, without waiting for that. All of it may be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from alerts.notify import TAKEN_DOWN, deliveries_of, quotes
from indexer.fields import Kind
from indexer.forgetting import forget_articles, telling_of
from indexer.index import Index
from indexer.query import Equals, Query, parse
from indexer.words import fold
from ingest import urls
from stream.errors import ConfigError, InvalidMessage
from stream.ids import digest
from stream.log import Log, partition_of
from stream.messages import Alert, Article, Delivery, Takedown, decode, encode
from stream.takedowns import Takedowns
from stream.topics import Names

MOST_COPIES = 10
_READ = 500
M = TypeVar("M", Article, Alert)

Place = tuple[int, str]
"""Partition and key of a record."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of an article, by any of its addresses."""

    ids: frozenset[str]
    """The article ids that its addresses have; the same page may come under each of them."""
    shown: tuple[str, ...]
    """A line for each article, for people."""
    revisions: tuple[Place, ...]
    statements: frozenset[str]
    relocations: frozenset[str]
    """Ids in the index."""
    alerts: tuple[Place, ...]
    deliveries: tuple[Delivery, ...]
    """What became of these alerts for each target."""
    copies: tuple[str, ...]
    """Addresses of other articles that have the very same text."""
    before: bool
    """It was taken down already."""

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to remove."""
        return not (self.revisions or self.shown or self.statements or self.relocations or self.alerts)

    @property
    def sent(self) -> tuple[Delivery, ...]:
        """The notifications that nobody can take back."""
        return tuple(d for d in self.deliveries if d.state == "delivered")

    @property
    def waiting(self) -> tuple[Delivery, ...]:
        """The notifications that had yet to be sent."""
        return tuple(d for d in self.deliveries if d.state == "waiting")


def find(log: Log, index: Index, topics: Names, url_or_id: str) -> Found:
    """What there is of the article with this address or id. Raises ``ConfigError`` for what can be neither.

    Reads a partition of ``articles`` and all of ``alerts`` from their beginnings: seconds on a large log.
    """
    shown: dict[str, str] = {}
    prints: set[str] = set()
    ids = _ids(index, url_or_id.strip())
    for article_id, stored in index.get("articles", sorted(ids)).items():
        document = stored.document
        shown[article_id] = f"“{document['title']}” ({document['source']['name']}) at {document['url']}"
        prints.add(document["fingerprint"])
        ids |= _ids_of(document["url"], document["feed_url"])
    revisions: list[Place] = []
    for place, article in _revisions(log, topics.topic("articles"), ids):
        revisions.append(place)
        shown[article.id] = f"“{article.title}” ({article.source.name}) at {article.url}"
        prints.add(article.fingerprint)
    alerts = _alerts(log, topics.topic("alerts"), ids)
    return Found(
        ids=frozenset(ids),
        shown=tuple(shown.values()),
        revisions=tuple(revisions),
        statements=_telling(index, "location-changes", ids),
        relocations=_telling(index, "relocations", ids),
        alerts=tuple(alerts),
        deliveries=tuple(deliveries_of(log, topics.topic("deliveries"), _ids_in(alerts))),
        copies=_copies(index, prints, ids),
        before=bool(Takedowns(log, topics).among(ids)),
    )


def forbid(log: Log, topics: Names, ids: Collection[str], now: datetime) -> None:
    """Say that these articles are taken down: from now on nobody begins to publish, read or send them. What was under
    way may still come: ``find`` what there is after this. Raises ``LogError``."""
    topic = topics.topic("takedowns")
    with log.transaction() as tx:
        for article_id in sorted(ids):
            value = encode(Takedown(article_id=article_id, at=now))
            tx.publish(topic, partition_of(article_id, log.partitions(topic)), article_id, value)


def take_down(log: Log, index: Index, topics: Names, found: Found, now: datetime) -> None:
    """Remove what was found, after ``forbid``; may be repeated. Raises ``LogError``, ``IndexUnavailable``."""
    # first: those that others tell, too, are told anew by fuse once it meets what is published here
    index.remove("relocations", sorted(found.relocations))
    with log.transaction() as tx:
        for article_id in sorted(found.ids):
            value = encode(Takedown(article_id=article_id, at=now))
            topic = topics.topic("location-changes")
            for partition in range(log.partitions(topic)):
                tx.publish(topic, partition, f"takedown:{article_id}", value)
        for name, places in (("articles", found.revisions), ("alerts", found.alerts)):
            for partition, key in places:
                tx.publish(topics.topic(name), partition, key, None)
        topic = topics.topic("deliveries")
        for waiting in found.waiting:
            end = waiting.model_copy(update={"state": "given_up", "at": now, "reason": TAKEN_DOWN, "alert": None})
            tx.publish(topic, partition_of(end.id, log.partitions(topic)), end.id, encode(end))
    forget_articles(index, sorted(found.ids))
    quoting = _ids_in(found.alerts) | _telling(index, "alerts", found.ids)
    index.remove("alerts", sorted(quoting))
    while log.maintain(now):  # where the log is a file, the records go now
        pass


def _ids(index: Index, url_or_id: str) -> set[str]:
    if re.fullmatch("[0-9a-f]{24}", url_or_id):
        return {url_or_id}
    if "://" not in url_or_id:
        raise ConfigError(f"{url_or_id!r} is no article's address (https://…) or id (24 hex digits)")
    same = Query("articles", url_or_id, Equals("url", fold(url_or_id)), frozenset())
    found = {hit.id for hit in index.search("articles", same, limit=100).hits}
    return found | _ids_of(url_or_id, "")


def _ids_of(url: str, feed_url: str) -> set[str]:
    """The id that an article with this address has; an article without an address has that of its feed."""
    return {digest("article", urls.canonical(url))} if url != feed_url else set()


def _revisions(log: Log, topic: str, ids: set[str]) -> Iterator[tuple[Place, Article]]:
    """The kept revisions of the articles; the ids of addresses that are met on the way join ``ids``."""
    looked: set[str] = set()
    while new := ids - looked:
        looked |= new
        for partition in sorted({partition_of(i, log.partitions(topic)) for i in new}):
            for key, article in _living(log, topic, partition, new, Article).items():
                if article.id in new:
                    ids |= _ids_of(article.url, article.feed_url)
                    yield (partition, key), article


def _alerts(log: Log, topic: str, ids: Collection[str]) -> list[Place]:
    """The alerts about these articles, and those that quote them."""
    return [
        (partition, key)
        for partition in range(log.partitions(topic))
        for key, alert in _living(log, topic, partition, ids, Alert).items()
        if quotes(alert, ids)
    ]


def _ids_in(places: Collection[Place]) -> set[str]:
    """The ids of alerts by their records' keys; what tells two records of one alert apart stands behind a colon."""
    return {key.partition(":")[0] for _, key in places}


def _living(log: Log, topic: str, partition: int, holding: Collection[str], model: type[M]) -> dict[str, M]:
    """The newest ``model`` of each key in whose bytes one of ``holding`` occurs."""
    marks = [text.encode() for text in holding]
    living: dict[str, M] = {}
    offset = 0
    while records := log.read(topic, partition, offset, _READ):
        offset = records[-1].offset + 1
        for record in records:
            living.pop(record.key, None)
            if record.value is None or not any(mark in record.value for mark in marks):
                continue
            try:
                message = decode(record.value)
            except InvalidMessage:
                continue  # a dead letter by now
            if isinstance(message, model):
                living[record.key] = message
    return living


def _telling(index: Index, kind: Kind, ids: Collection[str]) -> frozenset[str]:
    return frozenset(hit.id for article_id in sorted(ids) for hit in telling_of(index, kind, article_id))


def _copies(index: Index, prints: Collection[str], ids: Collection[str]) -> tuple[str, ...]:
    hits = (h for p in sorted(prints) for h in index.search("articles", parse(f"fingerprint:{p}", "articles")).hits)
    return tuple(str(h.document["url"]) for h in hits if h.id not in ids)[:MOST_COPIES]
