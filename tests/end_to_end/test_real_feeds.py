"""Ten feeds as real publishers served them, polled twice from loopback: each distinct item is indexed once."""

from __future__ import annotations

import io
import json

import feedparser
import pytest

from tests.end_to_end.conftest import SHARED, Home, Server

FEEDS = SHARED / "feeds"


@pytest.mark.skipif(not FEEDS.exists(), reason="the real feeds are not in the repository: ../shared/feeds is absent")
def test_each_distinct_item_is_indexed_once_over_two_polls(home: Home, server: Server) -> None:
    items: set[str] = set()
    for path in sorted(FEEDS.glob("*.xml")):
        server.pages[path.name] = path.read_bytes()
        home.ok("feeds", "add", server.url(path.name), "--publisher", path.stem)
        items |= {e.get("link") or e.get("id") for e in feedparser.parse(io.BytesIO(path.read_bytes())).entries}
    home.ok("run", "--once")
    first = _indexed(home)
    home.ok("run", "--once")
    assert _indexed(home) == first
    assert all(count == 2 for count in server.requests.values())
    assert len(server.requests) == 10
    urls = [row["url"] for row in first]
    assert len(urls) == len(set(urls))
    assert len(urls) == len(items)

    found = home.ok("search", "Jesse Jackson", "--json", "--limit", "500").splitlines()
    assert found
    assert all("jackson" in row.lower() for row in found)
    bbc = home.ok("search", "source.domain:(bbc.com OR bbc.co.uk)", "--json", "--limit", "500").splitlines()
    assert len(bbc) == sum("bbc.co" in url for url in urls)
    placed = home.ok("search", "places.country:NG", "--json", "--limit", "500").splitlines()
    assert any("allafrica" in row for row in placed)
    before = home.ok("search", "*", "--json", "--limit", "5000", "--until", "2019-01-01").splitlines()
    assert 0 < len(before) < len(urls)
    assert all(json.loads(row)["published"] < "2019" for row in before)


def _indexed(home: Home) -> list[dict[str, str]]:
    rows = [json.loads(line) for line in home.ok("search", "*", "--json", "--limit", "5000").splitlines()]
    return sorted(({"id": r["id"], "url": r["url"], "title": r["title"]} for r in rows), key=lambda r: r["id"])
