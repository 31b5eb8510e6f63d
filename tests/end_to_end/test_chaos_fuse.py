"""Each transition and each alert on one exactly once: workers of the stages fuse and alert under SIGKILL, on statements
in any order, on every log."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.relocations import told_by
from alerts.rules import Rule
from alerts.stages import RaiseAlerts, alert_ledger
from processors.fuse_stage import FuseStatements
from processors.relocations import fuse
from stream.log import Log, lag, partition_of
from stream.messages import Alert, LocationChange, Relocation, Status, Superseded, Transition, encode
from stream.takedowns import Takedowns
from stream.topics import Names
from stream.worker import Limits, Worker
from tests.alerts.examples import rule
from tests.contracts.stores import SqliteStore, Store, kafka_store
from tests.end_to_end import chaos
from tests.processors.relocations.told import told, update

NAMES = Names(prefix="fuse.")
PARTITIONS, WORKERS = 3, 2
ROOTS, EACH = 12, 40
SESSION = 0.5  # seconds that a dead worker keeps its partitions of SQLite
LONGEST = 1.0  # seconds between two deaths
PATIENCE = 240.0  # seconds
NOW = datetime(2026, 6, 1, tzinfo=UTC)
AGE = timedelta(hours=24)
STAGES = (("fuse", "location-changes"), ("alert", "transitions"))
GROUPS = [(NAMES.topic(source), NAMES.group(stage, source)) for stage, source in STAGES]
TOPIC = NAMES.topic("location-changes")

Said = LocationChange | Superseded
STORES: dict[str, tuple[Callable[[Path], Store], int]] = {
    "kafka": (kafka_store, 8),
    "sqlite": (lambda folder: SqliteStore(str(folder / "log.db"), SESSION), 12),
}
"""Each with how many die."""


@pytest.mark.parametrize("backend", STORES)
def test_each_transition_and_alert_comes_once_whoever_dies(backend: str, tmp_path: Path) -> None:
    chance = chaos.chance()
    said = _invent(chance)
    made, kills = STORES[backend]
    store = made(tmp_path)
    with closing(store.open()) as log:
        log.create_topics(NAMES.described(), PARTITIONS)
        with chaos.Crew(store, workers, WORKERS) as crew:
            for n in range(kills):
                _append(log, said[n * len(said) // kills : (n + 1) * len(said) // kills])
                time.sleep(chance.uniform(0, LONGEST))
                chaos.wait(lambda: not any(chaos.one_by_one(log, *g) for g in GROUPS), PATIENCE, "a moment to kill")
                crew.replace(n % WORKERS)
            chaos.wait(lambda: not any(lag(log, *g) for g in GROUPS), PATIENCE, "the end", look=0.2)
        relocations = chaos.messages(log, NAMES.topic("relocations"), Relocation)
        transitions = chaos.messages(log, NAMES.topic("transitions"), Transition)
        raised = Counter(a.id for a in chaos.messages(log, NAMES.topic("alerts"), Alert))
    store.discard()
    _check(said, relocations, transitions)
    assert raised == Counter({a.id for t in transitions for a in told_by(rules(), t, NOW, AGE)})


def rules() -> tuple[Rule, ...]:
    """One that hears of every transition, one of few."""
    return rule("*", "relocations", "any"), rule("destination.country:IQ", "relocations", "iraq", on=("denied",))


def workers(log: Log) -> list[Worker]:
    """Of one process."""
    alert = RaiseAlerts(rules, alert_ledger(log, NAMES.topic("alerts")), Takedowns(log, NAMES), lambda: NOW, AGE)
    handlers = (FuseStatements(log, NAMES), alert)
    return [
        Worker(log, NAMES, *stage, handler, Limits(records=20)) for stage, handler in zip(STAGES, handlers, strict=True)
    ]


def _check(said: list[Said], relocations: list[Relocation], transitions: list[Transition]) -> None:
    last = {r.id: r for r in relocations}
    assert [i for i, n in Counter(t.id for t in transitions).items() if n > 1] == []
    announced = {a.id for r in last.values() for a in r.announced}
    assert announced == {t.id for t in transitions}, "what the relocations say was announced is what was published"
    assert Counter((r.id, r.version) for r in relocations).most_common(1)[0][1] == 1
    updates = [s for s in said if isinstance(s, Superseded)]
    roots: defaultdict[str, list[LocationChange]] = defaultdict(list)
    for s in said:
        if isinstance(s, LocationChange):
            roots[s.actor.root].append(s)
    forget = {"version": 0, "announced": ()}
    living = {r.id: r.model_copy(update=forget) for r in last.values() if r.merged_into is None}
    assert living == {r.id: r for changes in roots.values() for r in fuse(changes, updates)}


def _invent(chance: random.Random) -> list[Said]:
    statuses: tuple[Status, ...] = ("rumoured", "planned", "planned", "approved", "completed", "denied")
    said: list[Said] = []
    for root in range(ROOTS):
        for n in range(EACH):
            day, article = chance.choice([0, 1, 2, 5, 9, 30]) + chance.random(), f"{root} {n}"
            said.append(told(
                f"outlet{chance.randrange(9)}", day, chance.choice(statuses), chance.choice(["Doha", "Qatar", None]),
                chance.choice(["Baghdad", "Iraq", "Ankara"]), root=f"root {root}", article=article,
            ))  # fmt: skip
            if chance.random() < 0.1:
                said.append(update(article, day, 0.5))
    chance.shuffle(said)
    return said


def _append(log: Log, said: list[Said]) -> None:
    with log.transaction() as tx:
        for s in said:
            if isinstance(s, LocationChange):
                tx.publish(TOPIC, partition_of(s.actor.root, PARTITIONS), f"{s.id}:{s.version}", encode(s))
            else:
                for partition in range(PARTITIONS):
                    tx.publish(TOPIC, partition, f"superseded:{s.article_id}:{s.version}", encode(s))
