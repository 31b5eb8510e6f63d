"""The labels of the learned extractor: the order of each head's outputs, and what is written beside the weights."""

from __future__ import annotations

from typing import Final, Literal

from stream.messages import ActorType, KindOfMove, Status

Role = Literal["actor", "origin", "destination", "attribution", "date"]

ROLES: Final[tuple[Role, ...]] = ("actor", "origin", "destination", "attribution", "date")
STATUSES: Final[tuple[Status, ...]] = (
    "rumoured", "conditional", "planned", "approved", "ongoing", "completed", "denied", "cancelled",
)  # fmt: skip
KINDS: Final[tuple[KindOfMove, ...]] = (
    "relocation", "office_move", "deployment", "displacement", "expulsion",
    "evacuation", "flight", "transfer", "visit", "return",
)  # fmt: skip
ACTOR_TYPES: Final[tuple[ActorType, ...]] = ("person", "group", "organisation", "military", "company", "other")

OUTSIDE, BEGIN, INSIDE = 0, 1, 2
"""The tags of a word, for the trigger and for each role of its own (a place may lie inside the actor's phrase)."""

INPUTS: Final = ("ids", "attention", "marks")
"""Of the graph, each int64 of shape (batch, pieces); ``marks`` is 1 on the pieces of the trigger asked about."""

OUTPUTS: Final = ("trigger", "roles", "event", "status", "kind", "actor_type")
"""Of the graph, logits: (batch, pieces, 3), (batch, pieces, 5, 3), then (batch, classes): 2, 8, 10 and 6."""


def signature() -> str:
    """All labels in order, as one line: kept in the model file and compared when it is loaded."""
    return ";".join(",".join(group) for group in (ROLES, STATUSES, KINDS, ACTOR_TYPES))
