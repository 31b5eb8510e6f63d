"""The full text of what a feed brings, from the articles' own pages, for feeds that ask for it (``fulltext: true``)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from ingest import urls
from ingest.articles import decide
from ingest.fetch import Failed, Fetched, Response
from ingest.parse import Unreadable
from ingest.poll import Changed, Polled
from ingest.sandbox import Sandbox
from stream.messages import FeedState

logger = structlog.get_logger()

MAX_PAGES = 50
"""Pages fetched for one poll, those of the newest articles; the others keep the feed's text."""

SECONDS = 120.0
"""After which no further page is fetched for one poll: a server that hardly answers must not hold up its feed."""

PACE = 1.0
"""Seconds between the starts of two pages of one publisher."""

ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
_HTML = ("text/html", "application/xhtml+xml")

GetPage = Callable[[str], Awaitable[Response]]


async def with_texts(polled: Polled, state: FeedState, get: GetPage, reader: Sandbox) -> Polled:
    """The poll with the texts of the articles that it would publish over ``state``, one page after the other.

    An article whose page cannot be fetched or read keeps what the feed says of it.
    """
    outcome = polled.outcome
    if not isinstance(outcome, Changed):
        return polled
    articles = decide(outcome.parsed, polled.feed, state, polled.at).articles
    wanted = [a.url for a in articles if a.url != urls.safe(polled.feed.url)]
    texts: dict[str, str] = {}
    reasons: list[str] = []
    began = time.monotonic()
    for url in wanted[:MAX_PAGES]:
        if time.monotonic() - began >= SECONDS:
            reasons.append(f"the pages of one poll took longer than {SECONDS:g} s")
            break
        found = await _text(url, get, reader)
        if isinstance(found, str):
            texts[url] = found
        else:
            reasons.append(found.reason)
    if reasons:
        logger.warning(
            "full text is missing", feed=urls.safe(polled.feed.url), articles=len(wanted) - len(texts), of=len(wanted),
            reason=reasons[0],
        )  # fmt: skip
    return replace(polled, outcome=replace(outcome, texts=texts))


async def _text(url: str, get: GetPage, reader: Sandbox) -> str | Unreadable:
    answer = await get(url)
    if isinstance(answer, Failed):
        return Unreadable(answer.reason)
    assert isinstance(answer, Fetched)  # no validators were sent
    content_type = answer.headers.get("content-type", "")
    if content_type.split(";")[0].strip().lower() not in _HTML:
        return Unreadable(f"the page is not HTML but {content_type[:60] or 'of no content type'}")
    page = await reader.page(answer.body, content_type, answer.url)
    if isinstance(page, Unreadable):
        return page
    return page.entry.body or Unreadable(page.note or "no text was found on the page")
