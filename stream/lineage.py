"""The message of a generation, which generation is live, and whose articles alert through which: pure.

A generation is what one version of the extraction derived: its topics, consumer groups and index set. ``g1`` is made by
``setup``; ``newswatch replay`` makes another beside the live one and ``newswatch promote`` makes it live.

Whose turn it is to alert about an article follows from when the article was fetched and when it was appended to
``articles`` (``as_of``), which are the same for all generations, and from nothing else: not from how far behind any of
them is. What is derived from articles carries that moment along, in the header ``AS_OF``. At the hand-over enrich of
the old generation passes over the articles of the new one, so the old one's cases change by its own articles only. A
change of a case (a transition) is of the articles whose statements, or whose update, made it: fusion never takes those
of two turns in together, so each change is of one turn. Where articles of both come together in one case, each
generation tells what its own change in it, in the order in which they reach it: of two that reach the new one in
reverse, what the earlier adds to the later is listed as found by a replay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from stream.parts import Message, Utc

if TYPE_CHECKING:
    from stream.log import Record

FIRST = "g1"
"""Live as long as nothing was promoted; it needs no record."""
LIVE = "live"
"""In the settings: whichever generation is live."""
NAME = re.compile(r"g[1-9][0-9]*")
EVER = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
GRACE = timedelta(seconds=30)
"""An article that was appended so long after its fetch, or later, counts as of its append: an outage held it up. So all
that counts as of before a moment was appended within this time after it."""
SKEW = timedelta(seconds=1)
"""A fetch that is later than its append by more, by a clock that is ahead, counts as of the append."""
AS_OF = "as-of"
"""Header of a record that was derived from articles: the moment as of which they count (the latest of them)."""


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


def as_of(fetched: datetime, appended: datetime) -> datetime:
    """As of when an article counts that was fetched and appended to ``articles`` then: as of its fetch, or else, where
    that is too long ago (``GRACE``) or yet to come, as of its append. One given back from the dead letters, too."""
    return fetched if appended - GRACE < fetched < appended + SKEW else appended


def marked(moment: datetime) -> dict[str, str]:
    """The headers of what was derived from articles that count as of ``moment``."""
    return {AS_OF: moment.isoformat()}


def moment_of(record: Record, fetched: datetime | None = None) -> datetime:
    """As of when the articles count from which the record was derived. One that does not say (an older newswatch wrote
    it) counts as of the fetch of its article, or else as of its append. Raises ``ValueError`` where what it says is no
    time."""
    said = record.headers.get(AS_OF)
    return datetime.fromisoformat(said) if said else fetched or record.timestamp


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose articles alert through a generation: those that count as of [``since``, ``until``)."""

    since: datetime
    until: datetime

    def is_replayed(self, moment: datetime) -> bool:
        """Whether articles as of ``moment`` were the turn of a generation before: it finds them by a replay."""
        return moment < self.since

    def is_over(self, moment: datetime) -> bool:
        """Whether articles as of ``moment`` are the turn of the next generation."""
        return moment >= self.until


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
