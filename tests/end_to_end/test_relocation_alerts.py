"""Statements in, alerts on relocations out: fuse and alert workers on a real log, one alert a transition and rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.rules import Rule
from alerts.stages import RaiseAlerts, alert_ledger
from indexer.documents import alert_document
from indexer.query import Matchable, matches, parse
from processors.fuse_stage import FuseStatements
from stream.log import Log, Offset, open_log, partition_of
from stream.messages import Alert, LocationChange, Superseded, Transition, decode, encode
from stream.stage import Handler, Incoming, Outcome
from stream.takedowns import Takedowns
from stream.topics import Names
from stream.worker import Worker
from tests.alerts.examples import rule
from tests.processors.relocations.told import ROOT, told, update

NAMES = Names(prefix="told.")
PARTITIONS = 3
NOW = datetime(2026, 4, 1, tzinfo=UTC)
ANY = rule(f"actor.root:{ROOT}", "relocations", "any")
SURE = rule("*", "relocations", "sure", min_sources=2, min_confidence=0.9)
GONE = rule("destination.country:IQ", "relocations", "gone", on=("withdrawn",), min_sources=2)
STATEMENTS = rule("*", "location-changes", "statements")

Said = LocationChange | Superseded
STORY: tuple[Said, ...] = (
    told("herald", 0, "planned"),
    told("copyist", 0.1, "planned", text=int(told("herald", 0, "planned").fingerprint, 16)),
    told("gazette", 1, "planned"),
    told("ministry", 2, "denied"),
    told("gazette", 3, "completed", confidence=0.9),
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    log.create_topics(NAMES.described(), PARTITIONS)
    yield log
    log.close()


def alerting(log: Log, *rules: Rule) -> RaiseAlerts:
    """The handler as after a restart."""
    return RaiseAlerts(
        lambda: rules, alert_ledger(log, NAMES.topic("alerts")), Takedowns(log, NAMES), lambda: NOW, timedelta(hours=24)
    )


def tell(log: Log, *said: Said) -> None:
    """What comes in, fused one by one."""
    topic = NAMES.topic("location-changes")
    for one in said:
        with log.transaction() as tx:
            if isinstance(one, LocationChange):
                tx.publish(topic, partition_of(one.actor.root, PARTITIONS), f"{one.id}:{one.version}", encode(one))
            else:
                for partition in range(PARTITIONS):
                    tx.publish(topic, partition, f"superseded:{one.article_id}:{one.version}", encode(one))
        drain(log, "fuse", "location-changes", FuseStatements(log, NAMES))


def drain(log: Log, stage: str, topic: str, handler: Handler) -> None:
    worker = Worker(log, NAMES, stage, topic, handler)
    while worker.step(0.0):
        pass
    worker.close()


def read(log: Log, topic: str) -> list[object]:
    records = [r for p in range(PARTITIONS) for r in log.read(NAMES.topic(topic), p, 0, 10_000)]
    return [decode(r.value) for r in records if r.value]


def raised(log: Log, identifier: str) -> list[Alert]:
    return [a for a in read(log, "alerts") if isinstance(a, Alert) and a.rule == identifier]


def test_each_transition_raises_one_alert_that_says_what_changed(log: Log) -> None:
    tell(log, *STORY)
    drain(log, "alert", "transitions", alerting(log, ANY, STATEMENTS))
    transitions = [t for t in read(log, "transitions") if isinstance(t, Transition)]
    found = raised(log, "any")
    assert [a.transition for a in found] == [t.id for t in transitions]
    assert {(a.subject.kind, a.subject.id) for a in found} == {("relocation", transitions[0].relocation.id)}
    head = "Harbour Council leaders: Doha, QA → Baghdad, IQ"
    assert [a.title for a in found] == [
        f"{head} (new: planned relocation)",
        f"{head} (2 independent sources, 1 before)",
        f"{head} (denied, planned before)",
        f"{head} (completed, denied before)",
    ]
    assert found[1].text.splitlines() == [
        "Who: Harbour Council leaders",
        "Where: Doha, QA → Baghdad, IQ",
        "What: relocation, planned",
        "Changed: 2 independent sources, 1 before",
        "Since: 2026-03-02 00:00 UTC; the move is told since 2026-03-01 00:00 UTC",
        "Sources: 2 independent sources; 3 statements; confidence 0.96",
        "Gazette, 2026-03-02 00:00 UTC, planned: “Harbour Council leaders, planned.”",
        "Herald, 2026-03-01 00:00 UTC, planned: “Harbour Council leaders, planned.”",
    ]
    assert [e.source for e in found[2].evidence] == ["Ministry", "Herald", "Gazette"]
    assert "1 independent source against it, 2 independent sources for it" in found[2].text
    assert [e.source for e in found[3].evidence] == ["Gazette", "Herald", "Ministry"]
    assert "Gazette, 2026-03-04 00:00 UTC, completed" in found[3].text, "the sentence that says what is so now"
    assert all(a.links == tuple(e.url for e in a.evidence) for a in found)
    assert [a.held_back for a in found] == [None] * 4
    assert not raised(log, "statements")


def test_a_rule_hears_of_moves_that_are_told_well_enough_and_of_their_end(log: Log) -> None:
    tell(log, told("herald", 0, article="one"), told("gazette", 1, article="two"))
    tell(log, update("one", 0, 0.5), update("two", 1, 0.5))
    drain(log, "alert", "transitions", alerting(log, SURE, GONE))
    assert [a.title.partition("(")[2] for a in raised(log, "sure")] == [
        "2 independent sources, 1 before)", "withdrawn, nobody says it any more)"
    ]  # fmt: skip
    (gone,) = raised(log, "gone")
    assert "Sources: none any more, 2 independent sources before; 2 statements\n" in gone.text
    assert "taken back since: “Harbour Council leaders, planned.”" in gone.text


def test_an_alert_on_a_relocation_can_be_indexed_and_found(log: Log) -> None:
    tell(log, STORY[0])
    drain(log, "alert", "transitions", alerting(log, ANY))
    document = alert_document(raised(log, "any")[0])
    assert matches(parse("subject.kind:relocation AND harbour", "alerts"), Matchable("alerts", document), NOW)


class _Dies:
    """A worker that dies when its batch is handled, before it is committed."""

    def __init__(self, handler: RaiseAlerts) -> None:
        self.handler = handler

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        assert self.handler(batch)
        raise KeyboardInterrupt


def test_a_crash_and_a_repetition_raise_nothing_twice(log: Log) -> None:
    for said in STORY:
        tell(log, said)
        dying = Worker(log, NAMES, "alert", "transitions", _Dies(alerting(log, ANY)))
        try:
            dying.step(0.0)
        except KeyboardInterrupt:
            pass
        finally:
            dying.close()
        drain(log, "alert", "transitions", alerting(log, ANY))
    before = read(log, "alerts")
    rewind(log)
    drain(log, "alert", "transitions", alerting(log, ANY))
    assert read(log, "alerts") == before
    transitions = [t.id for t in read(log, "transitions") if isinstance(t, Transition)]
    assert Counter(a.transition for a in raised(log, "any")) == Counter(transitions)
    assert len(transitions) == 4


def rewind(log: Log) -> None:
    """Set the group of the alert stage back to the beginning, as a restored copy of the offsets would."""
    consumer = log.consumer(NAMES.topic("transitions"), NAMES.group("alert", "transitions"))
    consumer.poll(1, 0.0)
    with log.transaction(consumer) as tx:
        tx.commit({partition: Offset(0) for partition in consumer.assignment()})
    consumer.close()
