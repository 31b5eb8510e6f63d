"""Dates of feeds to UTC: RFC 822 with its zone names done right, ISO 8601, epochs, and the languages of the world."""

from __future__ import annotations

import re
import warnings
from calendar import timegm
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from time import struct_time
from typing import Any, Literal

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
LATEST_YEAR = 2200
"""Dates outside are no dates of news: year 0001 and a bare number read as a year are common."""

MAX_LENGTH = 100

before_all_languages: Callable[[], object] | None = None
"""Called before a date is tried in all the languages that dateparser knows: whoever limits the time of a date calls
``load_languages`` here."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_RFC822 = re.compile(
    r"(?:[a-z]{2,9}\.?,?\s+)?(?P<day>\d{1,2})[\s-]+(?P<month>[a-z]{3})[a-z]*\.?,?[\s-]+(?P<year>\d{4}|\d{2}),?"
    r"(?:\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?(?:\s*(?P<half>[ap])\.?m\b\.?)?)?"
    r"\s*(?P<zone>[+-]\d{1,2}:?\d{2}|(?:gmt|utc)[+-]\d{1,2}(?::?\d{2})?|[a-z]{1,5})?(?:\s*\([^)]*\))?",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"(\d{9,10})(?:\.\d+)?|(\d{12,13})")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ISO_AND_ZONE = re.compile(
    r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*([a-z]{2,5}|[+-]\d:\d{2})", re.IGNORECASE
)
# What feedparser passes over, and so is hours off: halves of the day, names of zones, offsets of one digit
_HALF_OR_ZONE = re.compile(r":\d{2}.*[a-z]{2}|\d\s*[ap]\.?m\b|[+-]\d(:\d{2})?$", re.IGNORECASE)
_NAMED_ZONE = re.compile(r"(?<=[\dm. ])([a-z]{2,5})$", re.IGNORECASE)

# Hours east of UTC. RFC 822's own, and those seen in feeds; of several meanings the one that news feeds mean:
# IST is India's, BST is Britain's, CST and AST are America's, as RFC 822 says.
_ZONES = {
    "ut": 0, "utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2, "met": 1, "mest": 2,
    "mez": 1, "mesz": 2, "eet": 2, "eest": 3, "msk": 3, "msd": 4, "trt": 3, "sast": 2, "cat": 2, "eat": 3, "wat": 1,
    "idt": 3, "irst": 3.5, "gst": 4, "pkt": 5, "ist": 5.5, "npt": 5.75, "bdt": 6, "mmt": 6.5, "ict": 7, "wib": 7,
    "wita": 8, "hkt": 8, "sgt": 8, "myt": 8, "pht": 8, "awst": 8, "jst": 9, "kst": 9, "wit": 9, "acst": 9.5,
    "acdt": 10.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13, "brt": -3, "art": -3, "clt": -4, "clst": -3,
    "cot": -5, "pet": -5,
    "nst": -3.5, "ndt": -2.5, "ast": -4, "adt": -3, "est": -5, "edt": -4, "et": -5, "cst": -6, "cdt": -5, "ct": -6,
    "mst": -7, "mdt": -6, "mt": -7, "pst": -8, "pdt": -7, "pt": -8, "akst": -9, "akdt": -8, "hst": -10,
}  # fmt: skip


def parse_date(
    raw: str, parsed: struct_time | None = None, language: str | None = None, *, guess: bool = True
) -> datetime | None:
    """The time in ``raw``, or None where there is none that could be one of news; never raises.

    ``parsed`` is what feedparser made of it: used for the formats that only it knows, not where it would be hours off.
    ``language`` is the feed's (ISO 639-1, perhaps with a country: ``en-us`` reads 06/09/2021 as the 9th of June, all
    others as the 6th of September). Without a zone the time is taken for UTC. ``guess`` allows dateparser, which
    takes 10 ms for what is no date.
    """
    raw = " ".join(raw.split())
    if not raw or len(raw) > MAX_LENGTH:
        return None
    try:
        if found := _rfc822(raw) or _epoch(raw) or _iso(raw):
            return _credible(found)
        if parsed is None or raw.isdigit() or _HALF_OR_ZONE.search(raw):
            found = _by_dateparser(raw, (language or "").lower()) if guess else None
        if found is None and parsed is not None and not raw.isdigit():
            found = datetime.fromtimestamp(timegm(parsed), UTC)
        return _credible(found)
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _credible(time: datetime | None) -> datetime | None:
    if time is None:
        return None
    time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    return time if time >= EARLIEST and time.year < LATEST_YEAR else None


def _rfc822(raw: str) -> datetime | None:
    """RFC 822, section 5, as loosely as feeds take it; None for months and zones that are not of it."""
    match = _RFC822.fullmatch(raw)
    if not match or match["month"].lower() not in _MONTHS:
        return None
    offset = _offset(match["zone"])
    if offset is None:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        year += 2000 if year < 70 else 1900
    second = min(int(match["second"] or 0), 59)  # a leap second is the one before it
    hour = int(match["hour"] or 0)
    # 24:00 is the next day's midnight
    day = datetime(year, _MONTHS.index(match["month"].lower()) + 1, int(match["day"]), tzinfo=timezone(offset))
    if hour > 24:
        return None
    if match["half"] and hour <= 12:
        hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
    return day + timedelta(hours=hour, minutes=int(match["minute"] or 0), seconds=second)


def _offset(zone: str | None) -> timedelta | None:
    """East of UTC; none is zero. None for a name that is no zone."""
    if not zone:
        return timedelta(0)
    if zone.lower() in _ZONES:
        return timedelta(hours=_ZONES[zone.lower()])
    match = re.fullmatch(r"(?:gmt|utc)?([+-])(\d{1,2}):?(\d{2})?", zone, re.IGNORECASE)
    if not match:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return None if offset >= timedelta(hours=24) else -offset if match[1] == "-" else offset


def _numeric(zone: str) -> str:
    """The zone as dateparser reads it in one way only; a name that is none stays."""
    east = _ZONES.get(zone.lower())
    if east is None:
        return zone
    hours, minutes = divmod(round(abs(east) * 60), 60)
    return f"{'-' if east < 0 else '+'}{hours:02}{minutes:02}"


def _epoch(raw: str) -> datetime | None:
    match = _EPOCH.fullmatch(raw)
    if not match:
        return None
    return datetime.fromtimestamp(int(match[1]) if match[1] else int(match[2]) / 1000, UTC)


def _iso(raw: str) -> datetime | None:
    if not _ISO_DATE.match(raw):
        return None
    try:
        return datetime.fromisoformat(raw)
    except ValueError:
        match = _ISO_AND_ZONE.fullmatch(raw)
    offset = _offset(match[2]) if match else None
    return datetime.fromisoformat(match[1]).replace(tzinfo=timezone(offset)) if match and offset is not None else None


_SETTINGS: dict[str, Any] = {
    "TIMEZONE": "UTC", "RETURN_AS_TIMEZONE_AWARE": True, "PARSERS": ["absolute-time"], "STRICT_PARSING": True,
}  # fmt: skip


def _by_dateparser(raw: str, language: str) -> datetime | None:
    """Absolute dates only: "two hours ago" would depend on when it is read. Zones mean here what they mean above."""
    import dateparser

    raw = _NAMED_ZONE.sub(lambda m: _numeric(m[0]), raw)
    order: Literal["MDY", "DMY"] = "MDY" if language == "en-us" else "DMY"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for languages in ([language[:2]] if language[:2] else [], None):
            if languages != []:
                if languages is None and before_all_languages:
                    before_all_languages()
                try:
                    if found := dateparser.parse(raw, languages=languages, settings=_SETTINGS | {"DATE_ORDER": order}):
                        return found
                except ValueError:  # a language that dateparser does not know
                    continue
    return None


def load_languages() -> None:
    """Let dateparser compile the words of all its languages: two seconds."""
    import dateparser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dateparser.parse("one day in May", settings=_SETTINGS | {"DATE_ORDER": "DMY"})
