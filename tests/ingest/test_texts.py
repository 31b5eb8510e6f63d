"""Full text for feeds that ask for it: from the articles' pages, under the rules of polling; else the feed's words."""

from __future__ import annotations

from datetime import timedelta

import pytest
import structlog

from ingest import poller, texts
from ingest.articles import with_text
from ingest.feeds import dump_yaml, make_feed, parse_list
from ingest.fingerprint import distance
from ingest.stage import IngestWorker
from stream.errors import ConfigError
from stream.log import Log
from stream.messages import MAX_BODY_BYTES
from stream.settings import IngestSettings
from tests.ingest.server import LOOPBACK, FeedServer, Page, rss
from tests.ingest.warcs import HTML, story
from tests.ingest.worker import NAMES, Clock, published, set_feeds
from tests.stream.golden import ARTICLE

WORDS = "The embassy of Norland will move from Riga to Tallinn."


def items(server: FeedServer, *numbers: int, text: str = "In short.") -> bytes:
    rows = (
        f"<item><title>Story {n}</title><link>{server.url(f'/page/{n}')}</link><description>{text}</description></item>"
        for n in numbers
    )
    return rss(*rows)


def test_new_articles_get_the_text_of_their_pages_and_others_keep_the_feeds(
    server: FeedServer, log: Log, logged: list[structlog.typing.EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "PAGE_PACE", 0.01)
    html = {"Content-Type": HTML}
    server.pages["/page/1"] = Page(story(1, words=WORDS), headers=html)
    server.pages["/page/2"] = Page(b"gone", status=404)
    server.pages["/page/3"] = Page(b"%PDF", headers={"Content-Type": "application/pdf"})
    server.pages["/page/4"] = Page(story(4), headers={"Location": "http://10.0.0.1/"}, status=302)
    server.pages["/page/5"] = Page(b"<p>" * 200_000, headers=html)
    server.pages["/feed"] = Page(items(server, 1, 2, 3, 4, 5))
    feed = make_feed(server.url("/feed"), fulltext="true")
    set_feeds(log, feed)
    clock = Clock()
    worker = IngestWorker(log, NAMES, LOOPBACK, clock)
    assert worker.run_once().articles == 5
    bodies = {a.title: (a.body or a.summary) for a in published(log)}
    assert WORDS in bodies.pop("Story 1")
    assert set(bodies.values()) == {"In short."}
    (missing,) = [e for e in logged if e["event"] == "full text is missing"]
    assert (missing["articles"], missing["of"]) == (4, 5)
    asked = server.asked("/page/1")
    assert [h["accept"].startswith("text/html") for h in asked] == [True]
    # the next poll brings one more: only its page is fetched, and nothing that is known comes again
    clock.now += timedelta(hours=1)
    server.pages["/page/6"] = Page(story(6, words=WORDS), headers=html)
    server.pages["/feed"] = Page(items(server, 1, 2, 3, 4, 5, 6))
    assert worker.run_once().articles == 1
    assert len(server.asked("/page/1")) == len(server.asked("/page/2")) == 1
    assert WORDS in next(a.body for a in published(log) if a.title == "Story 6")


def test_a_feed_that_does_not_ask_has_no_page_fetched(server: FeedServer, log: Log) -> None:
    server.pages["/feed"] = Page(items(server, 1))
    set_feeds(log, make_feed(server.url("/feed")))
    IngestWorker(log, NAMES, LOOPBACK, Clock()).run_once()
    assert server.asked("/page/1") == []


def test_pages_are_guarded_as_feeds_are(server: FeedServer, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "PAGE_PACE", 0.01)
    server.pages["/page/1"] = Page(story(1, words=WORDS) + b" " * 40_000, headers={"Content-Type": HTML})
    server.pages["/feed"] = Page(items(server, 1))
    set_feeds(log, make_feed(server.url("/feed"), fulltext="true"))
    small = IngestSettings(allow_networks=LOOPBACK.allow_networks, max_bytes=20_000)
    IngestWorker(log, NAMES, small, Clock()).run_once()
    assert [a.body or a.summary for a in published(log)] == ["In short."]


def test_pages_that_take_too_long_together_are_left(
    server: FeedServer, log: Log, logged: list[structlog.typing.EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "PAGE_PACE", 0.01)
    monkeypatch.setattr(texts, "SECONDS", 0.0)
    server.pages["/feed"] = Page(items(server, 1, 2))
    set_feeds(log, make_feed(server.url("/feed"), fulltext="true"))
    assert IngestWorker(log, NAMES, LOOPBACK, Clock()).run_once().articles == 2
    assert [(e["articles"], e["of"]) for e in logged if e["event"] == "full text is missing"] == [(2, 2)]
    assert server.asked("/page/1") == []


def test_the_text_of_a_page_counts_where_it_is_more() -> None:
    assert with_text(ARTICLE, None) is ARTICLE
    assert with_text(ARTICLE, "Short.") is ARTICLE
    long = with_text(ARTICLE, "Much longer text. " * 20_000)
    assert len(long.body.encode()) <= MAX_BODY_BYTES
    assert long.truncated
    assert long.content_hash == ARTICLE.content_hash
    assert distance(long.fingerprint, ARTICLE.fingerprint) > 0


def test_the_feed_list_says_so() -> None:
    (entry,) = parse_list(b"- url: https://a.example/feed\n  fulltext: true\n", "feeds.yml")
    assert entry.feed.fulltext
    assert [e.feed for e in parse_list(dump_yaml([entry.feed]).encode(), "again")] == [entry.feed]
    with pytest.raises(ConfigError, match=r"feeds.yml:2: fulltext: 'yes' is neither true nor false"):
        parse_list(b"- url: https://a.example/feed\n  fulltext: yes\n", "feeds.yml")
