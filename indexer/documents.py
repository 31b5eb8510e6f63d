"""Messages into index documents: pure, nested as in the messages, holding only fields of the table; nulls left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from indexer.fields import FIELDS, Kind
from stream.dead_letters import DeadLetter
from stream.logs import redact
from stream.messages import Alert, EnrichedArticle, Feed, FeedState, Heartbeat, LocationChange, Model, Relocation
from stream.silence import newest, silent_after

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


def worker_documents(beat: Heartbeat) -> list[Json]:
    """The documents of a worker: one for each topic that it reads."""
    whole = beat.model_dump(mode="json")
    return [
        _kept("workers", {
            **whole, **standing, "id": f"{beat.id}.{standing['topic']}", "worker": beat.id,
            "waits": [redact(wait) for wait in standing["waits"]],
        })
        for standing in whole["standings"]
    ]  # fmt: skip


def feed_document(feed: Feed, state: FeedState) -> Json:
    """The document of a feed that was polled; a secret in its address is hidden, for many may look here."""
    fields = {**feed.model_dump(mode="json"), **state.model_dump(mode="json", exclude={"title"}, exclude_none=True)}
    times = {"newest": newest(state), "silent_after": silent_after(state)}
    told = {name: time.isoformat() for name, time in times.items() if time}
    return _kept("feeds", {**fields, **told, "title": feed.title or state.title, "url": redact(feed.url)})


def dead_letter_document(letter: DeadLetter) -> Json:
    """The document of a dead letter."""
    return _kept("dead-letters", {**asdict(letter), "at": letter.at.isoformat(), "retried": None})


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
