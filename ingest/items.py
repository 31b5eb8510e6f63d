"""What the readers of archives give: an item that may become an article, or why it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ingest.parse import ParsedEntry, ParsedFeed
from stream.backfills import Position


@dataclass(frozen=True, slots=True)
class RawPage:
    """A page as it was fetched; ``body`` is HTML with its transfer and content encodings undone."""

    url: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """One line, record or entry: of ``entry``, ``page``, ``refused``, ``skipped`` and ``damage`` the one that is set.

    ``refused`` (in one line) could have been an article, ``skipped`` is none by its nature, ``damage`` is the file's.
    """

    where: str
    """In words: ``line 12``, ``record 3``."""
    after: Position
    """Where the reading goes on behind it."""
    entry: ParsedEntry | None = None
    page: RawPage | None = None
    feed: ParsedFeed | None = None
    """Of an entry of a saved feed: its feed."""
    fetched: datetime | None = None
    """When it was fetched, where the archive says so."""
    refused: str | None = None
    skipped: str | None = None
    damage: str | None = None
    note: str | None = None
    """What is missing although the item can be used: why a page gave no text."""
    weight: int = 1
    """How many refusals this one stands for."""
