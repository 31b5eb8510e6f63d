"""The ingest worker where feeds, messages, the log or the feed list are not as they should be."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from ingest import articles, stage, steps
from ingest.feeds import make_feed
from ingest.poll import Request, utc_now
from ingest.poller import Poller
from ingest.progress import progress
from ingest.stage import IngestWorker, Summary
from stream.errors import LogError
from stream.log import Consumer, Log, partition_of
from tests.ingest.server import LOOPBACK, FeedServer, Page, item, rss
from tests.ingest.worker import NAMES, PARTITIONS, Clock, Failing, published, set_feeds, states

JSON = b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"title": "x", "content_text": "y", %s}]}'


def publishers_apart() -> tuple[str, str]:
    """Two publishers of different partitions."""
    first = partition_of("p0", PARTITIONS)
    return "p0", next(f"p{n}" for n in range(1, 50) if partition_of(f"p{n}", PARTITIONS) != first)


@pytest.mark.parametrize(
    "page",
    [
        Page(rss(item(1)), headers={"ETag": '"\xff\xfe"'}),
        Page(rss(item(1)), headers={"Last-Modified": "\xff"}),
        Page(JSON % rb'"id": "\ud800"'),
        Page(JSON % rb'"id": "1", "date_published": "\ud800"'),
        Page(JSON % rb'"id": "1", "url": "https://paper.example/\ud800x"'),
        Page(rss(item(1).replace("<link>", "<guid>a&#xD800;b</guid><link>"))),
    ],
)
def test_what_is_no_text_never_reaches_a_record(server: FeedServer, log: Log, page: Page) -> None:
    server.pages["/feed"] = page
    set_feeds(log, make_feed(server.url("/feed")))
    assert IngestWorker(log, NAMES, LOOPBACK, Clock()).run_once() == Summary(polled=1, articles=1)


def test_a_poll_that_cannot_be_settled_costs_only_its_feed(
    server: FeedServer, log: Log, monkeypatch: pytest.MonkeyPatch, logged: list[structlog.typing.EventDict]
) -> None:
    good, bad = make_feed(server.url("/good"), publisher="p"), make_feed(server.url("/bad"), publisher="p")
    server.pages["/good"] = server.pages["/bad"] = Page(rss(item(1)))
    set_feeds(log, good, bad)

    def buggy(polled: object, *rest: object) -> object:
        after = progress(polled, *rest)  # type: ignore[arg-type]
        if after.feed == bad and after.articles:
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return after

    monkeypatch.setattr(steps, "progress", buggy)
    assert IngestWorker(log, NAMES, LOOPBACK, Clock()).run_once() == Summary(polled=2, failed=1, articles=1)
    assert states(log)[bad.id].error == "what the poll brought cannot be used: UnicodeEncodeError"
    assert (states(log)[bad.id].failures, states(log)[good.id].error) == (1, None)
    assert [e["reason"] for e in logged if e["event"] == "feed failed"] == [states(log)[bad.id].error]


def test_a_feed_that_changes_its_publisher_keeps_its_state(server: FeedServer, log: Log) -> None:
    one, other = publishers_apart()
    feed, moved = (make_feed(server.url("/feed"), publisher=p) for p in (one, other))
    server.pages["/feed"] = Page(rss(item(1), item(2)))
    set_feeds(log, feed)
    clock = Clock()
    worker = IngestWorker(log, NAMES, LOOPBACK, clock)
    worker.run_once()
    set_feeds(log, moved, before=(feed,))
    clock.now += timedelta(hours=1)
    server.pages["/feed"] = Page(rss(item(1, "Corrected."), item(2)))
    assert worker.run_once() == Summary(polled=1, articles=1)
    corrected = max(published(log), key=lambda a: a.version)
    assert (corrected.update, corrected.origin, corrected.summary) == (True, "live", "Corrected.")
    old = log.read(NAMES.topic("feed-state"), partition_of(one, PARTITIONS), 0, 100)
    assert (old[-1].key, old[-1].value) == (feed.id, None)


def test_a_feed_that_is_removed_and_added_again_starts_anew(server: FeedServer, log: Log) -> None:
    feed = make_feed(server.url("/feed"))
    server.pages["/feed"] = Page(rss(item(1)))
    set_feeds(log, feed)
    clock = Clock()
    worker = IngestWorker(log, NAMES, LOOPBACK, clock)
    worker.run_once()
    set_feeds(log, before=(feed,))
    assert worker.run_once() == Summary()
    set_feeds(log, feed)
    clock.now += timedelta(days=60)
    server.pages["/feed"] = Page(rss(item(2), item(3)))
    assert worker.run_once().articles == 2
    assert {a.origin for a in published(log)} == {"first_poll"}


def test_a_newer_schema_stops_only_its_partition(
    server: FeedServer, log: Log, logged: list[structlog.typing.EventDict]
) -> None:
    one, other = publishers_apart()
    server.pages["/1"] = server.pages["/2"] = Page(rss(item(1)))
    set_feeds(log, make_feed(server.url("/1"), publisher=one), make_feed(server.url("/2"), publisher=other))
    newer = b'{"message": "FeedState", "schema_version": 9, "feed_id": "x"}'
    with log.transaction() as tx:
        tx.publish(NAMES.topic("feed-state"), partition_of(one, PARTITIONS), "x", newer)
    worker = IngestWorker(log, NAMES, LOOPBACK, Clock())
    assert worker.run_once() == Summary(polled=1, articles=1)
    assert len(server.asked("/1")) == 0
    assert worker.waits().keys() == {partition_of(one, PARTITIONS)}
    waits = [e for e in logged if e["event"] == "the feeds of a partition wait"]
    assert [e["partition"] for e in waits] == [partition_of(one, PARTITIONS)]
    assert "upgrade this worker" in waits[0]["reason"]


def test_a_transaction_is_bounded_in_bytes(server: FeedServer, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "MAX_BYTES", 50_000)
    feeds = [make_feed(server.url(f"/{n}"), publisher=f"p{n}") for n in range(4)]
    server.pages.update({f"/{n}": Page(rss(item(n, "word " * 8_000))) for n in range(4)})
    set_feeds(log, *feeds)
    sizes: list[int] = []

    class Measured(Failing):
        def transaction(self, consumer: object = None) -> object:
            sizes.append(0)
            return self._log.transaction(consumer)  # type: ignore[arg-type]

    assert IngestWorker(Measured(log), NAMES, LOOPBACK, Clock()).run_once() == Summary(polled=4, articles=4)  # type: ignore[arg-type]
    assert len(sizes) >= 2


def test_outcomes_that_nobody_takes_hold_up_further_polls(server: FeedServer) -> None:
    server.pages.update({f"/{n}": Page(rss(item(n))) for n in range(6)})
    settings = LOOPBACK.model_copy(update={"concurrency": 2})
    with Poller(settings, utc_now) as poller:
        for n in range(6):
            poller.submit(Request(make_feed(server.url(f"/{n}"), publisher=f"p{n}")))
        assert not threading.Event().wait(2)
        assert len(server.requests) == 2
        taken = 0
        while taken < 6:
            taken += len(poller.take(50, 5.0))
    assert len(server.requests) == 6


def test_a_log_that_is_away_at_the_end_hides_no_other_error(server: FeedServer, log: Log) -> None:
    server.pages["/feed"] = Page(rss(item(1)))
    set_feeds(log, make_feed(server.url("/feed")))

    class Away(Failing):
        def consumer(self, topic: str, group: str) -> Consumer:
            consumer = self._log.consumer(topic, group)
            leave = consumer.close

            def close() -> None:
                leave()
                raise LogError("the disk is full")

            consumer.close = close  # type: ignore[method-assign]
            return consumer

    assert IngestWorker(Away(log), NAMES, LOOPBACK, Clock()).run_once().articles == 1  # type: ignore[arg-type]


def test_corrections_beyond_the_limit_come_hourly_and_are_noted(
    server: FeedServer, log: Log, logged: list[structlog.typing.EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(articles, "MAX_UPDATES", 2)  # each poll here starts a process
    set_feeds(log, make_feed(server.url("/feed")))
    clock = Clock()
    worker = IngestWorker(log, NAMES, LOOPBACK, clock)
    for n in range(5):
        server.pages["/feed"] = Page(rss(item(1, f"Visitors: {n}")), headers={"ETag": f'"{n}"'})
        worker.run_once()
        clock.now += timedelta(minutes=1)
    assert [a.summary for a in published(log)] == [f"Visitors: {n}" for n in range(3)]
    clock.now += timedelta(hours=1)
    worker.run_once()  # the same body and ETag as before
    assert max(published(log), key=lambda a: a.version).summary == "Visitors: 4"
    assert len([e for e in logged if "too often" in str(e.get("reason"))]) == 1


def test_secrets_of_a_feeds_url_stay_out_of_articles(server: FeedServer, log: Log) -> None:
    path = "/feed?token=s3cret"
    server.pages[path] = Page(rss("<item><title>No link</title></item>", item(1)))
    set_feeds(log, make_feed(server.url(path)))
    IngestWorker(log, NAMES, LOOPBACK, lambda: datetime(2026, 3, 1, tzinfo=UTC)).run_once()
    assert len(published(log)) == 2
    assert "s3cret" not in str(published(log))
