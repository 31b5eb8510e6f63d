"""Ids and versions: deterministic, the same on every machine, so that whatever comes again is known again."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

from stream.messages import Place

OWN_VERSION = 1 << 52
"""Added to the version of an article that its own outlet published; see ``article_version``."""

_JSON = json.JSONEncoder(ensure_ascii=False)


def digest(*parts: object) -> str:
    """The id made of ``parts``: 24 hex digits (96 bits of BLAKE2b) of their JSON, the same on every machine."""
    return hashlib.blake2b(_JSON.encode(parts).encode(), digest_size=12).hexdigest()


def article_version(first_seen: datetime, *, own: bool) -> int:
    """The version of one content of an article: own before second-hand, then by the fetch that first saw it.

    One integer below 2**53 (exact in JSON and JavaScript): ``OWN_VERSION`` if ``own``, plus the microseconds
    of ``first_seen`` since 1970. The higher version supersedes; no counter and no owner is needed.
    """
    return (OWN_VERSION if own else 0) + (first_seen - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def statement_id(
    article_id: str, root: str, origin: Place | None, destination: Place | None, kind: str, ordinal: int
) -> str:
    """The id of a statement: never of its status, version, offsets or model, so that a revision says the same thing.

    A place counts by its GeoNames id, else its country and name. ``ordinal`` tells apart statements of one
    article that agree in all the rest (0 for the first in reading order).
    """
    return digest("statement", article_id, root, _place_key(origin), _place_key(destination), kind, ordinal)


def _place_key(place: Place | None) -> object:
    if place is None:
        return None
    return place.geonames_id or [place.country, place.name.casefold()]
