"""Where an actor is said to be, from its relocations as the index holds them: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

CORROBORATED = 2
"""So many independent sources make a place corroborated."""

_OFF = ("denied", "cancelled")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A place where the actor is said to be, or to have been, at some time."""

    at: datetime
    """When the statement was published that says so."""
    place: dict[str, Any]
    how: str
    """``arrived``: the move there is completed; ``on the way``: it is under way; ``leaving``: the actor is there and is
    to move elsewhere."""
    actor: str
    confidence: float
    independent_sources: int
    disputed: bool
    contradictions: tuple[str, ...]
    relocation: str

    @property
    def corroborated(self) -> bool:
        """Whether independent sources say so."""
        return self.independent_sources >= CORROBORATED and not self.disputed

    def fields(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {**asdict(self), "at": self.at.isoformat(), "corroborated": self.corroborated}


def sightings(relocations: Iterable[Mapping[str, Any]], at: datetime) -> list[Sighting]:
    """Where the relocations (documents of the index) put their actor by ``at``, the latest first.

    Each counts as its history stood at ``at``; its confidence and its contradictions are those of today.
    """
    found = [s for document in relocations if (s := _sighting(document, at)) is not None]
    return sorted(found, key=lambda s: (s.at, s.relocation), reverse=True)


def _sighting(document: Mapping[str, Any], at: datetime) -> Sighting | None:
    turns = [h for h in document.get("history", ()) if datetime.fromisoformat(h["when"]) <= at]
    states = [h for h in turns if h["kind"] not in ("corroborated", "disputed")]
    if not states:
        return None
    state, when = states[-1]["after"], states[-1]["when"]
    sources = max((int(h["after"]) for h in turns if h["kind"] == "corroborated"), default=1)
    if state == "completed":
        place, how = document.get("destination"), "arrived"
    elif state == "ongoing":
        place, how = document.get("destination"), "on the way"
    elif state in _OFF:
        place, how = document.get("origin"), "staying"
    elif state == "withdrawn":
        return None
    else:
        place, how = document.get("origin"), "leaving"
    if not place:
        return None
    return Sighting(
        at=datetime.fromisoformat(when), place=dict(place), how=how, actor=document["actor"]["name"],
        confidence=float(document["confidence"]), independent_sources=sources,
        disputed=bool(document.get("disputed")),
        contradictions=tuple(c["text"] for c in document.get("contradictions", ())), relocation=document["id"],
    )  # fmt: skip
