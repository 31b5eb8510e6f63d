"""Plain text, dates and languages of feeds."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from time import gmtime

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import language
from ingest.dates import parse_date
from ingest.fingerprint import distance, simhash
from ingest.text import cut, one_line, to_text
from stream.language import detect


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One<br>two</p><p>Three</p>", "One\ntwo\nThree"),
        ("<div><div>a</div></div>b<ul><li>c</li></ul>", "a\nb\nc"),
        ("in <b>bold</b> and <a href='x'>linked</a>\nand wrapped", "in bold and linked and wrapped"),
        ("a<script>alert(1)</script><style>x{}</style>b", "ab"),
        ("3 < 4 and 5 > 4 & more", "3 < 4 and 5 > 4 & more"),
        ("first\nwrapped\n\nsecond", "first wrapped\nsecond"),
        ("AT&amp;amp;T &#8211; caf&eacute;&nbsp;x", "AT&T – café x"),
        ("<img src=x onerror=alert(1)>", ""),
        ("a<!-- hidden -->b", "ab"),
        ("", ""),
    ],
)
def test_html_becomes_paragraphs(markup: str, text: str) -> None:
    assert to_text(markup) == text


@given(st.text(max_size=200))
def test_text_is_folded_and_has_no_controls(markup: str) -> None:
    text = to_text(markup)
    assert text == text.strip()
    assert "\n\n" not in text
    assert not any(c < " " and c != "\n" for c in text)
    assert "\n" not in one_line(markup)


def test_deep_nesting_does_not_take_long() -> None:
    assert to_text("<div>" * 100_000 + "x") == "x"


@given(st.text(max_size=100), st.integers(0, 200))
def test_a_cut_is_at_a_character_border_and_keeps_the_beginning(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert text.startswith(short)
    assert len(short.encode()) <= limit or short == text
    assert len(short.encode()) > limit - 4 or short == text


@pytest.mark.parametrize(
    ("raw", "code", "iso"),
    [
        ("Mon, 06 Sep 2021 10:00:00 CEST", None, "2021-09-06T08:00"),
        ("Mon, 06 Sep 2021 10:00:00 BST", None, "2021-09-06T09:00"),
        ("Mon, 06 Sep 2021 10:00:00 IST", None, "2021-09-06T04:30"),
        ("Mon, 06 Sep 2021 10:00:00 JST", None, "2021-09-06T01:00"),
        ("Mon, 06 Sep 2021 10:00:00 EDT", None, "2021-09-06T14:00"),
        ("Mon, 06 Sep 2021 10:00:00 +0530", None, "2021-09-06T04:30"),
        ("Mon, 06 Sep 2021 10:00:00 GMT+2", None, "2021-09-06T08:00"),
        ("Mon, 06 Sep 2021 10:00:00", None, "2021-09-06T10:00"),
        ("06 Sep 21 10:00 GMT", None, "2021-09-06T10:00"),
        ("6 Sep 2021", None, "2021-09-06T00:00"),
        ("2021-09-06T10:00:00+02:00", None, "2021-09-06T08:00"),
        ("2021-09-06 10:00", None, "2021-09-06T10:00"),
        ("1630922400", None, "2021-09-06T10:00"),
        ("1630922400000", None, "2021-09-06T10:00"),
        ("06/09/2021", None, "2021-09-06T00:00"),
        ("06/09/2021", "en-US", "2021-06-09T00:00"),
        ("lun, 06 set 2021 10:00:00", "it", "2021-09-06T10:00"),
        ("lundi 6 septembre 2021 10:00", "fr", "2021-09-06T10:00"),
        ("6 сентября 2021, 10:00", "ru", "2021-09-06T10:00"),
    ],
)
def test_dates_as_feeds_write_them(raw: str, code: str | None, iso: str) -> None:
    assert parse_date(raw, None, code) == datetime.fromisoformat(iso).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "iso"),
    [
        ("2026-11-22 10:00:00 EST", "2026-11-22T15:00"),
        ("2026-11-22 10:00 PST", "2026-11-22T18:00"),
        ("2026-11-22T10:00:00+3:00", "2026-11-22T07:00"),
        ("2026-11-22 10:00:00 +0300", "2026-11-22T07:00"),
        ("2026-11-22 10:00 PM", "2026-11-22T22:00"),
        ("2026-11-22 10:00 PM EST", "2026-11-23T03:00"),
        ("22 Nov 2026 10:00 PM EST", "2026-11-23T03:00"),
        ("Sun, 22 Nov 2026 10:00:00 PM +0300", "2026-11-22T19:00"),
        ("22 Nov 2026 12:30 AM", "2026-11-22T00:30"),
        ("22 Nov 2026 12:30 p.m. GMT", "2026-11-22T12:30"),
        ("22/11/2026 10:00 PM IST", "2026-11-22T16:30"),
        ("Sun Nov 22 22:00:00 2026", "2026-11-22T22:00"),
    ],
)
def test_halves_of_the_day_and_zones_count_with_and_without_feedparser(raw: str, iso: str) -> None:
    expected = datetime.fromisoformat(iso).replace(tzinfo=UTC)
    parsed = feedparser.datetimes._parse_date(raw)  # type: ignore[no-untyped-call]
    assert parse_date(raw, parsed, "en") == expected
    assert parse_date(raw, None, "en") == expected


@pytest.mark.parametrize(
    "raw", ["", "0001-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT", "2999-01-01", "0", "2021", "soon", "x" * 500]
)
def test_what_is_no_date_of_news_is_none(raw: str) -> None:
    assert parse_date(raw) is None


@given(st.text(max_size=30))
def test_no_date_raises(raw: str) -> None:
    found = parse_date(raw, guess=False)
    assert found is None or found.tzinfo is UTC


def test_feedparsers_reading_is_used_where_it_alone_knows_the_format() -> None:
    assert parse_date("2021년 09월 06일", gmtime(1630922400)) == datetime(2021, 9, 6, 10, tzinfo=UTC)
    assert parse_date("99999", gmtime(1)) is None


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en-GB", "en"),
        ("en_US", "en"),
        ("DE", "de"),
        ("eng", "en"),
        ("tlh", None),
        ("", None),
        (None, None),
        ("e", None),
    ],
)
def test_declared_languages(tag: str | None, code: str | None) -> None:
    assert language.declared(tag) == code


def test_languages_are_detected_where_there_is_enough_text() -> None:
    assert detect("Die Botschaft zieht nach Auskunft des Ministers im Mai nach Wien um.") == "de"
    assert detect("Posolstvo") is None
    assert detect("12 345 678 901 234 567 890 12 345 678") is None


def test_near_copies_have_near_fingerprints() -> None:
    words = [f"word{n}" for n in range(300)]
    text, other = " ".join(words), " ".join(f"other{n}" for n in range(300))
    near = " ".join([*words[:150], "inserted", *words[150:]])
    assert simhash(text) == simhash(text.upper())
    assert distance(simhash(text), simhash(near)) <= 8 < 16 < distance(simhash(text), simhash(other))
    assert simhash("") == "0" * 16


def test_the_fingerprint_is_charikars() -> None:
    shingles = ["the embassy moves", "embassy moves to", "moves to osterlich"]
    weights = [0] * 64
    for shingle in shingles:
        value = int.from_bytes(hashlib.blake2b(shingle.encode(), digest_size=8).digest(), "big")
        for bit in range(64):
            weights[bit] += 1 if value >> bit & 1 else -1
    expected = sum(1 << bit for bit in range(64) if weights[bit] > 0)
    assert int(simhash("The embassy moves to Osterlich."), 16) == expected


@given(st.text(max_size=100))
def test_fingerprints_are_sixteen_hex_digits(text: str) -> None:
    assert len(simhash(text)) == 16
    assert distance(simhash(text), simhash(text)) == 0
