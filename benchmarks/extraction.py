"""Extraction, everything included, beside a bare ``nlp.pipe`` of the same spaCy model on the same articles."""

from __future__ import annotations

import resource
from datetime import UTC, datetime

import spacy

from benchmarks.measure import compare
from newswatch.demo.world import load_world
from processors.enrich import Enricher
from processors.pipeline import load_pipeline
from stream.messages import Article, Source
from stream.settings import Settings

BATCH = 64


def run() -> None:
    """Print the comparison and the process's peak memory."""
    told = articles()
    enricher = Enricher(load_pipeline(Settings().spacy_model))
    bare = spacy.load(Settings().spacy_model)

    def ours() -> int:
        for start in range(0, len(told), BATCH):
            enricher.enrich(told[start : start + BATCH])
        return len(told)

    def pipe() -> int:
        return sum(1 for _ in bare.pipe((a.text for a in told), batch_size=BATCH))

    compare("enrich, articles of 300-450 words, one core", "articles", ours, "nlp.pipe", pipe, at_least=1.2)
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB\n")


def articles() -> list[Article]:
    """The demo's articles, three told in one, so that they are of 300 to 500 words."""
    told = [t for outlet in load_world().values() for t in outlet.articles]
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    source = Source(id="bench.example", name="Bench")
    return [
        Article(
            id=f"{i:024x}", version=1, url="https://bench.example/", canonical_url="https://bench.example/",
            source=source, feed_id="0" * 24, feed_url="https://bench.example/feed", title=told[i].title,
            body="\n\n".join(told[(i + k) % len(told)].body for k in range(3)), language="en", published=moment,
            published_from="feed", fetched=moment, origin="live", content_hash="0", fingerprint="0" * 16,
        )
        for i in range(len(told))
    ]  # fmt: skip
