"""Where an actor is said to be, from its relocations as the index holds them: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

CORROBORATED = 2
"""So many independent sources make a place corroborated."""

_OFF = ("denied", "cancelled")
_GONE = ("ongoing", "completed")
"""The statuses that put an actor at its destination; all others put it where it starts."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A place where the actor is said to be, or to have been, at some time."""

    at: datetime
    """When the statement was published that says so."""
    place: dict[str, Any]
    how: str
    """``arrived``: the move there is completed; ``on the way``: it is under way; ``leaving``: the actor is there and is
    to move elsewhere; ``staying``: it is there, and that it moves is denied or off."""
    elsewhere: dict[str, Any] | None
    """Where it is to move, or is not to move after all; None of what is under way or completed."""
    actor: str
    confidence: float
    independent_sources: int
    """How many put it at ``place``, in this relocation."""
    corroborated: bool
    """Whether independent sources put it there by then, in this and in other relocations. A dispute over where it moves
    leaves where it is alone; one over where it has arrived, or is on the way to, does not count."""
    disputed: bool
    contradictions: tuple[str, ...]
    relocation: str

    def fields(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {**asdict(self), "at": self.at.isoformat()}


def sightings(relocations: Iterable[Mapping[str, Any]], at: datetime) -> list[Sighting]:
    """Where the relocations (documents of the index) put their actor by ``at``, the latest first.

    Each counts as its history stood at ``at``; its confidence and its contradictions are those of today.
    """
    found = [s for document in relocations if (s := _sighting(document, at)) is not None]
    voices: dict[str, set[str]] = {}
    told = []
    for sighting, outlets in sorted(found, key=lambda f: (f[0].at, f[0].relocation)):
        contested = sighting.disputed and sighting.how in ("arrived", "on the way")
        there = voices.setdefault(_spot(sighting.place), set())
        there |= set() if contested else outlets
        told.append(replace(sighting, corroborated=not contested and len(there) >= CORROBORATED))
    return told[::-1]


def _spot(place: Mapping[str, Any]) -> str:
    return str(place.get("geonames_id") or f"{place['name']}, {place.get('country')}")


def _sighting(document: Mapping[str, Any], at: datetime) -> tuple[Sighting, set[str]] | None:
    """It, not yet corroborated by others, and the outlets that put the actor there."""
    turns = [h for h in document.get("history", ()) if datetime.fromisoformat(h["when"]) <= at]
    states = [h for h in turns if h["kind"] not in ("corroborated", "disputed")]
    if not states or states[-1]["after"] == "withdrawn":
        return None
    state, when = states[-1]["after"], states[-1]["when"]
    origin, destination = document.get("origin"), document.get("destination")
    gone = state in _GONE
    place = destination if gone else origin
    if not place:
        return None
    how = {"completed": "arrived", "ongoing": "on the way"}.get(state, "staying" if state in _OFF else "leaving")
    outlets = _outlets(document, at, gone=gone)
    sighting = Sighting(
        at=datetime.fromisoformat(when), place=dict(place), how=how,
        elsewhere=dict(destination) if destination and not gone else None, actor=document["actor"]["name"],
        confidence=float(document["confidence"]), independent_sources=len(outlets), corroborated=False,
        disputed=bool(document.get("disputed")),
        contradictions=tuple(c["text"] for c in document.get("contradictions", ())), relocation=document["id"],
    )  # fmt: skip
    return sighting, outlets


def _outlets(document: Mapping[str, Any], at: datetime, *, gone: bool) -> set[str]:
    """The independent outlets that had put the actor at its destination (``gone``), or at its origin, by ``at``.

    Who says that a move is planned, or that there is none, says that the actor is where it would start.
    """
    told = [
        said
        for said in document.get("statements", ())
        if datetime.fromisoformat(said["published"]) <= at and not said.get("withdrawn") and not said.get("background")
    ]
    independent = {said["outlet"] for said in told if said.get("independent")}
    return {said["outlet"] for said in told if (said["status"] in _GONE) == gone} & independent
