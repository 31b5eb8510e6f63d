"""Where an actor was before it moved, when another clause says so: "held at", "London staff", "from Homs"."""

from __future__ import annotations

from dataclasses import replace

from spacy.tokens import Doc, Token

from processors.components.actors import actor_of
from processors.components.coreference import PRONOUNS
from processors.components.model import Move, PlaceMention
from processors.components.phrases import SUBJECTS, subjects, type_of
from processors.components.roots import root_of

_STATIC = frozenset(
    ["in", "at", "near", "outside", "inside", "from", "on", "off", "around", "under", "aboard", "above"]
)
_ABOUT_SPEAKERS = frozenset(["say", "tell", "announce", "report", "add", "insist", "confirm", "write", "state", "warn"])


def with_origin(doc: Doc, move: Move) -> Move:
    """The move with the place where its actor was just before, where the passage says it and the move does not."""
    if move.origin is not None or move.destination is None or move.trigger.opens:
        return move
    best: tuple[float, PlaceMention] | None = None
    for place in doc._.places:
        if _possible(doc, move, place):
            score = _score(doc, move, place)
            if score > 0 and (best is None or score > best[0]):
                best = (score, place)
    if best is None:
        return move
    return move.but(origin=best[1], signals=replace(move.signals, origin_from_elsewhere=True))


def _possible(doc: Doc, move: Move, place: PlaceMention) -> bool:
    goal = move.destination
    if goal is None or place.role != "mentioned" or place.anaphor or place.start in range(goal.start, goal.end):
        return False
    if place.toponym is None and place.country is None:
        return False
    if place.toponym and goal.toponym and (place.toponym == goal.toponym or place.toponym.name == goal.toponym.name):
        return False
    if (
        place.country == goal.country
        and place.country
        and "country" in {place.toponym.kind if place.toponym else "", goal.toponym.kind if goal.toponym else ""}
    ):
        return False
    return doc[place.start : place.end].root.dep_ not in SUBJECTS


def _score(doc: Doc, move: Move, place: PlaceMention) -> float:
    """3: in the actor's own phrase; 2: where the actor is the subject of being there; 0: nothing says that it was there
    (that the news takes place in a town tells nothing: of nine origins read so six were wrong)."""
    actor, start = doc[move.actor.head], place.start
    before = doc[start - 1] if start else None
    if _in_phrase(doc, actor, place):
        return 3.0
    preposition = _preposition(doc, place)
    if before is not None and before.lower_ == "of" and actor.left_edge.i <= start <= actor.right_edge.i:
        small = place.toponym is None or place.toponym.kind != "country"
        return 2.5 if small and move.actor.type == "group" and not actor.ent_type_ else 0.0
    if preposition is None:
        return 0.0
    if actor.left_edge.i <= start <= actor.right_edge.i and before is not None:
        return 2.8
    verb = _clause(preposition)
    if (
        verb is None
        or verb.lemma_ in _ABOUT_SPEAKERS
        or (preposition.lower_ == "from" and verb.i == preposition.head.i and start > move.trigger.token)
    ):
        return 0.0
    if any(is_actor(doc, move, c) for c in subjects(verb)):
        return 2.0 + (preposition.lower_ in {"from", "off"}) / 10 - abs(start - move.trigger.token) / 1000
    return 0.0


def _in_phrase(doc: Doc, actor: Token, place: PlaceMention) -> bool:
    """ "the Doha-based leaders", "its London staff", "the Moscow bureau"."""
    after = doc[place.end] if place.end < len(doc) else None
    based = (
        after is not None and after.text == "-" and place.end + 1 < len(doc) and doc[place.end + 1].lower_ == "based"
    )
    if based and actor.left_edge.i <= place.start < actor.i + 1:
        return True
    root = doc[place.start : place.end].root
    return (
        root.dep_ in {"compound", "nmod"}
        and root.head.i == actor.i
        and place.toponym is not None
        and place.toponym.kind == "city"
    )


def _preposition(doc: Doc, place: PlaceMention) -> Token | None:
    for i in range(place.start - 1, max(-1, place.start - 7), -1):
        if doc[i].lower_ in _STATIC and doc[i].pos_ in {"ADP", "SCONJ", "ADV"}:
            return doc[i]
        if doc[i].pos_ in {"VERB", "AUX", "PUNCT"} or (doc[i].pos_ == "ADP" and doc[i].lower_ != "of"):
            return None
    return None


def _clause(token: Token) -> Token | None:
    node = token
    while node.head.i != node.i:
        node = node.head
        if node.pos_ in {"VERB", "AUX"}:
            return node
    return node if node.pos_ in {"VERB", "AUX"} else None


def is_actor(doc: Doc, move: Move, subject: Token) -> bool:
    """Whether a subject stands for the move's actor: its name again, a pronoun, the "who" of its relative clause."""
    if subject.i == move.actor.head or subject.i in move.actor.extra[:1]:
        return True
    if subject.lower_ in {"who", "which", "that"}:
        node = subject.head
        return node.dep_ in {"relcl", "acl"} and node.head.i == move.actor.head
    if subject.lower_ in PRONOUNS:
        meant = actor_of(doc, subject)
        return meant is not None and (meant.head == move.actor.head or root_of(doc, meant) == root_of(doc, move.actor))
    return (subject.lemma_ == doc[move.actor.head].lemma_ and subject.pos_ == "PROPN") or (
        subject.pos_ == "NOUN" and subject.lemma_ == doc[move.actor.head].lemma_ and type_of(subject) is not None
    )
