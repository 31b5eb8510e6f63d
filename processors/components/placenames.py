"""What a name in the place of a place can be: of one line, no organisation, no initials, no other kind of entity."""

from __future__ import annotations

import re

from spacy.tokens import Doc, Span

from processors.gazetteer import gazetteer
from processors.lexicons import word_lists

WELL_KNOWN = 6.0
"""Prior of a place (of a city about the logarithm of its inhabitants) that needs no other word for its country."""


def names_organisation(span: Span) -> bool:
    """Whether a name of several words is that of a company, a unit or a body ("the Bhairav Engineer Company")."""
    if len(span) < 2 or gazetteer().meanings(span.text) or not span[-2].text[0].isupper():
        return False
    lists, last = word_lists("nouns"), span[-1].lower_
    return last in (lists["company"] | lists["group"] | lists["military"] | lists["office"]) - lists["facility"]


def initials(span: Span) -> bool:
    """Whether a name is the initials of something that is no place ("NATO", "PCG"): towns are not written so, but in a
    line all in capitals."""
    name = span.text
    if len(span) != 1 or not (2 <= len(name) <= 5 and name.isalpha() and name.isupper()):
        return False
    around = [t for t in span.doc[max(0, span.start - 1) : span.end + 1] if t.is_alpha and t.i != span.start]
    if gazetteer().special(name) or (around and all(t.text.isupper() for t in around)):
        return False
    return max((m.prior for m in gazetteer().meanings(name)), default=0.0) < WELL_KNOWN


def after_arrival(doc: Doc, start: int) -> bool:
    """Whether a name stands where only a place can: "arrived in Duqm", "docked at Berbera"."""
    if start < 2 or doc[start - 1].lower_ not in {"in", "at"}:
        return False
    arrives = word_lists("placewords")["arrives"]
    return any(t.lemma_.lower() in arrives for t in (doc[start - 1].head, doc[start - 2]))


def no_town(span: Span) -> bool:
    """Whether a name cannot be that of a place: initials, a people, an address."""
    return initials(span) or span.text.lower() in gazetteer().demonyms or (street(span) and not _listed(span))


def _listed(span: Span) -> bool:
    return bool(gazetteer().meanings(span.text))


def street(span: Span) -> bool:
    """Whether a name is an address, of a street or a building: no move goes there ("Krucza Street", "Terminal 4")."""
    words = {span[-1].lower_, span[0].lower_ if len(span) == 2 and span[-1].like_num else ""}
    return len(span) > 1 and not words.isdisjoint(word_lists("placewords")["addresses"])


def with_article(name: str) -> str:
    """An Arabic name with its article, which newspapers drop and gazetteers have: "Duqm" is "Ad Duqm"."""
    first = next((c for c in _SUN_LETTERS if name.lower().startswith(c)), "l")
    return f"A{first} {name}"


_SUN_LETTERS = ("sh", "th", "dh", "d", "t", "s", "n", "r", "z")
"""Those to which the article's l is assimilated."""


def one_line(doc: Doc, start: int, end: int) -> tuple[int, int]:
    """The tokens up to the first line break among them: headline and body are two texts."""
    return start, next((i for i in range(start, end) if "\n" in doc[i].text), end)


def unknown_name(doc: Doc, start: int, end: int) -> bool:
    """A name that the model has no better idea of; of organisations only those of one word that are no initials."""
    label = doc[start].ent_type_
    return label in {"", "FAC", "PRODUCT"} or (label == "ORG" and end - start == 1 and not doc[start].is_upper)


def trimmed(entity: Span) -> tuple[int, int]:
    """The entity without a leading article and a trailing possessive."""
    start, end = one_line(entity.doc, entity.start, entity.end)
    while end > start and (entity.doc[end - 1].text in {"'s", "’s", "'", "’"} or entity.doc[end - 1].is_space):
        end -= 1
    while start < end and (entity.doc[start].is_space or entity.doc[start].lower_ in {"the", "a", "an"}):
        start += 1
    return start, end


_OF = "shareholders|owners|shares|chief executive|employees"
"""What a firm has and no place."""


def named_as_actor(doc: Doc, start: int, end: int) -> bool:
    """Whether the text gives the name elsewhere to a ship, a company, a person: "the frigate Te Kaha", "the owners of
    PesaNdege"."""
    words, lists = [t.text for t in doc[start:end]], word_lists("nouns")
    kinds = (lists["military"] | lists["company"] | lists["person"]) - lists["facility"]
    if gazetteer().meanings(doc[start:end].text):
        return False
    if re.search(rf"\b(?i:{_OF}) (?:of|at) {re.escape(doc[start:end].text)}\b", doc.text):
        return True
    called = (i for i in range(1, len(doc)) if doc[i].text == words[0] and doc[i - 1].lemma_.lower() in kinds)
    return any([t.text for t in doc[i : i + len(words)]] == words for i in called)


def is_cut(doc: Doc, start: int, end: int) -> bool:
    """Whether a capitalised word stands right before or after the tokens: a name of which they are a part."""
    neighbours = [doc[i] for i in (start - 1, end) if 0 <= i < len(doc)]
    return any(t.text[0].isupper() and t.pos_ == "PROPN" for t in neighbours)
