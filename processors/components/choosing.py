"""Which readings stand: the model's where it is sure or the rules agree, and the rules' where the model is silent.

The bounds were chosen on passages that neither the model nor the authors of the rules had seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spacy.tokens import Doc

from processors.components.governors import OPEN, goes_on, put_off
from processors.components.learned_moves import Telling
from processors.components.merging import compatible
from processors.components.model import Move, Signals, reject
from processors.components.phrases import is_goods
from processors.components.roots import root_of
from processors.components.seats import from_of, marked
from processors.components.speakers import bystander, elsewhere_object, speaks
from processors.components.status import status_of, unsaid
from processors.components.vetoes import CLUBS, doubt
from processors.learned.moves import hops

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
    signed: list[Move] = []
    for telling in tellings:
        told = _from_where_it_says(doc, telling.move, rules)
        move = _by_who_moves(doc, told, rules)
        beside = next((i for i, rule in enumerate(rules) if agree(rule, told)), None)
        against = _against(doc, telling, move, beside is not None)
        if against == CLUBS and telling.move.destination is not None:
            signed.append(telling.move)
        if move is None or against is not None:
            reject(doc, telling.move.trigger, against or "the one who is named only speaks of it")
        elif beside is None:
            moves.append(_as_said(doc, move).but(signals=_signals(telling)))
        else:
            confirmed.add(beside)
            moves.append(_completed(doc, telling, _as_said(doc, move), rules[beside]))
    moves += [
        r.but(signals=Signals(rules=r.confidence))
        for i, r in enumerate(rules)
        if i not in confirmed and not _told(r, moves) and not _thing(doc, r)
    ]
    again = [m for m in moves if any(_signs(doc, m, s) for s in signed)]
    for move in again:
        reject(doc, move.trigger, CLUBS)
    return sorted((m for m in moves if m not in again), key=lambda m: m.trigger.token)


def _signs(doc: Doc, move: Move, signed: Move) -> bool:
    """Whether a move is told again that another sentence has as a player's who changes clubs."""
    if move.destination is None or not compatible(move.destination, signed.destination):
        return False
    return root_of(doc, move.actor) == root_of(doc, signed.actor)


def _as_said(doc: Doc, move: Move) -> Move:
    """The move with what its sentence says of the status where the model has it denied and no word around says no."""
    return move.but(status=status_of(doc, move.trigger)) if unsaid(doc, move.trigger, move.status) else move


def _from_where_it_says(doc: Doc, move: Move, rules: Sequence[Move]) -> Move:
    """The move with the rules' origin of the same word where that stands behind "from" and the model's does not."""
    if move.origin is None or marked(doc, move.origin):
        return move
    word = move.trigger.token
    said = (r.origin for r in rules if r.trigger.token == word and agreed_goal(r, move))
    named = (o for o in said if o is not None and not o.anaphor and from_of(doc, o.start, word))
    return move.but(origin=next(named, move.origin))


def agreed_goal(a: Move, b: Move) -> bool:
    """Whether two readings have one destination."""
    return a.destination is not None and b.destination is not None and compatible(a.destination, b.destination)


def _by_who_moves(doc: Doc, move: Move, rules: Sequence[Move]) -> Move | None:
    """The move with the rules' actor where the model names a bystander; None where the rules know no other."""
    tells = bystander(doc, move.trigger, move.actor, move.kind == "office_move")
    if not tells and not elsewhere_object(doc, move.trigger, move.actor):
        return move
    others = (r.actor for r in rules if r.trigger.token == move.trigger.token and r.actor.head != move.actor.head)
    actor = next((a for a in others if a.pronoun or not speaks(doc[a.head], move.trigger)), None)
    if actor is None:
        return None if tells else move
    return move.but(actor=actor)


def _against(doc: Doc, telling: Telling, move: Move | None, agreed: bool) -> str | None:
    """Why the model's move does not stand; None where it does."""
    move = move or telling.move
    if _thing(doc, move):
        return f"{doc[move.actor.head].text!r} is a thing, not someone who can be somewhere"
    trigger = replace(move.trigger, opens=False) if move.kind == "office_move" else move.trigger  # it is no shop
    against = doubt(doc, trigger, doc[move.actor.head], move.actor)
    if against is None and telling.probability < least(move, agreed):
        return f"too unlikely: probability {telling.probability:.2f}"
    return against


def _thing(doc: Doc, move: Move) -> bool:
    """Goods, animals, money, or an "it" that stands for nobody known."""
    words = doc[move.actor.start : move.actor.end]
    money = any(t.ent_type_ in {"MONEY", "PERCENT"} for t in words)
    return money or is_goods(doc[move.actor.head]) or words[-1].lower_ == "it"


def _signals(telling: Telling) -> Signals:
    """What the model says of a move."""
    said, hop = telling.said, telling.hop
    actor, origin, destination = (s.probability if s else 0.0 for s in (hop.actor, hop.origin, hop.destination))
    return Signals(
        telling.probability, actor, origin, destination, said.kind_probability, said.others, len(hops(said)) > 1,
    )  # fmt: skip


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


def _completed(doc: Doc, telling: Telling, move: Move, rule: Move) -> Move:
    """The model's move with what the rules say where it says nothing or is not sure."""
    same = rule.actor.head == move.actor.head or (
        rule.actor.start < move.actor.end and move.actor.start < rule.actor.end
    )
    parts = (same, rule.origin is not None, rule.destination is not None)
    hedged = move.status in OPEN and rule.status in {"conditional", "cancelled", "denied"}
    hedged |= move.status == "cancelled" and rule.status == "planned" and put_off(doc[rule.trigger.token])
    hedged |= move.status == "completed" and rule.status == "ongoing" and goes_on(doc[rule.trigger.token])
    sure = telling.said.status_probability >= SURE_OF_STATUS and not hedged
    return move.but(
        origin=move.origin or rule.origin, destination=move.destination or rule.destination,
        status=move.status if sure else rule.status, home=move.home or rule.home,
        attribution=move.attribution or rule.attribution, when=move.when or rule.when,
        signals=replace(_signals(telling), rules=rule.confidence, rule_parts=parts),
    )  # fmt: skip
