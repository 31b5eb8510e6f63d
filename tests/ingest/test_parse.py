"""Parsing: golden feeds of every format, hostile and broken input, encodings."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parse import ParsedFeed, Unreadable, parse
from tests.ingest import golden

ITEM = "<item><title>{}</title><link>https://x.example/{}</link></item>"


def read(body: str | bytes, content_type: str = "") -> ParsedFeed:
    feed = parse(body if isinstance(body, bytes) else body.encode(), content_type, "https://x.example/feed")
    assert isinstance(feed, ParsedFeed), feed
    return feed


def rss(*items: str, head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> str:
    return f'{head}<rss version="2.0"><channel><title>T</title>{"".join(items)}</channel></rss>'


@pytest.mark.parametrize("name", golden.NAMES)
def test_golden_feeds_parse_as_expected(name: str) -> None:
    assert golden.parsed(name) == json.loads(golden.expected_file(name).read_text(encoding="utf-8"))


@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_raise(body: bytes) -> None:
    assert isinstance(parse(body, "", ""), ParsedFeed | Unreadable)


@given(st.binary(max_size=60), st.integers(0, 900), st.text(max_size=20))
def test_damaged_feeds_never_raise(noise: bytes, place: int, content_type: str) -> None:
    whole = (golden.FOLDER / "rss20.xml").read_bytes()
    assert isinstance(parse(whole[:place] + noise + whole[place:], content_type, "x"), ParsedFeed | Unreadable)


@given(st.integers(0, 3_000))
def test_a_json_feed_cut_anywhere_never_raises(length: int) -> None:
    whole = (golden.FOLDER / "feed.json").read_bytes()
    assert isinstance(parse(whole[:length], "", ""), ParsedFeed | Unreadable)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the answer is empty"),
        (b"\xef\xbb\xbf \r\n", "the answer is empty"),
        (b"<!-- x --><!DOCTYPE html><html><body><p>Hi</p></body></html>", "the page is HTML, not a feed"),
        (b"<html><head><title>Not found</title></head></html>", "the page is HTML, not a feed"),
        (b"404 not found", "no feed in the answer"),
        (b"<a><b/></a>", "no feed in the answer"),
        (b"{", "the answer is not valid JSON"),
        (b'{"items": []}', "JSON but no JSON Feed"),
        (b'{"version": "https://jsonfeed.org/version/1"}', "has no list of items"),
        (b"[" * 100_000, "the answer is not valid JSON"),
    ],
)
def test_what_is_no_feed_gives_one_clear_line(body: bytes, reason: str) -> None:
    answer = parse(body, "", "https://x.example/feed")
    assert isinstance(answer, Unreadable)
    assert reason in answer.reason
    assert "\n" not in answer.reason


def test_an_empty_feed_is_a_feed_without_entries() -> None:
    feed = read(rss())
    assert (feed.entries, feed.skipped, feed.notes) == ((), 0, ())


def test_truncated_xml_keeps_the_whole_entries_and_says_so() -> None:
    text = rss(ITEM.format("One", 1), ITEM.format("Two", 2), ITEM.format("Three is cut", 3))
    feed = read(text[: text.index("is cut") + 6])
    assert [e.title for e in feed.entries] == ["One", "Two"]
    assert "cut off at line 1" in feed.notes[0]


def test_xml_that_is_not_well_formed_is_read_all_the_same() -> None:
    feed = read(rss("<item><title>A & B</title></item>"))
    assert feed.entries[0].title == "A & B"
    assert "not well-formed" in feed.notes[0]


def test_entries_without_title_and_text_are_counted() -> None:
    feed = read(rss("<item><link>https://x.example/1</link></item>", ITEM.format("One", 1)))
    assert (len(feed.entries), feed.skipped) == (1, 1)


def test_an_unknown_encoding_is_read_as_utf8_and_noted() -> None:
    feed = read(rss("<item><title>café</title></item>", head='<?xml version="1.0" encoding="x-klingon"?>'))
    assert feed.entries[0].title == "café"
    assert feed.notes == ("the encoding 'x-klingon' is unknown; read as UTF-8",)


def test_one_bad_byte_spoils_one_character_only() -> None:
    body = rss("<item><title>Zürich, Łódź and caf\udce9</title></item>").encode("utf-8", "surrogateescape")
    feed = read(body)
    assert feed.entries[0].title == "Zürich, Łódź and caf\ufffd"
    assert "1 bytes that are not UTF-8" in feed.notes[0]


def test_undeclared_latin_1_is_read_as_such() -> None:
    feed = read(rss("<item><title>Ação e reação</title></item>", head="").encode("latin-1"))
    assert feed.entries[0].title == "Ação e reação"
    assert "windows-1252" in feed.notes[0]


def test_valid_utf8_wins_over_a_wrong_declaration() -> None:
    feed = read(rss("<item><title>Ação</title></item>", head='<?xml version="1.0" encoding="iso-8859-1"?>'))
    assert feed.entries[0].title == "Ação"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "shift_jis", "iso-2022-jp", "utf-8-sig"])
def test_declared_and_marked_encodings(encoding: str) -> None:
    body = rss("<item><title>東京</title></item>", head=f'<?xml version="1.0" encoding="{encoding}"?>').encode(encoding)
    assert read(body).entries[0].title == "東京"


def test_the_header_names_the_encoding_where_the_document_does_not() -> None:
    body = rss("<item><title>Новости</title></item>", head="").encode("cp1251")
    assert read(body, "text/xml; charset=windows-1251").entries[0].title == "Новости"


def test_control_characters_are_removed() -> None:
    feed = read(rss("<item><title>a\x00b\x07c</title></item>"))
    assert feed.entries[0].title == "abc"


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("&#xD800;", "\ufffd"), ("&#55296;", "\ufffd"), ("&#x110000;", "\ufffd"), ("&#99999999999;", "\ufffd"),
        ("&#xD83D;&#xDE00;", "\U0001f600"), ("&#0;", ""), ("&#x1;", ""), ("&#0000233;", "\xe9"),
        ("&#38;", "&"),
    ],
)  # fmt: skip
def test_character_references_that_are_none_spoil_no_feed(reference: str, text: str) -> None:
    items = (f"<item><title>good {n}</title><guid>g{n}</guid></item>" for n in range(2))
    bad = f"<item><title>a{reference}b</title><guid>x{reference}y</guid></item>"
    feed = read(rss(*items, bad))
    assert [e.title for e in feed.entries] == ["good 0", "good 1", f"a{text}b"]


def test_strings_that_look_like_files_or_urls_are_only_text() -> None:
    assert isinstance(parse(b"/etc/passwd", "", ""), Unreadable)
    assert isinstance(parse(b"http://127.0.0.1:1/feed", "", ""), Unreadable)


def test_entities_do_not_blow_up() -> None:
    levels = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">\n' for n in range(9))
    laughs = f'<!DOCTYPE rss [<!ENTITY e0 "lol">\n{levels}]>'
    feed = parse(f"{laughs}{rss('<item><title>a &e9; b</title></item>', head='')}".encode(), "", "")
    assert not isinstance(feed, ParsedFeed) or all(len(e.title) < 1_000 for e in feed.entries)


def test_external_entities_are_not_read() -> None:
    body = '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + rss(
        "<item><title>a &x; b</title></item>", head=""
    )
    feed = parse(body.encode(), "", "")
    assert not isinstance(feed, ParsedFeed) or all("root:" not in e.title for e in feed.entries)


def test_only_links_to_http_are_kept_and_relative_ones_resolved() -> None:
    links = [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://user:pw@x.example/1",
        "/a b",
        "https://[bad",
        "ftp://x/",
    ]
    items = [f"<item><title>{i}</title><link>{link}</link></item>" for i, link in enumerate(links)]
    assert [e.link for e in read(rss(*items)).entries] == [None, None, None, "https://x.example/a%20b", None, None]


def test_atom_text_is_not_html() -> None:
    feed = read(
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><id>1</id>'
        '<title type="text">List&lt;String&gt;</title><title type="text">List&lt;String&gt;</title></entry></feed>'
    )
    assert feed.entries[0].title == "List<String>"


def test_an_author_under_a_long_domain_keeps_the_name() -> None:
    item = "<item><title>T</title><author>desk@courier.example (Night Desk)</author></item>"
    assert read(rss(item)).entries[0].authors == ("Night Desk",)


def test_dates_that_are_none_keep_what_was_written() -> None:
    item = "<item><title>T</title><pubDate>{}</pubDate></item>"
    known, unknown = read(rss(item.format("Mon, 10 Mar 2025 14:30:00 CEST"), item.format("the ides of March"))).entries
    assert known.published == datetime(2025, 3, 10, 12, 30, tzinfo=UTC)
    assert (unknown.published, unknown.published_raw) == (None, "the ides of March")


def test_a_json_feed_of_version_1_has_a_single_author() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1",
        "author": {"name": "Ada"},
        "items": [{"id": "1", "content_text": "Text", "author": {"name": "Bo"}}, {"id": "2", "title": "T"}],
    }
    assert [e.authors for e in read(json.dumps(feed)).entries] == [("Bo",), ("Ada",)]
