"""Messages into index documents: pure, nested as in the messages, holding only fields of the table; nulls left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from indexer.fields import FIELDS, Kind
from stream.messages import Alert, EnrichedArticle, LocationChange, Model, Relocation

Json = dict[str, Any]


def article_document(enriched: EnrichedArticle) -> Json:
    """The document of one revision of an article. Entities and places that agree in all fields kept appear once."""
    whole = enriched.article.model_dump(mode="json")
    found = enriched.model_dump(mode="json", include={"entities", "places", "location_changes", "model"})
    return _kept("articles", {**whole, **found})


def statement_document(change: LocationChange, model: Model | None = None, *, withdrawn: bool = False) -> Json:
    """The document of a statement; ``model`` is what made it, ``withdrawn``: its article no longer makes it."""
    fields = change.model_dump(mode="json")
    if model is not None:
        fields["model"] = model.model_dump(mode="json")
    return _kept("location-changes", {**fields, "withdrawn": withdrawn})


def alert_document(alert: Alert) -> Json:
    """The document of an alert."""
    return _kept("alerts", alert.model_dump(mode="json"))


def relocation_document(relocation: Relocation) -> Json:
    """The document of a relocation with its timeline. One that another relocation tells now is hidden like a withdrawn
    one: its statements are found there."""
    fields = relocation.model_dump(mode="json")
    return _kept("relocations", {**fields, "withdrawn": relocation.withdrawn or relocation.merged_into is not None})


def _parents(kind: Kind) -> frozenset[str]:
    paths = [f.split(".") for f in FIELDS[kind]]
    return frozenset(".".join(p[:i]) for p in paths for i in range(1, len(p)))


_PARENTS = {kind: _parents(kind) for kind in FIELDS}


def _kept(kind: Kind, value: Json, prefix: str = "") -> Json:
    """The object without what the table does not name, without nulls and empty lists."""
    kept: Json = {}
    for key, one in value.items():
        path = f"{prefix}{key}"
        if one is None or one == []:
            continue
        if path in FIELDS[kind]:
            kept[key] = one
        elif path in _PARENTS[kind]:
            several = isinstance(one, list)
            objects = [_kept(kind, o, f"{path}.") for o in (one if several else [one])]
            kept[key] = _distinct(objects) if several else objects[0]
    return kept


def _distinct(objects: Iterable[Json]) -> list[Json]:
    seen: dict[str, Json] = {}
    for o in objects:
        seen.setdefault(repr(o), o)
    return list(seen.values())
