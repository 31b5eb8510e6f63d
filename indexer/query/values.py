"""Single values of a query: dates with their periods, numbers, booleans and wildcard patterns."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from indexer.query.tree import Moment
from indexer.words import fold, words
from stream.sections import parse_duration

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,6}))?)?"
    r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?)?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"-?\d+(?P<fraction>\.\d+)?(?P<exponent>[eE][+-]?\d{1,3})?", re.ASCII)
MAX_NUMBER = 1 << 53
"""Numbers beyond are not exact in JSON everywhere."""

DATE_HELP = "a date such as 2026-09-01 or 2026-09-01T12:00Z, a time ago such as 2h or 7d, or now"


def micros(time: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return (time - _EPOCH) // _MICRO


def time_of(value: int) -> datetime:
    """The time (UTC) of microseconds since 1970."""
    return _EPOCH + value * _MICRO


@dataclass(frozen=True, slots=True)
class Period:
    """What a date stands for: from ``start`` up to, without, ``end``; relative ones are a moment (``end`` None)."""

    start: Moment
    end: Moment | None


def parse_date(text: str) -> Period | None:
    """The period that an ISO 8601 date or time, shortened as one likes, stands for (``2026-09``: that month; UTC where
    no zone is given); ``now`` and ``2h`` (that long ago) stand for a moment. None for anything else."""
    ago = timedelta() if text.lower() == "now" else parse_duration(text)
    if isinstance(ago, timedelta):
        return Period(Moment(-(ago // _MICRO), relative=True), None)
    m = _DATE.fullmatch(text)
    if not m:
        return None
    try:
        start = _start(m)
        return Period(Moment(micros(start)), Moment(micros(start) + _length(m, start)))
    except (ValueError, OverflowError):
        return None


def _start(m: re.Match[str]) -> datetime:
    day = f"{m['year']}-{m['month'] or '01'}-{m['day'] or '01'}"
    fraction = (m["fraction"] or "").ljust(6, "0")
    time = f"{m['hour'] or '00'}:{m['minute'] or '00'}:{m['second'] or '00'}.{fraction}"
    return datetime.fromisoformat(f"{day}T{time}{(m['zone'] or 'Z').upper()}")


def _length(m: re.Match[str], start: datetime) -> int:
    """The length of the period in microseconds, by the smallest unit that is given."""
    if m["fraction"]:
        return int(10 ** (6 - len(m["fraction"])))
    for unit, length in (
        ("second", timedelta(seconds=1)),
        ("minute", timedelta(minutes=1)),
        ("day", timedelta(days=1)),
    ):
        if m[unit]:
            return length // _MICRO
    if m["month"]:
        return ((start.replace(day=28) + timedelta(days=4)).replace(day=1) - start) // _MICRO
    return timedelta(days=366 if (start + timedelta(days=365)).year == start.year else 365) // _MICRO


def parse_number(text: str) -> int | float | None:
    """The number, if it is one and no larger than ``MAX_NUMBER``; whole ones exactly."""
    m = _NUMBER.fullmatch(text)
    if not m:
        return None
    number: int | float = float(text) if m["fraction"] or m["exponent"] else int(text) if len(text) < 20 else math.inf
    return number if abs(number) <= MAX_NUMBER else None


_SPECIAL = re.compile(r"\\.|[*?]", re.DOTALL)
STANDINS = {"*": "\ua500", "?": "\ua501"}
"""Letters (of the Vai script) that stand for the wildcards while a pattern is cut into words and folded."""


def split_wildcards(text: str) -> list[str]:
    """A term or ``Wildcard.pattern`` cut into literal runs (even places, unescaped) and wildcards (odd places)."""
    parts, literal, at = [], "", 0
    for m in _SPECIAL.finditer(text):
        literal += text[at : m.start()]
        at = m.end()
        if m[0][0] == "\\":
            literal += m[0][1]
        else:
            parts += [literal, m[0]]
            literal = ""
    return [*parts, literal + text[at:]]


def word_patterns(parts: list[str]) -> list[str]:
    """The patterns of the words in a term given as ``split_wildcards`` cuts it: more than one where it is several."""
    return [_marked(w) for w in words("".join(STANDINS.get(p, p) if i % 2 else p for i, p in enumerate(parts)))]


def value_pattern(parts: list[str]) -> str:
    """The pattern of a folded whole value."""
    escaped = [re.sub(r"[\\*?]", r"\\\g<0>", p) if i % 2 == 0 else STANDINS[p] for i, p in enumerate(parts)]
    return _marked(fold("".join(escaped)))


def _marked(text: str) -> str:
    for wildcard, standin in STANDINS.items():
        text = text.replace(standin, wildcard)
    return text


MAX_EFFORT = 60_000
"""A pattern whose deterministic automaton is harder to make is refused: Lucene gives up at 100,000, counting alike."""


def is_too_hard(pattern: str) -> bool:
    """Whether Lucene might give a pattern up: making its automaton deterministic takes the sum of the sizes of all sets
    of places that can be reached together, which doubles with each ``?`` behind a letter behind a ``*``."""
    symbols: list[str | None] = []
    stars = 0
    for i, part in enumerate(split_wildcards(pattern)):
        if part == "*" and i % 2:
            stars |= 1 << len(symbols)
        else:
            symbols += [None] if i % 2 else part
    anything = sum(1 << i for i, s in enumerate(symbols) if s is None)
    letters = {s: anything | sum(1 << i for i, t in enumerate(symbols) if t == s) for s in set(symbols)}
    effort, todo, seen = 0, [1], {1}
    while todo and effort <= MAX_EFFORT:
        places = todo.pop()
        effort += places.bit_count()
        reached = {(places & mask) << 1 | places & stars for mask in (anything, *letters.values())} - seen
        seen |= reached
        todo += reached
    return effort > MAX_EFFORT


def pattern_regex(pattern: str) -> re.Pattern[str]:
    """A regular expression whose ``fullmatch`` is the pattern, in time linear in pattern times text: each run between
    two stars is matched where it first fits and never tried again (atomic groups), as in ``fnmatch.translate``."""
    runs = [""]
    for i, part in enumerate(split_wildcards(pattern)):
        if i % 2 == 0:
            runs[-1] += re.escape(part)
        elif part == "?":
            runs[-1] += "."
        else:
            runs.append("")
    if len(runs) == 1:
        return re.compile(runs[0], re.DOTALL)
    middle = "".join(f"(?>.*?{run})" for run in runs[1:-1] if run)
    return re.compile(f"{runs[0]}{middle}.*{runs[-1]}", re.DOTALL)
