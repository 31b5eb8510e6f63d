"""Places that the model takes from words about somebody else: where a speaker stood, what happened elsewhere at the
time, where the same people only get later or have been."""

from __future__ import annotations

from collections.abc import Sequence

from spacy.tokens import Doc, Token

from processors.components.merging import same_actor
from processors.components.model import Move, PlaceMention
from processors.components.phrases import SUBJECTS
from processors.components.seats import marked
from processors.components.whereabouts import is_actor
from processors.lexicons import word_lists


def with_own_places(doc: Doc, move: Move, moves: Sequence[Move]) -> Move:
    """The move without places that the text gives to somebody else. ``moves``: all that it tells."""
    goal, origin = move.destination, move.origin
    if goal is not None and origin is not None and (_of_speaker(doc, move, goal) or _been(doc, move, goal)):
        return move.but(destination=None)
    if origin is None or move.destination is None or origin.anaphor:
        return move
    if _of_speaker(doc, move, origin):
        return move.but(origin=None)
    if marked(doc, origin):
        return move
    foreign = (
        _meanwhile(doc, move, origin) or _reached_later(doc, move, moves) or _crossed_at(doc, move)
        or _only_meant(doc, move, moves)
    )  # fmt: skip
    return move.but(origin=None) if foreign else move


def _of_speaker(doc: Doc, move: Move, place: PlaceMention) -> bool:
    """ "her manager said by telephone from Sfax", "officials in Maputo said" """
    root = doc[place.start : place.end].root
    preposition = root.head
    verb = preposition.head
    if verb.pos_ in {"NOUN", "PROPN"} and verb.dep_ in SUBJECTS and not is_actor(doc, move, verb):
        verb = verb.head
    if root.dep_ != "pobj" or preposition.pos_ != "ADP" or verb.i == move.trigger.token:
        return False
    says = verb.pos_ == "VERB" and verb.lemma_ in word_lists("nouns")["speech"]
    return says and not any(is_actor(doc, move, c) for c in verb.children if c.dep_ in SUBJECTS)


def _been(doc: Doc, move: Move, place: PlaceMention) -> bool:
    """ "the engineers serving in southern Lebanon flew home": where they were, in what says who they are."""
    inside = move.actor.start < place.start < move.actor.end
    return inside and doc[place.start - 1].lower_ in {"in", "at"}


def _meanwhile(doc: Doc, move: Move, place: PlaceMention) -> bool:
    """ "slipped across the border hours before a court in Khujand issued a warrant": a clause under the move's, of what
    somebody else does."""
    if place.start > move.trigger.token and doc[place.start - 1].lower_ in _CONJUNCTIONS:
        return True
    root, clause = doc[place.start : place.end].root, _verb(doc[move.trigger.token])
    verb = _above(root)
    if clause is None or verb is None or verb.i == clause.i or not clause.is_ancestor(verb):
        return False
    while not any(c.dep_ in SUBJECTS for c in verb.children):
        if verb.dep_ not in {"conj", "xcomp"} or verb.head.i == clause.i:
            return False
        verb = verb.head
    who = [c for c in verb.children if c.dep_ in SUBJECTS]
    under = _link(verb, clause) == "advcl" and verb.lemma_ != "be"
    return under and verb.i > clause.i and not any(is_actor(doc, move, c) for c in who)


_CONJUNCTIONS = frozenset(["as", "while", "when", "because"])
"""What a place stands behind that is the subject of another clause, whatever the parser made of it."""


def _link(verb: Token, above: Token) -> str:
    """How the clause of ``verb`` hangs on the verb ``above``."""
    node = verb
    while node.head.i not in {above.i, node.i}:
        node = node.head
    return node.dep_


def _above(token: Token) -> Token | None:
    """The nearest verb above a token."""
    return next((a for a in token.ancestors if a.pos_ in {"VERB", "AUX"}), None)


def _verb(token: Token) -> Token | None:
    return token if token.pos_ in {"VERB", "AUX"} else _above(token)


def _reached_later(doc: Doc, move: Move, moves: Sequence[Move]) -> bool:
    """ "travelled to Larnaca and continued to Valletta": of the first hop Valletta is no origin."""
    origin, goal, trigger = move.origin, move.destination, move.trigger.token
    assert origin is not None
    assert goal is not None
    if origin.start < max(trigger, goal.start):
        return False
    if origin.start < move.sentence[1] and {t.lower_ for t in doc[goal.end : origin.start]} & _THEN:
        return True
    return any(m.trigger.token >= trigger and same_actor(doc, m, move) for m in _ending_there(move, moves))


_THEN = frozenset(["then", "later", "onward", "onwards", "afterwards", "next", "finally"])


def _only_meant(doc: Doc, move: Move, moves: Sequence[Move]) -> bool:
    """ "caught with a ticket to Dubai", "on the road to Lethem": nobody got there."""
    origin = move.origin
    assert origin is not None
    start = origin.start - (doc[origin.start - 1].lower_ == "the")
    to = doc[start - 1]
    return to.lower_ == "to" and to.head.pos_ in {"NOUN", "ADV", "ADJ"} and not _ending_there(move, moves)


def _ending_there(move: Move, moves: Sequence[Move]) -> list[Move]:
    """The moves that end at the very words that the move's origin was read from."""
    origin = move.origin
    return [
        m for m in moves if origin is not None and m.destination is not None and m.destination.start == origin.start
    ]


def _crossed_at(doc: Doc, move: Move) -> bool:
    """ "crossed into Tigray near the town of Zalambessa": there they passed."""
    origin, goal = move.origin, move.destination
    assert origin is not None
    assert goal is not None
    before = {t.lower_ for t in doc[max(0, origin.start - 4) : origin.start]}
    return move.trigger.token < goal.start < origin.start and bool(before & {"near", "at"}) and "from" not in before
