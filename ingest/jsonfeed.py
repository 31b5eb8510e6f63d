"""JSON Feed, versions 1 and 1.1 (https://www.jsonfeed.org/version/1.1/), as raw fields: no parser library reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest.decode import clean


class NotJsonFeed(ValueError):
    """The text is no JSON Feed; ``str(error)`` is one line for the person who configured it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item as written; a field that is absent or of the wrong type is empty."""

    guid: str | None
    link: str
    title: str
    summary: str
    html: str
    text: str
    published: str
    language: str | None
    authors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JsonFeed:
    """The feed as written."""

    title: str
    link: str
    language: str | None
    items: tuple[Item, ...]


def parse(text: str) -> JsonFeed:
    """The feed in ``text``. Raises ``NotJsonFeed``."""
    try:
        feed: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotJsonFeed(f"the answer is not valid JSON: {str(error)[:80]}") from error
    if not isinstance(feed, dict) or "jsonfeed.org/version/" not in _text(feed, "version"):
        raise NotJsonFeed("the answer is JSON but no JSON Feed (its version names no https://jsonfeed.org/version/…)")
    items = feed.get("items")
    if not isinstance(items, list):
        raise NotJsonFeed("the JSON Feed has no list of items")
    authors = _authors(feed)
    return JsonFeed(
        _text(feed, "title"),
        _text(feed, "home_page_url"),
        _text(feed, "language") or None,
        tuple(_item(item, authors) for item in items if isinstance(item, dict)),
    )


def _item(item: Mapping[str, Any], feed_authors: tuple[str, ...]) -> Item:
    return Item(
        guid=_text(item, "id") or None,
        link=_text(item, "url") or _text(item, "external_url"),
        title=_text(item, "title"),
        summary=_text(item, "summary"),
        html=_text(item, "content_html"),
        text=_text(item, "content_text"),
        published=_text(item, "date_published") or _text(item, "date_modified"),
        language=_text(item, "language") or None,
        authors=_authors(item) or feed_authors,
    )


def _authors(holder: Mapping[str, Any]) -> tuple[str, ...]:
    """Version 1.1's list, else version 1's single author."""
    listed = holder.get("authors")
    people = listed if isinstance(listed, list) else [holder.get("author")]
    return tuple(name for p in people if isinstance(p, dict) and (name := _text(p, "name")))


def _text(holder: Mapping[str, Any], name: str) -> str:
    """A string field; numbers are allowed because ids are often written so.

    JSON can spell what is no text ("\\ud800"): cleaned here, once for ids, links and dates too.
    """
    value = holder.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return clean(str(value)).strip()
