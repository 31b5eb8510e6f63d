"""Which readings stand: the model's where it is sure or the rules agree, and the rules' where the model is silent.

The bounds were chosen on passages that neither the model nor the authors of the rules had seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spacy.tokens import Doc

from processors.components.governors import OPEN
from processors.components.learned_moves import Telling
from processors.components.merging import compatible
from processors.components.model import Move, Signals, reject
from processors.components.phrases import is_goods
from processors.components.vetoes import doubt

ALONE, AGREED = 0.9, 0.5
"""The least probability of a move that only the model tells, and of one that the rules tell too."""

ORIGIN_ALONE = 0.95
"""The least probability of a move that the model alone tells, with an origin and no destination."""

SURE_OF_STATUS = 0.9
"""Probability of the status below which the rules' status counts, where they tell the move too."""

NEAR = 40
"""Tokens between two triggers that may tell one move."""


def chosen(doc: Doc, rules: Sequence[Move], tellings: Sequence[Telling]) -> list[Move]:
    """The moves that stand, in reading order; why a telling of the model does not is kept with ``reject``."""
    moves: list[Move] = []
    confirmed: set[int] = set()
    for telling in tellings:
        move = telling.move
        beside = next((i for i, rule in enumerate(rules) if agree(rule, move)), None)
        trigger = replace(move.trigger, opens=False) if move.kind == "office_move" else move.trigger  # it is no shop
        against = doubt(doc, trigger, doc[move.actor.head], move.actor)
        if _thing(doc, move):
            reject(doc, move.trigger, f"{doc[move.actor.head].text!r} is a thing, not someone who can be somewhere")
            continue
        if against is not None:
            reject(doc, move.trigger, against)
        elif telling.probability < least(move, beside is not None):
            reject(doc, move.trigger, f"too unlikely: probability {telling.probability:.2f}")
        elif beside is None:
            moves.append(_signed(telling, 0.0))
        else:
            confirmed.add(beside)
            moves.append(_completed(telling, rules[beside]))
    moves += [
        r.but(signals=Signals(rules=r.confidence))
        for i, r in enumerate(rules)
        if i not in confirmed and not _told(r, moves) and not _thing(doc, r)
    ]
    return sorted(moves, key=lambda m: m.trigger.token)


def _thing(doc: Doc, move: Move) -> bool:
    """Goods, animals, money, or an "it" that stands for nobody known."""
    words = doc[move.actor.start : move.actor.end]
    money = any(t.ent_type_ in {"MONEY", "PERCENT"} for t in words)
    return money or is_goods(doc[move.actor.head]) or words[-1].lower_ == "it"


def _signed(telling: Telling, rules: float) -> Move:
    said, move = telling.said, telling.move
    return move.but(signals=Signals(
        telling.probability, telling.weakest_place, telling.actor, said.status_probability, rules,
    ))  # fmt: skip


def least(move: Move, agreed: bool) -> float:
    """The least probability with which the model's move stands."""
    if not agreed and move.destination is None:
        return ORIGIN_ALONE
    return AGREED if agreed else ALONE


def agree(a: Move, b: Move) -> bool:
    """Whether two readings are of one move: a place in common on its side, and none that contradicts."""
    sides = ((a.origin, b.origin), (a.destination, b.destination))
    shared = any(x and y and compatible(x, y) for x, y in sides)
    return shared and all(compatible(x, y) for x, y in sides) and abs(a.trigger.token - b.trigger.token) < NEAR


def _told(rule: Move, moves: Sequence[Move]) -> bool:
    return any(rule.trigger.token == m.trigger.token or agree(rule, m) for m in moves)


def _completed(telling: Telling, rule: Move) -> Move:
    """The model's move with what the rules say where it says nothing or is not sure."""
    move = _signed(telling, rule.confidence)
    hedged = move.status in OPEN and rule.status in {"conditional", "cancelled", "denied"}
    sure = telling.said.status_probability >= SURE_OF_STATUS and not hedged
    return move.but(
        origin=move.origin or rule.origin, destination=move.destination or rule.destination,
        status=move.status if sure else rule.status, home=move.home or rule.home,
        attribution=move.attribution or rule.attribution, when=move.when or rule.when,
    )  # fmt: skip
