"""Single clauses of a query: a word, phrase, value or range as written, checked against its field's type."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

from luqum import tree as lucene

from indexer.fields import Field
from indexer.query.countries import country_called, is_country
from indexer.query.tree import Bound, Equals, Exists, Moment, Node, Range, Wildcard, Words
from indexer.query.values import (
    DATE_HELP,
    STANDINS,
    Period,
    is_too_hard,
    parse_date,
    parse_number,
    split_wildcards,
    value_pattern,
    word_patterns,
)
from indexer.words import MAX_UNITS, fold, words

MAX_STARS = 10
"""So many ``*`` in one word at most: each makes the search for it slower."""


class Refusal(Exception):
    """A clause is outside the language; the reader adds the position. ``node``: the part at fault, if not the whole."""

    def __init__(self, found: str, expected: str, node: lucene.Item | None = None) -> None:
        super().__init__(found)
        self.found, self.expected, self.node = found, expected, node


_SUSPECT = {
    '"': "a space before a quote, or \\\" for a quote inside a word",
    "<": "field:<value, or \\< for the character",
    ">": "field:>value, or \\> for the character",
    "“": 'straight quotes ("), or \\“ for the character',
    "”": 'straight quotes ("), or \\” for the character',
    "„": 'straight quotes ("), or \\„ for the character',
}  # fmt: skip
_INSTEAD = {"&&": "AND", "||": "OR", "!": "NOT"}


def term(raw: str, field: Field | None, fields: tuple[str, ...]) -> Node:
    """A word or phrase (with its quotes) as a clause; without ``field`` it is looked for in the default ``fields``."""
    if any(standin in raw for standin in STANDINS.values()):
        raise Refusal(raw, "no letters U+A500 and U+A501: they are used inside")
    phrase = raw.startswith('"')
    parts = [re.sub(r"\\(.)", r"\1", raw[1:-1], flags=re.DOTALL)] if phrase else _word_parts(raw)
    if field is not None and field.type != "words":
        return _wildcard_value(raw, parts, field) if len(parts) > 1 else _value(parts[0], field)
    if len(parts) > 1:
        return _wildcard_word(raw, parts, fields)
    if phrase and "*" in parts[0] and not re.search(r"\\\*", raw):
        raise Refusal(raw, "no * in a phrase: wildcards work in single words only")
    tokens = words(parts[0])
    if not tokens:
        raise Refusal(raw, "at least one letter or digit")
    return Words(fields, tuple(tokens))


def _word_parts(raw: str) -> list[str]:
    """The word cut at its wildcards, unescaped; what looks like another language's operator is refused."""
    for operator, ours in _INSTEAD.items():
        if raw.startswith(operator):
            raise Refusal(operator, f"{ours}, or quotes around the word")
    bare = re.sub(r"\\.", "", raw, flags=re.DOTALL)
    for char, expected in _SUSPECT.items():
        if char in bare:
            raise Refusal(raw, expected)
    parts = split_wildcards(raw)
    if len(parts) > 1 and not parts[0]:
        raise Refusal(raw, f"a letter before {parts[1]}: a wildcard stands inside or at the end of a word")
    if parts.count("*") > MAX_STARS:
        raise Refusal(raw, f"at most {MAX_STARS} * in a word")
    return parts


def _wildcard_word(raw: str, parts: list[str], fields: tuple[str, ...]) -> Node:
    patterns = word_patterns(parts)
    if len(patterns) != 1 or patterns[0][0] in "*?":
        raise Refusal(raw, "a wildcard in one single word (letters and digits; no hyphen; no Chinese or Japanese)")
    if len(patterns[0].encode("utf-16-le")) >= 2 * MAX_UNITS:
        raise Refusal(raw, f"a word of less than {MAX_UNITS} characters")
    return _wildcard(raw, fields, patterns[0])


def _wildcard(raw: str, fields: tuple[str, ...], pattern: str) -> Wildcard:
    if is_too_hard(pattern):
        raise Refusal(raw, "fewer ? and letters behind a *: this is too hard to search for")
    return Wildcard(fields, pattern)


def _wildcard_value(raw: str, parts: list[str], field: Field) -> Node:
    if field.type != "keyword":
        raise Refusal(raw, f"a {field.type} without wildcards: {field.path} is no text")
    pattern = value_pattern(parts)
    if len(raw) > 1_000:
        raise Refusal(raw, "a value of at most 1,000 characters where it has wildcards")
    if pattern[0] in "*?":
        raise Refusal(raw, "a letter before the first wildcard")
    return _wildcard(raw, (field.path,), pattern)


def _value(text: str, field: Field) -> Node:
    """A single value, on a field that is not ``words``."""
    if field.type == "date":
        period = _date(text, field)
        if period.end is None:
            raise Refusal(text, f"a range where the time is relative, as in {field.path}:>={text}")
        return Range(field.path, period.start, period.end, includes_high=False)
    if field.type == "number":
        return Equals(field.path, _number(text, field))
    if field.type == "boolean":
        if text.lower() not in {"true", "false"}:
            raise Refusal(text, f"true or false for {field.path}")
        return Equals(field.path, text.lower() == "true")
    if field.type == "geo":
        raise Refusal(text, f"{field.path}:* (is there one?); coordinates cannot be compared")
    return Equals(field.path, _keyword(text, field))


def _keyword(text: str, field: Field) -> str:
    value = fold(text)
    if not value:
        raise Refusal(repr(text), f"a value for {field.path}; NOT {field.path}:* finds those without")
    if field.values and value not in field.values:
        near = get_close_matches(value, field.values, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise Refusal(text, f"one of {', '.join(field.values)} for {field.path}{hint}")
    if field.country and not is_country(value):
        meant = country_called(text)
        hint = f" (did you mean {meant}?)" if meant else ""
        raise Refusal(text, f"a country's ISO 3166-1 code of two letters for {field.path}, such as IQ{hint}")
    return value


def _number(text: str, field: Field) -> int | float:
    number = parse_number(text)
    if number is None:
        raise Refusal(text, f"a number for {field.path}")
    return number


def _date(text: str, field: Field) -> Period:
    period = parse_date(text)
    if period is None:
        raise Refusal(text, f"{DATE_HELP} for {field.path}")
    return period


def within(node: Any, field: Field) -> Node:
    """A range, an open one, or a negative number, on ``field``."""
    if isinstance(node, lucene.Prohibit):
        if field.type != "number":
            raise Refusal("-", f"- before {field.path}:, or in brackets: {field.path}:(-word)")
        return Equals(field.path, _number(_written(node), field))
    if field.type not in {"date", "number", "keyword"}:
        raise Refusal("a range", f"no range on {field.path}: ranges are for dates, numbers and keywords")
    low: lucene.Item | None = None
    high: lucene.Item | None = None
    includes_low = includes_high = True
    if isinstance(node, lucene.Range):
        low, high, includes_low, includes_high = node.low, node.high, node.include_low, node.include_high
    elif isinstance(node, lucene.From):
        low, includes_low = node.a, node.include
    else:
        high, includes_high = node.a, node.include
    a, includes_low = _bound(low, field, includes_low, is_low=True)
    b, includes_high = _bound(high, field, includes_high, is_low=False)
    if a is None and b is None:
        return Exists(field.path)
    return Range(field.path, a, b, includes_low, includes_high)


def _bound(node: lucene.Item | None, field: Field, included: bool, *, is_low: bool) -> tuple[Bound | None, bool]:
    """A bound and whether it is included; ``*`` is open. Inclusive bounds take in the whole period of a short date."""
    if node is None or _written(node) == "*":
        return None, True
    text = _written(node)
    try:
        if field.type == "number":
            return _number(text, field), included
        if field.type == "keyword":
            return fold(text), included
        return _moment(_date(text, field), included, is_low=is_low)
    except Refusal as refusal:
        raise Refusal(refusal.found, refusal.expected, node) from None


def _moment(period: Period, included: bool, *, is_low: bool) -> tuple[Moment, bool]:
    if period.end is None:
        return period.start, included
    if is_low:
        return (period.start, True) if included else (period.end, True)
    return (period.end, False) if included else (period.start, False)


def _written(node: Any) -> str:
    """The text of a bound, unescaped, without quotes."""
    if isinstance(node, lucene.Prohibit):
        return "-" + _written(node.a)
    raw = str(node.value)
    return re.sub(r"\\(.)", r"\1", raw[1:-1] if raw.startswith('"') else raw, flags=re.DOTALL)
