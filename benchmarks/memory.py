"""Memory of an enrich worker on an endless stream: its resident size after more and more articles, all different."""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime

from benchmarks.measure import resident_mb
from newswatch.demo.world import load_world
from processors.enrich import Enricher
from processors.pipeline import load_pipeline
from stream.messages import Article, Source
from stream.settings import Settings

WORDS, BATCH = 100, 64
SHOWN = (1_000, 5_000, 20_000)
STEADY, WORKER_MB = 1.05, 900
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def run() -> None:
    """Print the resident size after each of ``SHOWN`` articles of 100 words and whether it stayed flat.

    ``MEMORY_ARTICLES=2000`` reads fewer.
    """
    total = int(os.environ.get("MEMORY_ARTICLES", SHOWN[-1]))
    enricher = Enricher(load_pipeline(Settings().spacy_model))
    sizes: list[float] = []
    print(f"memory of one enrich worker, articles of {WORDS} words (load {os.getloadavg()[0]:.1f})")
    done = 0
    for batch in batches(total):
        enricher.enrich(batch)
        sizes.append(resident_mb())
        for shown in SHOWN:
            if done < shown <= done + len(batch):
                print(f"  after {shown:>6,} articles {sizes[-1]:>6,.0f} MB", flush=True)
        done += len(batch)
    print(f"  after {done:>6,} articles {sizes[-1]:>6,.0f} MB, at most {max(sizes):,.0f} MB; asked ≤ {WORKER_MB} MB")
    tenth = max(1, len(sizes) // 10)
    early, late = statistics.median(sizes[tenth : 2 * tenth]), statistics.median(sizes[-tenth:])
    reached = "reached" if late <= STEADY * early else "MISSED"
    print(f"  last tenth / second tenth {late / early:.3f}; asked ≤ {STEADY}: {reached}\n")


def batches(total: int) -> Iterator[list[Article]]:
    """Articles of the demo's sentences in ever new orders, each with names that no other has: what made spaCy grow."""
    chance = random.Random(1)
    sentences = [s for outlet in load_world().values() for t in outlet.articles for s in t.body.split(". ")]
    for start in range(0, total, BATCH):
        yield [_article(i, sentences, chance) for i in range(start, min(start + BATCH, total))]


def _article(number: int, sentences: list[str], chance: random.Random) -> Article:
    words: list[str] = []
    while len(words) < WORDS:
        name = "".join(chance.choices("abcdefghiklmnoprstu", k=7)).capitalize()
        words += f"{chance.choice(sentences).rstrip('.')}, {name} said.".split()
    return Article(
        id=f"{number:024x}", version=1, url="https://bench.example/", canonical_url="https://bench.example/",
        source=Source(id="bench.example", name="Bench"), feed_id="0" * 24, feed_url="https://bench.example/feed",
        title=" ".join(words[:8]), body=" ".join(words), language="en", published=_MOMENT, published_from="feed",
        fetched=_MOMENT, origin="live", content_hash="0", fingerprint="0" * 16,
    )  # fmt: skip
