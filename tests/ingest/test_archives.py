"""Archives: recognised by content, read in pieces from any place, damaged ones told of to the byte."""

from __future__ import annotations

import gzip
import io
import json
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import warc
from ingest.archives import items, recognise
from ingest.items import Item
from ingest.parse import parse
from ingest.streams import ArchiveStream, Damaged
from stream.backfills import Position
from stream.errors import ConfigError
from tests.ingest.golden import FOLDER
from tests.ingest.warcs import Answer, answers, story, write

RSS = (FOLDER / "rss20.xml").read_bytes()
ATOM = b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><entry><title>t</title></entry></feed>'
JSON_FEED = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": []}, indent=2).encode()
LINE = b'{"url": "https://a.example/1", "title": "One", "text": "Text."}\n'
LATE = json.dumps({**json.loads(JSON_FEED), "items": ["x" * 100_000]}, sort_keys=True).encode()
"""A JSON Feed that says only at its end that it is one."""
MANY = 10_000_000


def read(path: Path, position: Position | None = None, max_bytes: int = MANY) -> list[Item]:
    return list(items(recognise(path, MANY, full_text=False), position or Position(), max_bytes, parse))


def file(folder: Path, content: bytes, name: str = "archive") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


# -- recognised by content


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (RSS, "feed"),
        (ATOM, "feed"),
        (JSON_FEED, "feed"),
        (ATOM.decode().encode("utf-16"), "feed"),
        (json.dumps(json.loads(JSON_FEED)).encode(), "feed"),
        (LINE * 3, "jsonl"),
        (b"\xef\xbb\xbf\n" + LINE, "jsonl"),
        (b'{"url": "https://a.example/1", "about": {"version": "https://jsonfeed.org/version/1"}}', "jsonl"),
        (JSON_FEED.replace(b"/", rb"\/"), "feed"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": [' + b" " * 100_000 + b"]}", "feed"),
        (LATE, "feed"),
        (json.dumps(json.loads(LATE), indent=1).encode(), "feed"),
        (LATE.replace(b'"version"', b'"about"') + b"\n" + LINE, "jsonl"),
        (LINE.strip(), "jsonl"),
        (b'{"url": "' + b"x" * 100_000, "jsonl"),
        (b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n", "warc"),
    ],
)
def test_what_an_archive_is(tmp_path: Path, content: bytes, kind: str, packed: bool) -> None:
    archive = recognise(
        file(tmp_path, gzip.compress(content) if packed else content, "no-name-says-it"), MANY, full_text=False
    )
    assert archive.kind == kind


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\x1f\x8b\x08\x00broken", "gzip"),
        (b"<html><p>A page", "HTML"),
        (b"PK\x03\x04...", "zip"),
        (b"\x28\xb5\x2f\xfd...", "zstd"),
        (b"{not json}\n{}\n", "line 1 is not JSON"),
        (b"a,b,c\n1,2,3\n", "not an archive"),
        (b"\x00\x01\x02\x03" * 50, "not an archive"),
        (b"[1, 2]", "not an archive"),
    ],
)
def test_what_is_no_archive_is_refused_in_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        recognise(file(tmp_path, content, "thing.warc.gz"), MANY, full_text=False)
    assert "thing.warc.gz" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        recognise(tmp_path / "none", MANY, full_text=False)
    with pytest.raises(ConfigError, match="not a file"):
        recognise(tmp_path, MANY, full_text=False)


def test_an_archive_is_known_again_by_its_content_not_by_its_name(tmp_path: Path) -> None:
    first = recognise(write(tmp_path / "a.warc", answers(3)), MANY, full_text=False)
    assert recognise(file(tmp_path, first.path.read_bytes(), "moved"), MANY, full_text=False).id == first.id
    assert recognise(write(tmp_path / "b.warc", answers(4)), MANY, full_text=False).id != first.id
    assert recognise(first.path, MANY, full_text=True).id != first.id  # read with full text it tells more
    assert recognise(first.path, MANY + 1, full_text=False).id != first.id  # so may it with a higher limit


# -- WARC


@pytest.mark.parametrize("members", [None, True, False])
def test_reading_on_from_any_record_gives_the_rest(tmp_path: Path, members: bool | None) -> None:
    path = write(tmp_path / "a.warc", answers(12), members=members)
    whole = read(path)
    assert [i.page.url for i in whole if i.page] == [a.url for a in answers(12)]
    assert [i.skipped for i in whole if not i.page] == ["warcinfo record"]
    assert whole[1].page is not None
    assert whole[1].page.body == answers(1)[0].body
    assert whole[1].fetched == datetime(2026, 2, 1, 12, tzinfo=UTC)
    for number, item in enumerate(whole, 1):
        rest = read(path, item.after)
        assert [(i.where, i.page, i.fetched) for i in rest] == [(i.where, i.page, i.fetched) for i in whole[number:]]


def test_what_is_no_page_is_skipped_by_name(tmp_path: Path) -> None:
    page = story(1)
    records = [
        Answer("https://a.example/1", page, status="404 Not Found"),
        Answer("https://a.example/2", b"x", content_type="image/png"),
        Answer("https://a.example/3", page, kind="request", status="GET / HTTP/1.1"),
        Answer("dns:a.example", b"x", kind="resource"),
        Answer("https://a.example/5", page, kind="resource", content_type="text/html"),
    ]
    found = read(write(tmp_path / "a.warc", records, info=False))
    assert [i.skipped for i in found[:4]] == [
        "HTTP 404",
        "not HTML (image/png)",
        "request record",
        "not of http or https",
    ]
    assert found[4].page is not None
    assert found[4].page.body == page


def test_encodings_of_the_answer_are_undone(tmp_path: Path) -> None:
    page = story(1)
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (page[:100], page[100:])) + b"0\r\n\r\n"
    records = [
        Answer("https://a.example/1", gzip.compress(page), headers=(("Content-Encoding", "gzip"),)),
        Answer("https://a.example/2", chunked, headers=(("Transfer-Encoding", "chunked"),)),
        Answer("https://a.example/3", page, headers=(("Content-Encoding", "pied-piper"),)),
        Answer("https://a.example/4", gzip.compress(b"x" * 500_000), headers=(("Content-Encoding", "gzip"),)),
    ]
    found = read(write(tmp_path / "a.warc", records, info=False), max_bytes=100_000)
    assert [i.page.body if i.page else None for i in found] == [page, page, None, None]
    assert "pied-piper" in (found[2].refused or "")
    assert "ingest.max_bytes" in (found[3].refused or "")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bad", ["Content-Length: many", "", "WARC/9.9"])
def test_a_bad_record_costs_itself_only(tmp_path: Path, bad: str, packed: bool) -> None:
    path = write(tmp_path / "a.warc", answers(6), info=False)
    parts = [b"WARC/1.0\r\n" + part for part in path.read_bytes().split(b"WARC/1.0\r\n")[1:]]
    if bad.startswith("WARC"):
        parts[2] = parts[2].replace(b"WARC/1.0", bad.encode(), 1)
    else:
        parts[2] = re.sub(rb"Content-Length: \d+\r\n", f"{bad}\r\n".encode() if bad else b"", parts[2], count=1)
    content = b"".join(parts)
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read(path)
    assert [i.page.url for i in found if i.page] == [a.url for n, a in enumerate(answers(6)) if n != 2]
    (refused,) = [i.refused for i in found if i.refused]
    assert "\n" not in refused


@pytest.mark.parametrize("members", [True, False, None])
def test_a_truncated_file_keeps_what_can_be_read_and_says_so(tmp_path: Path, members: bool | None) -> None:
    path = write(tmp_path / "a.warc", answers(8), members=members)
    path.write_bytes(path.read_bytes()[:-150])
    found = read(path)
    assert len([i for i in found if i.page]) >= 4
    assert found[-1].damage is not None
    assert "cut off" in found[-1].damage
    assert all(i.damage is None for i in found[:-1])


def test_a_damaged_member_costs_its_own_records(tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc.gz", answers(8), members=True, info=False)
    whole = read(path)
    content = bytearray(path.read_bytes())
    middle = whole[3].after.member  # where the fourth record's member begins
    content[middle + 20 : middle + 60] = b"\xff" * 40
    path.write_bytes(bytes(content))
    found = read(path)
    assert [i.page.url for i in found if i.page] == [a.url for n, a in enumerate(answers(8)) if n != 3]
    assert [bool(i.damage) for i in found].count(True) >= 1
    assert f"{middle:,}" in next(i.damage for i in found if i.damage)


def test_a_huge_record_is_passed_over_in_bounded_memory(tmp_path: Path) -> None:
    huge = Answer("https://a.example/huge", b"<p>" * 2_000_000)
    found = read(write(tmp_path / "a.warc", [*answers(1), huge, *answers(2)[1:]], info=False), max_bytes=1_000_000)
    assert [bool(i.page) for i in found] == [True, False, True]
    assert "ingest.max_bytes" in (found[1].refused or "")


# -- JSON Lines


def test_lines_become_entries(tmp_path: Path) -> None:
    row = {
        "url": "https://a.example/1",
        "title": " Two\nlines ",
        "text": "One.\n\n\nTwo.",
        "summary": "S",
        "language": "en",
        "published": "2026-01-02T03:04:05Z",
        "fetched": "2026-01-02T04:00:00+01:00",
        "authors": ["A. Writer"],
        "source": {"name": "The Site", "domain": "a.example"},
        "more": [1, 2],
    }
    (item,) = read(file(tmp_path, json.dumps(row).encode()))
    assert item.entry is not None
    assert (item.entry.title, item.entry.body, item.entry.summary) == ("Two lines", "One.\nTwo.", "S")
    assert item.entry.published == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert item.fetched == datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert (item.entry.source_name, item.entry.source_url) == ("The Site", "https://a.example/")
    assert item.entry.authors == ("A. Writer",)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{broken", "not JSON"),
        (b"[1]", "not an object"),
        (b'"text"', "not an object"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'{"title": "t"}', "no url"),
        (b'{"url": "javascript:alert(1)", "title": "t"}', "no url"),
        (b'{"url": "https://a.example/1"}', "neither title nor text"),
        (b'{"url": "https://a.example/1", "title": ["t"]}', "title must be text"),
        (b'{"url": "https://a.example/1", "title": "t", "fetched": "yesterday"}', "ISO 8601"),
        (b'{"url": "https://a.example/1", "title": "t", "fetched": "0001-01-01T00:00:00+05:00"}', "ISO 8601"),
        (b'{"url": "https://a.example/1", "title": "t", "fetched": "0001-01-01T00:00:00Z"}', "before 1970"),
        (b"[" * 100_000, "not JSON"),
        (b'{"url": "https://a.example/1", "text": "' + b"x" * 20_000 + b'"}', "longer"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path, line: bytes, says: str) -> None:
    found = read(file(tmp_path, LINE + line + b"\n\n" + LINE), max_bytes=10_000 if says == "longer" else MANY)
    assert [i.where for i in found] == ["line 1", "line 2", "line 4"]
    assert [bool(i.entry) for i in found] == [True, False, True]
    assert says in (found[1].refused or "")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize(
    "damage", [b'{"url": "https://a.example/0", "text": "%s', b'{"url": "https://a.example/0\xff%s"}']
)
def test_a_damaged_first_line_costs_only_itself(tmp_path: Path, damage: bytes, size: int, packed: bool) -> None:
    content = damage % (b"x" * size) + b"\n\n" + LINE + LINE
    found = read(file(tmp_path, gzip.compress(content) if packed else content))
    assert [i.where for i in found] == ["line 1", "line 3", "line 4"]
    assert [bool(i.entry) for i in found] == [False, True, True]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=200).filter(lambda b: b"\n" not in b)), st.booleans(), st.integers(0, 10**6))
def test_any_lines_read_on_from_anywhere(lines: list[bytes], packed: bool, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        content = b"\n".join([LINE.strip(), *lines])
        path = file(Path(folder), _members(content, seed) if packed else content)
        whole = read(path)
        for number, item in enumerate(whole, 1):
            assert [i.where for i in read(path, item.after)] == [i.where for i in whole[number:]]


def _members(content: bytes, seed: int) -> bytes:
    """``content`` as a gzip file of members of a size that depends on ``seed``."""
    size = seed % 97 + 1
    return b"".join(gzip.compress(content[i : i + size]) for i in range(0, max(1, len(content)), size))


# -- the stream


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=5_000), st.integers(1, 700), st.integers(0, 5_000))
def test_a_stream_goes_on_where_it_says(content: bytes, size: int, at: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = file(Path(folder), _members(content, size))
        with ArchiveStream(path) as stream:
            passed = stream.skip(at)
            position = stream.position(0)
            rest = stream.read(10_000)
        assert passed == min(at, len(content))
        assert rest == content[at:]
        with ArchiveStream(path, position) as stream:
            assert stream.read(10_000) == rest


@settings(deadline=None, max_examples=60)
@given(st.binary(min_size=1, max_size=300), st.integers(1, 300))
def test_a_stream_that_is_cut_off_never_looks_whole(content: bytes, cut: int) -> None:
    packed = gzip.compress(content)
    with tempfile.TemporaryDirectory() as folder:
        path = file(Path(folder), packed[: max(2, len(packed) - cut)])
        with ArchiveStream(path) as stream, pytest.raises(Damaged, match="cut off"):
            stream.skip(10_000)


def test_zeros_behind_the_last_member_are_no_damage(tmp_path: Path) -> None:
    with ArchiveStream(file(tmp_path, gzip.compress(b"text") + b"\0" * 70_000)) as stream:
        assert stream.read(100) == b"text"


# -- saved feeds


def test_entries_of_a_saved_feed(tmp_path: Path) -> None:
    whole = read(file(tmp_path, gzip.compress(RSS)))
    assert [i.entry for i in whole if i.entry and not i.refused] == [e for e in parse(RSS).entries if e.link]  # type: ignore[union-attr]
    for number, item in enumerate(whole, 1):
        assert [i.where for i in read(file(tmp_path, RSS), item.after)] == [i.where for i in whole[number:]]


def test_a_feed_that_cannot_be_parsed_is_a_damage(tmp_path: Path) -> None:
    (item,) = read(file(tmp_path, b"<rss" + b" " * 50_000))
    assert item.damage
    (item,) = read(file(tmp_path, RSS + b" " * 200_000), max_bytes=100_000)
    assert "ingest.max_bytes" in (item.damage or "")


def test_members_of_a_warc_are_independent_of_the_size_of_reads(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    for _ in range(200):  # far more than one block of the file
        buffer.write(gzip.compress(LINE * 40))
    found = read(file(tmp_path, buffer.getvalue()))
    assert len(found) == 8_000
    assert [i.where for i in read(file(tmp_path, buffer.getvalue()), found[7_000].after)] == [
        i.where for i in found[7_001:]
    ]


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00Z", "soon", None])
def test_a_time_that_no_crawl_has_is_none(date: str | None) -> None:
    assert warc._date(date) is None
