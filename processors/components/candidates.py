"""From triggers to candidates: who, from where, to where, in one sentence; each with how sure the reading is."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product

from spacy.tokens import Doc, Span, Token

from processors.components.actors import actor_of, with_owner
from processors.components.context import attribution, reason, when
from processors.components.kinds import kind_of
from processors.components.merging import compatible
from processors.components.model import ActorMention, Move, PlaceMention, Trigger, reject
from processors.components.movers import movers, subject_of
from processors.components.roles import Roles, assign
from processors.components.status import last_word, status_of
from processors.components.triggers import find_triggers
from processors.components.vetoes import carried, veto
from processors.gazetteer import gazetteer

MAX_MOVES_OF_TRIGGER = 4
"""A trigger with more pairs of places than this is a list that was misread."""


def propose(doc: Doc) -> list[Move]:
    """The moves that the sentences tell, in reading order, not yet merged with each other."""
    triggers = {t.token: t for t in find_triggers(doc)}
    if not triggers:
        return []
    roles = assign(doc, doc._.places, triggers)
    moves: list[Move] = []
    for i, trigger in triggers.items():
        if i in roles and (roles[i].origins or roles[i].destinations):
            moves.extend(_moves(doc, trigger, roles[i], roles))
    return moves


def _moves(doc: Doc, trigger: Trigger, roles: Roles, told: Container[int]) -> Iterator[Move]:
    heads = movers(doc[trigger.token], trigger)
    if not heads:
        reject(doc, trigger, "nobody who moves was found")
        return
    for head in _apart(carried(heads[0])):
        actor = _owned(doc, trigger, actor_of(doc, head))
        for origin, destination in _hops(roles):
            why = veto(doc, trigger, head, actor, destination)
            if why or actor is None:
                reject(doc, trigger, why or "no actor")
                return
            yield _move(doc, trigger, actor, origin, destination, roles.trust, told)


def _owned(doc: Doc, trigger: Trigger, actor: ActorMention | None) -> ActorMention | None:
    """An office that somebody opens belongs to whoever opens it, and staff to whoever moves them."""
    if actor is None or actor.extra:
        return actor
    if not trigger.opens:
        return with_owner(doc, trigger, actor)
    owner = subject_of(doc[trigger.token])
    known = actor_of(doc, owner) if owner is not None and owner.i != actor.head else None
    return (
        replace(actor, organisation=actor.organisation or known.organisation, extra=(known.head,)) if known else actor
    )


def _apart(head: Token) -> list[Token]:
    """The members of a list that are named apart: "the minister and the ambassador"; one phrase stays one."""
    members = [head]
    node = head
    while True:
        following = next((c for c in node.children if c.dep_ == "conj" and c.pos_ in {"NOUN", "PROPN"}), None)
        if following is None:
            break
        members.append(following)
        node = following
    if len(members) == 1 or not all(
        m.pos_ == "PROPN" or any(c.dep_ in {"det", "poss"} for c in m.children) for m in members
    ):
        return [head]
    return members


def _hops(roles: Roles) -> list[tuple[PlaceMention | None, PlaceMention | None]]:
    """Pairs of origin and destination: every stop on the way is a hop of its own, lists are multiplied out."""
    origins: list[PlaceMention | None] = list(roles.origins) or [None]
    destinations: list[PlaceMention | None] = list(roles.destinations) or [None]
    pairs = list(product(origins, destinations))[:MAX_MOVES_OF_TRIGGER]
    if roles.via and len(pairs) == 1:
        stops = [pairs[0][0], *roles.via, pairs[0][1]]
        return [(a, b) for a, b in pairwise(stops) if a or b]
    return [(a, b) for a, b in pairs if not _same(a, b)]


def _same(a: PlaceMention | None, b: PlaceMention | None) -> bool:
    return a is not None and b is not None and a.toponym is not None and a.toponym == b.toponym


def _move(
    doc: Doc,
    trigger: Trigger,
    actor: ActorMention,
    origin: PlaceMention | None,
    destination: PlaceMention | None,
    trust: float,
    told: Container[int],
) -> Move:
    sentence = doc[trigger.token].sent
    status = last_word(status_of(doc, trigger), *_later(doc, trigger, (origin, destination), told))
    if actor.type == "other" and status == "completed" and trigger.part == "verb":
        status = "planned"  # a change of venue of a meeting still to come
    return Move(
        trigger, actor, origin, destination, kind_of(doc, trigger, actor), status,
        confidence(trigger, actor, origin, destination, trust), (sentence.start, sentence.end),
        attribution(doc, trigger), when(doc, trigger), reason(doc, trigger),
        home=home(doc, trigger, actor) if destination is None else None,
    )  # fmt: skip


def home(doc: Doc, trigger: Trigger, actor: ActorMention) -> str | None:
    """The country of "left Niger for home", where the actor's phrase gives it ("French troops")."""
    told = any(t.lower_ == "home" for t in doc[trigger.token : min(trigger.end + 6, doc[trigger.token].sent.end)])
    codes = (gazetteer().demonyms.get(t.lower_) for t in doc[actor.start : actor.end])
    return next((c for c in codes if c), None) if told else None


def _later(doc: Doc, trigger: Trigger, places: Sequence[PlaceMention | None], told: Container[int]) -> tuple[str, str]:
    """The text after the trigger in which a denial may be of this move, and that in which it may be called off or
    allowed: the rest of its sentence and the two sentences behind it, but those that speak of other places alone (there
    another move is called off) or, for a denial, tell another move. ``told``: the triggers that have places."""
    end = doc[trigger.token].sent.end
    denied = decided = doc[trigger.end : end].text
    for _ in range(2):
        if end < len(doc):
            sentence = doc[end].sent
            end = sentence.end
            elsewhere = _elsewhere(doc, sentence, places)
            denied += "" if elsewhere and any(t.i in told for t in sentence) else f" {sentence.text}"
            decided += "" if elsewhere else f" {sentence.text}"
    return denied, decided


def _elsewhere(doc: Doc, sentence: Span, places: Sequence[PlaceMention | None]) -> bool:
    """Whether a sentence says "to", "from" or "in" of places, and of none of these."""
    named = [
        p for p in doc._.places
        if sentence.start <= p.start < sentence.end and p.role == "mentioned" and p.toponym is not None
        and not p.anaphor and doc[p.start - 1].lower_ in {"to", "from", "in", "for", "out", "of"}
    ]  # fmt: skip
    known = [p for p in places if p is not None]
    return bool(named) and not any(compatible(p, q) for p in named for q in known)


def confidence(
    trigger: Trigger, actor: ActorMention, origin: PlaceMention | None, destination: PlaceMention | None, trust: float
) -> float:
    """How sure the reading is, from 0 to 1; a sum of what spoke for it, not a calibrated probability.

    0.9 for places read off the parse, 0.82 through other words, 0.55 where only the order of words says so; less 0.1
    for an actor behind a pronoun, 0.15 for a place known only by its preposition, 0.05 for a trigger with other
    meanings or a missing side.
    """
    score = 0.55 if trust < 0.7 else 0.82 if trust < 1.0 else 0.9
    score -= 0.1 * actor.pronoun
    score -= 0.15 * any(p is not None and p.weak and p.toponym is None for p in (origin, destination))
    score -= 0.05 * trigger.weak + 0.05 * (origin is None or destination is None)
    return round(max(0.1, min(1.0, score)), 2)
