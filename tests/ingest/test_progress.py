"""What polls make of a feed's state, as pure functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.feeds import make_feed
from ingest.fetch import Failed
from ingest.parse import ParsedEntry, ParsedFeed
from ingest.poll import Changed, Polled, Unchanged
from ingest.progress import Progress, progress
from ingest.records import article_record, state_record
from stream.errors import RecordTooLarge
from stream.log import MAX_RECORD_BYTES
from stream.messages import FeedState, SeenEntry, decode
from stream.settings import IngestSettings

FEED = make_feed("https://paper.example/rss")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTINGS = IngestSettings()
PARSED = ParsedFeed(
    "The Paper", "https://paper.example/", 3600.0, "en",
    tuple(ParsedEntry(str(n), f"https://paper.example/{n}", f"Story {n}", "Text", "") for n in range(3)), "rss20",
)  # fmt: skip


def step(
    outcome: Changed | Unchanged | Failed, state: FeedState, hours: float = 0, published: datetime | None = NOW
) -> Progress:
    return progress(Polled(FEED, NOW + timedelta(hours=hours), outcome), state, published, SETTINGS)


CHANGED = Changed(PARSED, {"etag": "e", "last-modified": "m"}, "hash")
START = FeedState(feed_id=FEED.id)


def test_a_first_success() -> None:
    after = step(CHANGED, START)
    state = after.state
    assert len(after.articles) == 3
    assert after.notable
    assert (state.etag, state.last_modified, state.body_hash, state.title) == ("e", "m", "hash", "The Paper")
    assert state.first_success == state.last_success == state.last_polled == NOW
    assert (state.error, state.failures, len(state.entries)) == (None, 0, 3)
    assert state.interval == 3600  # the ttl
    assert state.next_poll is not None
    assert timedelta(hours=1) <= state.next_poll - NOW <= timedelta(hours=1.1)


def test_an_unchanged_poll_is_remembered_and_published_hourly() -> None:
    state = step(CHANGED, START).state
    soon = step(Unchanged({"etag": "e2"}), state, 0.5)
    assert not soon.notable
    assert soon.articles == ()
    assert (soon.state.etag, soon.state.last_modified, soon.state.body_hash) == ("e2", "m", "hash")
    assert soon.state.interval >= state.interval == 3600
    assert {s.last_seen for s in soon.state.entries} == {NOW + timedelta(hours=0.5)}
    assert step(Unchanged({}), soon.state, 1.0).notable
    assert step(Unchanged({}), soon.state, 0.6, published=None).notable


def test_a_body_that_changed_without_news_is_remembered_too() -> None:
    state = step(CHANGED, START).state
    assert not step(replace(CHANGED, body_hash="other"), state, 0.5).notable
    fewer = replace(CHANGED, parsed=replace(PARSED, entries=PARSED.entries[:1]))
    assert not step(fewer, state, 0.5).notable


def test_failures_are_counted_and_published_when_their_reason_changes() -> None:
    state = step(CHANGED, START).state
    first = step(Failed("HTTP 500"), state, 0.1)
    assert first.notable
    assert (first.state.failures, first.state.error, first.state.etag) == (1, "HTTP 500", "e")
    assert first.state.entries == state.entries
    second = step(Failed("HTTP 500"), first.state, 0.2)
    assert not second.notable
    assert second.state.failures == 2
    recovered = step(Unchanged({}), second.state, 0.3)
    assert recovered.notable
    assert (recovered.state.failures, recovered.state.error) == (0, None)


@pytest.mark.parametrize(
    ("failed", "hours"), [(Failed("gone", 410, {}), 24), (Failed("busy", 503, {"retry-after": "7200"}), 2)]
)
def test_gone_and_retry_after_slow_down(failed: Failed, hours: float) -> None:
    next_poll = step(failed, START).state.next_poll
    assert next_poll is not None
    assert timedelta(hours=hours) <= next_poll - NOW <= timedelta(hours=hours * 1.1)


def test_records_always_fit() -> None:
    (article, *_) = step(CHANGED, START).articles
    hostile = article.model_copy(update={"body": '"' * 1_000_000, "summary": "\\" * 1_000_000})
    record = article_record(hostile)
    assert len(record.value) + len(record.key) <= MAX_RECORD_BYTES
    kept = decode(record.value)
    assert kept == hostile.model_copy(
        update={"body": kept.body, "summary": kept.summary, "truncated": True}  # type: ignore[union-attr]
    )
    with pytest.raises(RecordTooLarge):
        article_record(article.model_copy(update={"title": "x" * 1_000_000}))


def test_a_state_that_is_too_large_forgets_the_entries_seen_longest_ago() -> None:
    entries = tuple(
        SeenEntry(key=str(n), article_id="a" * 400, content_hash="c", version=1, last_seen=NOW - timedelta(seconds=n))
        for n in range(3_000)
    )
    record = state_record(START.model_copy(update={"entries": entries}), FEED.publisher)
    assert len(record.value) <= MAX_RECORD_BYTES
    kept = decode(record.value)
    assert isinstance(kept, FeedState)
    assert kept.entries == entries[:1_500]
