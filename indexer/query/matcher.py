"""The in-process matcher: whether one document matches a query, exactly as the index would say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from indexer.fields import FIELDS, Document
from indexer.query.tree import And, Equals, Everything, Exists, Moment, Node, Not, Or, Query, Range, Wildcard, Words
from indexer.query.values import micros, pattern_regex
from indexer.query.view import Matchable


def matches(query: Query, document: Document | Matchable, now: datetime) -> bool:
    """Whether the query matches a document of its kind; times such as ``2h`` count back from ``now``.

    Ask many queries about one document through one ``Matchable``: its words are then cut once. Raises
    ``InvalidDocument`` for a plain document that does not fit the field table.
    """
    view = document if isinstance(document, Matchable) else Matchable(query.kind, document)
    return _holds(query.root, view, micros(now))


def _holds(node: Node, view: Matchable, now: int) -> bool:
    return _TESTS[type(node)](node, view, now)


def _words(node: Words, view: Matchable, _now: int) -> bool:
    tokens = node.tokens
    present = view.token_set(node.fields)
    if len(tokens) == 1:
        return tokens[0] in present
    if not all(t in present for t in tokens):
        return False
    return any(_contains(value, list(tokens)) for f in node.fields for value in view.tokens(f))


def _contains(value: list[str], phrase: list[str]) -> bool:
    return any(value[i : i + len(phrase)] == phrase for i in range(len(value) - len(phrase) + 1))


@lru_cache(maxsize=20_000)
def _pattern(pattern: str) -> re.Pattern[str]:
    return pattern_regex(pattern)


def _wildcard(node: Wildcard, view: Matchable, _now: int) -> bool:
    fits = _pattern(node.pattern).fullmatch
    if FIELDS[view.kind][node.fields[0]].type == "words":
        return any(fits(token) for token in view.token_set(node.fields))
    return any(fits(value) for f in node.fields for value in view.comparable(f))


def _range(node: Range, view: Matchable, now: int) -> bool:
    low: Any = node.low.at(now) if isinstance(node.low, Moment) else node.low
    high: Any = node.high.at(now) if isinstance(node.high, Moment) else node.high
    return any(
        (low is None or value > low or (node.includes_low and value == low))
        and (high is None or value < high or (node.includes_high and value == high))
        for value in view.comparable(node.field)
    )


def _and(node: And, view: Matchable, now: int) -> bool:
    return all(_holds(n, view, now) for n in node.nodes)


def _or(node: Or, view: Matchable, now: int) -> bool:
    return any(_holds(n, view, now) for n in node.nodes)


_TESTS: Mapping[type[Node], Callable[[Any, Matchable, int], bool]] = {
    Everything: lambda _node, _view, _now: True,
    Exists: lambda node, view, _now: view.has(node.field),
    Words: _words,
    Wildcard: _wildcard,
    Equals: lambda node, view, _now: node.value in view.comparable(node.field),
    Range: _range,
    Not: lambda node, view, now: not _holds(node.node, view, now),
    And: _and,
    Or: _or,
}
