"""The messages of the fuse stage: a relocation with its timeline, and the transitions that a person hears of."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stream.parts import Actor, KindOfMove, Message, Origin, Part, Place, Status, Utc


class Said(Part):
    """One statement of a relocation, as its timeline tells it: who said what, when, where it can be read."""

    id: str
    article_id: str
    version: int
    """The revision of the article that says it."""
    url: str
    source: str
    """Name of the outlet."""
    outlet: str
    """Key of the outlet (``Source.id``)."""
    published: Utc
    fetched: Utc
    origin_of_article: Origin
    status: Status
    attribution: str | None = None
    confidence: float = Field(ge=0, le=1)
    sentence: str
    """In the article's words; the end of a very long one is left out."""
    start: int
    end: int
    """Where the whole sentence stands in the article's text."""
    background: bool = False
    withdrawn: bool = False
    independent: bool = False
    """Counted as an independent source: neither its outlet nor its text was heard before on this side (for or against
    the move)."""


TransitionKind = Literal["appeared", "corroborated", "status", "disputed", "denied", "withdrawn", "completed"]


class Change(Part):
    """An entry of a relocation's ``history``: what changed with which statement."""

    kind: TransitionKind
    before: str | None = None
    after: str
    statement: str
    """Id of the statement that changed it (for two destinations at once: the later one's)."""
    when: Utc
    """When that statement was published; of a withdrawal, when the revision that took it back was first seen."""


class Announced(Part):
    """A transition of a relocation that was published: its id, and what it said."""

    id: str
    kind: TransitionKind
    after: str
    times: int = 1
    """How often it was announced, with this."""


class Contradiction(Part):
    """What speaks against a relocation: a statement that denies it, or another destination told at the same time."""

    about: Literal["denial", "destination"]
    statement: str
    """Id of the statement."""
    relocation: str | None = None
    """Id of the rival relocation, where the destination is contested."""
    text: str
    """Who says what, in a few words."""


class Relocation(Message):
    """One actor's one move as all statements tell it, in its present state; the higher ``version`` is the newer.

    ``id`` = digest("relocation", actor root, id of the statement that opens it). All but ``version``, ``announced`` and
    ``merged_into`` is a pure function of the set of statements of the actor root.
    """

    message: Literal["Relocation"] = "Relocation"
    id: str
    version: int
    actor: Actor
    origin: Place | None
    destination: Place | None
    kind: KindOfMove
    status: Status
    """Where the move stands, by the last word of those who count; of a withdrawn one, what was said last."""
    confidence: float = Field(ge=0, le=1)
    independent_sources: int
    """How many say so without copying each other; of a move that is only denied, how many deny it."""
    disputed: bool = False
    withdrawn: bool = False
    """Nobody says it any more."""
    background: bool = False
    """Told only as background so far; never announced."""
    statements: tuple[Said, ...] = ()
    statement_count: int = 0
    """All statements, also those left out of ``statements``."""
    history: tuple[Change, ...] = ()
    announced: tuple[Announced, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    first_seen: Utc
    """When the first of its statements was published."""
    last_seen: Utc
    merged_into: str | None = None
    """Its statements are told by this relocation now: a statement came late and opens it."""


class Transition(Message):
    """What changed in a relocation that a person would want to hear of; each is announced once.

    ``id`` = digest("transition", relocation id, kind, after, how often that was announced before).
    """

    message: Literal["Transition"] = "Transition"
    id: str
    kind: TransitionKind
    before: str | None = None
    after: str
    """The status; ``withdrawn``; the number of independent sources; ``disputed`` or ``settled``."""
    cause: tuple[Said, ...]
    """The statements that came in and made the change (at most five)."""
    when: Utc
    """When the latest cause was published."""
    relocation: Relocation
    """As it is with this change."""
