"""The query tree into SQLite: a condition on the documents' table ``d``, every clause answered by an index.

What FTS5 can answer together becomes one MATCH; the rest are sets of row numbers, joined by AND, OR and NOT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from indexer.fields import FIELDS, TIME_FIELD
from indexer.query.tree import And, Equals, Everything, Exists, Moment, Node, Not, Or, Query, Range, Wildcard, Words
from indexer.query.values import split_wildcards
from indexer.sqlite_tables import SENTINEL, field_number, term_of

_FAR = 1 << 62
"""Times are held within what SQLite's integers hold; no document's time is near it."""


@dataclass(slots=True)
class Condition:
    """An SQL condition and its parameters, in order."""

    sql: str
    parameters: list[Any] = field(default_factory=list)


def condition(query: Query, table: str, now: int) -> Condition:
    """The condition that ``d`` (an alias of ``table``) matches; ``now`` in microseconds since 1970."""
    compiler = _Compiler(query, table, now)
    return Condition(compiler.sql(query.root), compiler.parameters)


class _Compiler:
    """Compiles one tree; ``parameters`` grow in the order of the SQL that is returned."""

    def __init__(self, query: Query, table: str, now: int) -> None:
        self.kind, self.table, self.now = query.kind, table, now
        self.parameters: list[Any] = []

    def sql(self, node: Node) -> str:
        """The condition for one node."""
        if isinstance(node, Everything):
            return "1"
        if isinstance(node, Not):
            return f"NOT {self.sql(node.node)}"
        if (match := self.match(node)) is not None:
            return self.docs(f"{self.table}_words", f"{self.table}_words MATCH ?", [match], "rowid")
        if isinstance(node, And | Or):
            return self.several(node)
        if isinstance(node, Range) and node.field == TIME_FIELD[self.kind]:
            return f"({self.bounds(node, 'd.time')})"
        number = field_number(self.kind, node.fields[0] if isinstance(node, Wildcard | Words) else node.field)
        values = f"{self.table}_values"
        if isinstance(node, Exists):
            return self.docs(values, "field = ?", [number])
        if isinstance(node, Equals):
            return self.docs(values, "field = ? AND value = ?", [number, node.value])
        if isinstance(node, Range):
            self.parameters.append(number)
            return f"d.doc IN (SELECT doc FROM {values} WHERE field = ? AND {self.bounds(node, 'value')})"
        assert isinstance(node, Wildcard)
        return self.wildcard(node, number)

    def docs(self, source: str, where: str, parameters: Sequence[Any], column: str = "doc") -> str:
        """The documents that a table names."""
        self.parameters += parameters
        return f"d.doc IN (SELECT {column} FROM {source} WHERE {where})"

    def several(self, node: And | Or) -> str:
        """The operands: what FTS5 can answer in one MATCH together, the others each, as a tree of little depth."""
        together = tuple(n for n in node.nodes if self.match(n) is not None)
        others = [n for n in node.nodes if self.match(n) is None]
        parts = [*([type(node)(together) if len(together) > 1 else together[0]] if together else []), *others]
        return _balanced([self.sql(n) for n in parts], " AND " if isinstance(node, And) else " OR ")

    def bounds(self, node: Range, column: str) -> str:
        """The comparison of ``column`` with the bounds of a range."""
        parts = []
        for bound, operator in ((node.low, ">" + "=" * node.includes_low), (node.high, "<" + "=" * node.includes_high)):
            if bound is not None:
                value = max(-_FAR, min(_FAR, bound.at(self.now))) if isinstance(bound, Moment) else bound
                self.parameters.append(value)
                parts.append(f"{column} {operator} ?")
        return " AND ".join(parts)

    def wildcard(self, node: Wildcard, number: int) -> str:
        """A pattern that is no mere beginning of a word: over the terms (or values) that begin alike."""
        if FIELDS[self.kind][node.fields[0]].type != "words":
            where, parameters = _alike("value", split_wildcards(node.pattern))
            return self.docs(f"{self.table}_values", f"field = ? AND {where}", [number, *parameters])
        parts = [term_of(p) if i % 2 == 0 else p for i, p in enumerate(split_wildcards(node.pattern))]
        where, parameters = _alike("term", parts)
        columns = ", ".join("?" * len(node.fields))
        return self.docs(f"{self.table}_vocabulary", f"{where} AND col IN ({columns})", [*parameters, *node.fields])

    def match(self, node: Node) -> str | None:
        """The FTS5 expression for the node; None where FTS5 alone cannot answer."""
        if isinstance(node, Words):
            return _in_columns(node.fields, f'"{" ".join(map(term_of, node.tokens))}"')
        if isinstance(node, Exists) and FIELDS[self.kind][node.field].type == "words":
            return _in_columns((node.field,), f'"{SENTINEL}"')
        if isinstance(node, Wildcard) and FIELDS[self.kind][node.fields[0]].type == "words":
            parts = split_wildcards(node.pattern)
            return _in_columns(node.fields, f'"{term_of(parts[0])}" *') if parts[1:] == ["*", ""] else None
        if isinstance(node, And | Or):
            parts = [self.match(n) or "" for n in node.nodes]
            return f"({(' AND ' if isinstance(node, And) else ' OR ').join(parts)})" if all(parts) else None
        return None


def _in_columns(fields: Sequence[str], expression: str) -> str:
    columns = " ".join(f'"{f}"' for f in fields)
    return f"{{{columns}}} : {expression}"


def _alike(column: str, parts: list[str]) -> tuple[str, list[str]]:
    """The comparison of ``column`` with a pattern, within the range of what begins alike (so that an index serves)."""
    low = parts[0]
    following = chr(ord(low[-1]) + 1) if low[-1] not in "\ud7ff\U0010ffff" else None
    glob = "".join(_globbed(p) if i % 2 == 0 else p for i, p in enumerate(parts))
    if following is None:
        return f"{column} >= ? AND {column} GLOB ?", [low, glob]
    return f"{column} >= ? AND {column} < ? AND {column} GLOB ?", [low, low[:-1] + following, glob]


def _globbed(literal: str) -> str:
    return "".join(f"[{c}]" if c in "[*?" else c for c in literal)


def _balanced(parts: list[str], operator: str) -> str:
    """The parts joined, in brackets halved again and again: SQLite refuses an expression that is 1,000 deep."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return f"({_balanced(parts[:half], operator)}{operator}{_balanced(parts[half:], operator)})"
