"""The query tree into Elasticsearch's query DSL: filters only, on the fields that ``elastic_mapping`` adds for us.

No clause needs a script or an analyser of its own: words are compared as ``words`` cut them, values as ``fold`` made
them. Each clause of the language is one clause here, so that 1,000 stay under the server's limit of 1,024.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from indexer.elastic_mapping import ANYWHERE, FOLDED, GEO, MICROS, WORDS
from indexer.fields import FIELDS, default_fields
from indexer.query.tree import And, Equals, Everything, Exists, Moment, Node, Not, Or, Query, Range, Wildcard, Words
from indexer.query.values import split_wildcards

Json = dict[str, Any]

_FAR = 1 << 62
"""Times are held within what a ``long`` holds; no document's time is near it."""

_DEEP = 20
"""Elasticsearch refuses queries 30 deep, where ours may reach 44: what is deeper is sent as a ``wrapper``, whose inner
query it counts from 0 again."""


def search_query(query: Query, now: int) -> Json:
    """The filter that just the documents match that ``query`` does; ``now`` in microseconds since 1970."""
    compiler = _Compiler(query, now)
    return compiler.clause(query.root)[0]


class _Compiler:
    """Compiles one tree. Clauses come with their depth."""

    def __init__(self, query: Query, now: int) -> None:
        self.kind, self.now = query.kind, now

    def clause(self, node: Node) -> tuple[Json, int]:
        """The clause for one node."""
        if isinstance(node, Not):
            return self.joined([], "filter", [node.node])
        if isinstance(node, And):
            wanted = [n for n in node.nodes if not isinstance(n, Not)]
            return self.joined(wanted, "filter", [n.node for n in node.nodes if isinstance(n, Not)])
        if isinstance(node, Or):
            return self.joined(node.nodes, "should", [])
        return self.leaf(node), 1

    def joined(self, nodes: Sequence[Node], how: str, unwanted: Sequence[Node]) -> tuple[Json, int]:
        """A ``bool`` of nodes that must (``filter``) or may (``should``) match, and of those that must not."""
        inner, outer = [self.clause(n) for n in nodes], [self.clause(n) for n in unwanted]
        body: Json = {}
        if inner:
            body[how] = [clause for clause, _ in inner]
        if how == "should":
            body["minimum_should_match"] = 1
        if outer:
            body["must_not"] = [clause for clause, _ in outer]
        depth = 1 + max(depth for _, depth in [*inner, *outer])
        return ({"bool": body}, depth) if depth < _DEEP else (_wrapped({"bool": body}), 1)

    def leaf(self, node: Everything | Exists | Words | Wildcard | Equals | Range) -> Json:
        """A single clause."""
        if isinstance(node, Everything):
            return {"match_all": {}}
        if isinstance(node, Words):
            return _any_of([_phrase(f, node.tokens) for f in self.word_fields(node.fields)])
        if isinstance(node, Wildcard):
            if FIELDS[self.kind][node.fields[0]].type == "words":
                return _any_of([_pattern(f, node.pattern) for f in self.word_fields(node.fields)])
            return _pattern(self.field(node.fields[0]), node.pattern)
        if isinstance(node, Exists):
            geo = FIELDS[self.kind][node.field].type == "geo"
            return {"term": {GEO: node.field}} if geo else {"exists": {"field": self.field(node.field)}}
        if isinstance(node, Equals):
            if isinstance(node.value, int | float) and not isinstance(node.value, bool):
                return self.range(Range(node.field, node.value, node.value))
            return {"term": {self.field(node.field): node.value}}
        return self.range(node)

    def range(self, node: Range) -> Json:
        """A range; of the two zeros of a ``double`` the negative one is the lower, to us they are equal."""
        bounds: Json = {}
        for bound, included, name in ((node.low, node.includes_low, "gt"), (node.high, node.includes_high, "lt")):
            if bound is not None:
                value = max(-_FAR, min(_FAR, bound.at(self.now))) if isinstance(bound, Moment) else bound
                if value == 0 and not isinstance(bound, Moment | str):
                    value = -0.0 if included == (name == "gt") else 0.0
                bounds[name + "e" * included] = value
        return {"range": {self.field(node.field): bounds}}

    def field(self, path: str) -> str:
        """The field that a query on ``path`` asks."""
        ours = {"words": WORDS, "keyword": FOLDED, "date": MICROS}.get(FIELDS[self.kind][path].type)
        return f"{ours}.{path}" if ours else path

    def word_fields(self, fields: tuple[str, ...]) -> list[str]:
        """The fields with the words; all default fields have one together."""
        return [ANYWHERE] if fields == default_fields(self.kind) else [self.field(f) for f in fields]


def _phrase(field: str, tokens: tuple[str, ...]) -> Json:
    if len(tokens) == 1:
        return {"term": {field: tokens[0]}}
    return {"match_phrase": {field: {"query": " ".join(tokens), "analyzer": "whitespace"}}}


def _pattern(field: str, pattern: str) -> Json:
    parts = split_wildcards(pattern)
    if parts[1:] == ["*", ""]:
        return {"prefix": {field: parts[0]}}
    return {"wildcard": {field: pattern}}


def _any_of(clauses: list[Json]) -> Json:
    return clauses[0] if len(clauses) == 1 else {"bool": {"should": clauses, "minimum_should_match": 1}}


def _wrapped(query: Json) -> Json:
    return {"wrapper": {"query": base64.b64encode(json.dumps(query).encode()).decode()}}
