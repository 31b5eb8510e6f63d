"""Pages: title, description, date, language and canonical address of any HTML, and their text in killable processes."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.fulltext import PageReaders, read_text
from ingest.items import RawPage
from ingest.pages import ReadPage, read_page
from ingest.parse import ParsedEntry, Unreadable
from ingest.sandbox import Sandbox
from tests.ingest.warcs import HTML, story

URL = "https://www.site.example/news/1?utm_source=x"
NAMED = partial(st.dictionaries, st.sampled_from(["@type", "@graph", "author", "name", "headline"]))


def entry(html: str | bytes, url: str = URL, content_type: str = "text/html") -> ParsedEntry:
    page = read_page(html.encode() if isinstance(html, str) else html, content_type, url, full_text=False)
    assert isinstance(page, ReadPage), page
    return page.entry


def test_what_a_page_declares() -> None:
    found = entry(story(7, day=9, head='<link rel="canonical" href="/news/7">'))
    assert (found.title, found.summary, found.body) == (
        "Story 7: the embassy leaves Riga",
        "Embassy number 7 moves to Tallinn.",
        "",
    )
    assert found.published == datetime(2026, 1, 9, 6, tzinfo=UTC)
    assert found.published_raw == "2026-01-09T08:00:00+02:00"
    assert (found.language, found.authors) == ("en-GB", ("A. Writer",))
    assert found.link == "https://www.site.example/news/7"
    assert (found.source_name, found.source_url) == ("The Site", URL)


@pytest.mark.parametrize(
    ("canonical", "link"),
    [
        ("https://m.site.example/a", "https://m.site.example/a"),
        ("/b?id=2", "https://www.site.example/b?id=2"),
        ("https://www.site.example/", URL),
        ("/", URL),
        ("https://elsewhere.example/a", URL),
        ("javascript:alert(1)", URL),
        ("https://user:pw@www.site.example/a", URL),
        ("http://[", URL),
        ("", URL),
    ],
)
def test_a_canonical_address_that_cannot_be_the_pages_is_not_believed(canonical: str, link: str) -> None:
    assert entry(f"<title>T</title><link rel=canonical href='{canonical}'>").link == link


@pytest.mark.parametrize(
    ("head", "raw"),
    [
        ('<meta property="article:published_time" content="2026-01-02T03:04:05Z">', "2026-01-02T03:04:05Z"),
        ('<meta itemprop="datePublished" content="2026-01-02">', "2026-01-02"),
        ('<meta name="DC.date.issued" content="2026-01-02">', "2026-01-02"),
        (
            '<script type="application/ld+json">[{"@type":"WebSite"},'
            '{"@graph":[{"@type":["X","NewsArticle"],"datePublished":"2026-01-02"}]}]</script>',
            "2026-01-02",
        ),
        ('<script type="application/ld+json">{broken</script><meta name="date" content="2026-01-02">', "2026-01-02"),
        ('<script type="application/ld+json">{"@type":"Organization","datePublished":"1999-01-01"}</script>', None),
    ],
)
def test_dates_of_pages(head: str, raw: str | None) -> None:
    found = entry(f"<title>T</title>{head}")
    assert found.published_raw == raw
    assert (found.published is None) == (raw is None)


@pytest.mark.parametrize(
    ("body", "content_type", "title"),
    [
        ("<title>Грозный</title>".encode("cp1251"), "text/html; charset=windows-1251", "Грозный"),
        ("<meta charset=windows-1251><title>Грозный</title>".encode("cp1251"), "text/html", "Грозный"),
        (
            "<meta http-equiv=Content-Type content='text/html; charset=windows-1251'><title>Грозный</title>".encode(
                "cp1251"
            ),
            "text/html",
            "Грозный",
        ),
        ("<title>Zürich</title>".encode(), "text/html; charset=latin-1", "Zürich"),
        ("<title>Zürich</title>".encode("utf-16"), "text/html", "Zürich"),
        (b"<title>T\x00&amp;\xff</title>", "text/html; charset=nonsense", "T&"),
    ],
)
def test_the_encoding_that_counts(body: bytes, content_type: str, title: str) -> None:
    assert entry(body, content_type=content_type).title.rstrip("ÿ\ufffd") == title


def test_a_page_without_title_and_description_is_refused() -> None:
    found = read_page(b"<html><body><p>Text</p></body></html>", HTML, URL, full_text=False)
    assert found == Unreadable("the page has neither title nor description")


HOSTILE = {
    "nested": b"<title>T</title><body>" + b"<div>" * 400_000,
    "nested head": b"<title>T</title>" + b"<b>" * 400_000,
    "no end of a tag": b"<title>T</title><meta " + b"a " * 2_000_000,
    "no end of a comment": b"<title>T</title><!--" + b"-" * 4_000_000,
    "no end of a script": b"<title>T</title>" + b"<script type='application/ld+json'>" * 50_000,
    "open brackets": b"<title>T</title>" + b"<" * 2_000_000,
    "declarations": b"<title>T</title>" + b"<![" * 200_000,
    "deep json": b"<title>T</title><script type='application/ld+json'>" + b"[" * 290_000 + b"</script>",
    "attributes": b"<title>T</title><meta " + b" ".join(b"a%d=1" % i for i in range(100_000)) + b">",
    "entities": b"<title>T</title>" + b"&amp" * 1_000_000,
    "random": bytes(i * 7919 % 256 for i in range(1_000_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_take_no_time(name: str) -> None:
    began = time.process_time()
    found = read_page(HOSTILE[name], "text/html", URL, full_text=False)
    assert time.process_time() - began < 5
    assert name == "random" or (isinstance(found, ReadPage) and found.entry.title == "T")


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=2_000), st.text(max_size=30))
def test_no_bytes_raise(body: bytes, content_type: str) -> None:
    read_page(body, content_type, URL, full_text=False)


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.text() | st.floats(allow_nan=False),
        lambda c: st.lists(c) | st.dictionaries(st.sampled_from(["@type", "@graph", "author", "name", "headline"]), c),
    )
)
def test_no_linked_data_raises(described: object) -> None:
    block = json.dumps([{"@type": "NewsArticle", "author": described, "headline": described}, described])
    entry(f"<title>T</title><script type=application/ld+json>{block.replace('</', '')}</script>")


# -- full text, in processes


def test_full_text_without_what_is_around_it() -> None:
    pages = [
        RawPage(URL, HTML, story(n, words=f"The embassy of Norland number {n} will move to Tallinn.")) for n in range(5)
    ]
    with PageReaders(full_text=True, processes=2) as readers:
        found = readers.read([*pages, RawPage(URL, HTML, b"<title>Nothing here</title>")])
    for n, page in enumerate(found[:5]):
        assert isinstance(page, ReadPage)
        assert f"number {n} will move" in page.entry.body
        assert "Sport" not in page.entry.body
        assert page.entry.summary == f"Embassy number {n} moves to Tallinn."
    assert isinstance(found[5], ReadPage)
    assert (found[5].entry.body, found[5].note) == ("", "no text was found on the page")


def test_a_page_that_hangs_or_kills_its_process_keeps_title_and_description(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = RawPage(URL, HTML, story(1)), RawPage(URL, HTML, story(2))

    async def both() -> tuple[ReadPage | Unreadable, ReadPage | Unreadable]:
        reader, spare = Sandbox(20, "text"), Sandbox(20, "page")
        try:
            await reader.page(good.body, good.content_type, good.url)
            assert reader._process
            asyncio.get_running_loop().call_later(0, reader._process.kill)
            monkeypatch.setattr(reader, "_seconds", 0.0001)
            hung = await read_text(bad, reader, spare)
            monkeypatch.setattr(reader, "_seconds", 20)
            return hung, await read_text(good, reader, spare)
        finally:
            await reader.close()
            await spare.close()

    hung, after = asyncio.run(both())
    assert isinstance(hung, ReadPage)
    assert (hung.entry.title, hung.entry.body) == ("Story 2: the embassy leaves Riga", "")
    assert hung.note is not None
    assert isinstance(after, ReadPage)
    assert "The embassy moves." in after.entry.body
