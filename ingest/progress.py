"""What a poll makes of a feed's state: pure, and the same for the worker and for ``feeds check``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest import schedule
from ingest.articles import Decision, decide, still_there, with_text
from ingest.fetch import Failed
from ingest.poll import Changed, Polled, Unchanged
from ingest.text import length_of
from stream.messages import Article, Feed, FeedState
from stream.settings import IngestSettings

PUBLISH_EVERY = timedelta(hours=1)
"""A state in which only times changed is published no more often."""

WHOLE = 2
"""A text so many times as long as another is whole beside it."""
Elsewhere = Callable[[], Mapping[str, int]]
"""Gives the length of the texts that the publisher's other feeds carry just now, by article."""

_GONE = 410


@dataclass(frozen=True, slots=True)
class Progress:
    """The state after a poll, the articles to publish with it, and whether the state itself is worth a record.

    ``held`` is how many corrections wait, of articles that change too often (``ingest.articles.MAX_UPDATES``).
    """

    feed: Feed
    state: FeedState
    articles: tuple[Article, ...]
    notable: bool
    held: int = 0


def progress(
    polled: Polled, state: FeedState, published_at: datetime | None, settings: IngestSettings,
    elsewhere: Elsewhere = dict,
) -> Progress:  # fmt: skip
    """The progress from ``state`` by a poll; ``published_at`` is the time of the poll last published with the state."""
    outcome = polled.outcome
    articles: tuple[Article, ...] = ()
    held = 0
    if isinstance(outcome, Failed):
        after = _failed(outcome, polled.at, state, settings)
    elif isinstance(outcome, Unchanged):
        after = _unchanged(outcome, polled.at, state, settings)
    else:
        after, decision = _changed(outcome, polled, state, settings)
        articles = tuple(with_text(article, outcome.texts.get(article.url)) for article in decision.articles)
        if any(article.update for article in articles):
            longer = elsewhere()
            articles = tuple(_beside(article, longer.get(article.id, 0)) for article in articles)
        after = _with_lengths(after, articles)
        held = decision.held
    stale = published_at is None or polled.at - published_at >= PUBLISH_EVERY
    return Progress(polled.feed, after, articles, bool(articles) or stale or _differs(state, after), held)


def _changed(
    outcome: Changed, polled: Polled, state: FeedState, settings: IngestSettings
) -> tuple[FeedState, Decision]:
    now = polled.at
    decision = decide(outcome.parsed, polled.feed, state, now)
    if state.first_success is None:
        rate = schedule.first_rate((e.published for e in outcome.parsed.entries), now)
    else:
        rate = _rate(state, decision.new, now)
    etag, last_modified = schedule.new_validators(outcome.headers)
    known = {"etag": etag, "last_modified": last_modified, "body_hash": outcome.body_hash}
    if decision.held:  # the next poll must bring the body again, changed or not
        known = dict.fromkeys(known)
    asked = schedule.hints(outcome.headers, now)
    title = outcome.parsed.title or state.title
    after = _succeeded(state, asked, rate, outcome.parsed.ttl or 0.0, now, settings)
    return after.model_copy(update={**known, "title": title, "entries": decision.entries}), decision


def _beside(article: Article, longer: int) -> Article:
    """A short copy takes nothing back of the whole text, which is corrected by the feed that carries it."""
    whole = 0 < longer >= WHOLE * length_of(article.body, article.summary)
    return article.model_copy(update={"update": False}) if article.update and whole else article


def _with_lengths(state: FeedState, articles: Sequence[Article]) -> FeedState:
    """The state remembers how long the texts are that are published."""
    lengths = {(a.id, a.version): length_of(a.body, a.summary) for a in articles}
    entries = tuple(
        s.model_copy(update={"length": lengths.get((s.article_id, s.version), s.length)}) for s in state.entries
    )
    return state.model_copy(update={"entries": entries}) if lengths else state


def _unchanged(outcome: Unchanged, now: datetime, state: FeedState, settings: IngestSettings) -> FeedState:
    etag, last_modified = schedule.new_validators(outcome.headers)
    asked = schedule.hints(outcome.headers, now)
    # the rate only falls here, so that an interval above its base is the ttl that the feed's body asked for
    after = _succeeded(state, asked, _rate(state, 0, now), state.interval, now, settings)
    return after.model_copy(
        update={
            "etag": etag or state.etag,
            "last_modified": last_modified or state.last_modified,
            "entries": still_there(state.entries, now),
        }
    )


def _failed(outcome: Failed, now: datetime, state: FeedState, settings: IngestSettings) -> FeedState:
    failures = state.failures + 1
    asked = schedule.hints(outcome.headers or {}, now)
    next_poll = schedule.next_attempt(
        state.feed_id, failures, asked, now, settings, gone=outcome.status == _GONE
    )  # fmt: skip
    return state.model_copy(
        update={"failures": failures, "error": outcome.reason, "last_polled": now, "next_poll": next_poll}
    )


def _succeeded(
    state: FeedState, asked: schedule.Hints, rate: float, at_least: float, now: datetime, settings: IngestSettings
) -> FeedState:
    base = schedule.base_interval(rate, at_least, settings)
    return state.model_copy(
        update={
            "first_success": state.first_success or now, "last_polled": now, "last_success": now,
            "next_poll": schedule.next_poll(state.feed_id, base, asked, now, settings),
            "interval": base, "failures": 0, "error": None, "items_per_day": rate,
        }
    )  # fmt: skip


def _rate(state: FeedState, new: int, now: datetime) -> float:
    elapsed = now - state.last_success if state.last_success else timedelta(0)
    return schedule.next_rate(state.items_per_day, new, elapsed)


def _differs(before: FeedState, after: FeedState) -> bool:
    """Whether more than times and validators changed: the outcome, or what the feed carries."""
    if (before.error, before.first_success) != (after.error, after.first_success):
        return True
    known = {(s.key, s.content_hash) for s in before.entries}
    return any((s.key, s.content_hash) not in known for s in after.entries)
