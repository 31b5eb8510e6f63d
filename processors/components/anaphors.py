"""Descriptions that stand for a place: "the Qatari capital", "the Swiss city", "the country", "there"."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Doc, Token

from processors.components.model import PlaceMention
from processors.gazetteer import Toponym, gazetteer
from processors.lexicons import word_lists

_BEFORE_THERE = frozenset(
    [
        "go",
        "fly",
        "travel",
        "head",
        "move",
        "arrive",
        "return",
        "send",
        "take",
        "bring",
        "drive",
        "sail",
        "from",
        "get",
        "relocate",
        "transfer",
        "come",
        "ship",
    ]
)


def anaphors(doc: Doc, places: list[PlaceMention]) -> Iterator[PlaceMention]:
    """The descriptions that are no part of a place already found, each with the place it stands for where clear."""
    taken = {i for p in places for i in range(p.start, p.end)}
    classes = word_lists("placewords")["described"]
    for token in doc:
        if token.i in taken:
            continue
        mention = None
        if token.lower_ in classes and token.i and not _is_named_after(doc, token, taken):
            mention = _described(doc, token, places)
        elif token.lower_ == "there" and token.dep_ != "expl" and _movement_before(doc, token):
            reached = [p for p in places if not _left(doc, p)]
            mention = _last(doc, token, reached, {"city", "country", "region", "camp", "base"}, token.i, token.i + 1)
        if mention is not None:
            taken |= set(range(mention.start, mention.end))
            yield mention


def _left(doc: Doc, place: PlaceMention) -> bool:
    """Whether somebody leaves the place, or is accredited to it: "the embassy to Libya moves there from Tripoli"."""
    before = [t.lemma_.lower() for t in doc[max(0, place.start - 2) : place.start]]
    return before[-1:] == ["from"] or before in (["out", "of"], ["embassy", "to"], ["ambassador", "to"])


def _is_named_after(doc: Doc, token: Token, taken: set[int]) -> bool:
    """ "the city of Basra", "the capital, Doha": the name itself is the place."""
    i = token.i + 1
    while i < len(doc) and doc[i].lower_ in {"of", ",", "the", "in"}:
        i += 1
    return i > token.i and i in taken


def _described(doc: Doc, token: Token, places: list[PlaceMention]) -> PlaceMention | None:
    names = gazetteer()
    before = doc[token.i - 1]
    start = token.i - 1
    code = names.demonyms.get(before.lower_)
    if code is None and start > 0 and (code := names.demonyms.get(f"{doc[start - 1].lower_} {before.lower_}")):
        start -= 1
    owner = next((p for p in places if p.end == token.i - 1 and before.text in {"'s", "’s"}), None)
    if owner is not None and owner.toponym and owner.toponym.kind == "country":
        code, start = owner.country, owner.start
    if code:
        if start and doc[start - 1].lower_ in {"the", "a"}:
            start -= 1
        if token.lower_ == "capital":
            return PlaceMention(start, token.i + 1, names.capital(code), country=code, anaphor=True)
        if doc[start].lower_ == "a" or token.lower_ == "country":
            return None
        return PlaceMention(start, token.i + 1, _in_country(places, code), country=code, anaphor=True)
    if before.lower_ != "the":
        return None
    if token.lower_ == "capital":
        country = next((p.country for p in reversed(places) if p.start < token.i and p.country), None)
        country = country or next(
            (names.demonyms[t.lower_] for t in doc[: token.i] if t.lower_ in names.demonyms), None
        )
        capital = names.capital(country) if country else None
        return PlaceMention(start, token.i + 1, capital, country=country, anaphor=True) if capital else None
    return _last(doc, token, places, classes_of(token.lower_), start, token.i + 1)


def classes_of(word: str) -> set[str]:
    """The kinds of place that a noun can stand for."""
    kinds = {"country": {"country"}, "kingdom": {"country"}, "island": {"region", "country", "city"}}
    kinds |= {name: {"region"} for name in ("territory", "enclave", "strip")}
    return kinds.get(word, {"city", "camp", "base"})


def _in_country(places: list[PlaceMention], code: str) -> Toponym | None:
    return next((p.toponym for p in places if p.country == code and p.toponym and p.toponym.kind == "city"), None)


def _last(
    doc: Doc, token: Token, places: list[PlaceMention], kinds: set[str], start: int, end: int
) -> PlaceMention | None:
    """The nearest place before, of one of the kinds; for a country also the one whose people were named."""
    for p in sorted(places, key=lambda p: -p.start):
        if p.start < token.i and p.role != "dateline" and p.toponym and p.toponym.kind in kinds:
            return PlaceMention(start, end, p.toponym, country=p.country, anaphor=True)
    if "country" in kinds and token.lower_ != "there":
        names = gazetteer()
        for t in reversed(doc[: token.i]):
            if code := names.demonyms.get(t.lower_):
                return PlaceMention(start, end, names.country(code), country=code, anaphor=True)
    return None


def _movement_before(doc: Doc, token: Token) -> bool:
    return token.i > 0 and (doc[token.i - 1].lemma_ in _BEFORE_THERE or token.head.lemma_ in _BEFORE_THERE)
