"""What the learned extractor says: a trigger with its roles, and the single moves that this amounts to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stream.messages import ActorType, KindOfMove, Status


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``end`` (exclusive) of the text; they begin and end at word borders."""

    start: int
    end: int
    probability: float
    """The mean over its words of the probability that the word belongs here."""

    def of(self, text: str) -> str:
        """The characters."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class LearnedMove:
    """One trigger that tells a location change; several actors or places are several moves (see ``hops``)."""

    trigger: Span
    actors: tuple[Span, ...]
    origins: tuple[Span, ...]
    destinations: tuple[Span, ...]
    attribution: Span | None
    date: Span | None
    status: Status
    status_probability: float
    kind: KindOfMove
    kind_probability: float
    actor_type: ActorType
    probability: float
    """That there is a location change here at all: the geometric mean of what both readings say."""
    others: tuple[float, float] = (0.0, 0.0)
    """Of actor and origin the probability of the likeliest word that none of the spans names."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One actor from one place to one other."""

    actor: Span | None
    origin: Span | None
    destination: Span | None


def hops(move: LearnedMove) -> list[Hop]:
    """The single moves of a trigger, in reading order.

    As many actors as destinations, or as many origins as destinations: in order, each with its own ("from Kabul
    via Doha to Ramstein" has the origins Kabul and Doha). Else every actor with every place.
    """
    actors: Sequence[Span | None] = move.actors or (None,)
    origins: Sequence[Span | None] = move.origins or (None,)
    destinations: Sequence[Span | None] = move.destinations or (None,)
    if len(origins) == len(destinations) > 1:
        return [Hop(a, o, d) for a in actors for o, d in zip(origins, destinations, strict=True)]
    if len(actors) == len(destinations) > 1:
        return [Hop(a, o, d) for a, d in zip(actors, destinations, strict=True) for o in origins]
    if len(actors) == len(origins) > 1:
        return [Hop(a, o, d) for a, o in zip(actors, origins, strict=True) for d in destinations]
    return [Hop(a, o, d) for a in actors for o in origins for d in destinations]


def same_event(text: str, a: LearnedMove, b: LearnedMove) -> bool:
    """Whether two triggers tell one event: an actor in common, and no place of one that speaks against the other's."""
    if not _names(text, a.actors) & _names(text, b.actors):
        return False
    sides = [
        (_names(text, a.origins), _names(text, b.origins)),
        (_names(text, a.destinations), _names(text, b.destinations)),
    ]
    return any(x & y for x, y in sides) and all(x <= y or y <= x for x, y in sides)


def without_repeats(text: str, moves: Sequence[LearnedMove]) -> list[LearnedMove]:
    """The moves in reading order, and of those that tell one event only the one with more places, then the likelier."""
    kept: list[LearnedMove] = []
    for move in sorted(moves, key=lambda m: (-len(m.origins) - len(m.destinations), -m.probability)):
        if not any(same_event(text, move, other) for other in kept):
            kept.append(move)
    return sorted(kept, key=lambda m: m.trigger.start)


def _names(text: str, spans: Sequence[Span]) -> set[str]:
    return {" ".join(s.of(text).casefold().removeprefix("the ").split()) for s in spans}
