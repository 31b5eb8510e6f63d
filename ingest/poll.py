"""One poll of one feed: fetched, compared with the last body, parsed; whatever happens it has an outcome."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import structlog

from ingest.fetch import Failed, Fetched, NotModified, fetch
from ingest.parse import ParsedFeed, Unreadable
from ingest.sandbox import Sandbox
from stream.messages import Feed, FeedState
from stream.settings import IngestSettings

logger = structlog.get_logger()

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Request:
    """What to poll, and what is known of the last answer."""

    feed: Feed
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    state: FeedState | None = None
    """What the feed carried before, of one whose articles' pages are fetched too: only those of new ones are."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A body that was read, and is not the one before."""

    parsed: ParsedFeed
    headers: Mapping[str, str]
    body_hash: str
    texts: Mapping[str, str] = field(default_factory=dict)
    """The texts of articles' pages by the articles' URLs, of a feed that asks for them."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The same as the last time, by the server's word or by the body's hash."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Polled:
    """The outcome of a poll; ``at`` is when the answer was complete."""

    feed: Feed
    at: datetime
    outcome: Changed | Unchanged | Failed


async def poll(
    session: aiohttp.ClientSession, sandbox: Sandbox, request: Request, settings: IngestSettings, clock: Clock
) -> Polled:
    """Poll one feed; never raises but when cancelled."""
    feed = request.feed
    try:
        response = await fetch(
            session, feed.url, settings, etag=request.etag, last_modified=request.last_modified
        )  # fmt: skip
        at = clock()
        return Polled(feed, at, await _outcome(response, sandbox, request))
    except Exception as error:  # a bug here must cost one poll, not the worker
        logger.exception("poll raised", feed_id=feed.id)
        return Polled(feed, clock(), Failed(f"the poll failed: {type(error).__name__}"))


async def _outcome(
    response: Fetched | NotModified | Failed, sandbox: Sandbox, request: Request
) -> Changed | Unchanged | Failed:
    if isinstance(response, Failed):
        return response
    if isinstance(response, NotModified):
        if request.etag or request.last_modified:
            return Unchanged(response.headers)
        return Failed("HTTP 304 although the request had no condition", 304, response.headers)
    body_hash = hashlib.blake2b(response.body, digest_size=12).hexdigest()
    if body_hash == request.body_hash:
        return Unchanged(response.headers)
    parsed = await sandbox.parse(response.body, response.headers.get("content-type", ""), response.url)
    if isinstance(parsed, Unreadable):
        return Failed(parsed.reason, response.status, response.headers)
    return Changed(parsed, response.headers, body_hash)
