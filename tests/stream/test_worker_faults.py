"""The worker loop when things go wrong: errors of the log at any statement, take-overs, deaths, and the drain."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from stream.errors import LogError
from stream.log import Offset
from stream.sqlite import SqliteLog
from stream.stage import Handler, Incoming, Outcome
from stream.worker import Worker, run_workers
from tests.busy import busy
from tests.contracts.processes import Child
from tests.contracts.stores import SqliteStore
from tests.stream.bench import (
    GROUP,
    INPUT,
    NAMES,
    Bench,
    Copier,
    Fault,
    lock,
    make_worker,
    name_of,
    value_of,
    work,
    work_for_ever,
)


@pytest.fixture
def bench(log: SqliteLog) -> Bench:
    """The test's log with all topics, of two partitions each."""
    return Bench(log)


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's clock runs 500 times too fast, so that its waits are short."""
    monkeypatch.setattr("stream.worker.time", SimpleNamespace(monotonic=lambda: time.monotonic() * 500))


# -- errors of the log


@pytest.mark.usefixtures("fast_clock")
def test_whichever_statement_fails_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    names = [["a", "poison", "b", "c"], ["x", "bytes", "y", "reject", "z"]]
    for nth in itertools.count(1):
        path = str(tmp_path / f"{nth}.db")
        bench = Bench(SqliteLog(path))
        for partition, of in enumerate(names):
            bench.put(partition, *of)
        log = SqliteLog(path)  # nothing is known of its topics yet
        fault = Fault(log, nth)
        _run_to_the_end(log, bench)
        log.close()
        assert bench.outputs() == [["a", "b", "c"], ["x", "y", "z"]], f"statement {nth}"
        assert bench.dead().keys() == {(0, 1), (1, 1), (1, 3)}, f"statement {nth}"
        assert bench.committed() == bench.ends()
        assert bench.notes() == []
        bench.log.close()
        if not fault.happened:
            break
    print(f"one run takes {fault.statements} statements")
    assert nth > 40  # as many statements does one run take, at the least


def _run_to_the_end(log: SqliteLog, bench: Bench) -> None:
    worker = None
    while worker is None:
        with suppress(LogError):
            worker = make_worker(log, Copier(), records=3)
    with capture_logs():
        work(worker, lambda: bench.committed() == bench.ends())
        with suppress(LogError):
            worker.step(0.0)
        worker.close()


def test_a_log_that_is_locked_at_the_commit_is_waited_for(log: SqliteLog, bench: Bench) -> None:
    bench.put(0, "a", "poison", "b")
    bench.put(1, "x")
    copier = Copier()
    release: list[Callable[[], None]] = []

    def handler(batch: Sequence[Incoming]) -> Sequence[Outcome]:
        if not release:
            with log.reading() as db:
                db.execute("PRAGMA busy_timeout = 50")
            release.append(lock(log))
        return copier(batch)

    worker = make_worker(log, handler)
    with capture_logs() as events:
        worker.step(1.0)
        assert worker.step(0.0) == 0
        release[0]()
        assert bench.outputs() == [[], []]
        assert [e["reason"] for e in events if e["event"] == "waiting"]
        work(worker, lambda: bench.committed() == bench.ends())
    assert bench.outputs() == [["a", "b"], ["x"]]
    assert bench.dead().keys() == {(0, 1)}


# -- take-overs


def test_a_batch_whose_partitions_were_taken_over_is_dropped(
    bench: Bench, open_log: Callable[..., SqliteLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one whose handler hangs for too long counts as dead; it comes back when another has done its work."""
    monkeypatch.setattr("stream.sqlite_groups.POLL_SECONDS", 0.2)
    bench.put(0, "a", "b")
    bench.put(1, "x")
    copier = Copier()
    other = make_worker(open_log(session=0.5), Copier())

    def hanging(batch: Sequence[Incoming]) -> list[Outcome]:
        if not copier.handled:
            work(other, lambda: bench.outputs() == [["a", "b"], ["x"]])
        return copier(batch)

    worker = make_worker(open_log(session=0.5), hanging)
    with capture_logs() as events:
        assert worker.step(1.0) == 3
        assert "partition was taken over, its batch is dropped" in [e["event"] for e in events]
        bench.put(0, "c")
        bench.put(1, "y")
        both = itertools.cycle([worker, other])
        while bench.committed() != bench.ends():
            next(both).step(0.02)
    assert bench.outputs() == [["a", "b", "c"], ["x", "y"]]
    assert not bench.dead()


def test_one_lost_partition_of_two_drops_the_batch_of_both_and_loses_nothing(
    log: SqliteLog, bench: Bench, open_log: Callable[..., SqliteLog]
) -> None:
    bench.put(0, "a", "b")
    bench.put(1, "x", "y")

    def robbed(batch: Sequence[Incoming]) -> list[Outcome]:
        if len(copier.sizes) == 0:
            with log.writing() as db:  # what a take-over of partition 1 leaves behind
                db.execute("UPDATE owners SET member = 'other', epoch = epoch + 1 WHERE partition = 1")
                db.execute("INSERT INTO members SELECT topic, grp, 'other', expires + 1 FROM members")
        return copier(batch)

    copier = Copier()
    worker = make_worker(open_log(), robbed)
    with capture_logs():
        worker.step(1.0)
        assert bench.outputs() == [[], []]
        work(worker, lambda: bench.committed() == bench.ends())
    assert bench.outputs() == [["a", "b"], ["x", "y"]]


# -- deaths


def test_a_record_that_kills_its_process_becomes_a_dead_letter(log: SqliteLog, bench: Bench) -> None:
    bench.put(0, "a", "b", "death", "c")
    bench.put(1, "x", "y")
    store = SqliteStore(log.path, session=0.5)
    deaths = 0
    child = Child(store)
    child.begin(work_for_ever)
    try:
        while bench.committed() != bench.ends():
            assert deaths < 12
            if not child.alive():
                deaths += 1
                child = _again(child, store)
            time.sleep(0.02)
    finally:
        child.kill()
    assert bench.outputs() == [["a", "b", "c"], ["x", "y"]]
    ((place, letter),) = bench.dead().items()
    assert (place, letter.value, letter.headers["attempts"]) == ((0, 2), value_of("death"), "3")
    assert deaths == 5  # two in a batch, then three on the record alone


def _again(child: Child, store: SqliteStore) -> Child:
    child.kill()
    child = Child(store)
    child.begin(work_for_ever)
    return child


def test_partitions_go_on_after_a_time_one_by_one(bench: Bench) -> None:
    """Every record is handled where a batch begins in the careful time and ends after it."""
    bench.put(0, *[str(n) for n in range(50)])
    consumer = bench.log.consumer(INPUT, GROUP)
    consumer.poll(1, 1.0)
    with bench.log.transaction(consumer) as tx:
        tx.commit({0: Offset(0, "batch:2")})
    consumer.close()
    copier = Copier()
    worker = make_worker(bench.log, copier, records=20)
    work(worker, lambda: bench.committed() == bench.ends())
    assert copier.names() == [str(n) for n in range(50)]
    assert set(copier.sizes[:16]) == {1}
    assert copier.sizes[-1] > 1


# -- the end


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_batch_is_not_committed_and_leaves_no_note(bench: Bench, failure: type[BaseException]) -> None:
    bench.put(0, "a", "b")

    def interrupted(batch: Sequence[Incoming]) -> list[Outcome]:
        assert batch
        raise failure

    with pytest.raises(failure):
        run_workers([make_worker(bench.log, interrupted)], threading.Event())
    assert bench.notes() == []
    worker = make_worker(bench.log, Copier())
    work(worker, lambda: bench.committed() == bench.ends())
    assert bench.outputs() == [["a", "b"], []]


class Running:
    """``run_workers`` in a thread, as a process runs it, with a log of its own for each worker."""

    def __init__(self, log: SqliteLog, *handlers: Handler) -> None:
        self.stop = threading.Event()
        self._path, self._handlers = log.path, handlers
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        log = SqliteLog(self._path)
        workers = [Worker(log, NAMES, f"stage{n}", "articles", h) for n, h in enumerate(self._handlers)]
        run_workers(workers, self.stop)
        log.close()

    def end(self) -> float:
        """Ask it to stop; how many seconds that took."""
        began = time.monotonic()
        self.stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        return time.monotonic() - began


def test_idle_workers_stop_at_once(log: SqliteLog, bench: Bench) -> None:
    assert bench.outputs() == [[], []]
    running = Running(log, Copier(), Copier(), Copier())
    time.sleep(0.3)
    assert running.end() < 1.5 * busy()


def test_a_drain_finishes_the_batch_and_leaves_the_group(
    log: SqliteLog, bench: Bench, open_log: Callable[..., SqliteLog]
) -> None:
    bench.put(0, *[str(n) for n in range(40)])
    begun = threading.Event()
    copier = Copier()

    def slow(batch: Sequence[Incoming]) -> Sequence[Outcome]:
        begun.set()
        time.sleep(0.5)
        return copier(batch)

    running = Running(log, slow)
    assert begun.wait(60)
    assert running.end() < 2.0 * busy()
    done = len(copier.handled)
    assert 0 < done < 40  # the batch under way, not the whole topic
    assert [len(of) for of in bench.outputs()] == [done, 0]
    committed = log.committed(INPUT, NAMES.group("stage0", "articles"))
    assert (committed[0].offset, committed[0].metadata) == (done, "")
    follower = open_log().consumer(INPUT, NAMES.group("stage0", "articles"))
    assert [r.offset for r in follower.poll(1, 0.0)] == [done]


def test_workers_take_turns_and_outlast_an_error(log: SqliteLog, bench: Bench) -> None:
    bench.put(0, "a", "poison", "b")
    one, other = Copier(), Copier()
    running = Running(log, one, other)
    deadline = time.monotonic() + 60
    while one.names() != ["a", "b"] or other.names() != ["a", "b"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert running.end() < 1.5 * busy()
    assert [name_of(i) for i in other.handled] == ["a", "b"]


@pytest.mark.parametrize("nth", [1, 5, 10, 15, 20, 30])
def test_a_log_that_cannot_be_read_is_waited_for(log: SqliteLog, bench: Bench, nth: int) -> None:
    bench.put(0, "a")
    copier, stop = Copier(), threading.Event()
    worker = make_worker(log, copier)
    Fault(log, nth)
    timer = threading.Timer(1.5, stop.set)
    timer.start()
    with capture_logs():
        run_workers([worker], stop)
    timer.join()
    assert bench.outputs() == [["a"], []]
