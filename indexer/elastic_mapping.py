"""What an Elasticsearch index holds, derived from the field table: names, mappings, and the document as it is sent.

A document is stored as it is, its fields mapped for people (Kibana): text by the standard analyser, dates, points on a
map. What newswatch itself searches lies beside it in the object ``nw``, computed here and kept out of ``_source``:
words as ``words`` cuts them, folded keywords, dates in microseconds. Only so do all backends find the same.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from indexer.fields import FIELDS, SHARED, TIME_FIELD, Field, Kind, default_fields
from indexer.query import Matchable
from indexer.words import VERSION
from stream.errors import ConfigError
from stream.lineage import NAME

Json = dict[str, Any]

LAYOUT = 1
"""Raise it when what ``indexed`` makes changes although the mapping does not."""

META = "nw"
"""Our own object in each document: version and digest, and all that is only searched."""
ID, TIME = f"{META}.id", f"{META}.time"
WORDS, FOLDED, MICROS, GEO = f"{META}.words", f"{META}.folded", f"{META}.micros", f"{META}.geo"
ANYWHERE = f"{META}.anywhere"
"""The words of all default fields: a bare word is one clause, however many fields it is looked for in."""

MAX_ID_BYTES = 512
_IGNORE_ABOVE = 8191
"""A longer value is stored but not counted: at 3 bytes a UTF-16 unit it is still under Lucene's 32,766 bytes a term."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one kind's index: the alias that leads to it, and the index, which is named after its layout, so
    that a worker of another version of newswatch never writes into it."""

    prefix: str
    kind: Kind
    generation: str
    layout: str

    @property
    def alias(self) -> str:
        """The generation's index of this kind; some kinds are shared by all generations."""
        return f"{self.prefix}-{self.kind}" if self.kind in SHARED else f"{self.prefix}-{self.generation}-{self.kind}"

    @property
    def live(self) -> str:
        """What people look at: the live generation's index."""
        return f"{self.prefix}-{self.kind}"

    @property
    def index(self) -> str:
        """The index itself."""
        return f"{self.alias}-{self.layout}"

    @property
    def template(self) -> str:
        """The index template of this kind."""
        return f"{self.prefix}-{self.kind}"

    @property
    def pattern(self) -> str:
        """The indices that the template is for: this kind's in all generations."""
        return self.index if self.kind in SHARED else f"{self.prefix}-g*-{self.kind}-{self.layout}"


def names_of(prefix: str, kind: Kind, generation: str) -> Names:
    """The names. Raises ``ConfigError`` for what is no generation."""
    if not NAME.fullmatch(generation):
        raise ConfigError(f"generation: {generation!r} is no generation; they are called g1, g2, …")
    return Names(prefix, kind, generation, layout_of(kind))


def layout_of(kind: Kind) -> str:
    """A hash over all that decides what the index of a kind holds."""
    return hashlib.blake2b(json.dumps([LAYOUT, VERSION, mappings(kind)]).encode(), digest_size=4).hexdigest()


def mappings(kind: Kind) -> Json:
    """The mapping of a kind: strict, so that nothing is indexed that the field table does not name."""
    properties: Json = {}
    own: Json = {
        "version": {"type": "long"}, "digest": {"type": "keyword", "index": False, "doc_values": False},
        "id": {"type": "keyword"}, "time": {"type": "date"}, "geo": {"type": "keyword", "doc_values": False},
        "anywhere": _WORDS,
    }  # fmt: skip
    for field in FIELDS[kind].values():
        _place(properties, field.path, _shown(field))
        if found := _SEARCHED.get(field.type):
            where, mapping = found
            _place(own, f"{where.removeprefix(f'{META}.')}.{field.path}", mapping)
    properties[META] = {"properties": own}
    only_searched = [ID, TIME, WORDS, FOLDED, MICROS, GEO, ANYWHERE]
    return {"dynamic": "strict", "_source": {"excludes": only_searched}, "properties": properties}


_WORDS: Json = {"type": "text", "analyzer": "whitespace", "norms": False}
_SEARCHED: dict[str, tuple[str, Json]] = {
    "words": (WORDS, _WORDS),
    "keyword": (FOLDED, {"type": "keyword", "doc_values": False}),
    "date": (MICROS, {"type": "long"}),
}


def _shown(field: Field) -> Json:
    """The mapping of the field as people see it; a value that Elasticsearch cannot read is only not indexed here."""
    counted = {"type": "keyword", "ignore_above": _IGNORE_ABOVE}
    if field.type == "words":
        return {"type": "text", "fields": {"keyword": counted}} if field.facet else {"type": "text"}
    if field.type == "keyword":
        return counted
    if field.type in {"date", "geo"}:
        return {"type": "date" if field.type == "date" else "geo_point", "ignore_malformed": True}
    return {"type": "double" if field.type == "number" else "boolean"}


def _place(properties: Json, path: str, mapping: Json) -> None:
    """Put the mapping of a dotted path into nested ``properties``."""
    *parents, name = path.split(".")
    for parent in parents:
        properties = properties.setdefault(parent, {"properties": {}})["properties"]
    properties[name] = mapping


def counted_field(field: Field) -> str:
    """Where the whole values of a countable field are."""
    return f"{field.path}.keyword" if field.type == "words" else field.path


def guard(prefix: str) -> Json:
    """The template by which no index of ours is ever made by a mere write: a worker of an older version may still
    write into the index that setup has just replaced."""
    return {
        "index_patterns": [f"{prefix}-*"],
        "priority": 499,
        "allow_auto_create": False,
        "_meta": {"description": "newswatch: indices are made by newswatch setup only"},
    }


def template(names: Names, settings: Json) -> Json:
    """The composable index template of one kind, in the present layout."""
    return {
        "index_patterns": [names.pattern],
        "priority": 500,
        "allow_auto_create": False,
        "template": {"settings": settings, "mappings": mappings(names.kind)},
        "_meta": {"description": f"newswatch: {names.kind}; made by newswatch setup"},
    }


def indexed(view: Matchable, id_: str, version: int, digest: str) -> Json:
    """Our object of a document, which must have a time: all that a search needs."""
    own: Json = {"version": version, "digest": digest, "id": id_, "time": (view.time or 0) // 1000}
    columns: dict[str, Json] = {"words": {}, "folded": {}, "micros": {}}
    geo = []
    for path in view.values:
        field = FIELDS[view.kind][path]
        if field.type == "words":
            columns["words"][path] = [" ".join(tokens) for tokens in view.tokens(path)]
        elif field.type == "keyword":
            columns["folded"][path] = view.comparable(path)
        elif field.type == "date":
            columns["micros"][path] = view.comparable(path)
        elif field.type == "geo":
            geo.append(path)
    anywhere = [value for f in default_fields(view.kind) for value in columns["words"].get(f, ())]
    return {**own, **columns, "geo": geo, "anywhere": anywhere}


def sort_field(kind: Kind) -> str:
    """The kind's time in microseconds."""
    return f"{MICROS}.{TIME_FIELD[kind]}"
