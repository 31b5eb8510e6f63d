"""Which changes of a relocation are announced: where its present state differs from what was announced last; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from processors.relocations.anonymous import SPEAKERS, anonymous
from processors.relocations.case import MOST_TOLD, kind_of
from processors.relocations.standing import WEAK
from processors.relocations.telling import MAX_TURNS
from stream.ids import digest
from stream.messages import Announced, Relocation, Said, Transition, TransitionKind
from stream.parts import made

SURE = 0.8
"""So sure a move must be read that of all who were told of it nobody is named; or a second source must tell it."""
MAX_CAUSES = 5
_STATES: tuple[TransitionKind, ...] = ("appeared", "status", "denied", "completed", "withdrawn")
"""The kinds whose ``after`` is the state of the move."""


@dataclass(frozen=True, slots=True)
class Announcing:
    """A relocation as it is to be published, and the transitions that go with it."""

    relocation: Relocation
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class Gone:
    """The relocation with this id is told no more and leaves nothing: all that told it was taken down."""

    id: str


def announce(told: Relocation, version: int, before: Sequence[Announced], causes: Sequence[Said]) -> Announcing:
    """The relocation with what is announced now.

    ``told``: as the statements make it; ``before``: what was announced of it, or of a relocation whose statements it
    took over; ``causes``: the statements that came in. What nobody says yet but as background, or no article says
    so that it was read surely, is not announced.
    """
    announced = list(before)
    fresh: list[tuple[Announced, str | None]] = []
    for kind, last, after in _differences(told, before):
        times = max((a.times for a in announced if (a.kind, a.after) == (kind, after)), default=0)
        one = made(
            Announced, id=digest("transition", told.id, kind, after, times), kind=kind, after=after, times=times + 1
        )
        announced.append(one)
        fresh.append((one, last))
    if len(announced) > MAX_TURNS:  # of what was said several times the last will do
        kept: dict[tuple[str, str], Announced] = {}
        for entry in reversed(announced):
            kept.setdefault((entry.kind, entry.after), entry)
        announced = [*reversed(kept.values())]
    relocation = made(Relocation, **{**told.__dict__, "version": version, "announced": tuple(announced)})
    return Announcing(relocation, tuple(_transition(relocation, one, last, causes) for one, last in fresh))


def _differences(told: Relocation, before: Sequence[Announced]) -> list[tuple[TransitionKind, str | None, str]]:
    """Kind, what was announced last, what is so now."""
    state = next((a.after for a in reversed(before) if a.kind in _STATES), None)
    if told.background or (state is None and (told.withdrawn or not _heard_well(told))):
        return []
    now = "withdrawn" if told.withdrawn else told.status
    found: list[tuple[TransitionKind, str | None, str]] = []
    if state is None:  # one word for one piece of news: a rule that waits for what appears takes whatever comes first
        found.append(("appeared" if kind_of(now) == "status" else kind_of(now), None, now))
    elif state != now:
        found.append((kind_of(now), state, now))
    if told.withdrawn:
        return found
    heard = max((int(a.after) for a in before if a.kind == "corroborated"), default=1)
    sources = min(told.independent_sources, MOST_TOLD)
    if sources > heard and any(s.independent and s.status not in ("denied", "cancelled") for s in told.statements):
        found.append(("corroborated", str(heard), str(sources)))
    dispute = next((a.after for a in reversed(before) if a.kind == "disputed"), "settled")
    if told.disputed != (dispute == "disputed"):
        found.append(("disputed", dispute, "disputed" if told.disputed else "settled"))
    return found


def _heard_well(told: Relocation) -> bool:
    """Whether one statement at least was read surely enough to say that there is a move at all. Of "my parents" and
    "some traders" nobody can tell who that is: more must speak for it that they are news."""
    who = told.actor
    unnamed = who.id is None and (anonymous(who.name) or (who.text.lower() in SPEAKERS and who.text != "US"))
    least = SURE if unnamed and told.independent_sources < 2 else WEAK
    return any(s.confidence >= least and not (s.background or s.withdrawn) for s in told.statements)


def _transition(relocation: Relocation, one: Announced, before: str | None, came: Sequence[Said]) -> Transition:
    causes = _causes(relocation, one, came)
    when = max(said.published for said in causes)
    return made(
        Transition, schema_version=1, message="Transition", id=one.id, kind=one.kind, before=before, after=one.after,
        cause=causes, when=when, relocation=relocation,
    )  # fmt: skip


def _causes(relocation: Relocation, one: Announced, came: Sequence[Said]) -> tuple[Said, ...]:
    """Those that came in and say so; else all that came in; else the last that is told."""
    if one.kind == "corroborated":
        fitting = [s for s in came if s.independent]
    elif one.kind == "withdrawn":
        fitting = [s for s in came if s.withdrawn]
    else:
        fitting = [s for s in came if s.status == one.after and not s.withdrawn and not s.background]
    found = fitting or [s for s in came if not s.background] or list(relocation.statements)
    return tuple(sorted(found, key=lambda s: (s.published, s.id))[-MAX_CAUSES:])
