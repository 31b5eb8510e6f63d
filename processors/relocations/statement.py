"""A statement in the compact shape that fusion works on, and its row in a table of SQLite."""

from __future__ import annotations

import marshal
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from sys import intern
from typing import Any, NamedTuple

from stream.errors import InvalidMessage
from stream.messages import Actor, KindOfMove, LocationChange, Origin, Place, Status

MAX_SENTENCE = 400
"""Characters of a sentence that travel with a relocation."""
MAX_NAME = 200
"""Characters of an attribution or of an outlet's name."""

MAX_URL = 2_000
MAX_VERSION = 1 << 53
"""Versions are below (``stream.ids.article_version``)."""

_FINGERPRINT = re.compile("[0-9a-f]{16}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)

Key = tuple[int, str]
"""What statements are sorted by: time of publication in microseconds since 1970, id."""


class Spot(NamedTuple):
    """A place as compared: equal when GeoNames says so, else by country and name. See ``places.py``."""

    geonames_id: int | None
    name: str
    """As GeoNames has it."""
    country: str | None
    admin1: str | None
    kind: str
    text: str
    lat: float | None
    lon: float | None

    def message(self) -> Place:
        """The place as messages have it, without the offsets of one article."""
        return _place(self)


class Mover(NamedTuple):
    """An actor."""

    text: str
    name: str
    id: str | None
    type: str
    root: str

    def message(self) -> Actor:
        """The actor as messages have it."""
        return _actor(self)


@dataclass(slots=True, eq=False)
class Statement:
    """A ``LocationChange`` without what fusion does not need. Times in microseconds since 1970.

    ``superseded`` is not the article's word but what later came of it: the version of the first update after which its
    publisher says so no more; 0 as long as it stands.
    """

    id: str
    article_id: str
    version: int
    published: int
    fetched: int
    actor: Mover
    origin: Spot | None
    destination: Spot | None
    kind: KindOfMove
    status: Status
    trigger: str
    confidence: float
    background: bool
    outlet: str
    source: str
    fingerprint: int
    attribution: str | None
    sentence: str
    start: int
    end: int
    url: str
    origin_of_article: Origin
    superseded: int = 0

    @property
    def withdrawn(self) -> bool:
        """Its publisher says so no more."""
        return self.superseded > 0

    @property
    def key(self) -> Key:
        """Where it stands among the statements of its root."""
        return self.published, self.id

    @property
    def mute(self) -> bool:
        """It may open a relocation, but changes nothing: it is withdrawn, or told as background only."""
        return self.withdrawn or self.background

    def row(self) -> bytes:
        """All but ``superseded``, for ``from_row``: short-lived, for this version of Python and newswatch alone."""
        values = list(_VALUES(self))
        for place, _ in _PARTS:
            if values[place] is not None:
                values[place] = tuple(values[place])  # marshal knows no named tuples
        return marshal.dumps(tuple(values))


def compact(change: LocationChange) -> Statement:
    """The statement in ``change``. Raises ``InvalidMessage`` for a version or a fingerprint that cannot be one."""
    said, actor = change.evidence, change.actor
    if not 0 <= change.version < MAX_VERSION or not _FINGERPRINT.fullmatch(change.fingerprint):
        raise InvalidMessage(
            f"statement {change.id}: version {change.version} or fingerprint {change.fingerprint[:20]!r} cannot be one"
        )
    return Statement(
        change.id, change.article_id, change.version, micros(change.published), micros(change.fetched),
        _shared_mover((actor.text, actor.name, actor.id, actor.type, actor.root)), _spot(change.origin),
        _spot(change.destination), change.kind, change.status, intern(change.trigger), change.confidence,
        change.background, intern(change.source.id), intern(_cut(change.source.name, MAX_NAME)),
        int(change.fingerprint, 16), _cut(change.attribution, MAX_NAME) if change.attribution else None,
        _cut(said.sentence, MAX_SENTENCE), said.start, said.end, _cut(change.url, MAX_URL), change.origin_of_article,
    )  # fmt: skip


def from_row(row: bytes, superseded: int = 0) -> Statement:
    """The statement that ``Statement.row`` gave."""
    values: list[Any] = list(marshal.loads(row))  # noqa: S302 - written by this very process
    for place, shared in _PARTS:
        if values[place] is not None:
            values[place] = shared(values[place])
    for place in _COMMON:
        if values[place] is not None:
            values[place] = intern(values[place])
    values.append(superseded)
    return Statement(*values)


def micros(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - _EPOCH) // _MICRO


def time_of(value: int) -> datetime:
    """The time (UTC) of ``micros``."""
    return _EPOCH + value * _MICRO


@lru_cache(1 << 15)
def _shared_spot(values: tuple[Any, ...]) -> Spot:
    """One object for all statements that name the same place: they are most of what a statement weighs."""
    return Spot._make(values)


@lru_cache(1 << 15)
def _shared_mover(values: tuple[Any, ...]) -> Mover:
    return Mover._make(values)


@lru_cache(1 << 13)
def _place(spot: Spot) -> Place:
    location = None if spot.lat is None or spot.lon is None else {"lat": spot.lat, "lon": spot.lon}
    return Place.model_validate(
        {"text": spot.text, "name": spot.name, "geonames_id": spot.geonames_id, "country": spot.country,
         "admin1": spot.admin1, "kind": spot.kind, "location": location}
    )  # fmt: skip


@lru_cache(1 << 13)
def _actor(mover: Mover) -> Actor:
    return Actor.model_validate(mover._asdict())


def _spot(place: Place | None) -> Spot | None:
    if place is None:
        return None
    at = place.location
    values = (
        place.geonames_id, place.name, place.country, place.admin1, place.kind, place.text,
        at.lat if at else None, at.lon if at else None,
    )  # fmt: skip
    return _shared_spot(values)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


_ROW = tuple(f.name for f in fields(Statement) if f.name != "superseded")
_VALUES = attrgetter(*_ROW)
_COMMON = tuple(_ROW.index(n) for n in ("kind", "status", "trigger", "outlet", "source", "origin_of_article"))
"""Strings that many statements share: one object for all."""
_PARTS: tuple[tuple[int, Callable[[tuple[Any, ...]], Mover | Spot]], ...] = (
    (_ROW.index("actor"), _shared_mover),
    (_ROW.index("origin"), _shared_spot),
    (_ROW.index("destination"), _shared_spot),
)
