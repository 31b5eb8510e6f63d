"""Cursors: where a page of a search ended, as an opaque text that a backend takes back for the next page."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from stream.errors import ConfigError

MAX_LIMIT = 1_000
"""Documents a page at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """The last hit of a page: its time (microseconds since 1970) and id; ``now``: what relative times counted from, so
    that they mean the same on every page."""

    now: int
    time: int
    id: str


def encode_cursor(place: Place, oldest_first: bool) -> str:
    """The cursor that leads on from ``place`` in the same order."""
    fields = [place.now, place.time, place.id, oldest_first]
    return base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()


def decode_cursor(cursor: str, oldest_first: bool) -> Place:
    """The place in a cursor. Raises ``ConfigError`` for what is none, or one of a search in the other order."""
    try:
        now, time, id_, order = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if not (type(now) is int and type(time) is int and isinstance(id_, str) and max(abs(now), abs(time)) < 1 << 62):
            raise TypeError
    except (ValueError, TypeError) as error:
        raise ConfigError("cursor: this is none that a search returned; start again without it") from error
    if order is not oldest_first:
        raise ConfigError("cursor: it belongs to a search in the other order; start again without it")
    return Place(now, time, id_)
