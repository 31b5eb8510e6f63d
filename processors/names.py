"""Names of places and well-known organisations in a language without a model: what a run of words can mean."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from processors.cities import FOREIGN_FROM, fold
from processors.components.actors import leaders, organisations
from processors.components.model import Organisation
from processors.gazetteer import Gazetteer, Toponym, gazetteer
from processors.lexicons import DATA, Lexicon, load_lexicon

SHORTEST = 4
"""Letters of a Latin name that is not a country's: shorter ones are words of some language."""

_STEM = 3  # letters that must be left of a name without its ending or prefix


_NamesOf = dict[str, tuple[str, ...]]


class _Grammar(Lexicon):
    """One language of ``data/languages.yml``."""

    prefixes: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    countries: _NamesOf = Field(default_factory=dict)
    cities: _NamesOf = Field(default_factory=dict)
    actors: _NamesOf = Field(default_factory=dict)
    never: tuple[str, ...] = ()


class _File(Lexicon):
    languages: dict[str, _Grammar]


Change = tuple[str, str]
"""What is written, and what stands there in the dictionary; folded."""


class Names:
    """The names that a language uses. Read only once made; ``names`` keeps one of each language."""

    def __init__(self, language: str, places: Gazetteer) -> None:
        grammar = load_lexicon(DATA / "languages.yml", _File).languages.get(language, _Grammar())
        self._places = places
        self._prefixes, self._endings = _changes(grammar.prefixes), _changes(grammar.endings)
        self._own = _places(language, grammar, places)
        self._actors = _actors(grammar)
        self._leaders = frozenset(fold(name) for name in leaders())
        self._never = frozenset(fold(word) for word in grammar.never)

    def organisation(self, text: str) -> Organisation | None:
        """The organisation that ``text`` names, in whatever case it stands. Initials must be capitals, and three."""
        return next((o for key in self._forms(fold(text)) if (o := self._actor(key, text))), None)

    def _actor(self, key: str, text: str) -> Organisation | None:
        spelt, organisation = self._actors.get(key, ("", None))
        small = spelt.isupper() and not text.isupper()
        return None if small or (spelt[:1].isupper() and text[0].islower()) else organisation

    def is_leader(self, text: str) -> bool:
        """Whether ``text`` names a person who stands for an organisation."""
        return fold(text) in self._leaders

    def meanings(self, text: str, *, sure: bool = False) -> list[Toponym]:
        """The places that ``text`` can name, the likeliest first. ``sure``: something else says that it is a place."""
        key = fold(text)
        if len(key) < 2 or (key in self._never and not sure):
            return []
        for form in self._forms(key):
            if (found := self._known(form, sure)) and (form == key or form not in self._never):
                return found
        return []

    def _known(self, key: str, sure: bool) -> list[Toponym]:
        own = self._own.get(key, [])
        if own or self._places.special(key):
            return own or list(self._places.meanings(key))
        if len(key) < SHORTEST and key.isascii() and not sure:
            return []
        found = list(self._places.meanings(key))
        return found if sure else [t for t in found if t.kind == "city" and t.population >= FOREIGN_FROM]

    def _forms(self, key: str) -> Iterator[str]:
        """The key, and what it may be a form of."""
        yield key
        for ending, instead in self._endings:
            if key.endswith(ending) and len(key) - len(ending) >= _STEM:
                yield key.removesuffix(ending) + instead
        for prefix, instead in self._prefixes:
            if key.startswith(prefix) and len(key) - len(prefix) >= _STEM:
                yield instead + key.removeprefix(prefix)


def _changes(entries: tuple[str, ...]) -> list[Change]:
    pairs = (entry.partition(">") for entry in entries)
    return sorted(((fold(written), fold(instead)) for written, _, instead in pairs), key=lambda c: -len(c[0]))


def _places(language: str, grammar: _Grammar, known: Gazetteer) -> dict[str, list[Toponym]]:
    found: dict[str, list[Toponym]] = {}
    for code, names_of in _territories(language).items():
        if country := known.country(code):
            for name in (names_of, *grammar.countries.get(code, ())):
                found.setdefault(fold(name), []).append(country)
    for code, cities in grammar.cities.items():
        if capital := known.capital(code):
            found.update({fold(name): [capital] for name in cities})
    return found


def _territories(language: str) -> Mapping[str, Any]:
    """The names of countries in a language (Unicode CLDR, by babel); none where it is not known there."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(language).territories
    except (UnknownLocaleError, ValueError):
        return {}


def _actors(grammar: _Grammar) -> dict[str, tuple[str, Organisation]]:
    """Each name as it is spelt, with its organisation, by key. Two initials are a word of some language ("un")."""
    by_root = {o.root: o for o in organisations().values()}
    spelt = [(name, o) for name, o in organisations().items() if len(name) > 2]
    spelt += [(name, by_root[root]) for root, names_of in grammar.actors.items() for name in names_of]
    return {fold(name): (name, organisation) for name, organisation in spelt}


@functools.lru_cache(maxsize=64)
def names(language: str) -> Names:
    """The names of one language; of one that is not known only those that English shares with it."""
    return Names(language, gazetteer())
