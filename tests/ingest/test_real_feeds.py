"""The ten real feeds as publishers served them; they are not part of the project and lie beside the checkout."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest import language
from ingest.articles import decide
from ingest.feeds import make_feed
from ingest.parse import ParsedFeed, parse
from stream.messages import FeedState

FOLDER = Path(__file__).parents[2].parent / "shared" / "feeds"
NOW = datetime(2026, 11, 1, tzinfo=UTC)

# feed, part of its title, entries, language of its articles, year of its first entry
FEEDS = [
    ("abc", "ABC News", 25, "en", 2026),
    ("aljazeera", "Al Jazeera", 25, "en", 2026),
    ("allafrica", "AllAfrica", 32, "en", 2026),
    ("bbc", "BBC News", 33, "en", 2026),
    ("cp1251", "Новости Оренбурга", 10, "ru", 2014),
    ("guardian", "The Guardian", 55, "en", 2018),
    ("heise-atom", "heise developer", 15, "de", 2016),
    ("latin1", "Jornal de Notícias", 40, "pt", 2018),
    ("tpm-atom", "All TPM News", 20, "en", 2017),
    ("urdu", "BBC News", 26, "ur", 2018),
]


pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the real feeds (../shared/feeds) are not there")


def _parsed(name: str) -> ParsedFeed:
    feed = parse((FOLDER / f"{name}.xml").read_bytes(), "application/xml", "https://feeds.example/x")
    assert isinstance(feed, ParsedFeed), feed
    return feed


@pytest.mark.parametrize(("name", "title", "entries", "code", "year"), FEEDS)
def test_real_feeds_have_sensible_titles_dates_and_languages(
    name: str, title: str, entries: int, code: str, year: int
) -> None:
    feed = _parsed(name)
    assert title in feed.title
    assert (len(feed.entries), feed.skipped, feed.notes) == (entries, 0, ())
    assert all(e.title and e.link and e.link.startswith("http") and e.published for e in feed.entries)
    assert feed.entries[0].published is not None
    assert feed.entries[0].published.year == year
    assert not any(mark in e.title + e.summary + e.body for e in feed.entries for mark in ("\ufffd", "</", "&amp;"))
    if feed.language:
        assert language.declared(feed.language) == code


@pytest.mark.parametrize(("name", "title", "entries", "code", "year"), FEEDS)
def test_real_feeds_become_articles_once(name: str, title: str, entries: int, code: str, year: int) -> None:
    feed, parsed = make_feed("https://feeds.example/x"), _parsed(name)
    first = decide(parsed, feed, FeedState(feed_id=feed.id), NOW)
    assert len(first.articles) == len({a.id for a in first.articles}) <= entries
    languages = [a.language for a in first.articles]
    assert max(set(languages), key=languages.count) == code
    state = FeedState(feed_id=feed.id, first_success=NOW, entries=first.entries)
    assert decide(parsed, feed, state, NOW).articles == ()
    assert first.articles[0].published.year == year or not title


def test_relative_links_are_resolved_against_the_site() -> None:
    assert all(e.link and e.link.startswith("http://talkingpointsmemo.com/") for e in _parsed("tpm-atom").entries)


def test_redirected_links_are_the_original_ones() -> None:
    assert all(e.link and e.link.startswith("https://www.jn.pt/") for e in _parsed("latin1").entries)
