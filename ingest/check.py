"""``feeds check``: polls a feed once, without a log, and tells what would be published."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from ingest import urls
from ingest.feeds import make_feed
from ingest.fetch import Failed, open_session
from ingest.poll import Changed, Clock, Polled, Request, poll, utc_now
from ingest.progress import progress
from ingest.sandbox import Sandbox
from stream.messages import Article, Feed, FeedState
from stream.settings import IngestSettings


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a first poll of ``feed`` gives. ``error`` is one line, and then there are no articles."""

    feed: Feed
    error: str | None = None
    title: str | None = None
    site: str | None = None
    format: str | None = None
    language: str | None = None
    notes: tuple[str, ...] = ()
    """What is wrong with the feed although it can be read."""
    items_per_day: float = 0.0
    next_poll: datetime | None = None
    articles: tuple[Article, ...] = ()

    def lines(self) -> list[str]:
        """The result for a person: the failure in one line, or the feed and a line for each article."""
        if self.error:
            return [f"{urls.safe(self.feed.url)}: {self.error}"]
        head = f"{self.title or '(no title)'} · {self.format} · {self.language or 'language not declared'}"
        rate = f"{len(self.articles)} articles, {self.items_per_day:.1f} a day"
        return [f"{head} · {rate}", *(f"note: {note}" for note in self.notes), *map(_line, self.articles)]


def check(url: str, settings: IngestSettings, clock: Clock = utc_now) -> CheckResult:
    """Poll ``url`` as if it had just been added. Raises ``ConfigError`` for a URL that cannot be polled."""
    feed = make_feed(url)
    return judge(asyncio.run(_poll(feed, settings, clock)), settings)


def judge(polled: Polled, settings: IngestSettings) -> CheckResult:
    """The result of a first poll."""
    outcome = polled.outcome
    if isinstance(outcome, Failed):
        return CheckResult(polled.feed, error=outcome.reason)
    assert isinstance(outcome, Changed)  # nothing was known, so nothing can be unchanged
    parsed = outcome.parsed
    after = progress(polled, FeedState(feed_id=polled.feed.id), None, settings)
    skipped = (f"{parsed.skipped} entries without title and text",) if parsed.skipped else ()
    return CheckResult(
        polled.feed, title=parsed.title, site=parsed.link, format=parsed.format, language=parsed.language,
        notes=parsed.notes + skipped, items_per_day=after.state.items_per_day, next_poll=after.state.next_poll,
        articles=after.articles,
    )  # fmt: skip


async def _poll(feed: Feed, settings: IngestSettings, clock: Clock) -> Polled:
    sandbox = Sandbox()
    try:
        async with open_session(settings) as session:
            return await poll(session, sandbox, Request(feed), settings, clock)
    finally:
        await sandbox.close()


def _line(article: Article) -> str:
    when = f"{article.published:%Y-%m-%d %H:%M}" + ("" if article.published_from == "feed" else "?")
    cut = " [truncated]" if article.truncated else ""
    return f"{when}  {article.source.name}  {article.title}{cut}  {urls.safe(article.url)}"
