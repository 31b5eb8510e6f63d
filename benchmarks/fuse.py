"""Fusion of 1,000,000 statements in batches of 1,000, as the stage calls it, beside a bare loop that groups and sorts.

50,000 actors, one of them with 50,000 statements; 10 % arrive late, by up to three days of a hundred. What is timed is
all that the stage does for a batch but reading and writing the log: making statements compact, the temporary SQLite
file, fusing, telling, announcing, and remembering what was published.
"""

from __future__ import annotations

import os
import random
import time
from bisect import insort
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.measure import resident_mb
from processors.fuse_stage import collect_garbage_rarely
from processors.relocations.cache import Cache, Known
from processors.relocations.fusion import Fusion
from processors.relocations.statement import compact
from stream.ids import article_version, digest, statement_id
from stream.messages import Actor, Evidence, LocationChange, Place, Source, Status

STATEMENTS, ACTORS, HOT, BATCH = 1_000_000, 50_000, 50_000, 1_000
LATE, LATEST_HOURS = 0.1, 72.0
DAYS = 100
RATE, MEMORY_MB = 5_000, 1_000
START = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES: dict[Status, int] = {"rumoured": 15, "planned": 60, "approved": 15, "completed": 5, "denied": 5}
SENTENCE = "The movement's leaders plan to leave one city for another within weeks, two regional officials said. "
COUNTRIES = [chr(65 + n // 26) + chr(65 + n % 26) for n in range(60)]


def run() -> None:
    """Print speed, memory, and the bare loop's speed on the same statements."""
    bare, began = _bare(), resident_mb()
    collect_garbage_rarely()  # as the stage does
    cache = Cache()
    fusion = Fusion(cache)
    seconds, peak, published, transitions = 0.0, 0.0, 0, 0
    for batch in batches(STATEMENTS):
        start = time.process_time()
        cache.begin()
        told = fusion.take(0, [compact(change) for change in batch])
        came = [one for found in told.values() for one in found]
        cache.remember(0, {one.relocation.id: Known.of(one.relocation) for one in came})
        cache.keep()
        seconds += time.process_time() - start
        published += len(came)
        transitions += sum(len(one.transitions) for one in came)
        peak = max(peak, resident_mb())
    rate = STATEMENTS / seconds
    asked = "reached" if rate >= RATE and peak <= MEMORY_MB else "MISSED"
    print(f"Fuse: {STATEMENTS:,} statements, {ACTORS:,} actors, one with {HOT:,}, {LATE:.0%} late, in {BATCH:,}s")
    _print("newswatch", seconds)
    _print("bare loop", bare)
    print(f"  {published:,} relocations published, {transitions:,} transitions; from {began:.0f} to {peak:.0f} MB")
    print(f"  (one run, CPU time; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores);"
          f" asked ≥ {RATE:,}/s, ≤ {MEMORY_MB:,} MB: {asked}\n")  # fmt: skip


def _print(name: str, seconds: float) -> None:
    print(f"  {name:<11} {STATEMENTS / seconds:>12,.0f} statements/s  {seconds / STATEMENTS * 1e6:>9,.1f} µs CPU each")


def _bare() -> float:
    """CPU seconds of a loop that only groups by actor and keeps each group sorted."""
    groups: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
    seconds = 0.0
    for batch in batches(STATEMENTS):
        start = time.process_time()
        for change in batch:
            insort(groups[change.actor.root], (change.published, change.id))
        seconds += time.process_time() - start
    return seconds


def batches(count: int) -> Iterator[list[LocationChange]]:
    """Made as they are asked for, in the order of arrival; the same each time."""
    chance = random.Random(7)
    batch = []
    for number in range(count):
        root = 0 if chance.random() < HOT / STATEMENTS else chance.randrange(1, ACTORS)
        at = START + timedelta(days=DAYS * number / count)
        late = timedelta(hours=chance.uniform(1, LATEST_HOURS)) if chance.random() < LATE else timedelta()
        batch.append(statement(chance, number, root, at - late, at))
        if len(batch) == BATCH:
            yield batch
            batch = []


def statement(chance: random.Random, number: int, root: int, published: datetime, fetched: datetime) -> LocationChange:
    """One of a few moves of its actor at the time; more of the hot one's."""
    moves = 40 if root == 0 else 2
    month = (published - START).days // 20
    move = random.Random(f"{root} {month} {chance.randrange(moves)}")
    off, to = place(move), place(move)
    article = digest("article", number)
    name = f"Movement {root}"
    status = chance.choices(list(STATUSES), list(STATUSES.values()))[0]
    outlet = f"outlet{chance.randrange(400)}.example"
    return LocationChange(
        id=statement_id(article, name, off, to, "relocation", 0), article_id=article,
        version=article_version(fetched, own=True), actor=Actor(text=name, name=name, type="group", root=name.lower()),
        origin=off, destination=to, kind="relocation", status=status, trigger="leave",
        attribution="two regional officials", evidence=Evidence(sentence=SENTENCE, start=30, end=30 + len(SENTENCE)),
        confidence=0.85, published=published, fetched=fetched, origin_of_article="live",
        source=Source(id=outlet, name=outlet, domain=outlet), url=f"https://{outlet}/world/{article}", title="News",
        fingerprint=f"{chance.getrandbits(64):016x}",
    )  # fmt: skip


def place(chance: random.Random) -> Place:
    """One of some thousand cities."""
    country, city = chance.choice(COUNTRIES), chance.randrange(20)
    identifier = 1_000_000 + COUNTRIES.index(country) * 100 + city
    return Place(text=f"City {identifier}", name=f"City {identifier}", geonames_id=identifier, country=country,
                 admin1=str(city), kind="city")  # fmt: skip
