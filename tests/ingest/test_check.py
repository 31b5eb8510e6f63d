"""``feeds check`` against real servers: every kind of bad input gives one clear line or a mark."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest.check import CheckResult, check
from stream.errors import ConfigError
from tests.ingest.server import LOOPBACK, FeedServer, Page, item, rss

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATE = "Sun, 01 Mar 2026 09:00:00 GMT"


def checked(server: FeedServer, body: bytes) -> CheckResult:
    server.pages["/feed"] = Page(body, headers={"Content-Type": "application/xml"})
    return check(server.url("/feed"), LOOPBACK, lambda: NOW)


def test_a_good_feed_shows_what_would_be_published(server: FeedServer) -> None:
    result = checked(server, rss(item(1, date=DATE), item(2), title="The Paper"))
    assert (result.error, result.title, result.format, result.notes) == (None, "The Paper", "rss20", ())
    assert [a.url for a in result.articles] == ["https://paper.example/1", "https://paper.example/2"]
    assert result.next_poll is not None
    assert result.next_poll > NOW
    head, first, second = result.lines()
    assert head.startswith("The Paper · rss20 · language not declared · 2 articles, ")
    assert first == "2026-03-01 09:00  The Paper  Story 1  https://paper.example/1"
    assert second == "2026-03-01 12:00?  The Paper  Story 2  https://paper.example/2"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the answer is empty"),
        (b"<!doctype html><html></html>", "the page is HTML, not a feed"),
        (b"just words", "no feed in the answer"),
    ],
)
def test_what_is_no_feed_is_one_line(server: FeedServer, body: bytes, said: str) -> None:
    (line,) = checked(server, body).lines()
    assert line.startswith(f"{server.url('/feed')}: ")
    assert said in line


@pytest.mark.parametrize(
    ("body", "articles", "note"),
    [
        (rss(), 0, None),
        (rss(item(1), item(2))[:-70], 1, "the XML is cut off"),
        (rss(item(1)).replace(b"UTF-8", b"x-klingon"), 1, "the encoding 'x-klingon' is unknown"),
        (rss("<item><link>https://paper.example/1</link></item>"), 0, "1 entries without title and text"),
        (rss("<item><description>Only text.</description></item>"), 1, None),
        (rss(item(1), item(1)), 1, None),
    ],
)
def test_bad_input_is_read_as_far_as_it_goes(server: FeedServer, body: bytes, articles: int, note: str | None) -> None:
    result = checked(server, body)
    assert (result.error, len(result.articles)) == (None, articles)
    assert [n for n in result.notes if note and note in n] == list(result.notes)
    assert bool(result.notes) == bool(note)
    assert len(result.lines()) == 1 + len(result.notes) + articles


def test_a_huge_item_is_marked(server: FeedServer) -> None:
    result = checked(server, rss(item(1, "word " * 1_000_000)))
    assert result.articles[0].truncated
    assert "[truncated]" in result.lines()[1]


def test_a_url_that_cannot_be_polled_is_refused() -> None:
    with pytest.raises(ConfigError, match="only http:// and https://"):
        check("ftp://paper.example/", LOOPBACK)
    with pytest.raises(ConfigError) as raised:
        check("https://user:s3cret@paper.example/", LOOPBACK)
    assert "s3cret" not in str(raised.value)
