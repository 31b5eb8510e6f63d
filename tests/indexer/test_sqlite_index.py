"""What is SQLite's own: the file and its faults, the layout made anew, and that searches use indexes."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from indexer import sqlite_tables
from indexer.fields import FIELDS, Field
from indexer.index import Put, open_index
from indexer.query import parse
from indexer.sqlite import SqliteIndex
from stream.errors import ConfigError, IndexUnavailable


def article(id_: str, **fields: object) -> Put:
    return Put("articles", id_, 1, {"id": id_, "published": "2026-09-01T12:00:00Z", **fields})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


@pytest.fixture
def index(path: Path) -> Iterator[SqliteIndex]:
    opened = SqliteIndex(str(path), busy_timeout=0.05)
    opened.setup()
    yield opened
    opened.close()


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        SqliteIndex(str(path), busy_timeout=0.05)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_the_folder_is_made(tmp_path: Path) -> None:
    SqliteIndex(str(tmp_path / "a" / "b" / "index.db")).close()
    assert (tmp_path / "a" / "b" / "index.db").exists()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "folder that can be written" in refused(tmp_path / "file" / "index.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    assert "folder that can be written" in refused(folder / "index.db")


def test_a_url_without_a_file() -> None:
    with pytest.raises(ConfigError, match="sqlite:///PATH"):
        open_index("sqlite:///")


def test_a_folder_in_place_of_the_file(path: Path) -> None:
    path.mkdir()
    assert "unable to open" in refused(path)


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"this is no database at all, only text" * 100)
    assert "not a database" in refused(path)


def test_a_database_of_another_program(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE x (y)")
    db.close()
    assert "another program" in refused(path)


def test_a_store_of_a_newer_version(index: SqliteIndex, path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    message = refused(path)
    assert "99" in message
    assert "upgrade" in message


def open_and_search(path: Path) -> None:
    index = SqliteIndex(str(path))
    try:
        index.search("articles", parse("word1", "articles"))
    finally:
        index.close()


def test_a_damaged_file(path: Path) -> None:
    index = SqliteIndex(str(path))
    index.setup()
    index.put([article(f"a{i}", title=f"word{i} " * 50) for i in range(200)])
    index.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x55" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="damaged"):
        open_and_search(path)


def test_a_lock_held_too_long_is_worth_a_retry(index: SqliteIndex, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexUnavailable, match="locked"):
        index.put([article("a")])
    with pytest.raises(IndexUnavailable, match="locked"):
        SqliteIndex(str(path), "g2", busy_timeout=0.05).setup()
    assert index.search("articles").total == 0  # readers do not wait
    other.execute("ROLLBACK")
    other.close()
    assert index.put([article("a")])[0].outcome == "stored"


def test_a_full_disk_is_worth_a_retry_and_leaves_nothing_behind(index: SqliteIndex) -> None:
    index.put([article("a")])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
    try:
        with pytest.raises(IndexUnavailable):
            index.put([article(f"b{i}", title=f"word{i} " * 500) for i in range(2_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert index.search("articles").total == 1
    assert index.put([article("c")])[0].outcome == "stored"


def test_another_layout_is_refused_until_setup_indexes_again(
    index: SqliteIndex, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.put([article(f"a{i}", title="hamas") for i in range(3)])
    monkeypatch.setattr(sqlite_tables, "LAYOUT", 2)
    newer = SqliteIndex(str(path))
    with pytest.raises(ConfigError, match="newswatch setup"):
        newer.search("articles")
    assert "index: g1_articles changed: 3 documents indexed again" in newer.setup()
    assert newer.search("articles", parse("hamas", "articles")).total == 3
    assert newer.facets("articles", "id", size=1) == [("a0", 1)]
    assert newer.setup() == []
    newer.close()


def test_setup_after_fields_were_dropped_and_changed_their_type(
    index: SqliteIndex, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = article(
        "a", title="hamas", language="en", feed_id="f", feed_url="u", authors=["Ann"],
        source={"id": "x.org", "name": "X"}, entities=[{"name": "Aden", "text": "Aden"}, {"text": "Doha"}],
    )  # fmt: skip
    index.put([one, article("b", title="hamas")])
    fields = dict(FIELDS["articles"])
    for dropped in ("language", "entities.text", *(f for f in fields if f.startswith("source."))):
        del fields[dropped]
    fields["feed_id"] = replace(fields["feed_id"], type="number")
    fields["authors"] = replace(fields["authors"], array=False)
    del fields["feed_url"]
    fields["feed_url.host"] = Field("feed_url.host", "keyword", "What was a value is an object now.")
    monkeypatch.setitem(cast(dict[str, Any], FIELDS), "articles", fields)
    newer = SqliteIndex(str(path))
    assert "index: g1_articles changed: 2 documents indexed again" in newer.setup()
    stored = newer.get("articles", ["a"])["a"]
    assert stored.document == {
        "id": "a", "published": "2026-09-01T12:00:00Z", "title": "hamas", "entities": [{"name": "Aden"}, {}],
    }  # fmt: skip
    assert newer.search("articles", parse("hamas entities.name:aden", "articles")).total == 1
    put_back = Put("articles", "a", 1, stored.document, if_match=stored.etag)
    assert [r.outcome for r in newer.put([put_back])] == ["stored"]
    assert newer.get("articles", ["b"])["b"].document == index.get("articles", ["b"])["b"].document
    newer.close()


def test_the_same_put_again_writes_nothing(index: SqliteIndex, path: Path) -> None:
    puts = [article(f"a{i}", title="hamas") for i in range(50)]
    index.put(puts)
    watcher = sqlite3.connect(path)
    before = watcher.execute("PRAGMA data_version").fetchone()
    index.put(puts)
    assert watcher.execute("PRAGMA data_version").fetchone() == before
    watcher.close()


@pytest.mark.parametrize(
    "text",
    [
        "hamas OR (title:leave* NOT body:x)", "h?mas*", "language:en AND published:>=2h", "version:[2 TO 5]",
        "url:https* truncated:true", "entities.name:* OR authors:ann",
    ],
)  # fmt: skip
def test_clauses_are_answered_by_indexes(index: SqliteIndex, path: Path, text: str) -> None:
    statements: list[str] = []
    index._db.set_trace_callback(statements.append)
    index.search("articles", parse(text, "articles"))
    index._db.set_trace_callback(None)
    [search] = [s for s in statements if s.startswith("SELECT d.id")]
    steps = [row[3] for row in index._db.execute(f"EXPLAIN QUERY PLAN {search}")]
    assert steps
    assert [s for s in steps if s.startswith("SCAN") and "INDEX" not in s] == []
