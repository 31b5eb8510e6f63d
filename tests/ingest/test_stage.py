"""The ingest worker on a real embedded log and real servers on loopback."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from ingest import stage
from ingest.feeds import make_feed
from ingest.stage import IngestWorker, Summary
from stream.errors import ConfigError, Fenced, LogError
from stream.log import Log, open_log, partition_of
from stream.messages import MAX_BODY_BYTES, Article, FeedState, Takedown, encode
from tests.ingest.server import LOOPBACK, FeedServer, Page, item, rss
from tests.ingest.worker import NAMES, PARTITIONS, Clock, Failing, published, records, running, set_feeds, states, until


def test_one_round_publishes_articles_and_states_and_a_second_nothing(server: FeedServer, log: Log) -> None:
    clock = Clock()
    feeds = [make_feed(server.url(f"/{n}"), publisher=f"p{n}.example") for n in range(6)]
    for n in range(6):
        server.pages[f"/{n}"] = Page(rss(item(n), item(n + 100)), headers={"ETag": f'"{n}"'})
    set_feeds(log, *feeds)
    worker = IngestWorker(log, NAMES, LOOPBACK, clock)
    assert worker.run_once() == Summary(polled=6, articles=12)
    assert {a.origin for a in published(log)} == {"first_poll"}
    assert all(p == partition_of(m.id, PARTITIONS) for p, m in records(log, "articles") if isinstance(m, Article))
    assert {(p, m.feed_id) for p, m in records(log, "feed-state") if isinstance(m, FeedState)} == {
        (partition_of(f.publisher, PARTITIONS), f.id) for f in feeds
    }
    committed = log.committed(NAMES.topic("feeds"), NAMES.group("ingest", "feeds"))
    assert {p: o.offset for p, o in committed.items()} == {
        p: log.bounds(NAMES.topic("feeds"))[p].end for p in {partition_of(f.publisher, PARTITIONS) for f in feeds}
    }
    clock.now += timedelta(minutes=10)
    again = IngestWorker(log, NAMES, LOOPBACK, clock).run_once()
    assert (again.polled, again.articles, again.failed) == (6, 0, 0)
    assert len(published(log)) == 12
    assert len(records(log, "feed-state")) == 6  # an unchanged state is not published within the hour
    clock.now += timedelta(hours=1)
    worker.run_once()
    assert len(records(log, "feed-state")) == 12


def test_what_was_taken_down_is_remembered_but_never_published_again(server: FeedServer, log: Log) -> None:
    clock = Clock()
    feed = make_feed(server.url("/feed"), publisher="paper.example")
    set_feeds(log, feed)
    server.pages["/feed"] = Page(rss(item(1), item(2)))
    worker = IngestWorker(log, NAMES, LOOPBACK, clock)
    worker.run_once()
    gone, kept = published(log)
    with log.transaction() as tx:
        value = encode(Takedown(article_id=gone.id, at=clock.now))
        tx.publish(NAMES.topic("takedowns"), partition_of(gone.id, PARTITIONS), gone.id, value)
    clock.now += timedelta(hours=2)
    server.pages["/feed"] = Page(rss(item(1, "Changed."), item(2, "Changed, too.")))
    assert worker.run_once().articles == 1
    assert [a.id for a in published(log)] == [gone.id, kept.id, kept.id]
    again = IngestWorker(log, NAMES, LOOPBACK, clock).run_once()  # a feed that was never polled carries it, too
    assert again.articles == 0
    assert {s.article_id for s in states(log)[feed.id].entries} == {gone.id, kept.id}


def test_news_are_live_and_corrections_are_updates(server: FeedServer, log: Log) -> None:
    clock = Clock()
    feed = make_feed(server.url("/feed"), publisher="paper.example")
    set_feeds(log, feed)
    worker = IngestWorker(log, NAMES, LOOPBACK, clock)
    server.pages["/feed"] = Page(rss(item(1)))
    worker.run_once()
    clock.now += timedelta(minutes=30)
    server.pages["/feed"] = Page(rss(item(1, "Corrected."), item(2)))
    assert worker.run_once().articles == 2
    first, *others = sorted(published(log), key=lambda a: a.version)
    assert {(a.title, a.update, a.origin) for a in others} == {("Story 1", True, "live"), ("Story 2", False, "live")}
    corrected = next(a for a in others if a.update)
    assert (corrected.id, corrected.version > first.version) == (first.id, True)


def test_a_short_copy_takes_nothing_back_while_another_feed_carries_the_whole_text(
    server: FeedServer, log: Log
) -> None:
    clock = Clock()
    short, whole = (make_feed(server.url(f"/{name}"), publisher="paper.example") for name in ("short", "whole"))
    set_feeds(log, short, whole)
    long = "The council will move to Doha, it said on Monday. " * 5

    def polled(in_short: str, in_whole: str) -> dict[str, bool]:
        """By feed, whether what its poll brought is an update."""
        clock.now += timedelta(hours=1)
        before = len(published(log))
        server.pages |= {"/short": Page(rss(item(1, in_short))), "/whole": Page(rss(item(1, in_whole), item(2)))}
        IngestWorker(log, NAMES, LOOPBACK, clock).run_once()
        newest = sorted(published(log), key=lambda a: a.fetched)[before:]
        return {"short" if a.feed_id == short.id else "whole": a.update for a in newest if "/1" in a.url}

    assert polled("The council moves.", long) == {"short": False, "whole": False}
    assert polled("The council is moving.", long) == {"short": False}
    assert polled("The council is moving.", long + "Not so.") == {"whole": True}
    assert polled(long + "It is not so at all.", long + "Not so.") == {"short": True}
    assert polled("The council stays.", long + "Not so.") == {"short": False}
    server.pages["/whole"] = Page(rss(item(2)))
    clock.now += timedelta(hours=1)
    IngestWorker(log, NAMES, LOOPBACK, clock).run_once()
    server.pages["/short"] = Page(rss(item(1, "The council did stay.")))
    clock.now += timedelta(hours=1)
    IngestWorker(log, NAMES, LOOPBACK, clock).run_once()
    assert max(published(log), key=lambda a: a.fetched).update


def test_failures_give_one_line_each_and_are_kept_in_the_state(
    server: FeedServer, log: Log, logged: list[structlog.typing.EventDict]
) -> None:
    server.pages["/html"] = Page(b"<!doctype html><html></html>")
    server.pages["/empty"] = Page(b"")
    server.pages["/cut"] = Page(rss(item(1), item(2))[:-60])
    paths = ("/html", "/empty", "/gone", "/cut?token=s3cret")
    server.pages[paths[3]] = server.pages["/cut"]
    feeds = [make_feed(server.url(path), publisher=path) for path in paths]
    set_feeds(log, *feeds)
    summary = IngestWorker(log, NAMES, LOOPBACK, Clock()).run_once()
    assert summary == Summary(polled=4, failed=3, articles=1)
    failed = {e["feed"].rsplit("/", 1)[1]: e["reason"] for e in logged if e["event"] == "feed failed"}
    assert failed == {
        "html": "the page is HTML, not a feed; look on it for the address of its RSS or Atom feed",
        "empty": "the answer is empty",
        "gone": "HTTP 404 Not Found",
    }
    assert [e["reason"] for e in logged if e["event"] == "feed is damaged"] == [
        "the XML is cut off at line 2; the entries that can be read are kept"
    ]
    assert "s3cret" not in str(logged)
    errors = {states(log)[f.id].error for f in feeds[:3]}
    assert errors == set(failed.values())


def test_a_private_address_is_refused_by_default(server: FeedServer, log: Log) -> None:
    feed = make_feed(server.url("/feed"))
    set_feeds(log, feed)
    IngestWorker(log, NAMES, LOOPBACK.model_copy(update={"allow_networks": ()}), Clock()).run_once()
    assert 'set ingest.allow_networks = ["127.0.0.0/8"]' in str(states(log)[feed.id].error)
    assert server.requests == []


def test_a_five_megabyte_item_is_published_truncated(server: FeedServer, log: Log) -> None:
    server.pages["/big"] = Page(rss(item(1, "<p>" + "word " * 1_000_000 + "</p>")))
    set_feeds(log, make_feed(server.url("/big")))
    IngestWorker(log, NAMES, LOOPBACK, Clock()).run_once()
    (article,) = published(log)
    assert article.truncated
    assert len(article.summary.encode()) == MAX_BODY_BYTES


def test_feeds_added_and_removed_while_running_are_noticed(server: FeedServer, url: str, log: Log) -> None:
    one, two = make_feed(server.url("/1")), make_feed(server.url("/2"))
    server.pages["/1"], server.pages["/2"] = Page(rss(item(1))), Page(rss(item(2)))
    clock = Clock()
    set_feeds(log, one)
    with running(url, clock):
        until(lambda: len(published(log)) == 1)
        set_feeds(log, one, two, before=(one,))
        until(lambda: len(published(log)) == 2)
        set_feeds(log, two, before=(one, two))
        time.sleep(1.5)
        clock.now += timedelta(days=2)
        until(lambda: len(server.asked("/2")) == 2)
        time.sleep(0.5)
        assert len(server.asked("/1")) == 1


def test_feeds_are_polled_when_due_and_slow_ones_hold_up_nobody(server: FeedServer, url: str, log: Log) -> None:
    release = threading.Event()
    server.pages["/slow"] = Page(work=lambda handler: (release.wait(60), None)[1])
    server.pages["/fast"] = Page(rss(item(1)))
    slow, fast = make_feed(server.url("/slow"), publisher="a"), make_feed(server.url("/fast"), publisher="b")
    set_feeds(log, slow, fast)
    clock = Clock()
    with running(url, clock):
        until(lambda: len(published(log)) == 1)
        for n in range(2, 5):
            server.pages["/fast"] = Page(rss(item(1), item(n)))
            clock.now += timedelta(hours=25)
            until(lambda n=n: len(published(log)) == n)  # type: ignore[misc]
        assert len(server.asked("/slow")) == 1
        release.set()


def test_at_most_two_polls_of_a_host_at_once(server: FeedServer, log: Log) -> None:
    def slowly(handler: object) -> None:
        time.sleep(0.15)
        body = rss(item(1))
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)  # type: ignore[attr-defined]

    feeds = [make_feed(server.url(f"/{n}"), publisher=f"p{n}") for n in range(8)]
    server.pages.update({f"/{n}": Page(work=slowly) for n in range(8)})
    set_feeds(log, *feeds)
    assert IngestWorker(log, NAMES, LOOPBACK, Clock()).run_once().polled == 8
    assert server.most_at_once == 2


def test_workers_share_the_feeds_and_poll_each_once(server: FeedServer, url: str, log: Log) -> None:
    feeds = [make_feed(server.url(f"/{n}"), publisher=f"p{n}") for n in range(12)]
    server.pages.update({f"/{n}": Page(rss(item(n))) for n in range(12)})
    clock = Clock()
    with running(url, clock), running(url, clock):
        time.sleep(2)
        set_feeds(log, *feeds)
        until(lambda: len(published(log)) == 12)
        time.sleep(1)
    assert len(published(log)) == 12
    assert [len(server.asked(f"/{n}")) for n in range(12)] == [1] * 12


def test_a_log_that_fails_is_tried_again_and_nothing_is_lost_or_twice(server: FeedServer, log: Log) -> None:
    server.pages["/feed"] = Page(rss(item(1), item(2)))
    set_feeds(log, make_feed(server.url("/feed")))
    flaky = Failing(log, LogError("the disk is full"))
    assert IngestWorker(flaky, NAMES, LOOPBACK, Clock()).run_once().articles == 2  # type: ignore[arg-type]
    assert len(published(log)) == 2


def test_a_log_that_keeps_failing_is_an_error_of_run_once(
    server: FeedServer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_LOG_RETRIES", 1)
    server.pages["/feed"] = Page(rss(item(1)))
    set_feeds(log, make_feed(server.url("/feed")))
    broken = Failing(log, *[LogError("the disk is full")] * 9)
    with pytest.raises(LogError, match="the disk is full"):
        IngestWorker(broken, NAMES, LOOPBACK, Clock()).run_once()  # type: ignore[arg-type]
    assert published(log) == []


def test_polls_of_a_fenced_worker_are_dropped_and_come_again(server: FeedServer, log: Log) -> None:
    server.pages["/feed"] = Page(rss(item(1), item(2)))
    set_feeds(log, make_feed(server.url("/feed")))
    fenced = Failing(log, Fenced("partition 0 was taken over"))
    summary = IngestWorker(fenced, NAMES, LOOPBACK, Clock()).run_once()  # type: ignore[arg-type]
    assert summary == Summary(polled=1, articles=2)
    assert len(server.asked("/feed")) == 2
    assert len(published(log)) == 2


def test_a_worker_that_leaves_loses_its_poll_and_the_next_one_makes_it(server: FeedServer, url: str, log: Log) -> None:
    feed = make_feed(server.url("/feed"))
    held, release = threading.Event(), threading.Event()

    def hold(handler: object) -> None:
        body = rss(item(1))
        if not held.is_set():
            held.set()
            release.wait(60)
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)  # type: ignore[attr-defined]

    server.pages["/feed"] = Page(work=hold)
    set_feeds(log, feed)
    clock = Clock()
    with running(url, clock) as stop_first:
        until(held.is_set)
        second = open_log(url)
        stop_first.set()  # leaves its partitions while its poll is under way
        time.sleep(0.5)
        release.set()
        assert IngestWorker(second, NAMES, LOOPBACK, clock).run_once().articles == 1
        second.close()
    assert len(published(log)) == 1


def test_topics_of_different_partition_counts_are_refused(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'other.db'}")
    topics = {t.name: t for t in NAMES.described()}
    log.create_topics([topics[NAMES.topic("feeds")], topics[NAMES.topic("articles")]], 2)
    log.create_topics([topics[NAMES.topic("feed-state")]], 3)
    with pytest.raises(ConfigError, match="same number of partitions"):
        IngestWorker(log, NAMES, LOOPBACK)
    log.close()
