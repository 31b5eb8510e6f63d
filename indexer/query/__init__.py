"""The query language: ``parse`` (Lucene's syntax into a typed tree) and ``matches`` (one document, in process).

Words and quoted phrases, ``*`` and ``?`` inside or at the end of a word, ranges (``[a TO b]``, ``{a TO b}``, ``>=a``,
``<a``), ``AND OR NOT`` and brackets, ``field:value`` and ``field:(…)``; ``field:*`` asks for any value. Between words
without an operator stands AND; NOT binds before AND, AND before OR. ``indexer.compile_sqlite`` compiles the same tree.
"""

from __future__ import annotations

from indexer.query.matcher import matches
from indexer.query.syntax import everything, parse
from indexer.query.tree import (
    And,
    Bound,
    Equals,
    Everything,
    Exists,
    Moment,
    Node,
    Not,
    Or,
    Query,
    QueryError,
    Range,
    Wildcard,
    Words,
)
from indexer.query.view import InvalidDocument, Matchable, fitting

__all__ = [
    "And",
    "Bound",
    "Equals",
    "Everything",
    "Exists",
    "InvalidDocument",
    "Matchable",
    "Moment",
    "Node",
    "Not",
    "Or",
    "Query",
    "QueryError",
    "Range",
    "Wildcard",
    "Words",
    "everything",
    "fitting",
    "matches",
    "parse",
]
