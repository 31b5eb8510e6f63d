"""Where a move stands after each statement of it, by times, statuses, confidences and sources: a pure fold."""

from __future__ import annotations

from typing import Any, NamedTuple

from processors.relocations.matching import Anchor, anchor_of, narrowed
from processors.relocations.statement import Statement, shared_mover, shared_spot
from stream.messages import Status

RANK: dict[Status, int] = {
    "rumoured": 0, "conditional": 1, "planned": 2, "approved": 3, "ongoing": 4, "completed": 5,
}  # fmt: skip
"""How far along a move is; what is not in here speaks against it."""

WEAK = 0.4
"""A statement of which the extraction is less sure does not change a status that is there."""

FIRM = 2
"""So many independent sources that a move is completed are not undone by a denial; it is disputed then."""


class Standing(NamedTuple):
    """What the statements so far amount to. ``status`` is None as long as none of them counts."""

    anchor: Anchor
    last: int
    """When the last statement that counts was published (else the opener), in microseconds."""
    counting: int = 0
    status: Status | None = None
    contested: bool = False
    """Somebody says so although it was denied, or the other way round."""
    sources_for: int = 0
    sources_against: int = 0
    doubt_for: float = 1.0
    """The product of what each independent source leaves to doubt."""
    doubt_against: float = 1.0
    completions: int = 0
    """Independent sources that say it is completed."""
    denier: str | None = None
    """The article with the last denial."""

    def plain(self) -> tuple[Any, ...]:
        """For ``of_plain``: in what marshal knows, which is no named tuples."""
        actor, kind, origin, destination = self.anchor
        places = (origin and tuple(origin), destination and tuple(destination))
        return (tuple(actor), kind, *places, *self[1:])

    @classmethod
    def of_plain(cls, values: tuple[Any, ...]) -> Standing:
        """What ``plain`` gave."""
        actor, kind, origin, destination, *rest = values
        return cls(Anchor(shared_mover(actor), kind, shared_spot(origin), shared_spot(destination)), *rest)


def opened_by(statement: Statement) -> Standing:
    """The standing before any statement is taken in."""
    return Standing(anchor_of(statement), statement.published)


def after(standing: Standing, statement: Statement, *, source: bool, completes: bool, copy: bool) -> Standing:
    """The standing with one statement more (not a mute one).

    ``source``: it is an independent source on its side (for or against the move); ``completes``: it is one that says
    that it is completed; ``copy``: its text was heard before on this side.
    """
    against = statement.status not in RANK
    status, contested = _status(standing, statement, copy=copy)
    counted = 1 if source else 0
    doubt = 1 - statement.confidence if source else 1.0
    return Standing(
        narrowed(standing.anchor, statement) if standing.counting else _anchored(standing.anchor, statement),
        statement.published,
        standing.counting + 1,
        status,
        contested,
        standing.sources_for + (0 if against else counted),
        standing.sources_against + (counted if against else 0),
        standing.doubt_for if against else standing.doubt_for * doubt,
        standing.doubt_against * doubt if against else standing.doubt_against,
        standing.completions + (1 if completes else 0),
        statement.article_id if against else standing.denier,
    )


def _anchored(anchor: Anchor, statement: Statement) -> Anchor:
    """The first that counts is who and what it is about; a mute opener only lends the places that it leaves open."""
    return narrowed(anchor_of(statement), statement)._replace(
        origin=statement.origin or anchor.origin, destination=statement.destination or anchor.destination
    )


def _status(standing: Standing, statement: Statement, *, copy: bool) -> tuple[Status, bool]:
    """The status, and whether it is contested, with ``statement``.

    Forward a move goes with each word that is further along; back only through a denial or a cancellation, and from
    there on with a new word, but neither with a copy of an old one nor with the reports that the denial itself repeats.
    """
    present, told = standing.status, statement.status
    if present is None:
        return told, False
    if statement.confidence < WEAK:
        return present, standing.contested
    if told not in RANK:
        if copy:
            return present, standing.contested
        if present == "completed" and standing.completions >= FIRM:
            return present, True
        return told, False
    if present not in RANK:
        if copy or statement.article_id == standing.denier:
            return present, standing.contested
        return told, told != "completed"
    if RANK[told] > RANK[present]:
        return told, standing.contested and told != "completed"
    return present, standing.contested
