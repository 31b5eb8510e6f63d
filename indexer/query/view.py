"""A document as queries see it: its values by field, checked against the field table, its words cut only once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from indexer.fields import FIELDS, TIME_FIELD, Document, Field, Kind
from indexer.query.values import micros
from indexer.words import fold, words


class InvalidDocument(ValueError):
    """A document does not fit the field table; the message names the field and the fault."""


class Matchable:
    """A document that many queries can be asked about: values and words are computed at their first use and kept.

    Raises ``InvalidDocument`` when the document has a field that its kind lacks, or a value of another type.
    """

    __slots__ = ("_comparable", "_token_sets", "_tokens", "kind", "values")

    def __init__(self, kind: Kind, document: Document) -> None:
        """The view of ``document``; later changes of it are not seen."""
        self.kind = kind
        self.values: dict[str, list[Any]] = {}
        """All values by field as they are in the document, nulls left out."""
        _leaves(kind, _TREES[kind], document, self.values)
        self._tokens: dict[str, list[list[str]]] = {}
        self._token_sets: dict[tuple[str, ...], frozenset[str]] = {}
        self._comparable: dict[str, list[Any]] = {}

    def tokens(self, field: str) -> list[list[str]]:
        """The words of each value of a ``words`` field; values without any are left out."""
        if field not in self._tokens:
            self._tokens[field] = [t for v in self.values.get(field, ()) if (t := words(v))]
        return self._tokens[field]

    def token_set(self, fields: tuple[str, ...]) -> frozenset[str]:
        """Every word in any of the fields."""
        if fields not in self._token_sets:
            self._token_sets[fields] = frozenset(t for f in fields for value in self.tokens(f) for t in value)
        return self._token_sets[fields]

    def comparable(self, field: str) -> list[Any]:
        """The values as queries compare them: keywords folded (empty ones left out), dates in microseconds since
        1970, numbers and booleans as they are. Not for ``words``."""
        if field not in self._comparable:
            values = self.values.get(field, ())
            kind = FIELDS[self.kind][field].type
            if kind == "keyword":
                self._comparable[field] = [f for v in values if (f := fold(v))]
            elif kind == "date":
                self._comparable[field] = [micros(datetime.fromisoformat(v)) for v in values]
            else:
                self._comparable[field] = list(values)
        return self._comparable[field]

    @property
    def time(self) -> int | None:
        """The kind's time in microseconds since 1970; None where the document lacks it."""
        values = self.comparable(TIME_FIELD[self.kind])
        return values[0] if values else None

    def has(self, field: str) -> bool:
        """Whether the field has a value: for ``words`` at least one word."""
        return bool(self.tokens(field) if FIELDS[self.kind][field].type == "words" else self.comparable(field))


def fitting(kind: Kind, document: Document, prefix: str = "") -> dict[str, Any]:
    """What of ``document`` fits the field table: a document that another version of newswatch stored may have fields
    that the kind lacks, or values of another type. They are left out."""
    kept: dict[str, Any] = {}
    for key, value in document.items():
        path = f"{prefix}{key}"
        if field := FIELDS[kind].get(path):
            if _fits_whole(field, value):
                kept[key] = value
        elif _is_object(kind, path):
            several = isinstance(value, list | tuple)
            objects = [fitting(kind, o, f"{path}.") for o in (value if several else (value,)) if isinstance(o, dict)]
            if objects:
                kept[key] = objects if several else objects[0]
    return kept


@dataclass(frozen=True, slots=True)
class _Node:
    """A key of a kind's documents: a field, or an object (``below``)."""

    path: str
    field: Field | None = None
    holds_text: bool = False
    below: dict[str, _Node] = dataclasses.field(default_factory=dict)


def _tree(fields: Mapping[str, Field], prefix: str = "") -> dict[str, _Node]:
    """The kind's keys below ``prefix``; where a path is both, the field counts."""
    keys = {path.removeprefix(prefix).split(".")[0] for path in fields if path.startswith(prefix)}
    nodes: dict[str, _Node] = {}
    for key in keys:
        path = prefix + key
        field = fields.get(path)
        text = field is not None and field.type in {"keyword", "words"}
        nodes[key] = _Node(path, field, text, {} if field else _tree(fields, f"{path}."))
    return nodes


_TREES = {kind: _tree(fields) for kind, fields in FIELDS.items()}


def _is_object(kind: Kind, path: str) -> bool:
    """Whether fields lie below ``path``."""
    return any(name.startswith(f"{path}.") for name in FIELDS[kind])


def _leaves(kind: Kind, tree: Mapping[str, _Node], document: Document, found: dict[str, list[Any]]) -> None:
    """Add each value to those of its field, in the order of the document."""
    for key, value in document.items():
        node = tree.get(key)
        if node is None:
            raise InvalidDocument(f"{_path(tree, key)}: {kind} have no such field")
        if node.holds_text and type(value) is str:  # nearly all
            found.setdefault(node.path, []).append(value)
            continue
        several = isinstance(value, list | tuple)
        for one in value if several else (value,):
            if one is None:
                continue
            if node.field is not None:
                _check(node.field, one, several=several)
                found.setdefault(node.path, []).append(one)
            elif isinstance(one, dict):
                _leaves(kind, node.below, one, found)
            else:
                raise InvalidDocument(f"{node.path}: not an object")


def _path(tree: Mapping[str, _Node], key: str) -> str:
    """The path of a key that is not in the tree."""
    beside = next(iter(tree.values())).path
    return f"{beside.rpartition('.')[0]}.{key}".removeprefix(".")


def _check(field: Field, value: object, *, several: bool) -> None:
    if several and not field.array:
        raise InvalidDocument(f"{field.path}: a list, where one value is expected")
    if not _fits(field, value):
        raise InvalidDocument(f"{field.path}: {str(value)[:40]!r} is no {field.type}")


def _fits_whole(field: Field, value: object) -> bool:
    """Whether a field may hold this: a value, or an array of such."""
    several = isinstance(value, list | tuple)
    try:
        for one in value if isinstance(value, list | tuple) else (value,):
            if one is not None:
                _check(field, one, several=several)
    except InvalidDocument:
        return False
    return True


def _fits(field: Field, value: object) -> bool:
    if field.type in {"keyword", "words"}:
        return isinstance(value, str)
    if field.type == "boolean":
        return isinstance(value, bool)
    if field.type == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1 << 53
    if field.type == "geo":
        return isinstance(value, dict) and set(value) == {"lat", "lon"}
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
