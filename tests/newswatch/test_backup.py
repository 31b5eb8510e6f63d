"""A backup made while stages work: whoever starts from it ends with what the log tells, once; and older stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.index import Index, open_index
from indexer.stage import IndexRelocations
from newswatch import backup
from newswatch.backup import INDEX, LOG, back_up
from newswatch.cli import main
from stream.errors import ConfigError
from stream.log import Log, open_log
from stream.messages import encode
from stream.settings import Settings
from stream.sqlite import SqliteLog
from stream.topics import Names
from stream.worker import Worker
from tests.stream.golden import RELOCATION

NAMES = Names()


class Store:
    """An embedded store with one stage on it."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder)
        self.log: Log = open_log(self.settings.log)
        self.log.create_topics(NAMES.described(), 2)
        self.index: Index = open_index(self.settings.index)
        self.index.setup()

    def close(self) -> None:
        self.index.close()
        self.log.close()

    def publish(self, version: int) -> None:
        """This version of the one relocation, and a new relocation."""
        with self.log.transaction() as tx:
            for identifier in ("one", f"new in {version}"):
                told = RELOCATION.model_copy(update={"id": identifier, "version": version})
                tx.publish(NAMES.topic("relocations"), 0, identifier, encode(told))

    def index_all(self) -> None:
        worker = Worker(self.log, NAMES, "index", "relocations", IndexRelocations(self.index))
        while worker.lag():
            worker.step(0.1)
        worker.close()

    def versions(self) -> dict[str, int]:
        hits = self.index.search("relocations", limit=100).hits
        return {hit.id: hit.version for hit in hits}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "live")
    yield made
    made.close()


def test_what_happens_meanwhile_is_in_the_copy_whole_or_not_at_all(store: Store, tmp_path: Path) -> None:
    """While the index is copied a version comes and is indexed, and another while the log is copied."""
    store.publish(1)
    store.index_all()
    meanwhile = {INDEX: 2, LOG: 3}
    walked = []

    def show(file: str, done: int, pages: int) -> None:
        walked.append(done <= pages)
        if version := meanwhile.pop(file, None):
            store.publish(version)
            store.index_all()

    back_up(store.settings, tmp_path / "copy", show)
    assert all(walked)
    assert not meanwhile
    assert store.versions() == {"one": 3, "new in 1": 1, "new in 2": 2, "new in 3": 3}
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == [INDEX, LOG]
    assert not list(tmp_path.glob(".copy*"))
    with closing(Store(tmp_path / "copy")) as copy:
        assert copy.versions() == {"one": 1, "new in 1": 1}  # never more than the log tells
        copy.index_all()  # at once: nobody of those who were there holds a partition
        assert copy.versions() == {"one": 2, "new in 1": 1, "new in 2": 2}
        copy.publish(3)
        copy.index_all()
        assert copy.versions()["one"] == 3


def test_a_group_that_had_committed_nothing_begins_at_the_beginning(store: Store, tmp_path: Path) -> None:
    store.publish(1)
    back_up(store.settings, tmp_path / "copy", lambda *_: store.index_all())
    with closing(Store(tmp_path / "copy")) as copy:
        copy.index_all()
        assert copy.versions() == {"one": 1, "new in 1": 1}


def test_refusals_leave_nothing_behind(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="taken is there and not empty"):
        back_up(store.settings, tmp_path / "taken", lambda *_: None)
    elastic = Settings(data_dir=tmp_path / "live", index_url="https://elastic.example:9200")
    with pytest.raises(ConfigError, match="index_url is a server"):
        back_up(elastic, tmp_path / "copy", lambda *_: None)
    with pytest.raises(ConfigError, match="not there"):
        back_up(Settings(data_dir=tmp_path / "none"), tmp_path / "copy", lambda *_: None)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(store.settings, tmp_path / "copy", fail)
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1_000}))
    with pytest.raises(ConfigError, match="MB free"):
        back_up(store.settings, tmp_path / "copy", lambda *_: None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["live", "taken"]


def test_a_copy_of_an_older_newswatch_says_which_command_brings_it_up_to_date(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Older: without a topic that is new, with an index of another layout."""
    store.publish(1)
    store.index_all()
    back_up(store.settings, tmp_path / "copy", lambda *_: None)
    with closing(sqlite3.connect(tmp_path / "copy" / LOG)) as log, log:
        log.execute("DELETE FROM partitions WHERE topic IN (SELECT id FROM topics WHERE name = 'news.takedowns')")
        log.execute("DELETE FROM topics WHERE name = 'news.takedowns'")
    with closing(sqlite3.connect(tmp_path / "copy" / INDEX)) as index, index:
        index.execute("UPDATE meta SET value = 'older' WHERE name = 'layout:g1_relocations'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSWATCH_DATA_DIR", str(tmp_path / "copy"))

    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    for words in (("search", "*", "--in", "relocations"), ("forget", "https://a.example/1")):
        code, said = run(*words)
        assert (code, "run: newswatch setup" in said or "run newswatch setup" in said) == (2, True), said
    assert "topic news.takedowns: created" in run("setup")[1]
    assert run("search", "*", "--in", "relocations", "--json")[1].count('"id": "one"') == 1


def test_a_newer_store_is_refused(store: Store, tmp_path: Path) -> None:
    back_up(store.settings, tmp_path / "copy", lambda *_: None)
    with closing(sqlite3.connect(tmp_path / "copy" / LOG)) as log, log:
        log.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="upgrade newswatch"):
        SqliteLog(str(tmp_path / "copy" / LOG))
