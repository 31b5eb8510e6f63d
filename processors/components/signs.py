"""What speaks for and against a move: signs of the move as a whole, of its actor, its origin and its destination."""

from __future__ import annotations

import math
from collections.abc import Sequence

from spacy.tokens import Doc

from processors.components.coreference import PRONOUNS
from processors.components.model import Move, PlaceMention
from processors.components.phrases import type_of
from processors.components.seats import marked

PARTS: dict[str, tuple[str, ...]] = {
    "there": (
        "event", "weakest_place", "kind", "model_alone", "no_somebody", "no_origin", "no_destination", "unknown_places",
        "weak_trigger", "known_trigger", "broad_places", "denied", "arrived_in", "origin_unmarked", "more_in_sentence",
        "more_of_trigger", "one_of_several", "displacement", "person", "group", "other_type",
    ),
    "actor": (
        "actor", "other_actor", "model_alone", "rules_same_actor", "rules_other_actor", "proper_name", "part", "owned",
        "actor_distance", "more_of_trigger", "more_in_text", "actor_length",
    ),
    "origin": (
        "event", "origin", "other_origin", "rules_origin_too", "rules_no_origin", "origin_from_elsewhere", "origin_far",
        "place_between", "origin_lead", "origin_unsupported", "origin_rival", "origin_broad", "more_in_text", "verbs",
        "denied",
    ),
    "destination": (
        "event", "destination", "no_destination", "rules_alone", "model_alone", "rules_no_destination",
        "destination_far", "destination_before", "destination_lead", "destination_unknown", "destination_unsupported",
        "one_of_several", "more_of_trigger", "more_in_text", "verbs",
    ),
}  # fmt: skip
"""The signs by which each part of a move is judged: that it is told at all, then that each of the others is right.

Chosen by leaving out what did not lower the log loss on rounds and training files that the weights were not fitted on.
"""

_BROAD = frozenset({"country", "region"})
_IN, _TO = frozenset(["in", "at", "near"]), frozenset(["to", "into", "toward", "towards", "for"])
_SOME_OF = frozenset(
    ["half", "third", "quarter", "part", "rest", "others", "other", "some", "majority", "most", "few", "dozen",
     "number", "first", "last", "second", "remainder", "remaining", "batch", "group", "members"]
)  # fmt: skip
"""Words of an actor that is a part of a larger one, told apart in the same sentence."""

UNLIKELY = 0.001
"""Probabilities are taken to lie at least so far from 0 and 1: the model is surer than it is right."""


def log_odds(p: float) -> float:
    """The logarithm of p : (1 - p)."""
    p = min(max(p, UNLIKELY), 1 - UNLIKELY)
    return math.log(p / (1 - p))


def signs(doc: Doc, move: Move, moves: Sequence[Move]) -> dict[str, float]:
    """Every sign of ``PARTS`` by its name. ``moves``: all that are told of the text, ``move`` among them; probabilities
    as log odds, 0 where the model is silent."""
    return {
        **_readings(move), **_of_move(doc, move), **_of_actor(doc, move), **_of_company(move, moves),
        **_of_origin(doc, move), **_of_destination(doc, move),
    }  # fmt: skip


def _readings(move: Move) -> dict[str, float]:
    """What the model says and what the rules say of the same."""
    s = move.signals
    learned, both = s.event > 0, s.event > 0 and s.rules > 0
    places = [p for p in (s.origin, s.destination) if p]
    same_actor, origin, _ = s.rule_parts
    return {
        "event": log_odds(s.event) if learned else 0.0,
        "weakest_place": log_odds(min(places)) if places else 0.0,
        "kind": log_odds(s.kind) if learned else 0.0,
        "actor": log_odds(s.actor) if learned else 0.0,
        "origin": log_odds(s.origin) if s.origin else 0.0,
        "destination": log_odds(s.destination) if s.destination else 0.0,
        "other_actor": log_odds(s.others[0]) if learned else 0.0,
        "other_origin": log_odds(s.others[1]) - log_odds(0) if learned and move.origin else 0.0,
        "model_alone": float(learned and not s.rules),
        "rules_alone": float(not learned),
        "rules_same_actor": float(both and same_actor),
        "rules_other_actor": float(both and not same_actor),
        "rules_origin_too": float(both and s.origin > 0 and origin),
        "rules_no_origin": float(both and s.origin > 0 and not origin),
        "rules_no_destination": float(both and s.destination > 0 and not s.rule_parts[2]),
        "one_of_several": float(s.one_of_several),
        "origin_from_elsewhere": float(s.origin_from_elsewhere),
    }


def _of_move(doc: Doc, move: Move) -> dict[str, float]:
    trigger = move.trigger
    places = _places(move)
    return {
        "no_origin": float(move.origin is None),
        "no_destination": float(move.destination is None),
        "unknown_places": float(sum(p.toponym is None for p in places)),
        "broad_places": float(sum(_broad(p) for p in places)),
        "weak_trigger": float(trigger.weak),
        "known_trigger": float(trigger.mover != "either"),
        "denied": float(move.status == "denied"),
        "displacement": float(move.kind == "displacement"),
        "verbs": min(sum(t.pos_ == "VERB" for t in doc[move.sentence[0] : move.sentence[1]]), 12) / 3,
        "place_between": float(_between(doc, move)),
    }


def _of_actor(doc: Doc, move: Move) -> dict[str, float]:
    actor = move.actor
    head, words = doc[actor.head], {t.lower_ for t in doc[actor.start : actor.end]}
    return {
        "no_somebody": float(type_of(head) is None),
        "proper_name": float(head.pos_ == "PROPN"),
        "part": float(bool(words & _SOME_OF)),
        "owned": float(bool(words & PRONOUNS)),
        "actor_distance": min(abs(actor.head - move.trigger.token), 30) / 10,
        "actor_length": min(actor.end - actor.start, 10) / 5,
        "person": float(actor.type == "person"),
        "group": float(actor.type == "group"),
        "other_type": float(actor.type == "other"),
    }


def _of_company(move: Move, moves: Sequence[Move]) -> dict[str, float]:
    """How many other moves are told beside this one."""
    return {
        "more_in_sentence": float(min(sum(m.sentence == move.sentence for m in moves) - 1, 4)),
        "more_of_trigger": float(min(sum(m.trigger.token == move.trigger.token for m in moves) - 1, 3)),
        "more_in_text": math.log(len(moves)),
    }


def _of_origin(doc: Doc, move: Move) -> dict[str, float]:
    """Where it starts; 0 throughout where it does not say."""
    place = move.origin
    return {
        "origin_unmarked": float(place is not None and not marked(doc, place)),
        "origin_far": float(place is not None and not _inside(move, place)),
        "origin_lead": _lead(place),
        "origin_unsupported": place.unsupported if place else 0.0,
        "origin_rival": float(place is not None and place.rival),
        "origin_broad": float(place is not None and _broad(place)),
    }


def _of_destination(doc: Doc, move: Move) -> dict[str, float]:
    """Where it ends; 0 throughout where it does not say."""
    place = move.destination
    before = {t.lower_ for t in doc[max(0, place.start - 3) : place.start]} if place else set()
    return {
        "arrived_in": float(bool(before & _IN) and not before & _TO),
        "destination_far": float(place is not None and not _inside(move, place)),
        "destination_before": float(place is not None and place.start < move.trigger.token),
        "destination_lead": _lead(place),
        "destination_unknown": float(place is not None and place.toponym is None),
        "destination_unsupported": place.unsupported if place else 0.0,
    }


def _places(move: Move) -> list[PlaceMention]:
    return [p for p in (move.origin, move.destination) if p is not None]


def _broad(place: PlaceMention) -> bool:
    return place.toponym is not None and place.toponym.kind in _BROAD


def _lead(place: PlaceMention | None) -> float:
    return 0.0 if place is None or place.toponym is None else place.lead


def _inside(move: Move, place: PlaceMention) -> bool:
    """Whether a place stands in the trigger's sentence."""
    return move.sentence[0] <= place.start < move.sentence[1]


def _between(doc: Doc, move: Move) -> bool:
    """Whether a place that the move does not name stands between its trigger and its places."""
    mine = _places(move)
    ends = [move.trigger.token, *(p.start for p in mine if _inside(move, p))]
    return any(
        min(ends) < p.start < max(ends) and p.role == "mentioned" and not _is_one_of(doc, p, mine) for p in doc._.places
    )


def _is_one_of(doc: Doc, place: PlaceMention, mine: Sequence[PlaceMention]) -> bool:
    """Whether a place is one of the move's, or the country or region of one."""
    name = doc[place.start : place.end].text
    return any(
        (place.start < p.end and p.start < place.end)
        or doc[p.start : p.end].text == name
        or (place.toponym is not None and place.toponym == p.toponym)
        or (_broad(place) and place.country == p.country)
        for p in mine
    )
