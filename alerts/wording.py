"""How alerts word places, times and quotes: pieces of text cut to a length, so that an alert always fits a record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stream.messages import KindOfMove, Place

MAX_SENTENCE = 1_000
"""A quoted sentence is cut at this many characters, so that an alert always fits into a record."""
MAX_TITLE = 250
"""So are the title of an alert and each name in its text."""


def cut(text: str, limit: int = MAX_TITLE) -> str:
    """The text in one line, with an ellipsis where it is longer than ``limit``."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def quoted_sentence(whole: str) -> str:
    """The sentence as an alert's evidence holds it: character by character, the end of a very long one left out."""
    return whole if len(whole) <= MAX_SENTENCE else whole[: MAX_SENTENCE - 1] + "…"


def route(origin: Place | None, destination: Place | None) -> str:
    """From where to where, as far as it is known."""
    if origin and destination:
        return f"{_place(origin)} → {_place(destination)}"
    if origin:
        return f"from {_place(origin)}"
    return f"to {_place(destination)}" if destination else "no place named"


def _place(place: Place) -> str:
    country = f", {place.country}" if place.country and place.kind != "country" else ""
    return cut(place.name, 60) + country


def kind_name(kind: KindOfMove) -> str:
    """The kind of a move as a person writes it."""
    return kind.replace("_", " ")


def minute(time: datetime) -> str:
    """Date and time in UTC, to the minute."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def span(time: timedelta) -> str:
    """A length of time as a person says it: in days from two days on, in hours from two hours on."""
    seconds = int(time.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
