"""The enrich stage's handler for the worker loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from processors.enrich import Enricher, outputs
from stream.lineage import ALWAYS, Turn, as_of, marked
from stream.messages import Article, Takedown
from stream.stage import Done, Incoming, Outcome, Reject, Tombstone
from stream.takedowns import Takedowns
from stream.topics import Outgoing


class EnrichArticles:
    """Turns articles into enriched ones and their statements: a pure function of each record, so idempotent.

    A tombstone in ``articles`` is a takedown: it goes on, in the order of the partition, to those who read ``enriched``
    and ``location-changes``. An article that was taken down before it came here (a poll was under way) gets a
    tombstone of its own instead of being read. Articles of the next generation's turn are passed over. What is
    published says as of when its article counts.
    """

    takes_tombstones = True

    def __init__(self, enricher: Enricher, takedowns: Takedowns, turn: Callable[[], Turn] = lambda: ALWAYS) -> None:
        """``turn`` gives the generation's turn as of the call."""
        self._enricher = enricher
        self._takedowns = takedowns
        self._turn = turn

    def of_turn(self, turn: Callable[[], Turn]) -> EnrichArticles:
        """The same for another generation, with the same pipeline; for the same thread."""
        return EnrichArticles(self._enricher, self._takedowns, turn)

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """One outcome a record. Raises ``LogError``."""
        turn = self._turn()
        articles = [item.message for item in batch if isinstance(item.message, Article) and _is_for(turn, item)]
        gone = self._takedowns.among({article.id for article in articles})
        enriched = iter(self._enricher.enrich([article for article in articles if article.id not in gone]))
        return [
            Done(outputs(next(enriched), marked(_moment(item))))
            if isinstance(item.message, Article) and _is_for(turn, item) and item.message.id not in gone
            else _without_reading(item, turn)
            for item in batch
        ]


def _moment(item: Incoming) -> datetime:
    """As of when the record of ``articles`` counts; a takedown as of its append."""
    appended = item.record.timestamp
    return as_of(item.message.fetched, appended) if isinstance(item.message, Article) else appended


def _is_for(turn: Turn, item: Incoming) -> bool:
    return not turn.is_over(_moment(item))


def _without_reading(item: Incoming, turn: Turn) -> Outcome:
    if isinstance(item.message, Article):
        if not _is_for(turn, item):
            return Done()
        return Done((Outgoing("articles", item.record.key, item.message.id, None),))
    if isinstance(item.message, Tombstone):
        article_id = item.record.key.partition(":")[0]
        takedown = Takedown(article_id=article_id, at=item.record.timestamp)
        headers = marked(_moment(item))
        return Done((
            Outgoing("enriched", article_id, article_id, None, headers),
            Outgoing("location-changes", f"takedown:{article_id}", None, takedown, headers),
        ))  # fmt: skip
    return Reject(f"the topic articles holds a {type(item.message).__name__}")
