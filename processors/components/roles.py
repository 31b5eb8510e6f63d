"""Which place is the origin and which the destination of which trigger: prepositions, objects, lists, hops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spacy.tokens import Doc, Token

from processors.components.model import PlaceMention, Trigger
from processors.components.seats import accredited
from processors.lexicons import word_lists

_FROM = frozenset({"from", "off"})
_TO = frozenset({"to", "into", "toward", "towards", "onto", "unto"})
_STATIC = frozenset(
    {"in", "at", "on", "near", "outside", "around", "inside", "of", "along", "beside", "across", "beyond"}
)
_VIA = frozenset({"via", "through"})
_INSIDE_PHRASE = frozenset(["DET", "ADJ", "NUM", "PROPN", "NOUN", "PART"])


@dataclass(frozen=True, slots=True)
class Attachment:
    """How a place hangs in its sentence: its preposition (``object`` for none), where the climb to a trigger starts."""

    preposition: str
    token: Token
    inner: bool = False
    """Reached through a noun: "to a hospital in Cairo"."""


@dataclass(slots=True)
class Roles:
    """The places of one trigger in reading order, and the weakest way any of them was found (1.0 the surest)."""

    origins: list[PlaceMention] = field(default_factory=list)
    destinations: list[PlaceMention] = field(default_factory=list)
    via: list[PlaceMention] = field(default_factory=list)
    trust: float = 1.0


def attach(doc: Doc, place: PlaceMention, places: list[PlaceMention]) -> Attachment | None:
    """The preposition or verb that a place depends on, by the words before it; None where nothing says."""
    if place.anaphor and doc[place.start].lower_ == "there" and doc[place.start - 1].lower_ != "from":
        return Attachment("to", doc[place.start])
    i = _before_apposed(doc, place.start) - 1
    for _ in range(9):
        if i < 0:
            return None
        token = doc[i]
        word = token.lower_
        if word == "of" and i and doc[i - 1].lower_ in {"out", "outside"}:
            return Attachment("from" if doc[i - 1].lower_ == "out" else "in", doc[i - 1])
        if word in _STATIC and token.pos_ in {"ADP", "ADV", "SCONJ"}:
            return _static(doc, token, places)
        if word in _FROM | _TO | _VIA | {"for", "between"}:
            return Attachment(word, token)
        if (token.pos_ in {"VERB", "AUX"} and token.tag_ not in {"VBN", "VBG"}) or (
            token.pos_ == "VERB" and place.start - i == 1
        ):
            return Attachment("object", token)
        if token.pos_ not in _INSIDE_PHRASE and not token.is_space and token.text != "-" and token.tag_ != "VBN":
            return None
        if any(p.start <= i < p.end for p in places) and token.lower_ not in {"'s", "’s"} and not _owns(doc, i, place):
            return None
        i -= 1
    return None


def _before_apposed(doc: Doc, start: int) -> int:
    """Where the phrase starts to which a name is apposed: "the Tunisian capital, Tunis", "the port of Duqm" …"""
    if start < 2 or doc[start - 1].text != ",":
        return start
    return start - 2 if doc[start - 2].lower_ in word_lists("placewords")["described"] else start


def _owns(doc: Doc, i: int, place: PlaceMention) -> bool:
    """Whether the place at ``i`` is only the owner: "to Turkey's Hatay province"."""
    return any(t.text in {"'s", "’s"} for t in doc[i : place.start])


def _static(doc: Doc, token: Token, places: list[PlaceMention]) -> Attachment | None:
    """After "in", "near", "of": an argument of its own, or part of a place or building that is one."""
    before = token.i - 1
    if before >= 0 and doc[before].text == ",":
        before -= 1
    if any(p.start <= before < p.end and not p.anaphor for p in places):
        return None  # "Goma in eastern Congo": the other name is the place
    noun = doc[token.i - 1] if token.i else None
    if noun is not None and noun.pos_ in {"NOUN", "PROPN"} and noun.ent_type_ not in {"DATE", "TIME"}:
        site = noun.lemma_.lower() in word_lists("nouns")["facility"] | word_lists("nouns")["office"]
        outer = (
            attach(doc, PlaceMention(noun.i, noun.i + 1, None), places)
            if site or token.lower_ in {"in", "at", "near", "outside"}
            else None
        )
        if outer is not None and (
            outer.preposition in _FROM | _TO or (site and outer.preposition in {"object", "for"})
        ):
            return Attachment(outer.preposition, outer.token, inner=True)
    return None if token.lower_ == "of" else Attachment("in", token)


def assign(doc: Doc, places: list[PlaceMention], triggers: Mapping[int, Trigger]) -> dict[int, Roles]:
    """The roles by the trigger's token. Each place goes to the nearest trigger above, else before it, in a clause."""
    roles: dict[int, Roles] = {}
    last: tuple[PlaceMention, int, str] | None = None
    for place in places:
        if place.role == "dateline" or accredited(doc, place.start):
            continue
        if last is not None and (listed := _continues(doc, last[0], place)):
            if listed == "list":
                _put(roles.setdefault(last[1], Roles()), place, last[2])
                last = (place, last[1], last[2])
            continue
        last = None
        attachment = attach(doc, place, places)
        if attachment is None:
            continue
        found = _governor(doc, attachment, triggers)
        if found is None:
            continue
        trigger, trust = found
        role = _role(doc, attachment, trigger, place)
        if role:
            entry = roles.setdefault(trigger.token, Roles())
            if role != "via" and getattr(entry, f"{role}s"):
                continue  # a second place in a role that is no list with the first: the nearer one stays
            _put(entry, place, role)
            entry.trust = min(entry.trust, trust)
            last = (place, trigger.token, role)
    return roles


def _put(roles: Roles, place: PlaceMention, role: str) -> None:
    {"origin": roles.origins, "destination": roles.destinations, "via": roles.via}[role].append(place)


def _continues(doc: Doc, before: PlaceMention, place: PlaceMention) -> str | None:
    """``list`` for "A, B and C"; ``inside`` for "Goma, Congo", which is one place."""
    between = [
        t.lower_ for t in doc[before.end : place.start] if t.lower_ not in {"the", "then", "later", "on", "to", "both"}
    ]
    if between in (["in"], [",", "in"], ["of"]) or (between == [","] and _holds(place, before)):
        return "inside"
    if between and set(between) <= {",", "and", "or"} and doc[before.start].sent == doc[place.start].sent:
        after = doc[place.end].lower_ if place.end < len(doc) else "."
        subject = doc[place.start : place.end].root.dep_ in {"nsubj", "nsubjpass", "poss"} or after in {"'s", "’s"}
        return "list" if not subject and ({"and", "or"} & set(between) or after in {",", "and", "or"}) else None
    return None


def _holds(outer: PlaceMention, inner: PlaceMention) -> bool:
    return (
        outer.toponym is not None
        and outer.toponym.kind in {"country", "region"}
        and (inner.toponym is None or inner.toponym.kind not in {"country"})
        and outer.country == inner.country
    )


def _role(doc: Doc, attachment: Attachment, trigger: Trigger, place: PlaceMention) -> str | None:
    word = attachment.preposition
    if word in _FROM:
        return "origin"
    if word in _VIA:
        return "via" if word == "via" else None
    if word in _TO:
        return "destination"
    if word == "for":
        return "destination" if trigger.for_ == "destination" else None
    if word == "object" and attachment.inner and trigger.in_ == "destination":
        return "destination"
    if word == "object":
        return trigger.object if trigger.object != "none" and _is_object(doc, attachment, trigger, place) else None
    return "destination" if word == "in" and trigger.in_ == "destination" else None


def _is_object(doc: Doc, attachment: Attachment, trigger: Trigger, place: PlaceMention) -> bool:
    """The place itself, or a class noun of place after it, is the object: not "left Kabul residents angry"."""
    if attachment.token.i != trigger.token and attachment.token.i >= trigger.end:
        return False
    if attachment.inner:
        return trigger.lemma not in {"reach", "visit"}
    after = doc[place.end] if place.end < len(doc) else None
    if after is not None and (
        after.text in {"'s", "’s"}
        or (after.pos_ in {"NOUN", "PROPN"} and after.dep_ in {"dobj", "nsubj", "pobj"} and not after.is_title)
    ):
        return after.lemma_.lower() in word_lists("nouns")["facility"]
    return after is None or (after.pos_ not in {"ADJ"} and after.tag_ != "VBN")


def _governor(doc: Doc, attachment: Attachment, triggers: Mapping[int, Trigger]) -> tuple[Trigger, float] | None:
    token = attachment.token
    if attachment.preposition == "object":
        trigger = triggers.get(token.i) or next((t for t in triggers.values() if t.token <= token.i < t.end), None)
        return (trigger, 1.0) if trigger else None
    steps = 0
    node = token
    while node.head.i != node.i and steps < 7:
        node = node.head
        if trigger := _at(node, triggers):
            return trigger, 1.0 if steps <= 1 else 0.9
        if node.pos_ == "VERB" and not _transparent(node):
            break
        steps += 1
    return _linear(doc, token, triggers)


def _at(node: Token, triggers: Mapping[int, Trigger]) -> Trigger | None:
    return triggers.get(node.i) or next(
        (t for t in triggers.values() if t.part == "verb" and t.token < node.i < t.end), None
    )


def _transparent(verb: Token) -> bool:
    """Verbs that a place of the move may hang on by mistake or by nesting: participles and infinitives of purpose."""
    return verb.dep_ in {"acl", "amod", "advcl"} and verb.tag_ in {"VBN", "VBG"}


def _linear(doc: Doc, token: Token, triggers: Mapping[int, Trigger]) -> tuple[Trigger, float] | None:
    """The nearest trigger before the preposition in the same clause."""
    start = token.sent.start
    for i in range(token.i - 1, start - 1, -1):
        if trigger := triggers.get(i):
            return trigger, 0.6
        other = doc[i]
        if other.text in {";", ":"} or (other.pos_ == "VERB" and other.tag_ not in {"VBN", "VBG"}) or token.i - i > 14:
            return None
        if other.pos_ == "NOUN" and other.i == token.i - 1 and other.lemma_.lower() in word_lists("nouns")["goods"]:
            return None
    return None
