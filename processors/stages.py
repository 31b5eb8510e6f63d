"""The enrich stage's handler for the worker loop."""

from __future__ import annotations

from collections.abc import Sequence

from processors.enrich import Enricher, outputs
from stream.messages import Article
from stream.stage import Done, Incoming, Outcome, Reject


class EnrichArticles:
    """Turns articles into enriched ones and their statements: a pure function of each record, so idempotent."""

    def __init__(self, enricher: Enricher) -> None:
        self._enricher = enricher

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        articles = [item.message for item in batch if isinstance(item.message, Article)]
        enriched = iter(self._enricher.enrich(articles))
        return [
            Done(outputs(next(enriched)))
            if isinstance(item.message, Article)
            else Reject(f"the topic articles holds a {type(item.message).__name__}")
            for item in batch
        ]
