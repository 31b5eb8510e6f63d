"""The enrich stage's handler for the worker loop."""

from __future__ import annotations

from collections.abc import Sequence

from processors.enrich import Enricher, outputs
from stream.messages import Article, Takedown
from stream.stage import Done, Incoming, Outcome, Reject, Tombstone
from stream.takedowns import Takedowns
from stream.topics import Outgoing


class EnrichArticles:
    """Turns articles into enriched ones and their statements: a pure function of each record, so idempotent.

    A tombstone in ``articles`` is a takedown: it goes on, in the order of the partition, to those who read ``enriched``
    and ``location-changes``. An article that was taken down before it came here (a poll was under way) gets a
    tombstone of its own instead of being read.
    """

    takes_tombstones = True

    def __init__(self, enricher: Enricher, takedowns: Takedowns) -> None:
        self._enricher = enricher
        self._takedowns = takedowns

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        articles = [item.message for item in batch if isinstance(item.message, Article)]
        gone = self._takedowns.among({article.id for article in articles})
        enriched = iter(self._enricher.enrich([article for article in articles if article.id not in gone]))
        return [
            Done(outputs(next(enriched)))
            if isinstance(item.message, Article) and item.message.id not in gone
            else _without_reading(item)
            for item in batch
        ]


def _without_reading(item: Incoming) -> Outcome:
    if isinstance(item.message, Article):
        return Done((Outgoing("articles", item.record.key, item.message.id, None),))
    if isinstance(item.message, Tombstone):
        article_id = item.record.key.partition(":")[0]
        takedown = Takedown(article_id=article_id, at=item.record.timestamp)
        return Done((
            Outgoing("enriched", article_id, article_id, None),
            Outgoing("location-changes", f"takedown:{article_id}", None, takedown),
        ))  # fmt: skip
    return Reject(f"the topic articles holds a {type(item.message).__name__}")
