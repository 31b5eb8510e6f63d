"""What is SQLite's own about the log: files that are no log, rights, a full disk, the write-ahead log, processes."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest

from stream.errors import ConfigError, LogError, NewswatchError
from stream.log import Offset, Record
from stream.sqlite import BUSY_SECONDS, FILE, SESSION_SECONDS, SqliteLog
from stream.topics import Topic
from tests.contracts.processes import Child, Desk, join, poll, publish_and_commit
from tests.contracts.stores import SqliteStore
from tests.forks import FORKS
from tests.stream.bench import Fault, lock

TOPIC = Topic("t.a", "", "", "", compacted=False)
NOBODY = 65_534


@pytest.fixture
def log(log: SqliteLog) -> SqliteLog:
    """The test's log with the topic ``t.a`` of two partitions."""
    log.create_topics([TOPIC], 2)
    return log


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that an ordinary user may enter, unlike pytest's own."""
    folder = Path(mkdtemp(prefix="newswatch-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root may write everywhere: give that up for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def put(log: SqliteLog, value: bytes, partition: int = 0) -> None:
    with log.transaction() as tx:
        tx.publish("t.a", partition, "k", value)


def is_clear(error: NewswatchError, path: Path | str) -> None:
    """One line that says where and, after a semicolon, what to do."""
    text = str(error)
    assert str(path) in text
    assert "\n" not in text
    assert len(text.partition("; ")[2]) > 5


# -- files that cannot be a log


def test_folders_are_made_for_a_new_log(tmp_path: Path) -> None:
    SqliteLog(str(tmp_path / "a" / "b" / "log.db")).close()
    assert (tmp_path / "a" / "b" / "log.db").exists()


def test_an_empty_file_becomes_a_log(tmp_path: Path) -> None:
    (tmp_path / "log.db").touch()
    log = SqliteLog(str(tmp_path / "log.db"))
    log.create_topics([TOPIC], 1)
    assert log.partitions(TOPIC.name) == 1


def test_a_path_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        SqliteLog(str(tmp_path))
    is_clear(caught.value, tmp_path)


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError) as caught:
        SqliteLog(str(tmp_path / "file" / "log.db"))
    is_clear(caught.value, tmp_path / "file" / "log.db")


@pytest.mark.parametrize("content", [b"this is no database", b"this is no database" * 500, bytes(8_192)])
def test_a_file_that_is_not_sqlite_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        SqliteLog(str(path))
    is_clear(caught.value, path)
    assert path.read_bytes() == content


def test_another_programs_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")
        db.commit()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="another program") as caught:
        SqliteLog(str(path))
    is_clear(caught.value, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_of_a_newer_newswatch_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    SqliteLog(str(path)).close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (FILE.application_id,)
        db.execute(f"PRAGMA user_version = {FILE.version + 1}")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="newer") as caught:
        SqliteLog(str(path))
    is_clear(caught.value, path)
    assert path.read_bytes() == before


# -- rights


def test_a_folder_that_may_not_be_written_is_refused(home: Path) -> None:
    home.chmod(0o555)
    for path in (home / "log.db", home / "sub" / "log.db"):
        with ordinary_user(), pytest.raises(ConfigError) as caught:
            SqliteLog(str(path))
        is_clear(caught.value, path)


def test_a_log_in_a_folder_that_may_not_be_written_is_refused(home: Path) -> None:
    path = home / "log.db"
    SqliteLog(str(path)).close()
    home.chmod(0o555)
    with ordinary_user(), pytest.raises(ConfigError) as caught:
        SqliteLog(str(path))
    is_clear(caught.value, path)


def test_a_log_that_may_not_be_written_can_be_read_and_says_so_when_written(home: Path) -> None:
    path = home / "log.db"
    with closing(SqliteLog(str(path))) as log:
        log.create_topics([TOPIC], 2)
        put(log, b"x")
    path.chmod(0o444)
    with ordinary_user(), closing(SqliteLog(str(path))) as log:
        assert [r.value for r in log.read("t.a", 0, 0, 10)] == [b"x"]
        with pytest.raises(LogError) as caught:
            put(log, b"y")
        is_clear(caught.value, path)
        assert "rights" in str(caught.value)


def test_an_ordinary_user_works_where_he_may(home: Path) -> None:
    with ordinary_user(), closing(SqliteLog(str(home / "log.db"))) as log:
        log.create_topics([TOPIC], 2)
        put(log, b"x")
        assert [r.value for r in log.read("t.a", 0, 0, 10)] == [b"x"]


# -- a disk that is full, a lock that is held


def test_a_full_disk_leaves_nothing_half_done_and_work_goes_on_when_there_is_room(log: SqliteLog) -> None:
    put(log, b"before")
    consumer = log.consumer("t.a", "g")
    while len(consumer.assignment()) < 2:
        consumer.poll(10, 0.1)
    large = [Record("t.a", n % 2, n, datetime.now(UTC), "k", bytes(10_000)) for n in range(20)]
    with log.reading() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 3}")
    for _ in range(2):
        with pytest.raises(LogError) as caught:
            publish_and_commit(Desk(log, consumer), "t.a", large, {0: Offset(1)})
        is_clear(caught.value, log.path)
        assert "full" in str(caught.value)
        assert [len(log.read("t.a", p, 0, 100)) for p in (0, 1)] == [1, 0]
        assert log.committed("t.a", "g") == {}
    with log.reading() as db:
        db.execute("PRAGMA max_page_count = 100000")
    with log.transaction(consumer) as tx:
        tx.publish("t.a", 0, "k", bytes(100_000))
        tx.commit({0: Offset(1)})
    assert [r.offset for r in log.read("t.a", 0, 0, 100)] == [0, 1]
    assert log.committed("t.a", "g") == {0: Offset(1)}


def test_a_lock_that_is_held_too_long_is_told(log: SqliteLog) -> None:
    with log.reading() as db:
        db.execute("PRAGMA busy_timeout = 50")
    release = lock(log)
    try:
        with pytest.raises(LogError) as caught:
            put(log, b"x")
        is_clear(caught.value, log.path)
        assert log.read("t.a", 0, 0, 10) == []  # readers are not kept out
    finally:
        release()
    put(log, b"y")
    assert [r.value for r in log.read("t.a", 0, 0, 10)] == [b"y"]


def test_a_short_lock_is_waited_for(log: SqliteLog) -> None:
    release = lock(log)
    timer = threading.Timer(0.3, release)
    timer.start()
    put(log, b"x")
    timer.join()
    assert [r.value for r in log.read("t.a", 0, 0, 10)] == [b"x"]


@pytest.mark.parametrize("nth", range(1, 16))
def test_a_poll_that_fails_moves_no_position(log: SqliteLog, nth: int) -> None:
    for partition in (0, 1):
        for n in range(3):
            put(log, str(n).encode(), partition)
    consumer = log.consumer("t.a", "g")
    fault = Fault(log, nth)
    records, errors = [], 0
    for _ in range(5):
        try:
            records += consumer.poll(4, 0.0)
        except LogError:
            errors += 1
    assert errors == fault.happened
    assert sorted((r.partition, r.offset) for r in records) == [(p, n) for p in (0, 1) for n in range(3)]


def test_a_closed_log_says_so(log: SqliteLog) -> None:
    log.close()
    log.close()
    with pytest.raises(LogError) as caught:
        log.bounds("t.a")
    assert "\n" not in str(caught.value)


# -- the write-ahead log


def test_the_write_ahead_log_does_not_grow_while_readers_poll(log: SqliteLog, tmp_path: Path) -> None:
    store = SqliteStore(log.path)
    child = Child(store)
    try:
        child.call(join, "t.a", "g")
        child.begin(_poll_for, 60.0)
        largest = written = 0
        while written < 60_000_000:
            with log.transaction() as tx:
                for _ in range(10):
                    tx.publish("t.a", 0, "k", bytes(50_000))
            written += 500_000
            largest = max(largest, (tmp_path / "log.db-wal").stat().st_size)
    finally:
        child.kill()
    # It is folded back every 1,000 pages of 8 KiB (8 MB), later where the reader was put to sleep inside a poll; a
    # reader that kept its read transaction open would let it hold all that was written.
    assert largest < written / 2


def _poll_for(desk: Desk, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        poll(desk, 20, 0.01)


def test_a_closed_log_is_one_file_with_large_pages(log: SqliteLog, tmp_path: Path) -> None:
    put(log, b"x")
    log.close()
    assert [p.name for p in tmp_path.iterdir()] == ["log.db"]
    with closing(sqlite3.connect(tmp_path / "log.db")) as db:
        assert db.execute("PRAGMA page_size").fetchone() == (8_192,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# -- processes


def _open_at(path: str, moment: float, results: multiprocessing.Queue[str]) -> None:
    time.sleep(max(0.0, moment - time.time()))
    try:
        log = SqliteLog(path)
        log.create_topics([TOPIC], 2)
        put(log, str(os.getpid()).encode())
        log.close()
        results.put("done")
    except NewswatchError as error:
        results.put(str(error))


def test_several_processes_open_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    results = FORKS.Queue()
    for turn in range(2):
        path = str(tmp_path / f"{turn}.db")
        moment = time.time() + (2.0, 0.3)[turn]  # the first has to wait for the server of forks
        children = [FORKS.Process(target=_open_at, args=(path, moment, results)) for _ in range(4)]
        for child in children:
            child.start()
        assert [results.get(timeout=60) for _ in children] == ["done"] * 4
        for child in children:
            child.join()
        with closing(SqliteLog(path)) as log:
            assert len(log.read("t.a", 0, 0, 10)) == 4


def test_many_logs_open_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    for turn in range(10):
        errors: list[BaseException] = []
        barrier = threading.Barrier(8)
        path = str(tmp_path / f"{turn}.db")

        def open_it(
            path: str = path, barrier: threading.Barrier = barrier, errors: list[BaseException] = errors
        ) -> None:
            barrier.wait()
            try:
                SqliteLog(path).close()
            except NewswatchError as error:
                errors.append(error)

        threads = [threading.Thread(target=open_it) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []


# -- members and time


def test_users_wait_less_than_promised_for_a_takeover() -> None:
    looks_again = SESSION_SECONDS * 0.3
    assert SESSION_SECONDS + looks_again < 10
    assert BUSY_SECONDS > SESSION_SECONDS


def test_a_member_that_lives_but_does_not_poll_counts_as_dead(
    open_log: Callable[..., SqliteLog], log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.sqlite_groups.POLL_SECONDS", 0.2)
    hanging, other = open_log(session=0.5).consumer("t.a", "g"), open_log(session=0.5).consumer("t.a", "g")
    while len(hanging.assignment()) < 2:
        hanging.poll(1, 0.0)
    deadline = time.monotonic() + 60
    while len(other.assignment()) < 2:
        assert time.monotonic() < deadline
        other.poll(1, 0.1)


def test_time_is_found_across_the_gaps_that_compaction_leaves(log: SqliteLog) -> None:
    for n in range(8):
        put(log, str(n).encode())
        time.sleep(0.002)
    records = log.read("t.a", 0, 0, 100)
    with log.writing() as db:
        db.execute("DELETE FROM records WHERE value IN ('1', '2', '5', '7') OR value IN (x'31', x'32', x'35', x'37')")
    kept = [r for r in records if r.value in (b"0", b"3", b"4", b"6")]
    assert log.read("t.a", 0, 0, 100) == kept
    for record in records:
        for moment in (
            record.timestamp - timedelta(microseconds=1),
            record.timestamp,
            record.timestamp + timedelta(microseconds=1),
        ):
            expected = next((r.offset for r in kept if r.timestamp >= moment), 8)
            assert log.offsets_for_time("t.a", moment)[0] == expected


def test_a_clock_that_is_set_back_does_not_break_the_order_of_time(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(log, b"x")
    monkeypatch.setattr("stream.sqlite.time.time_ns", lambda: 10**18)  # 2001
    put(log, b"y")
    first, second = log.read("t.a", 0, 0, 10)
    assert second.timestamp == first.timestamp > datetime(2002, 1, 1, tzinfo=UTC)
