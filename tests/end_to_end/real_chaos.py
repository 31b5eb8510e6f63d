"""Chaos on real servers: a steady flow of news while workers, the broker and Elasticsearch are killed.

``python -m tests.end_to_end.real_chaos`` (``make chaos``) runs it at length; the tests a short form with a fixed seed.
It prints how long everything took to recover, and what was counted at the end.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from newswatch.wiring import STAGES, connect_log, names
from stream.dead_letters import list_dead_letters
from stream.errors import LogError
from stream.log import Log, Offset, lag
from stream.messages import Heartbeat
from tests.end_to_end import chaos
from tests.end_to_end.audit import CONSUMERS, Audit, audit
from tests.end_to_end.fleet import Fleet
from tests.end_to_end.newsflow import PER_SECOND, NewsServer, Story, invent

T = TypeVar("T")

PATIENCE = 900.0  # seconds; on a machine that is busy
POISON_EACH = 100
EARLY = -15
"""Of a worker that was told to stop before it knew how: it had nothing under way."""
DEATHS = 8
"""At most so many processes die of one record: the first may leave no note, two are of its batch, three of itself."""
PROCESSORS = tuple(stage for stage in STAGES if stage != "ingest")
"""In the order of the flow."""


@dataclass(frozen=True)
class Plan:
    """What is done when: seconds after the first news at the earliest, one after the other, each awaited."""

    seconds: float
    """For so long there is news."""
    kills: tuple[tuple[float, str], ...]
    down: float
    """For how long a server is down before it is started again."""

    def stories(self, chance: random.Random) -> list[Story]:
        """The news; the one that kills its reader comes early."""
        return invent(int(self.seconds * PER_SECOND), int(2 * PER_SECOND) + 2, chance)


SHORT = Plan(60.0, ((4, "ingest"), (10, "fuse"), (16, "alert"), (22, "index"), (26, "kafka"), (40, "elasticsearch"),
                    (45, "enrich")), 2.0)  # fmt: skip
LONG = Plan(
    600.0,  # recoveries are awaited, so that the last blow falls later than planned, and still with news coming in
    (
        *((20.0 + 12 * n, stage) for n, stage in enumerate((*STAGES, *STAGES))),
        (150.0, "kafka"),
        (260.0, "elasticsearch"),
        *((360.0 + 8 * n, stage) for n, stage in enumerate(STAGES)),
    ),
    60.0,
)


@dataclass
class Chaos:
    """One run of a plan."""

    fleet: Fleet
    news: NewsServer
    log: Log
    plan: Plan
    chance: random.Random
    bad: dict[tuple[str, str], bytes] = field(default_factory=dict)
    recovered: list[str] = field(default_factory=list)
    _read: Counter[int] = field(default_factory=Counter)
    _titles: set[bytes] = field(default_factory=set)

    def run(self) -> Audit:
        """Everything, from the first news to the last check."""
        self.news.start()
        for at, what in self.plan.kills:
            self._await(lambda: self.news.now() >= at, "the next kill")  # noqa: B023
            self._strike(what)
        self._await(lambda: self.news.now() >= self.news.over, "the last news")
        ended = time.monotonic()
        self._await(self._is_complete, "every article in the log")
        self._await(self._is_through, "the end of all stages")
        self.recovered.append(f"{'the last news':<16} searchable and alerted after {time.monotonic() - ended:5.1f} s")
        codes = self.fleet.stop()
        found = audit(self.log, self.fleet.settings, self.news.stories, self.bad)
        found.faults += [f"{s} did not drain: exit code {c}" for s, c in codes.items() if c not in (0, EARLY)]
        unasked = {s: n for s, n in self.fleet.died.items() if n > (DEATHS if s == "enrich" else 0)}
        found.faults += [f"{stage} ended {n} times by itself" for stage, n in unasked.items()]
        return found

    # -- blows

    def _strike(self, what: str) -> None:
        if what in self.fleet.servers:
            self._await(self._is_killer_found, "the record that kills to be found")  # or its time would be counted here
            self._await(self._are_at_work, "workers that are all at work")
            self.news.hold()
            self._report(what, self.fleet.break_down(what, self.plan.down))
            self.news.release()
            return
        if what != "ingest":
            self._await(lambda: not self._is_careful(what), f"a moment to kill {what}")
        time.sleep(self.chance.uniform(0.0, 1.0))
        self.fleet.kill(what)
        self._report(what, None)

    def _report(self, what: str, away: float | None) -> None:
        """Wait until those concerned have done what there was at the end of the blow."""
        began = time.monotonic()
        marks = self._patiently(lambda: self._ends(what))
        self._await(lambda: self._is_past(what, marks), f"{what} to recover")
        took = time.monotonic() - began
        absent = f"away for {away:5.1f} s, " if away is not None else ""
        self.recovered.append(f"{what:<16} {absent}recovered after {took:5.1f} s")
        print(f"{self.news.now():6.1f} s  {self.recovered[-1]}", flush=True)

    def _concerned(self, what: str) -> list[tuple[str, str]]:
        """Topics and groups of the stages that a blow to ``what`` stops."""
        stages = PROCESSORS if what == "kafka" else ("index",) if what == "elasticsearch" else (what,)
        topics = names(self.fleet.settings)
        return [(topics.topic(s), topics.group(stage, s)) for stage in stages for s in STAGES[stage].sources]

    def _ends(self, what: str) -> dict[tuple[str, str], dict[int, int]]:
        if what == "ingest":
            topic = names(self.fleet.settings).topic("articles")
            return {(topic, ""): {p: b.end for p, b in self.log.bounds(topic).items()}}
        return {(t, g): {p: b.end for p, b in self.log.bounds(t).items()} for t, g in self._concerned(what)}

    def _is_past(self, what: str, marks: dict[tuple[str, str], dict[int, int]]) -> bool:
        """Whether the groups have committed all that was there at the mark; for ingest, that more or all is there."""
        for (topic, group), ends in marks.items():
            if what == "ingest":
                if any(self.log.read(topic, p, end, 1) for p, end in ends.items()) or self._is_complete():
                    continue
                return False
            stands = self.log.committed(topic, group)
            for partition, end in ends.items():
                left = self.log.read(topic, partition, stands.get(partition, Offset(0)).offset, 1)
                if left and left[0].offset < end:
                    return False
        return True

    def _is_killer_found(self) -> bool:
        """Whether it is in dead letters, and enrich does not run one by one any more."""
        found = any(letter.attempts > 1 for letter in list_dead_letters(self.log, names(self.fleet.settings)))
        return found and not self._is_careful("enrich")

    def _are_at_work(self) -> bool:
        """Whether each worker has told of itself: one that finds no server at its start ends with one line."""
        told = chaos.messages(self.log, names(self.fleet.settings).topic("workers"), Heartbeat)
        return self.fleet.pids() <= {heartbeat.pid for heartbeat in told}

    def _is_careful(self, stage: str) -> bool:
        """A death now would be counted against a record that is suspected."""
        return any(chaos.one_by_one(self.log, *group) for group in self._concerned(stage))

    # -- what goes on meanwhile

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        """Wait, and put a poison record on a topic for each hundred articles."""
        deadline = time.monotonic() + PATIENCE + self.plan.seconds
        while not self._patiently(condition):
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            self._patiently(self._poison)
            time.sleep(0.2)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """The answer, as soon as the log gives one."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except LogError:
                assert time.monotonic() < deadline, "the log does not come back"

    def _poison(self) -> bool:
        due = int(min(self.news.now(), self.plan.seconds) * PER_SECOND / POISON_EACH)
        for n in range(len(self.bad), due):
            topic = list(CONSUMERS)[n % len(CONSUMERS)]
            key, value = f"poison-{n}", f"\u2022 no message {n}".encode("utf-16")
            full = names(self.fleet.settings).topic(topic)
            with self.log.transaction() as tx:
                tx.publish(full, self.chance.randrange(self.log.partitions(full)), key, value)
            self.bad[topic, key] = value
        return True

    def _is_complete(self) -> bool:
        """Whether ingest has published the last revision of every story."""
        topic = names(self.fleet.settings).topic("articles")
        for partition in range(self.log.partitions(topic)):
            while records := self.log.read(topic, partition, self._read[partition], 5_000):
                self._titles |= {r.value.partition(b'"title":"')[2].partition(b'"')[0] for r in records if r.value}
                self._read[partition] = records[-1].offset + 1
        return all(s.title(revised=s.revised is not None).encode() in self._titles for s in self.news.stories)

    def _is_through(self) -> bool:
        """Whether no stage has anything left; asked in the order of the flow."""
        return not any(lag(self.log, *group) for stage in PROCESSORS for group in self._concerned(stage))


def run(plan: Plan, seed: int, folder: Path) -> Audit:
    """Run the plan, print what was found."""
    began = time.monotonic()
    chance = random.Random(seed)
    stories = plan.stories(chance)
    with NewsServer(stories) as news, Fleet(folder, news) as fleet:
        print(
            f"seed {seed}: {len(stories):,} articles, {PER_SECOND:.0f}/s; ready after {time.monotonic() - began:.0f} s"
        )
        with closing(connect_log(fleet.settings)) as log:
            storm = Chaos(fleet, news, log, plan, chance)
            found = storm.run()
    print("", *found.counts, "", *storm.recovered, "", sep="\n")
    print(f"killed {dict(fleet.killed)}; ended by a record or by themselves {dict(fleet.died)}")
    print("\n".join(found.faults) if found.faults else "nothing lost, nothing twice")
    print(f"{time.monotonic() - began:.0f} s in all", flush=True)
    return found


def main(arguments: Sequence[str]) -> int:
    """``[--short] [SEED]``"""
    plan = SHORT if "--short" in arguments else LONG
    seeds = [int(a) for a in arguments if a.isdecimal()]
    with tempfile.TemporaryDirectory(prefix="newswatch-chaos-") as folder:
        found = run(plan, seeds[0] if seeds else random.SystemRandom().randrange(1_000_000), Path(folder))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
