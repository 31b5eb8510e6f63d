"""Whose an article is: its outlet, and whether the feed that carried it is the outlet's own or second-hand."""

from __future__ import annotations

from dataclasses import dataclass

from ingest import urls
from ingest.parse import ParsedEntry, ParsedFeed
from stream.messages import Feed, Source


@dataclass(frozen=True, slots=True)
class Outlet:
    """The outlet of an article; ``own`` when the feed is its own, not an aggregator's."""

    source: Source
    own: bool


def outlet_of(entry: ParsedEntry, parsed: ParsedFeed, feed: Feed) -> Outlet:
    """The item's source element, else the registrable domain of the article's URL, else the feed's publisher.

    The item is second-hand when its outlet is neither the feed's publisher nor the domain of the feed's site link.
    """
    site = urls.domain(parsed.link) if parsed.link else None
    domain, name = _named(entry)
    own_names = {n.casefold() for n in (feed.publisher, site) if n}
    if domain is None and name is None:
        domain = site or urls.domain(feed.url)
        own = True
    else:
        own = bool({n.casefold() for n in (domain, name) if n} & own_names)
    key = domain or (name or feed.publisher).lower()
    shown = name or (feed.title or parsed.title if own else None) or domain or feed.publisher
    source = Source(
        id=key, name=shown, domain=domain,
        country=feed.country if own else None, language=feed.language if own else None,
    )  # fmt: skip
    return Outlet(source, own)


def _named(entry: ParsedEntry) -> tuple[str | None, str | None]:
    """Domain and name that the entry gives: of its source element, else the domain of its link."""
    if entry.source_name or entry.source_url:
        return (urls.domain(entry.source_url) if entry.source_url else None), entry.source_name
    return (urls.domain(entry.link) if entry.link else None), None
