"""Lucene's syntax into the typed tree: luqum only parses; what is outside the subset is refused with its position."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NoReturn

from luqum import tree as lucene
from luqum.exceptions import ParseError
from luqum.thread import parse as parse_lucene

from indexer.fields import FIELDS, Field, Kind, default_fields
from indexer.query.terms import Refusal, term, within
from indexer.query.tree import And, Equals, Everything, Exists, Node, Not, Or, Query, QueryError

MAX_LENGTH = 50_000
"""A longer query is refused, in characters."""
MAX_CLAUSES = 1_000
"""So many words, phrases, ranges and values at most: what Elasticsearch takes by default, too."""
MAX_DEPTH = 20
"""So many brackets and NOTs within each other at most."""

_REFUSED: Mapping[type[lucene.Item], tuple[str, str]] = {
    lucene.Boost: ("a boost (^)", "no boost: results are sorted by time"),
    lucene.Fuzzy: ("a fuzzy word (~)", "a word, with * or ? where letters vary"),
    lucene.Proximity: ("a proximity (~)", "a phrase without ~"),
    lucene.Regex: ("a regular expression (/…/)", "a word, with * or ? where letters vary; or quotes around it"),
    lucene.Plus: ("+", "no +: every word must be there unless OR stands between"),
}


def parse(text: str, kind: Kind) -> Query:
    """The query that ``text`` is on documents of ``kind``.

    Raises ``QueryError`` (a ``ConfigError``) with the position of the fault: syntax outside the language, a field that
    the kind does not have (a near one is suggested), a value that is not of the field's type. Times such as ``2h``
    stay relative until the query is evaluated, so that a rule means the same for months.
    """
    if not text.strip():
        raise QueryError(text, 0, "nothing", "a query; * matches everything")
    if len(text) > MAX_LENGTH:
        raise QueryError(text, MAX_LENGTH, f"{len(text):,} characters", f"at most {MAX_LENGTH:,}")
    reader = _Reader(text, kind)
    root = reader.expression(_syntax_tree(text), None, 0)
    return Query(kind, text, _without_withdrawn(root, kind, reader.names), frozenset(reader.names))


def everything(kind: Kind) -> Query:
    """The query that matches every document of ``kind`` that is not withdrawn."""
    return Query(kind, "*", _without_withdrawn(Everything(), kind, set()), frozenset())


def _without_withdrawn(root: Node, kind: Kind, names: set[str]) -> Node:
    """The root as it is, but for withdrawn documents, unless the query names the field."""
    if "withdrawn" not in FIELDS[kind] or "withdrawn" in names:
        return root
    return And((root, Not(Equals("withdrawn", True))))


def _syntax_tree(text: str) -> lucene.Item:
    try:
        found: lucene.Item = parse_lucene(text)  # type: ignore[no-untyped-call]
    except ParseError as error:
        _explain(text, str(error))
    except (ValueError, ArithmeticError) as error:  # luqum reads the number behind ~ or ^
        fault = re.search(r"[~^]", text)
        raise QueryError(text, fault.start() if fault else 0, "a wrong ~ or ^", "neither of them") from error
    return found


def _explain(text: str, message: str) -> NoReturn:
    """luqum's message, which names a position or the end, as a ``QueryError``."""
    place = re.search(r"at position (\d+)!?$", message)
    at = int(place[1]) if place else len(text)
    rest = text[at:]
    if not place:
        expected = "a word, phrase, range or group, and a closing bracket for each that is open"
        raise QueryError(text, at, "the end", expected)
    if rest[0] == '"':
        raise QueryError(text, at, "a quote that is never closed", 'a second "')
    if rest[0] in "'/\\":
        raise QueryError(
            text, at, rest[0], f'quotes around a word that begins with {rest[0]}, as in "{rest.split()[0]}"'
        )
    raise QueryError(text, at, rest.split()[0], "a word, a phrase, field:value or a group in brackets")


class _Reader:
    """Reads one syntax tree; ``names`` and ``clauses`` grow on the way."""

    def __init__(self, text: str, kind: Kind) -> None:
        self.text, self.kind = text, kind
        self.names: set[str] = set()
        self.clauses = 0

    def refuse(self, node: lucene.Item, found: str, expected: str) -> NoReturn:
        raise QueryError(self.text, node.pos or 0, found, expected)

    def expression(self, node: lucene.Item, field: Field | None, depth: int) -> Node:
        """The operands on one level, with AND before OR however luqum nested them (it puts AND, OR, then none)."""
        if depth > MAX_DEPTH:
            self.refuse(node, "too many brackets or NOTs within each other", f"at most {MAX_DEPTH}")
        groups: list[list[Node]] = [[]]
        for item in _in_order(node):
            if item == "OR":
                groups.append([])
            elif not isinstance(item, str):
                groups[-1].append(self.operand(item, field, depth))
        both = [g[0] if len(g) == 1 else And(tuple(g)) for g in groups]
        return both[0] if len(both) == 1 else Or(tuple(both))

    def operand(self, node: lucene.Item, field: Field | None, depth: int) -> Node:
        """One operand: a group, a negation, ``field:…``, or a single clause."""
        if isinstance(node, lucene.BaseGroup):
            return self.expression(node.expr, field, depth + 1)
        if isinstance(node, lucene.Not | lucene.Prohibit):
            if isinstance(node, lucene.Prohibit) and node.a.head:
                self.refuse(node, "- before a space", 'NOT, or - right before a word; or quotes: "-"')
            return Not(self.expression(node.a, field, depth + 1))
        if isinstance(node, lucene.SearchField):
            return self.searched(node, field, depth)
        if type(node) in _REFUSED:
            self.refuse(node, *_REFUSED[type(node)])
        self.clauses += 1
        if self.clauses > MAX_CLAUSES:
            self.refuse(node, f"more than {MAX_CLAUSES:,} clauses", f"at most {MAX_CLAUSES:,}")
        return self.clause(node, field)

    def searched(self, node: lucene.SearchField, outer: Field | None, depth: int) -> Node:
        """``field:…``; a minus right behind the colon belongs to a number."""
        if outer is not None:
            expected = f'a value of {outer.path}, in quotes where it holds ":"'
            self.refuse(node, f"{node.name}: inside {outer.path}:", expected)
        field = FIELDS[self.kind].get(node.name)
        if field is None:
            self.unknown(node)
        self.names.add(field.path)
        if isinstance(node.expr, lucene.Prohibit):
            return self.clause(node.expr, field)
        return self.operand(node.expr, field, depth)

    def unknown(self, node: lucene.SearchField) -> NoReturn:
        """Refuse a field that the kind does not have, with those that may be meant."""
        if node.name.lower() in {"http", "https"}:
            self.refuse(node, f"{node.name}:", 'a URL in quotes, as in url:"https://…"')
        names = list(FIELDS[self.kind])
        lowered = node.name.lower()
        near = [n for n in names if n.endswith(f".{lowered}") or n.startswith(f"{lowered}.") or n == lowered]
        near = near or get_close_matches(lowered, names, n=3, cutoff=0.6)
        hint = f" (did you mean {' or '.join(near[:3])}?)" if near else ' (or quotes, where it is text that holds ":")'
        self.refuse(node, f"{node.name}:", f"a field of {self.kind}{hint}")

    def clause(self, node: lucene.Item, field: Field | None) -> Node:
        """A word, phrase or range of the field, or of the default fields."""
        try:
            if isinstance(node, lucene.Term):
                fields = default_fields(self.kind) if field is None else (field.path,)
                if node.value == "*":
                    return Everything() if field is None else Exists(field.path)
                return term(node.value, field, fields)
            if field is None:
                raise Refusal("a range without a field", "field:range, as in published:>=2h")
            return within(node, field)
        except Refusal as refusal:
            self.refuse(refusal.node or node, refusal.found, refusal.expected)


def _in_order(node: lucene.Item) -> Iterator[Any]:
    """The operands of nested operations from left to right, with ``AND`` or ``OR`` between; no operator is AND."""
    todo: list[Any] = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, lucene.BaseOperation):
            operator = "OR" if isinstance(item, lucene.OrOperation) else "AND"
            between = [x for operand in item.operands for x in (operator, operand)][1:]
            todo += reversed(between)
        else:
            yield item
