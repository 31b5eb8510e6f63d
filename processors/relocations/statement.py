"""A statement in the compact shape that fusion works on, and its row in a table of SQLite."""

from __future__ import annotations

import marshal
import re
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

    def content(self) -> str:
        """All but ``superseded``, for comparing two: what ``marshal`` writes depends on who else holds a value."""
        return repr(values_of(self)[:-1])

    def row(self) -> bytes:
        """All but ``superseded``, for ``from_row``: short-lived, for this version of Python and newswatch alone."""
        return marshal.dumps(values_of(self)[:-1])


def compact(change: LocationChange) -> Statement:
    """The statement in ``change``. Raises ``InvalidMessage`` for a version or a fingerprint that cannot be one."""
    said, actor = change.evidence, change.actor
    if not 0 <= change.version < MAX_VERSION or not _FINGERPRINT.fullmatch(change.fingerprint):
        raise InvalidMessage(
            f"statement {change.id}: version {change.version} or fingerprint {change.fingerprint[:20]!r} cannot be one"
        )
    return Statement(
        change.id, change.article_id, change.version, micros(change.published), micros(change.fetched),
        shared_mover((actor.text, actor.name, actor.id, actor.type, actor.root)), _spot(change.origin),
        _spot(change.destination), change.kind, change.status, intern(change.trigger), change.confidence,
        change.background, intern(change.source.id), intern(_cut(change.source.name, MAX_NAME)),
        int(change.fingerprint, 16), _cut(change.attribution, MAX_NAME) if change.attribution else None,
        _cut(said.sentence, MAX_SENTENCE), said.start, said.end, _cut(change.url, MAX_URL), change.origin_of_article,
    )  # fmt: skip


def from_row(row: bytes, superseded: int = 0) -> Statement:
    """The statement that ``Statement.row`` gave."""
    return from_values((*marshal.loads(row), superseded))  # noqa: S302 - written by this very process


def values_of(statement: Statement) -> tuple[Any, ...]:
    """The fields, for ``from_values``: in what marshal knows, which is no named tuples."""
    values = list(_VALUES(statement))
    for place in _PARTS:
        if values[place] is not None:
            values[place] = tuple(values[place])
    return tuple(values)


def from_values(fields_of: tuple[Any, ...]) -> Statement:
    """The statement that ``values_of`` gave."""
    values = list(fields_of)
    values[_ACTOR] = shared_mover(values[_ACTOR])
    values[_ORIGIN] = shared_spot(values[_ORIGIN])
    values[_DESTINATION] = shared_spot(values[_DESTINATION])
    return Statement(*values)


def micros(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - _EPOCH) // _MICRO


def time_of(value: int) -> datetime:
    """The time (UTC) of ``micros``."""
    return _EPOCH + value * _MICRO


@lru_cache(1 << 15)
def shared_spot(values: tuple[Any, ...] | None) -> Spot | None:
    """One object for all statements that name the same place: they are most of what a statement weighs."""
    return None if values is None else Spot._make(values)


@lru_cache(1 << 15)
def shared_mover(values: tuple[Any, ...]) -> Mover:
    """One object for all statements of the same actor."""
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
    return shared_spot(values)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


_FIELDS = [f.name for f in fields(Statement)]
_VALUES = attrgetter(*_FIELDS)
_PARTS = _ACTOR, _ORIGIN, _DESTINATION = [_FIELDS.index(name) for name in ("actor", "origin", "destination")]
