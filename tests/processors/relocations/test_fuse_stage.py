"""The fuse stage on a real log: commits that fail, take-overs, lost state, and records that are not ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from processors.fuse_stage import FuseStatements
from processors.relocations import cache, fuse
from stream.lineage import NEVER, Turn, marked, moment_of
from stream.log import Log, Record, open_log
from stream.messages import LocationChange, Relocation, Status, Superseded, Takedown, Transition, decode, encode
from stream.stage import Done, Incoming, Outcome, Reject
from stream.topics import Names, Outgoing
from tests.processors.relocations.told import DAY_ONE, ROOT, takedown, told, update
from tests.stream.golden import ARTICLE

NAMES = Names()


class Bench:
    """A log with one partition, and stages that read it as a worker would."""

    def __init__(self, path: Path) -> None:
        self.log: Log = open_log(f"sqlite:///{path}/log.db")
        self.log.create_topics(NAMES.described(), 1)
        self.stage = FuseStatements(self.log, NAMES)

    def append(self, messages: Sequence[LocationChange | Superseded | Takedown]) -> None:
        with self.log.transaction() as tx:
            for message in messages:
                tx.publish(NAMES.topic("location-changes"), 0, "key", encode(message))

    def batch(self, start: int, end: int) -> list[Incoming]:
        records = self.log.read(NAMES.topic("location-changes"), 0, start, end - start)
        return [Incoming(r, decode(r.value)) for r in records if r.value]

    def commit(self, outcomes: Sequence[Outcome]) -> None:
        with self.log.transaction() as tx:
            for outcome in outcomes:
                assert isinstance(outcome, Done)
                for out in outcome.outputs:
                    tx.publish(NAMES.topic(out.topic), 0, out.key, encode(out.message) if out.message else None)

    def transitions(self) -> list[str]:
        return [t.kind for t in self._all("transitions") if isinstance(t, Transition)]

    def relocations(self) -> dict[str, Relocation]:
        newest = {r.key: r.value for r in self.log.read(NAMES.topic("relocations"), 0, 0, 1_000)}
        return {key: r for key, value in newest.items() if value and isinstance(r := decode(value), Relocation)}

    def _all(self, topic: str) -> list[object]:
        records: list[Record] = self.log.read(NAMES.topic(topic), 0, 0, 1_000)
        return [decode(r.value) for r in records if r.value]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.log.close()


STORY = [
    told("a", 1, article="one"), told("b", 2), told("c", 3, "denied"), told("d", 0.5), update("one", 1, 4),
    told("e", 5, "completed"),
]  # fmt: skip


def test_batch_by_batch(bench: Bench) -> None:
    bench.append(STORY)
    for n in range(len(STORY)):
        bench.commit(bench.stage(bench.batch(n, n + 1)))
    assert bench.transitions() == ["appeared", "corroborated", "denied", "corroborated", "completed"]
    living = [r for r in bench.relocations().values() if r.merged_into is None]
    assert [(r.status, r.independent_sources) for r in living] == [("completed", 3)]


def test_a_batch_whose_commit_failed_is_fused_again_as_if_for_the_first_time(bench: Bench) -> None:
    bench.append(STORY)
    bench.commit(bench.stage(bench.batch(0, 3)))
    lost = bench.stage(bench.batch(3, 6))  # a late opener takes the case over; nobody hears of it
    again = bench.stage(bench.batch(3, 6))
    assert again == lost
    bench.commit(again)
    assert sorted(bench.transitions()) == ["completed", "corroborated", "corroborated", "denied"]
    assert sum(r.merged_into is not None for r in bench.relocations().values()) == 1


def test_of_roots_that_sleep_none_remembers_a_batch_whose_commit_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "ROOTS_OF", 0)  # of two roots the one used before sleeps
    days: list[tuple[float, Status]] = [
        (3, "planned"),
        (5, "approved"),
        (2, "planned"),
        (6, "completed"),
        (1, "denied"),
    ]
    order = [("one", "other"), ("other", "one")] * 3  # each is now and then the one that stays awake
    said = [told(r, day, status, root=r) for (day, status), roots in zip(days, order, strict=False) for r in roots]
    bench.append(said)
    for n in range(0, len(said), 2):
        bench.stage(bench.batch(n, n + 1))
        lost = bench.stage(bench.batch(n, n + 2))
        again = bench.stage(bench.batch(n, n + 2))
        assert again == lost
        bench.commit(again)
    forget = {"version": 0, "announced": ()}
    living = [r.model_copy(update=forget) for r in bench.relocations().values() if r.merged_into is None]
    once = [r for root in ("one", "other") for r in fuse(s for s in said if s.actor.root == root)]
    assert sorted(living, key=lambda r: r.id) == sorted(once, key=lambda r: r.id)
    assert bench.transitions().count("completed") == 2


def test_another_process_goes_on_from_the_log_alone(bench: Bench) -> None:
    bench.append(STORY)
    for n in range(len(STORY)):
        bench.stage = FuseStatements(bench.log, NAMES)
        bench.commit(bench.stage(bench.batch(n, n + 1)))
    assert bench.transitions() == ["appeared", "corroborated", "denied", "corroborated", "completed"]


def test_what_another_owner_did_meanwhile_is_seen(bench: Bench) -> None:
    bench.append(STORY)
    bench.commit(bench.stage(bench.batch(0, 1)))
    other = FuseStatements(bench.log, NAMES)
    bench.commit(other(bench.batch(1, 4)))
    bench.commit(bench.stage(bench.batch(4, 6)))
    assert bench.transitions().count("appeared") == 1
    assert [r.version for r in bench.relocations().values() if r.merged_into is None] == [2]


def test_changes_of_two_turns_are_told_apart_whatever_comes_in_one_batch(bench: Bench) -> None:
    """Each transition is of one turn, and says of which; as if they had come in two batches."""
    said = [
        told("c", 3),
        told("a", 1),
        told("d", 1.5, root="other"),
        told("d", 4, "denied", root="other"),
        told("b", 2),
    ]
    boundary = said[0].fetched
    bench.append(said)
    bench.stage = FuseStatements(bench.log, NAMES, lambda: Turn(boundary, NEVER))
    batch = [
        replace(i, record=replace(i.record, headers=marked(of.fetched)))
        for i, of in zip(bench.batch(0, len(said)), said, strict=True)
    ]
    for outcomes in (bench.stage(batch), bench.stage(batch)):  # and again, when it was not committed
        assert {
            (o.message.relocation.actor.root, o.message.kind, o.message.after, _moment(o) >= boundary)
            for o in _outputs(outcomes) if isinstance(o.message, Transition)
        } == {
            (ROOT, "appeared", "planned", False), (ROOT, "corroborated", "2", False), (ROOT, "corroborated", "3", True),
            ("other", "appeared", "planned", False), ("other", "denied", "denied", True),
        }  # fmt: skip
    bench.commit(bench.stage(batch))
    assert [r.independent_sources for r in bench.relocations().values() if r.actor.root == ROOT] == [3]


def _moment(out: Outgoing) -> datetime:
    return moment_of(Record("transitions", 0, 0, DAY_ONE, "k", None, out.headers or {}))


def test_records_that_cannot_be_fused_are_refused_one_by_one(bench: Bench) -> None:
    bad = told("a", 1).model_copy(update={"fingerprint": "no hex"})
    bench.append([told("a", 0), bad, ARTICLE, told("b", 1)])  # type: ignore[list-item]
    outcomes = bench.stage(bench.batch(0, 4))
    assert [type(o) for o in outcomes] == [Done, Reject, Reject, Done]
    reasons = [o.reason for o in outcomes if isinstance(o, Reject)]
    assert "fingerprint 'no hex'" in reasons[0]
    assert "holds a Article" in reasons[1]
    later = FuseStatements(bench.log, NAMES)
    bench.append([told("c", 2)])
    (last,) = later(bench.batch(4, 5))
    assert isinstance(last, Done)
    assert [o.topic for o in last.outputs] == ["relocations", "transitions", "transitions"]


def test_a_takedown_clears_its_statements_records_away_whenever_they_come(bench: Bench) -> None:
    said = told("a", 1, article="one")
    again = told("a", 1, article="one", revision=0.5)
    bench.append([said, told("b", 2), takedown("one"), again])
    first = bench.stage(bench.batch(0, 2))
    bench.commit(first)
    (opened,) = bench.relocations()
    lost = bench.stage(bench.batch(2, 4))
    bench.stage = FuseStatements(bench.log, NAMES)
    outcomes = bench.stage(bench.batch(2, 4))
    assert outcomes == lost
    gone = [o.key for o in _outputs(outcomes) if o.topic == "location-changes" and o.message is None]
    assert gone == [f"{said.id}:{said.version}", "key"]  # the second as it was appended here
    bench.commit(outcomes)
    assert [len(r.statements) for r in bench.relocations().values()] == [0, 1]
    assert bench.relocations()[opened].merged_into is not None
    bench.append([takedown("b 2")])
    end = bench.batch(0, 100)[-1].record.offset
    bench.commit(bench.stage(bench.batch(end, end + 1)))
    assert bench.relocations() == {}  # without the case that it stands for there is no more to tell


def _outputs(outcomes: Sequence[Outcome]) -> list[Outgoing]:
    return [out for outcome in outcomes if isinstance(outcome, Done) for out in outcome.outputs]
