"""Kibana's saved objects as it imports them: the envelope, references, data views; and the whole as NDJSON.

Shapes as of Kibana 8.12, the oldest that is served: a newer one migrates what it imports, an older one refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from indexer.elastic_mapping import counted_field, names_of
from indexer.fields import FIELDS, TIME_FIELD, Field, Kind

Json = dict[str, Any]

OLDEST = (8, 12)
"""The oldest Kibana that understands the objects."""
CORE_VERSION = "8.8.0"
TYPE_VERSIONS: Mapping[str, str] = {
    "index-pattern": "8.0.0", "search": "8.0.0", "map": "8.4.0", "dashboard": "8.9.0",
}  # fmt: skip
"""What Kibana migrates from: absent, it answers 500; newer than itself, 422."""

_INTERNAL = "nw"
"""The object in each document that only newswatch's own searches read."""
_LINKS = frozenset({"url", "links", "feed_url"})
"""The last part of the names of fields that hold an address."""
_SHARES = frozenset({"confidence"})
"""The same of fields from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Reference:
    """From one object to another: ``name`` is how the attributes speak of it."""

    name: str
    type: str
    id: str


@dataclass(frozen=True, slots=True)
class SavedObject:
    """One saved object; ``attributes`` as Kibana keeps them (many are JSON in a string)."""

    type: str
    id: str
    attributes: Json
    references: tuple[Reference, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What Kibana knows it by."""
        return self.type, self.id

    def line(self) -> Json:
        """The object in the envelope of an import."""
        return {
            "id": self.id, "type": self.type, "attributes": self.attributes,
            "references": [{"name": r.name, "type": r.type, "id": r.id} for r in self.references],
            "coreMigrationVersion": CORE_VERSION, "typeMigrationVersion": TYPE_VERSIONS[self.type], "managed": False,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where the objects are for: the ``prefix`` of the indices on Elasticsearch, and the space in Kibana.

    Both are in the ids: Kibana knows an id once in all spaces, and gives a second space's copy a random one.
    """

    prefix: str = "newswatch"
    space: str = "default"

    def id(self, name: str) -> str:
        """The id of the object called ``name``."""
        return f"{self.prefix}-{name}" + ("" if self.space == "default" else f"-{self.space}")


@dataclass(frozen=True, slots=True)
class View:
    """The data view of one kind of document. It names fields as Kibana must ask for them: one that the field table
    does not have, or not as a panel needs it, is a ``KeyError`` or ``ValueError`` when the bundle is built."""

    place: Place
    kind: Kind

    @property
    def id(self) -> str:
        """Of the saved object."""
        return self.place.id(self.kind)

    @property
    def time(self) -> str:
        """The field that the time range means."""
        return TIME_FIELD[self.kind]

    def shown(self, path: str) -> str:
        """The field as a column, to be read."""
        return self._field(path).path

    def counted(self, path: str) -> str:
        """The field whose whole values are counted, listed and sorted by."""
        field = self._field(path)
        if field.type not in {"keyword", "words"} or not field.countable:
            raise ValueError(f"{self.kind}.{path} cannot be counted")
        return counted_field(field)

    def of_type(self, path: str, *types: str) -> str:
        """The field, where it has one of these types of the field table."""
        field = self._field(path)
        if field.type not in types:
            raise ValueError(f"{self.kind}.{path} is {field.type}, not {' or '.join(types)}")
        return field.path

    def type_of(self, path: str) -> str:
        """The field's type as Kibana's panels call it."""
        return {"date": "date", "number": "number", "boolean": "boolean"}.get(self._field(path).type, "string")

    def _field(self, path: str) -> Field:
        return FIELDS[self.kind][path]

    def reference(self, name: str) -> Reference:
        """A reference to this data view."""
        return Reference(name, "index-pattern", self.id)

    def saved(self) -> SavedObject:
        """The data view itself, over the alias that leads to the live generation."""
        attributes = {
            "title": names_of(self.place.prefix, self.kind, "g1").live,
            "name": f"{self.place.prefix} {self.kind}",
            "timeFieldName": self.time,
            "fields": "[]",
            "fieldAttrs": "{}",
            "fieldFormatMap": json.dumps({f.path: how for f in FIELDS[self.kind].values() if (how := _format(f))}),
            "runtimeFieldMap": "{}",
            "sourceFilters": json.dumps([{"value": f"{_INTERNAL}.*"}]),
        }
        return SavedObject("index-pattern", self.id, attributes)


def _format(field: Field) -> Json | None:
    """How Kibana shows the field's values, where its own way is not right: addresses as links, shares as per cent,
    ids and offsets without thousands separators."""
    last = field.path.rpartition(".")[2]
    if last in _LINKS:
        return {"id": "url", "params": {"type": "a", "urlTemplate": "", "labelTemplate": ""}}
    if last in _SHARES:
        return {"id": "percent", "params": {"pattern": "0%"}}
    if field.type == "number":
        return {"id": "number", "params": {"pattern": "0.[00]"}}
    return None


def search_source(query: str = "", *, index: bool = False) -> str:
    """``searchSourceJSON``: a filter in Kibana's query language, for a saved search with its data view's reference."""
    source: Json = {"query": {"query": query, "language": "kuery"}, "filter": []}
    return json.dumps({**source, "indexRefName": SEARCHED} if index else source)


SEARCHED = "kibanaSavedObjectMeta.searchSourceJSON.index"
"""The name of a saved search's reference to its data view."""


def ndjson(objects: Iterable[SavedObject]) -> str:
    """The objects as Kibana exports and imports them: one a line, and a line that counts them."""
    lines = [o.line() for o in objects]
    details = {
        "excludedObjects": [], "excludedObjectsCount": 0, "exportedCount": len(lines),
        "missingRefCount": 0, "missingReferences": [],
    }  # fmt: skip
    return "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in [*lines, details])
