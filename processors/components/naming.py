"""The name of an actor as a reader would give it."""

from __future__ import annotations

import re

from spacy.tokens import Doc, Span, Token

from processors.components.coreference import PRONOUNS
from processors.components.model import ActorMention
from processors.components.phrases import phrase
from processors.lexicons import word_lists


def name_of(doc: Doc, actor: ActorMention) -> str:
    """The actor's full name: of a person the name alone, of "its leaders" those of whoever "its" is."""
    head = doc[actor.head]
    if (appositive := doc[actor.end - 1]).dep_ == "appos" and appositive.ent_type_ in {"PERSON", "ORG"}:
        head = appositive
    if head.ent_type_ == "PERSON" or head.i != actor.head:
        entity = next((e for e in doc.ents if e.start <= head.i < e.end), None)
        if entity is not None:
            return _full(doc, entity).text.removesuffix("'s").removesuffix("’s")
    if actor.type == "person" and head.pos_ == "PROPN":
        named = _whole(doc, actor) or _family(doc, head) or _given(doc, doc[actor.start : head.i + 1])
        if named is not None:
            return named.text
    known = doc._.actors or {}
    if actor.organisation and not actor.pronoun and not any(i in known for i in range(actor.start, actor.end)):
        return actor.organisation.name  # "their office", "the group's office"
    text = doc[actor.start : actor.end].text
    owner = next((c for c in head.children if c.dep_ == "poss" and c.lower_ in PRONOUNS), None)
    if owner is not None and actor.extra and doc[actor.extra[0]].lower_ not in PRONOUNS:
        start, end = phrase(doc[actor.extra[0]])
        rest = doc[owner.i + 1 : actor.end].text
        return f"{doc[start:end].text}'s {rest}"
    if actor.extra and not actor.pronoun and doc[actor.extra[0]].ent_type_ == "GPE" and _outside(actor):
        state = next(e for e in doc.ents if e.start <= actor.extra[0] < e.end)
        return f"{state.text}'s {head.text}"  # "the Philippines will move embassy"
    return text


def _outside(actor: ActorMention) -> bool:
    return not actor.start <= actor.extra[0] < actor.end


def _whole(doc: Doc, actor: ActorMention) -> Span | None:
    """The name of which the actor is only the end: "Azamat Toktosunov" of "ALMATY - Azamat Toktosunov"."""
    start = actor.start
    while start and doc[start - 1].pos_ == "PROPN" and doc[start - 1].is_title and doc[start - 1].whitespace_:
        if doc[start - 1].lower_ in _TITLES | word_lists("nouns")["person"] or doc[start - 1].ent_type_ in _NO_NAMES:
            break
        start -= 1
    return doc[start : actor.head + 1] if 0 < actor.start - start < 3 else None


_NO_NAMES = frozenset(["GPE", "LOC", "NORP", "DATE", "ORG"])


def _family(doc: Doc, head: Token) -> Span | None:
    """The full name that ends with a family name, where the model took either for something else than a person."""
    names = (e for e in doc.ents if e.label_ in {"PERSON", "ORG"} and len(e) == 2 and e[0].text[0].isupper())
    alone = head.i == 0 or not doc[head.i - 1].text[0].isupper() or doc[head.i - 1].lower_.rstrip(".") in _TITLES
    return next((e for e in names if e[-1].text == head.text), None) if alone else None


def _given(doc: Doc, words: Span) -> Span | None:
    """The full name that goes on where ``words`` end, with the same titles before it, if any."""
    persons = [e for e in doc.ents if e.label_ == "PERSON" and len(e) > 1]
    return next((e for e in persons if _titled(e, words)), None)


def untitled(doc: Doc, name: str) -> str:
    """A person's name without titles before two words or more, and with what of it follows elsewhere in the text:
    "Razlan Hakimi" for "Datuk Seri Razlan"."""
    words = name.split()
    if len(words) > 1 and (longer := re.search(rf"(?<!\w){re.escape(name)}(?: [A-Z][\w'’-]+)+", doc[:].text)):
        words = longer.group().split()
    titles = _TITLES | word_lists("nouns")["person"]
    named = bool(words) and words[-1][0].isupper()
    if len(words) == 2 and words[0].lower().rstrip(".") in _COURTESY:
        words = words[1:]
    while named and len(words) > 2 and words[0].lower().rstrip(".") in titles:
        words = words[1:]
    return " ".join(words)


_COURTESY = frozenset(["mr", "mrs", "ms", "miss"])
_TITLES = frozenset(
    ["mr", "mrs", "ms", "miss", "dr", "sir", "lord", "lady", "sheikh", "general", "colonel", "president", "prof", "rev",
     "datuk", "dato", "tan", "sri", "seri", "tun", "haji", "hajj", "syed", "maître", "monsieur", "madame", "don",
     "doña", "herr", "frau", "pak", "ibu", "lt", "capt", "gen", "col", "maj", "sgt", "adm", "vice", "prime", "former"]
)  # fmt: skip


def _full(doc: Doc, entity: Span) -> Span:
    """The name as the text gives it in full: "Ismail Haniyeh" for a later "Haniyeh", "Razlan Hakimi" for "Razlan" and
    for "Datuk Seri Razlan"."""
    persons = [e for e in doc.ents if e.label_ == "PERSON" and len(e) > 1]
    if entity.label_ != "PERSON":
        return entity
    if len(entity) == 1:
        by_family_name = next((e for e in persons if e[-1].text == entity.text), None)
        by_family_name = by_family_name or _family(doc, entity.root)
        return by_family_name or next((e for e in persons if e[0].text == entity.text), entity)
    return next((e for e in persons if _titled(e, entity)), entity)


def _titled(person: Span, entity: Span) -> bool:
    """Whether ``person`` goes on where ``entity`` ends, or the words before its last stand before ``person`` too."""
    if len(person) > len(entity) and person[: len(entity)].text == entity.text:
        return True
    start = person.start - len(entity) + 1
    before = person.doc[max(start, 0) : person.start].text
    return person[0].text == entity[-1].text and before == entity[:-1].text
