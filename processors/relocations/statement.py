"""A statement in the compact shape that fusion works on, and its row in a table of SQLite."""

from __future__ import annotations

import marshal
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
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
        location = None if self.lat is None or self.lon is None else {"lat": self.lat, "lon": self.lon}
        return Place.model_validate(
            {"text": self.text, "name": self.name, "geonames_id": self.geonames_id, "country": self.country,
             "admin1": self.admin1, "kind": self.kind, "location": location}
        )  # fmt: skip


class Mover(NamedTuple):
    """An actor."""

    text: str
    name: str
    id: str | None
    type: str
    root: str

    def message(self) -> Actor:
        """The actor as messages have it."""
        return Actor.model_validate(self._asdict())


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
        return marshal.dumps(tuple(_plain(getattr(self, name)) for name in _ROW))


def compact(change: LocationChange) -> Statement:
    """The statement in ``change``. Raises ``InvalidMessage`` for a version or a fingerprint that cannot be one."""
    said = change.evidence
    if not 0 <= change.version < MAX_VERSION or not _FINGERPRINT.fullmatch(change.fingerprint):
        raise InvalidMessage(
            f"statement {change.id}: version {change.version} or fingerprint {change.fingerprint[:20]!r} cannot be one"
        )
    return Statement(
        change.id, change.article_id, change.version, micros(change.published), micros(change.fetched),
        Mover(**dict(change.actor)), _spot(change.origin), _spot(change.destination), change.kind, change.status,
        change.trigger, change.confidence, change.background, change.source.id, _cut(change.source.name, MAX_NAME),
        int(change.fingerprint, 16), _cut(change.attribution, MAX_NAME) if change.attribution else None,
        _cut(said.sentence, MAX_SENTENCE), said.start, said.end, _cut(change.url, MAX_URL), change.origin_of_article,
    )  # fmt: skip


def from_row(row: bytes, superseded: int = 0) -> Statement:
    """The statement that ``Statement.row`` gave."""
    values: list[Any] = list(marshal.loads(row))  # noqa: S302 - written by this very process
    for place, cls in _PARTS:
        if values[place] is not None:
            values[place] = cls._make(values[place])
    values.append(superseded)
    return Statement(*values)


def micros(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - _EPOCH) // _MICRO


def time_of(value: int) -> datetime:
    """The time (UTC) of ``micros``."""
    return _EPOCH + value * _MICRO


_ROW = tuple(f.name for f in fields(Statement) if f.name != "superseded")
_PARTS: tuple[tuple[int, type[Mover] | type[Spot]], ...] = tuple(
    (_ROW.index(name), cls) for name, cls in (("actor", Mover), ("origin", Spot), ("destination", Spot))
)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, tuple) else value  # marshal knows no named tuples


def _spot(place: Place | None) -> Spot | None:
    if place is None:
        return None
    at = place.location
    return Spot(
        place.geonames_id, place.name, place.country, place.admin1, place.kind, place.text,
        at.lat if at else None, at.lon if at else None,
    )  # fmt: skip


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
