"""What the components hand to each other: mentions by token offsets, candidates and moves; the Doc extensions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from spacy.tokens import Doc, Span, Token

from processors.gazetteer import Toponym
from stream.messages import ActorType, KindOfMove, PlaceRole, Status

LEAD = 4.0
"""As far as a place can be ahead of its namesakes, in powers of ten of inhabitants."""


@dataclass(frozen=True, slots=True)
class PlaceMention:
    """A place in the text: tokens ``start`` to ``end`` (exclusive)."""

    start: int
    end: int
    toponym: Toponym | None
    role: PlaceRole = "mentioned"
    country: str | None = None
    """ISO code: of the toponym, else inferred from the passage."""
    weak: bool = False
    """Only its position after a preposition of movement says that it is a place."""
    anaphor: bool = False
    """"the country", "the city", "there": says where only through another mention (``toponym`` is then that one's)."""
    lead: float = LEAD
    """How far ahead it is of the likeliest of its namesakes in other countries."""
    unsupported: float = 0.0
    """Of a small place in a country of which nothing else in the text speaks, how small it is: perhaps its namesake is
    meant. Else 0."""
    rival: bool = False
    """The text speaks more for the country of a namesake."""

    def span(self, doc: Doc) -> Span:
        return doc[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Organisation:
    """An entry of ``actors.yml``."""

    root: str
    name: str
    type: ActorType


@dataclass(frozen=True, slots=True)
class ActorMention:
    """Who moves. ``start`` to ``end`` are the tokens shown as its text."""

    start: int
    end: int
    head: int
    type: ActorType
    organisation: Organisation | None = None
    pronoun: bool = False
    """Found through a pronoun: the antecedent's tokens."""
    extra: tuple[int, ...] = ()
    """Heads of other tokens that name the same actor (the owner of an office, the pronoun itself)."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """The word that tells a move, with what the lexicon says of it."""

    token: int
    end: int
    lemma: str
    part: str
    """``verb``, ``noun`` or ``state``."""
    mover: str
    object: str
    for_: str
    in_: str
    kind: KindOfMove
    weak: bool
    opens: bool
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Signals:
    """What the model and the rules said of a move: probabilities of the model (0 where it is silent), and doubts."""

    event: float = 0.0
    actor: float = 0.0
    origin: float = 0.0
    destination: float = 0.0
    kind: float = 0.0
    others: tuple[float, float] = (0.0, 0.0)
    """Of actor and origin: how likely the best word is that was not taken for it."""
    one_of_several: bool = False
    """The trigger tells several moves: a list of actors or of places."""
    rules: float = 0.0
    """The rules' own confidence; 0 where they do not tell the move."""
    rule_parts: tuple[bool, bool, bool] = (False, False, False)
    """Of the rules' move: whether it has the model's actor, an origin, a destination."""
    origin_from_elsewhere: bool = False
    """Neither told its origin; it is where another clause has the actor."""


@dataclass(frozen=True, slots=True)
class Move:
    """One location change as found: all by token offsets of its Doc."""

    trigger: Trigger
    actor: ActorMention
    origin: PlaceMention | None
    destination: PlaceMention | None
    kind: KindOfMove
    status: Status
    confidence: float
    sentence: tuple[int, int]
    attribution: tuple[int, int] | None = None
    when: tuple[int, int] | None = None
    reason: tuple[int, int] | None = None
    background: bool = False
    home: str | None = None
    """Country inferred for a destination told as "home"."""
    signals: Signals = Signals()

    def but(self, **changes: object) -> Move:
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A trigger that was looked at and told no move, and why: for ``newswatch extract --explain``."""

    trigger: str
    start: int
    end: int
    """Character offsets of the trigger."""
    reason: str


@dataclass
class Inputs:
    """What is known of a text before it is read. ``title_end``: characters of the title (0: none)."""

    title_end: int = 0
    published: datetime | None = None
    country: str | None = None
    rejected: list[Rejected] = field(default_factory=list)


def register_extensions() -> None:
    """Declare the Doc extensions; safe to repeat."""
    for name in ("places", "actors", "datelines", "location_changes", "rejected", "wanted"):
        if not Doc.has_extension(name):
            Doc.set_extension(name, default=None)
    if not Doc.has_extension("inputs"):
        Doc.set_extension("inputs", default=None)


def inputs(doc: Doc) -> Inputs:
    """The inputs set on the Doc, or empty ones."""
    return doc._.inputs or Inputs()


def reject(doc: Doc, trigger: Trigger, reason: str) -> None:
    """Remember why a trigger tells no move."""
    token = doc[trigger.token]
    found: list[Rejected] = doc._.rejected or []
    found.append(Rejected(token.text, token.idx, token.idx + len(token), reason))
    doc._.rejected = found


def place_at(places: list[PlaceMention], token: Token) -> PlaceMention | None:
    """The place that covers ``token``."""
    return next((p for p in places if p.start <= token.i < p.end), None)
