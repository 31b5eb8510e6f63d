"""The message of a generation, which generation is live, and whose articles alert through which: pure.

A generation is what one version of the extraction derived: its topics, consumer groups and index set. ``g1`` is made by
``setup``; ``newswatch replay`` makes another beside the live one and ``newswatch promote`` makes it live.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from stream.parts import Message, Utc

FIRST = "g1"
"""Live as long as nothing was promoted; it needs no record."""
LIVE = "live"
"""In the settings: whichever generation is live."""
NAME = re.compile(r"g[1-9][0-9]*")
EVER = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
GRACE = timedelta(seconds=30)
"""So long after its last turn began to be another's a generation goes on with what was fetched before: articles that
were fetched but not yet appended, and corrections of what was said before."""


class Generation(Message):
    """Where one generation stands. Key: its name, ``id``."""

    message: Literal["Generation"] = "Generation"
    id: str
    created: Utc | None = None
    """When its replay was begun; null of the first one, which was live from the start."""
    since: Utc | None = None
    """Its replay reads articles that were appended from then on."""
    until: Utc | None = None
    """Its replay reads articles that were appended before; null: it goes on with live traffic."""
    live_from: Utc | None = None
    """It was promoted: articles fetched from then on alert through it; null of one that never was live."""
    live_until: Utc | None = None
    """Another was promoted: articles fetched from then on alert through that one."""
    searched_from: Utc | None = None
    """The index shows this generation since then: its promotion is complete."""
    drained: Utc | None = None
    """Another is live, and what was fetched before has gone through this one: nobody works on it any more."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose articles alert through a generation: those fetched in [``since``, ``until``). What it finds in earlier ones
    was found by a replay; later ones are the next generation's.

    What reaches it later than ``GRACE`` after ``since`` is its own whenever it was fetched (a fetch whose publication
    an outage held up; a correction, by which an earlier statement is withdrawn): the generation before has ended.
    """

    since: datetime
    until: datetime

    def begins(self, appended: datetime) -> datetime:
        """Articles fetched before this were found by a replay; of a record that was appended then."""
        return EVER if appended - GRACE >= self.since else self.since

    def is_over(self, fetched: datetime) -> bool:
        """Whether an article fetched then alerts through the next generation."""
        return fetched >= self.until


ALWAYS = Turn(EVER, NEVER)
"""The turn of the only generation."""


def live_of(known: Mapping[str, Generation]) -> str:
    """The name of the live generation: the one promoted last."""
    promoted = [g for g in known.values() if g.live_from is not None]
    return max(promoted, key=lambda g: g.live_from or EVER).id if promoted else FIRST


def draining(known: Mapping[str, Generation]) -> tuple[str, ...]:
    """The generations that are live no more, but have yet to alert about articles fetched when they were."""
    return tuple(sorted(g.id for g in known.values() if g.live_until is not None and g.drained is None))


def at_work(known: Mapping[str, Generation]) -> frozenset[str]:
    """The generations that stages work on: the live one, those that drain, those that a replay makes."""
    replays = (g.id for g in known.values() if g.live_from is None)
    return frozenset({live_of(known), *draining(known), *replays})


def turn_of(known: Mapping[str, Generation], name: str) -> Turn:
    """The turn of the generation ``name``; an empty one while it was never live."""
    found = known.get(name)
    if found is None:
        return ALWAYS if live_of(known) == name else Turn(NEVER, NEVER)
    return Turn(found.live_from or NEVER, found.live_until or NEVER)


def standing(known: Mapping[str, Generation], name: str) -> Generation:
    """The record of a generation, also of the first one before it has any."""
    return known.get(name) or Generation(id=name, live_from=EVER if live_of(known) == name else None)
