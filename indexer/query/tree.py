"""The typed tree of a query: what every compiler and the matcher read. Frozen, and free of any syntax."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.fields import Kind
from stream.errors import ConfigError


class QueryError(ConfigError):
    """A query is outside the language. ``position`` counts the characters of ``text`` before the fault, from 0."""

    def __init__(self, text: str, position: int, found: str, expected: str) -> None:
        """``found`` and ``expected`` are phrases: what stands there, and what could."""
        self.text, self.position, self.found, self.expected = text, position, found, expected
        line = " ".join(found.split())
        shown = line if len(line) <= 60 else line[:57] + "…"
        super().__init__(f"query, position {position}: found {shown}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Everything:
    """Matches every document."""


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value; a ``words`` field: at least one word."""

    field: str


@dataclass(frozen=True, slots=True)
class Words:
    """The tokens stand one behind the other in one value of one of the ``words`` fields."""

    fields: tuple[str, ...]
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A word of one of the ``words`` fields, or a whole value of a ``keyword`` field, has the form of ``pattern``.

    In ``pattern`` ``*`` is any run of characters, ``?`` any one, and ``\\`` takes the next as it is.
    """

    fields: tuple[str, ...]
    pattern: str


@dataclass(frozen=True, slots=True)
class Equals:
    """A value of the field is ``value``: a folded keyword, a number or a boolean."""

    field: str
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: microseconds since 1970 (UTC), or with ``relative`` microseconds from *now*, resolved at evaluation."""

    micros: int
    relative: bool = False

    def at(self, now: int) -> int:
        """Microseconds since 1970, where it is ``now`` (the same unit)."""
        return now + self.micros if self.relative else self.micros


Bound = str | int | float | Moment


@dataclass(frozen=True, slots=True)
class Range:
    """A value of the field lies between the bounds (None: open); folded keywords in the order of code points."""

    field: str
    low: Bound | None
    high: Bound | None
    includes_low: bool = True
    includes_high: bool = True


@dataclass(frozen=True, slots=True)
class Not:
    """The document does not match ``node``."""

    node: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of ``nodes`` (two or more) match."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of ``nodes`` (two or more) matches."""

    nodes: tuple[Node, ...]


Node = Everything | Exists | Words | Wildcard | Equals | Range | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query on one kind. ``names``: the fields that its text names, without those that bare words imply.

    The root already hides withdrawn documents where the kind has such and the text does not name ``withdrawn``.
    """

    kind: Kind
    text: str
    root: Node
    names: frozenset[str]
