"""Places that say where somebody sits or answers for, not where it goes: "the embassy to Libya", "its mission in Chad",
"the bureau for Eastern Africa"; and how an origin is marked."""

from __future__ import annotations

from spacy.tokens import Doc

from processors.components.model import PlaceMention
from processors.lexicons import word_lists

_ENVOYS = frozenset(["embassy", "ambassador", "consulate", "consul", "envoy", "mission", "representative", "legation",
                     "accreditation"])  # fmt: skip


def accredited(doc: Doc, start: int) -> bool:
    """Whether the place at ``start`` is where somebody is accredited: "the embassy to Libya"."""
    before = _words_before(doc, start)
    return len(before) == 2 and before[1] == "to" and before[0] in _ENVOYS


def seated(doc: Doc, start: int) -> bool:
    """Whether the place at ``start`` belongs to an office right before it: "its embassy in Libya", "the regional bureau
    for Eastern Africa". Of an office that opens there it is no less the destination: ask only where there is another.
    """
    before, lists = _words_before(doc, start), word_lists("nouns")
    offices = (lists["office"] - lists["facility"]) | _ENVOYS  # not "to a hospital in Manila"
    return len(before) == 2 and before[1] in {"in", "for", "of", "at"} and before[0] in offices


_MARKS = frozenset(["from", "off", "out"])


def marked(doc: Doc, origin: PlaceMention) -> bool:
    """Whether the words around an origin say that it is one: "from" before it, or that it is left."""
    before = {t.lower_ for t in doc[max(0, origin.start - 3) : origin.start]}
    return bool(before & _MARKS) or doc[origin.start : origin.end].root.dep_ == "dobj"


def from_of(doc: Doc, start: int, trigger: int) -> bool:
    """Whether the name at ``start`` stands behind a "from" that belongs to the word ``trigger`` or to its object."""
    marks = (t for t in doc[max(0, start - 3) : start] if t.lower_ in {"from", "off", "out"})
    return any(trigger in {m.head.i, m.head.head.i} for m in marks)


_TAKING_IN = frozenset(["host", "receive", "welcome", "take", "accept", "admit", "shelter", "house", "get", "gain",
                        "see", "attract", "win", "be", "become"])  # fmt: skip


def sends(doc: Doc, place: PlaceMention, trigger: int) -> bool:
    """Whether the place is a government that moves others: "Berlin plans to fly 70 nationals out of Niamey"; but one
    that takes them in is where they go."""
    root, verb = doc[place.start : place.end].root, doc[trigger]
    chain = [verb]
    while chain[-1].dep_ == "xcomp" and chain[-1].head.pos_ in {"VERB", "AUX"}:
        chain.append(chain[-1].head)
    subject = root.dep_ == "nsubj" and root.i < trigger and root.head in chain
    return subject and verb.pos_ == "VERB" and not any(v.lemma_.lower() in _TAKING_IN for v in chain)


def holds(outer: PlaceMention | None, inner: PlaceMention | None) -> bool:
    """Whether ``outer`` is the country of the town ``inner``."""
    if outer is None or inner is None or outer.toponym is None or outer.toponym.kind != "country":
        return False
    return inner.toponym is not None and inner.toponym.kind == "city" and inner.country == outer.country


def _words_before(doc: Doc, start: int) -> list[str]:
    """The lemmas, in lower case, of the two words before a name, without its article."""
    if start and doc[start - 1].lower_ == "the":
        start -= 1
    return [t.lemma_.lower() for t in doc[max(0, start - 2) : start]]
