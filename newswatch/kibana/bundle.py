"""The whole bundle for one space, each object marked with what it is: so a second import is seen to be needless.

The mark stands at the end of an object's description: the number of the bundle, and a hash over the object and all that
it refers to. A data view has no description: whoever refers to it answers for it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from indexer.fields import KINDS
from newswatch.kibana.dashboards import moves, news, others
from newswatch.kibana.objects import Place, SavedObject, View
from newswatch.kibana.operations import operations

NUMBER = 3
"""Raise it with every change of the objects: who has a lower one leaves those in Kibana alone."""

_MARK = re.compile(r"\(newswatch bundle (\d+), ([0-9a-f]{12})\)$")


@dataclass(frozen=True, slots=True)
class Mark:
    """What an object in Kibana was made from."""

    bundle: int
    digest: str

    def __str__(self) -> str:
        return f"(newswatch bundle {self.bundle}, {self.digest})"


def mark_of(attributes: Mapping[str, Any]) -> Mark | None:
    """The mark in the attributes of an object; None where a person took it away, or has none by its type."""
    found = _MARK.search(str(attributes.get("description", "")))
    return Mark(int(found[1]), found[2]) if found else None


def bundle(place: Place) -> list[SavedObject]:
    """Every object, what is referred to before what refers to it."""
    views = [View(place, kind).saved() for kind in KINDS]
    return _marked([*views, *others(place), *moves(place), *news(place), *operations(place)])


def _marked(objects: Iterable[SavedObject]) -> list[SavedObject]:
    digests: dict[tuple[str, str], str] = {}
    marked = []
    for o in objects:
        below = [digests[r.type, r.id] for r in o.references]
        digests[o.key] = digest = _digest(o, below)
        if "description" in o.attributes:
            described = f"{o.attributes['description']} {Mark(NUMBER, digest)}"
            o = replace(o, attributes={**o.attributes, "description": described})
        marked.append(o)
    return marked


def _digest(o: SavedObject, below: list[str]) -> str:
    content = json.dumps([NUMBER, o.line(), below], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=6).hexdigest()
