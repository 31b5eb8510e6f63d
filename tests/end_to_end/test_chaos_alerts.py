"""Each alert on a transition exactly once: workers of the alert stage under SIGKILL, on transitions that fuse made."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerts.matching import candidates
from alerts.relocations import told_by
from alerts.rules import Rule
from alerts.stages import RaiseAlerts, alert_ledger
from processors.fuse_stage import FuseStatements
from stream.log import Log, lag, partition_of
from stream.messages import Alert, EnrichedArticle, LocationChange, Status, Transition, encode
from stream.takedowns import Takedowns
from stream.topics import Names
from stream.worker import Limits, Worker
from tests.alerts.examples import ARTICLE, enriched, rule
from tests.contracts.stores import SqliteStore
from tests.end_to_end import chaos
from tests.processors.relocations.told import told
from tests.stream.golden import CHANGE

NAMES = Names(prefix="alerting.")
PARTITIONS, WORKERS, KILLS = 3, 2, 12
ROOTS, STATEMENTS, ARTICLES = 12, 300, 200
SESSION = 0.5  # seconds that a dead worker keeps its partitions
LONGEST = 0.8  # seconds between two deaths
PATIENCE = 240.0  # seconds
NOW = datetime(2026, 6, 1, tzinfo=UTC)
AGE = timedelta(hours=24)
SOURCES = ("enriched", "transitions")
GROUPS = [(NAMES.topic(source), NAMES.group("alert", source)) for source in SOURCES]


def rules() -> tuple[Rule, ...]:
    """Two that hear of the same transitions, one that hears of few, one on statements."""
    return (
        rule("*", "relocations", "any"),
        rule("destination.country:IQ", "relocations", "iraq", on=("appeared", "denied", "withdrawn")),
        rule("*", "relocations", "sure", min_sources=3),
        rule("*", "location-changes", "statements"),
    )


def test_each_alert_is_raised_once_whoever_dies(tmp_path: Path) -> None:
    chance = chaos.chance()
    store = SqliteStore(str(tmp_path / "log.db"), SESSION)
    log = store.open()
    log.create_topics(NAMES.described(), PARTITIONS)
    transitions = _fused(_statements(chance), tmp_path)
    articles = [
        enriched(ARTICLE.model_copy(update={"id": f"a{n}"}), CHANGE.model_copy(update={"id": f"c{n}"}))
        for n in range(ARTICLES)
    ]
    causes: list[Transition | EnrichedArticle] = [*transitions, *articles]
    chance.shuffle(causes)
    with chaos.Crew(store, workers, WORKERS) as crew:
        for n in range(KILLS):
            _append(log, causes[n * len(causes) // KILLS : (n + 1) * len(causes) // KILLS])
            time.sleep(chance.uniform(0, LONGEST))
            chaos.wait(lambda: not any(chaos.one_by_one(log, *g) for g in GROUPS), PATIENCE, "a moment to kill")
            crew.replace(n % WORKERS)
        chaos.wait(lambda: not any(lag(log, *g) for g in GROUPS), PATIENCE, "the end", look=0.2)
    raised = Counter(a.id for a in chaos.messages(log, NAMES.topic("alerts"), Alert))
    log.close()
    expected = {a.id for t in transitions for a in told_by(rules(), t, NOW, AGE)}
    assert len(expected) > len(transitions)
    expected |= {a.id for e in articles for a in candidates(rules(), e, NOW, AGE)}
    assert raised == Counter(expected)


def workers(log: Log) -> list[Worker]:
    """Of one process."""
    handler = RaiseAlerts(rules, alert_ledger(log, NAMES.topic("alerts")), Takedowns(log, NAMES), lambda: NOW, AGE)
    return [Worker(log, NAMES, "alert", source, handler, Limits(records=20)) for source in SOURCES]


def _statements(chance: random.Random) -> list[LocationChange]:
    """What many outlets say of the moves of a few actors, in any order."""
    statuses: tuple[Status, ...] = ("rumoured", "planned", "planned", "approved", "completed", "denied")
    return [
        told(
            f"outlet{chance.randrange(9)}", chance.choice([0, 1, 2, 5, 9, 30]) + chance.random(),
            chance.choice(statuses), "Doha", chance.choice(["Baghdad", "Ankara"]), root=f"root {n % ROOTS}",
        )
        for n in range(STATEMENTS)
    ]  # fmt: skip


def _fused(said: list[LocationChange], folder: Path) -> list[Transition]:
    """The transitions that the fuse stage announces of these statements, told one small batch after the other."""
    log = SqliteStore(str(folder / "fused.db")).open()
    log.create_topics(NAMES.described(), PARTITIONS)
    topic = NAMES.topic("location-changes")
    with log.transaction() as tx:
        for s in said:
            tx.publish(topic, partition_of(s.actor.root, PARTITIONS), f"{s.id}:{s.version}", encode(s))
    worker = Worker(log, NAMES, "fuse", "location-changes", FuseStatements(log, NAMES), Limits(records=20))
    chaos.wait(lambda: not worker.step(0.0) and not worker.lag(), PATIENCE, "the fusion")
    worker.close()
    found = chaos.messages(log, NAMES.topic("transitions"), Transition)
    log.close()
    return found


def _append(log: Log, causes: list[Transition | EnrichedArticle]) -> None:
    with log.transaction() as tx:
        for cause in causes:
            if isinstance(cause, Transition):
                partition = partition_of(cause.relocation.actor.root, PARTITIONS)
                tx.publish(NAMES.topic("transitions"), partition, cause.id, encode(cause))
            else:
                partition = partition_of(cause.article.id, PARTITIONS)
                tx.publish(NAMES.topic("enriched"), partition, cause.article.id, encode(cause))
