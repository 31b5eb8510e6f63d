"""What messages are made of: their base classes, closed sets of words, and values that several messages share."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _to_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:  # the last hours of year 9999, the first of year 1
        raise ValueError("out of range in UTC") from error


Utc = Annotated[AwareDatetime, AfterValidator(_to_utc)]

KindOfMove = Literal[
    "relocation", "office_move", "deployment", "displacement", "expulsion",
    "evacuation", "flight", "transfer", "visit", "return",
]  # fmt: skip
Status = Literal["rumoured", "conditional", "planned", "approved", "ongoing", "completed", "denied", "cancelled"]
ActorType = Literal["person", "group", "organisation", "military", "company", "other"]
Origin = Literal["live", "first_poll", "backfill"]
Severity = Literal["low", "medium", "high", "critical"]
PlaceKind = Literal["city", "country", "region", "sea", "camp", "base", "crossing", "other"]
PlaceRole = Literal["mentioned", "dateline", "metonym"]


class Part(BaseModel):
    """A value inside a message: frozen, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Message(Part):
    """A value of a record. Subclasses set ``message`` to their name; ``SCHEMA`` is the newest version known here."""

    SCHEMA: ClassVar[int] = 1
    schema_version: int = Field(default=1, ge=1)


class Source(Part):
    """The outlet that an article is by (not the feed that carried it)."""

    id: str
    """The outlet's key: its registrable domain, else the source element's name in lower case."""
    name: str
    domain: str | None = None
    country: str | None = None
    language: str | None = None


class Location(Part):
    """WGS 84, in degrees."""

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)


class Place(Part):
    """A place mentioned in a text; ``text`` is empty where only the country was inferred (then start = end = 0)."""

    text: str
    name: str
    geonames_id: int | None = None
    country: str | None = None
    """ISO 3166-1 alpha-2 of the place today; a sea or an international body has none."""
    admin1: str | None = None
    """Name or GeoNames code of the first-level division."""
    location: Location | None = None
    kind: PlaceKind
    role: PlaceRole = "mentioned"
    start: int = 0
    end: int = 0


class Actor(Part):
    """Who moves. ``root`` is the organisation behind it (from actors.yml), else the normalised name."""

    text: str
    name: str
    id: str | None = None
    type: ActorType
    root: str


P = TypeVar("P", bound=Part)


def made(cls: type[P], **fields: Any) -> P:
    """An instance of ``cls`` from values that are known to be valid: all its fields, in their order.

    It skips validation, which takes several times as long; ``model_construct`` is as slow.
    """
    part = cls.__new__(cls)
    object.__setattr__(part, "__dict__", fields)
    object.__setattr__(part, "__pydantic_fields_set__", _names(cls))
    object.__setattr__(part, "__pydantic_extra__", None)
    object.__setattr__(part, "__pydantic_private__", None)
    return part


@cache
def _names(cls: type[Part]) -> set[str]:
    """The names of all fields; shared, for nobody changes those of a frozen model (a copy gets its own)."""
    return set(cls.model_fields)
