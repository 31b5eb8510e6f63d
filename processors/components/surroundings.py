"""What the words and places around a name say of its country."""

from __future__ import annotations

from collections.abc import Sequence

from spacy.tokens import Doc, Token

from processors.components.model import LEAD, PlaceMention
from processors.components.placenames import WELL_KNOWN
from processors.gazetteer import Context, Gazetteer, Toponym
from processors.lexicons import word_lists


def likeliest(context: Context) -> str | None:
    best = sorted(context.countries.items(), key=lambda item: -item[1])[:2]
    return best[0][0] if best and best[0][0] and (len(best) == 1 or best[0][1] > best[1][1]) else None


def described_country(doc: Doc, start: int, end: int, names: Gazetteer) -> str | None:
    """The country that a description tells: "the Honduran fishing village of" before the name, or ", a border town in
    Mauritania" behind it."""
    return _of_people(doc, start, names) or _apposed(doc, end, names)


_MOST_BETWEEN = 3
"""Words of a description between a demonym and "of", or an article and "in"."""


def _of_people(doc: Doc, start: int, names: Gazetteer) -> str | None:
    if start < 3 or doc[start - 1].lower_ != "of" or doc[start - 2].lower_ not in _settlements():
        return None
    for i in range(start - 3, max(-1, start - 3 - _MOST_BETWEEN), -1):
        if code := names.demonyms.get(doc[i].lower_):
            return code
        if not doc[i].is_lower:
            return None
    return None


def _apposed(doc: Doc, end: int, names: Gazetteer) -> str | None:
    if end + 3 >= len(doc) or doc[end].text != "," or doc[end + 1].lower_ not in {"a", "an", "the"}:
        return None
    for i in range(end + 3, min(len(doc), end + 4 + _MOST_BETWEEN)):
        if doc[i].lower_ == "in" and doc[i - 1].lower_ in _settlements():
            return container(doc, i, names)
    return None


def _settlements() -> frozenset[str]:
    lists = word_lists("placewords")
    return lists["described"] | lists["class"] | _SMALL_ONES


_SMALL_ONES = frozenset(["village", "hamlet", "township", "borough", "commune", "outpost"])


def container(doc: Doc, end: int, names: Gazetteer) -> str | None:
    """The country that the text gives right after a name: ", Ontario", "in Peru", ", in eastern Congo"."""
    i = end
    if i < len(doc) and doc[i].text == ",":
        i += 1
    if i < len(doc) and doc[i].lower_ in {"in", "of"}:
        i += 1
    if i == end:
        return None
    for _ in range(3):
        if i < len(doc) and not doc[i].text[0].isupper():
            i += 1
    for n in (3, 2, 1):
        if i + n <= len(doc) and doc[i].text[0].isupper():
            text = doc[i : i + n].text
            if names.special(text) and (meaning := _country(names.meanings(text))):
                return meaning.country
    return None


_SOME, _CONTEXT_WEIGHT = 0.1, 1.5


def standing(name: str, toponym: Toponym, context: Context, names: Gazetteer) -> tuple[float, float, bool]:
    """How a place stands among its namesakes: ``lead``, ``unsupported`` and ``rival`` of ``PlaceMention``."""

    def worth(meaning: Toponym) -> float:
        return meaning.prior + _CONTEXT_WEIGHT * min(context.beside(name, meaning.country or ""), 2.0)

    rivals = [m for m in names.meanings(name) if m.country != toponym.country]
    lead = worth(toponym) - max(map(worth, rivals), default=0.0)
    support = context.beside(name, toponym.country or "")
    lonely = toponym.country is not None and support < _SOME
    return (
        min(lead, LEAD), max(0.0, WELL_KNOWN - toponym.prior) if lonely else 0.0,
        any(context.beside(name, m.country or "") > support for m in rivals),
    )  # fmt: skip


def _country(meanings: Sequence[Toponym]) -> Toponym | None:
    return next((m for m in meanings if m.kind in {"country", "region"} and m.country), None)


def with_countries(found: list[PlaceMention]) -> list[PlaceMention]:
    """Unknown names take the country of the place that stands nearest when the passage has no clear favourite."""
    known = [m for m in found if m.toponym and m.country]
    result = []
    for m in found:
        if m.country is None and m.toponym is None and known:
            near = min(known, key=lambda k: abs(k.start - m.start))
            m = PlaceMention(m.start, m.end, None, m.role, near.country, m.weak)
        result.append(m)
    return result


def part_of_speech(token: Token) -> str:
    """Of a capitalised word; where nothing was parsed a name's, unless it is a word of grammar."""
    return token.pos_ if token.pos else "DET" if token.is_stop else "PROPN"


def governs(name: Token) -> bool:
    """ "Baghdad approved", "Paris says": a government, not a place."""
    verbs = word_lists("placewords")["governs"]
    if name.pos:
        return name.dep_ == "nsubj" and name.head.lemma_ in verbs
    if name.i + 1 >= len(name.doc) or (name.i and name.nbor(-1).lower_ in _BEFORE_PLACES):
        return False
    word = name.nbor(1).lower_  # nothing was parsed: the next word is a form of such a verb
    forms = {word, *(word.removesuffix(ending) for ending in ("s", "es", "d", "ed")), _IRREGULAR.get(word, word)}
    return not forms.isdisjoint(verbs)


_BEFORE_PLACES = frozenset(["in", "at", "from", "to", "near", "of", "outside", "for", "into"])
_IRREGULAR = {"said": "say", "told": "tell", "sought": "seek", "forbade": "forbid", "denied": "deny"}
