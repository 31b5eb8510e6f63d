"""The worker loop on a real log: outcomes, poison, what waits, and that nothing is lost or done twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from stream.errors import IndexUnavailable, LogError, NewerSchema
from stream.log import MAX_RECORD_BYTES, partition_of
from stream.messages import Superseded
from stream.sqlite import SqliteLog
from stream.stage import Done, Incoming, Outcome, Raw, Reject, Retry
from stream.topics import Outgoing
from stream.worker import Limits, Worker
from tests.stream.bench import (
    GROUP,
    INPUT,
    MISFORMED,
    NAMES,
    STAGE,
    Bench,
    Copier,
    copy,
    make_worker,
    name_of,
    value_of,
    work,
)


@pytest.fixture
def bench(log: SqliteLog) -> Bench:
    """The test's log with all topics, of two partitions each."""
    return Bench(log)


def finish(worker: Worker, bench: Bench) -> None:
    """Let the worker come to the end of its topic, and look whether more than that comes."""
    work(worker, lambda: bench.committed() == bench.ends())
    worker.step(0.0)


# -- the three outcomes


def test_what_is_done_is_published_and_committed_in_order(bench: Bench) -> None:
    bench.put(0, "a", "b", "c")
    bench.put(1, "x", "y")
    copier = Copier()
    worker = make_worker(bench.log, copier)
    assert worker.step(1.0) == 5
    assert bench.outputs() == [["a", "b", "c"], ["x", "y"]]
    assert (bench.committed(), worker.counts.done + worker.counts.rejected) == ({0: 3, 1: 2}, 5)
    assert worker.step(0.0) == 0
    assert not bench.dead()


def test_an_output_goes_where_its_partition_key_says(bench: Bench) -> None:
    bench.put(0, "a")

    def handler(batch: Sequence[Incoming]) -> list[Outcome]:
        message = batch[0].message
        everywhere = Outgoing("location-changes", "k", None, message, {"as-of": "today"})
        one = Outgoing("alerts", "k", "x", message)
        gone = Outgoing("alerts", "k", "x", None)
        return [Done((everywhere, one, gone))]

    make_worker(bench.log, handler).step(1.0)
    changes, alerts = NAMES.topic("location-changes"), NAMES.topic("alerts")
    assert [[r.headers for r in bench.log.read(changes, p, 0, 10)] for p in (0, 1)] == [[{"as-of": "today"}]] * 2
    where = partition_of("x", 2)
    assert [r.value is None for r in bench.log.read(alerts, where, 0, 10)] == [False, True]
    assert not bench.log.read(alerts, 1 - where, 0, 10)


def test_a_dead_letter_says_all_and_keeps_the_bytes(bench: Bench) -> None:
    bench.put(1, "a", "reject", "b")
    finish(make_worker(bench.log, Copier()), bench)
    assert bench.outputs() == [[], ["a", "b"]]
    ((place, letter),) = bench.dead().items()
    assert (place, letter.key, letter.value) == ((1, 1), "reject", value_of("reject"))
    assert letter.headers == {
        "stage": STAGE, "group": GROUP, "topic": INPUT, "partition": "1", "offset": "1", "error": "no reject",
        "attempts": "1",
    }  # fmt: skip


def test_undecodable_bytes_become_a_dead_letter_and_never_reach_the_handler(bench: Bench) -> None:
    bench.put(0, "bytes", "a", "tombstone", "b")
    copier = Copier()
    finish(make_worker(bench.log, copier), bench)
    assert (copier.names(), bench.outputs()[0]) == (["a", "b"], ["a", "b"])
    (letter,) = bench.dead().values()
    assert letter.value == value_of("bytes")
    assert MISFORMED.encode("utf-16")[2:] in (letter.value or b"")
    assert "JSON" in letter.headers["error"]


def test_a_raw_worker_hands_on_every_record_as_it_is(bench: Bench) -> None:
    bench.put(0, "bytes", "a", "tombstone")
    seen: list[bytes | None] = []

    def handler(batch: Sequence[Incoming]) -> list[Outcome]:
        assert all(i.message == Raw() for i in batch)
        seen.extend(i.record.value for i in batch)
        return [Done()] * len(batch)

    finish(Worker(bench.log, NAMES, STAGE, "articles", handler, raw=True), bench)
    assert seen == [value_of(name) for name in ("bytes", "a", "tombstone")]
    assert not bench.dead()


def test_an_output_over_the_limit_becomes_a_dead_letter(bench: Bench) -> None:
    bench.put(0, "a", "large", "b")

    def handler(batch: Sequence[Incoming]) -> list[Outcome]:
        huge = Superseded(article_id="x" * MAX_RECORD_BYTES, version=0)
        return [Done((copy(i).outputs[0], Outgoing("enriched", "k", "k", huge))) if name_of(i) == "large" else copy(i)
                for i in batch]  # fmt: skip

    finish(make_worker(bench.log, handler), bench)
    assert bench.outputs() == [["a", "b"], []]
    (letter,) = bench.dead().values()
    assert letter.value == value_of("large")
    assert "900,000" in letter.headers["error"]


@pytest.mark.parametrize(
    "bad", [Outgoing("enriched", "\ud800", "k", None), Outgoing("enriched", "k", "\ud800", None),
            Outgoing("enriched", "k", "k", Superseded.model_construct(article_id="\ud800", version=0))],
    ids=["key", "partition key", "message"],
)  # fmt: skip
def test_an_output_that_cannot_be_encoded_becomes_a_dead_letter(bench: Bench, bad: Outgoing) -> None:
    bench.put(0, "a", "bad", "b")
    finish(
        make_worker(bench.log, lambda batch: [Done((bad,)) if name_of(i) == "bad" else copy(i) for i in batch]), bench
    )
    assert bench.outputs() == [["a", "b"], []]
    assert [letter.value for letter in bench.dead().values()] == [value_of("bad")]


@pytest.mark.parametrize("reason", ["\ud800 in the text", "x" * 5_000, "https://user:hunter2@host/", "", "é\n\0"])
def test_any_reason_can_be_told(bench: Bench, reason: str) -> None:
    bench.put(0, "a")
    finish(make_worker(bench.log, lambda batch: [Reject(reason) for _ in batch]), bench)
    (letter,) = bench.dead().values()
    assert len(letter.headers["error"]) <= 1_000
    assert "hunter2" not in letter.headers["error"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_handler_that_answers_too_few_or_too_many_loses_nothing(bench: Bench, count: int) -> None:
    bench.put(0, "a", "b")
    finish(make_worker(bench.log, lambda batch: [copy(batch[0])] * (count if len(batch) > 1 else 1)), bench)
    assert bench.outputs() == [["a", "b"], []]


def test_a_handler_that_answers_nothing_to_a_single_record_gets_no_further_try(bench: Bench) -> None:
    bench.put(0, "c")
    finish(make_worker(bench.log, lambda batch: list(map(copy, batch[1:]))), bench)
    assert [letter.key for letter in bench.dead().values()] == ["c"]


# -- poison

KINDS = st.sampled_from(["ok", "ok", "ok", "ok", "poison", "reject", "bytes", "tombstone"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(KINDS, max_size=20), min_size=1, max_size=3), st.integers(1, 20))
def test_poison_is_isolated_and_all_else_is_handled_once_in_order(kinds: list[list[str]], records: int) -> None:
    names = [[f"{kind}-{p}-{n}" for n, kind in enumerate(of)] for p, of in enumerate(kinds)]
    with TemporaryDirectory() as folder, capture_logs():
        log = SqliteLog(str(Path(folder) / "log.db"))
        bench = Bench(log, len(names))
        for partition, of in enumerate(names):
            bench.put(partition, *of)
        copier = Copier(len(names))
        finish(make_worker(log, copier, records), bench)
        assert max(copier.sizes, default=0) <= records
        for partition, of in enumerate(names):
            assert bench.outputs()[partition] == _of_kind(of, "ok")
            assert copier.names(partition) == _of_kind(of, "ok", "reject")
        letters = bench.dead()
        assert letters.keys() == {
            (p, n)
            for p, of in enumerate(names)
            for n, name in enumerate(of)
            if _of_kind([name], "poison", "reject", "bytes")
        }
        for (partition, offset), letter in letters.items():
            name = names[partition][offset]
            assert (letter.key, letter.value) == (name, value_of(name))
            if name.startswith("poison"):
                assert letter.headers["error"] == f"RuntimeError: boom {name}"
        log.close()


def _of_kind(names: Iterable[str], *kinds: str) -> list[str]:
    return [name for name in names if name.partition("-")[0] in kinds]


# -- what must wait


class Hesitant(Copier):
    """Says ``Retry`` to each record called ``retry`` as often as ``times``."""

    times = 2
    after = 0.05

    def outcome(self, incoming: Incoming) -> Outcome:
        """What becomes of one record."""
        if name_of(incoming).startswith("retry") and self.names().count(name_of(incoming)) <= self.times:
            return Retry("not now", self.after)
        return super().outcome(incoming)


def test_only_the_partition_of_a_retry_waits_and_all_comes_in_order(bench: Bench) -> None:
    bench.put(0, "a", "retry", "b")
    bench.put(1, "x")
    handler = Hesitant()
    handler.after = 0.5
    worker = make_worker(bench.log, handler)
    worker.step(1.0)
    assert (bench.outputs(), bench.committed()) == ([["a"], ["x"]], {0: 1, 1: 1})
    bench.put(0, "c")
    bench.put(1, "y", "z")
    began = time.monotonic()
    assert worker.step(0.2) == 2
    assert worker.step(0.1) == 0
    assert bench.outputs() == [["a"], ["x", "y", "z"]]
    finish(worker, bench)
    assert time.monotonic() - began > 1.3  # 0.5 s and, the second time, twice as long
    assert bench.outputs() == [["a", "retry", "b", "c"], ["x", "y", "z"]]
    assert not bench.dead()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["ok", "ok", "retry", "poison"]), max_size=8), min_size=1, max_size=2),
    st.integers(1, 8),
)
def test_retries_and_poison_together_keep_the_order(kinds: list[list[str]], records: int) -> None:
    names = [[f"{kind}-{p}-{n}" for n, kind in enumerate(of)] for p, of in enumerate(kinds)]
    with TemporaryDirectory() as folder, capture_logs():
        log = SqliteLog(str(Path(folder) / "log.db"))
        bench = Bench(log, len(names))
        for partition, of in enumerate(names):
            bench.put(partition, *of)
        handler = Hesitant(len(names))
        handler.times, handler.after = 1, 0.001
        finish(make_worker(log, handler, records), bench)
        assert bench.outputs() == [_of_kind(of, "ok", "retry") for of in names]
        assert {letter.key for letter in bench.dead().values()} == {n for of in names for n in _of_kind(of, "poison")}
        log.close()


def test_a_newer_schema_pauses_its_partition_with_a_warning(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.put(0, "a", "newer", "b")
    bench.put(1, "x")
    copier = Copier()
    with capture_logs() as events:
        worker = make_worker(bench.log, copier)
        worker.step(1.0)
        bench.put(1, "y")
        bench.put(0, "c")
        worker.step(0.2)
        assert worker.step(0.1) == 0
    assert bench.outputs() == [["a"], ["x", "y"]]
    assert (bench.committed(), bench.dead()) == ({0: 1, 1: 2}, {})
    assert copier.names(0) == ["a"]  # nor does the handler see what comes after it
    (warning,) = [e for e in events if e["log_level"] == "warning"]
    assert (warning["topic"], warning["partition"], warning["offset"]) == (INPUT, 0, 1)
    assert worker.waits() == {0: warning["reason"]}
    assert "upgrade" in warning["reason"]
    worker.close()
    monkeypatch.setattr(Superseded, "SCHEMA", 2)  # the upgrade
    finish(make_worker(bench.log, copier), bench)
    assert bench.outputs() == [["a", "newer", "b", "c"], ["x", "y"]]


def test_newer_state_that_a_handler_reads_pauses_its_partition_alone(bench: Bench) -> None:
    bench.put(0, "a", "b")
    bench.put(1, "x")

    def handler(batch: Sequence[Incoming]) -> Sequence[Outcome]:
        if any(i.record.partition == 0 for i in batch):
            raise NewerSchema("Relocation has schema_version 2, this newswatch knows 1: upgrade this worker")
        return [copy(i) for i in batch]

    worker = make_worker(bench.log, handler)
    with capture_logs() as events:
        worker.step(1.0)
        bench.put(1, "y")
        worker.step(1.0)
    assert bench.outputs() == [[], ["x", "y"]]
    assert (bench.committed(), bench.dead(), worker.waits().keys()) == ({0: 0, 1: 2}, {}, {0})
    assert [e["partition"] for e in events if e["log_level"] == "warning"] == [0]


def test_a_wait_is_told_once_and_so_is_its_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.worker.MAX_WAIT", 0.0)
    bench.put(0, "a", "b")
    away = 5

    def handler(batch: Sequence[Incoming]) -> Sequence[Outcome]:
        nonlocal away
        away -= 1
        return [Retry("the index is away", 0.0)] * len(batch) if away >= 0 else [copy(i) for i in batch]

    worker = make_worker(bench.log, handler)
    with capture_logs() as events:
        finish(worker, bench)
    told = [(e["event"], e["log_level"]) for e in events if e["log_level"] != "debug"]
    assert told == [("waiting", "warning"), ("goes on", "info")]
    assert worker.waits() == {}


@pytest.mark.parametrize("error", [IndexUnavailable, LogError])
def test_an_index_or_log_that_is_away_makes_the_batch_come_again(bench: Bench, error: type[Exception]) -> None:
    bench.put(0, "bytes", "a", "b")
    bench.put(1, "x")
    copier = Copier()
    away = True

    def handler(batch: Sequence[Incoming]) -> Sequence[Outcome]:
        if away:
            raise error("the index is away")
        return copier(batch)

    worker = make_worker(bench.log, handler)
    with capture_logs() as events:
        worker.step(1.0)
        assert worker.step(0.1) == 0
    assert {e["partition"] for e in events if e["event"] == "waiting"} == {0, 1}
    assert bench.outputs() == [[], []]
    assert bench.dead().keys() == {(0, 0)}
    away = False
    finish(worker, bench)
    assert (bench.outputs(), copier.names(0)) == ([["a", "b"], ["x"]], ["a", "b"])
    assert bench.dead().keys() == {(0, 0)}


# -- the size of a batch


def test_the_first_batch_is_small_and_a_fast_handler_gets_large_ones(bench: Bench) -> None:
    for partition in (0, 1):
        bench.put(partition, *[str(n) for n in range(300)])
    copier = Copier()
    finish(make_worker(bench.log, copier, records=200), bench)
    assert copier.sizes[0] <= 16
    assert max(copier.sizes) in range(100, 201)


def test_a_slow_handler_gets_batches_that_it_does_in_time(bench: Bench) -> None:
    bench.put(0, *[str(n) for n in range(60)])
    copier = Copier()

    def handler(batch: Sequence[Incoming]) -> Sequence[Outcome]:
        time.sleep(0.01 * len(batch))
        return copier(batch)

    worker = Worker(bench.log, NAMES, STAGE, "articles", handler, Limits(seconds=0.1))
    finish(worker, bench)
    assert all(size <= 10 for size in copier.sizes[1:])


def test_one_slower_than_the_limit_gets_one_record_at_a_time(bench: Bench) -> None:
    bench.put(0, *[str(n) for n in range(20)])
    copier = Copier()

    def handler(batch: Sequence[Incoming]) -> Sequence[Outcome]:
        time.sleep(0.005 * len(batch))
        return copier(batch)

    worker = Worker(bench.log, NAMES, STAGE, "articles", handler, Limits(seconds=0.001))
    finish(worker, bench)
    assert set(copier.sizes[1:]) == {1}


def test_a_batch_keeps_to_its_bytes(bench: Bench) -> None:
    bench.put(0, *["x" * 500 + str(n) for n in range(10)])
    copier = Copier()
    worker = Worker(bench.log, NAMES, STAGE, "articles", copier, Limits(size=5_000))
    finish(worker, bench)
    assert max(copier.sizes) <= 4  # key and value are over 1,000 bytes each
    assert len(bench.outputs()[0]) == 10


def test_stages_read_the_same_topic_independently(bench: Bench, open_log: Callable[..., SqliteLog]) -> None:
    bench.put(0, "a")
    finish(make_worker(bench.log, Copier()), bench)
    other = Worker(open_log(), NAMES, "index", "articles", Copier(), Limits())
    assert other.step(1.0) == 1
    assert bench.log.committed(INPUT, NAMES.group("index", "articles")).keys() == {0}
