"""Replay: the kept articles through today's extraction, into a generation beside the live one.

The generation is made by the same stages as the live one, started here as processes under the setting ``generation``:
there is no second code path. Its groups' committed offsets say how far it is, so after whatever death the same command
goes on. Then it follows live traffic until it is promoted (``newswatch/promotion.py``): so the new generation holds all
that the live one does, and goes on doing so while the running stages change over to it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event

import structlog

from newswatch.flow import Flow, left_before
from newswatch.showing import Progress, shown
from newswatch.supervisor import Supervisor
from newswatch.wiring import connect_index, connect_log, names
from stream.errors import ConfigError, LogError, NewswatchError
from stream.generations import Generations
from stream.lineage import Generation, live_of
from stream.log import Log, Offset
from stream.settings import PREFIX, Settings
from stream.topics import Names

logger = structlog.get_logger()

LOOK_SECONDS = 0.5
JOIN_SECONDS = 30.0
CAUGHT_UP_SECONDS = 10.0
"""What was in the log so long ago has gone through the whole generation: it has caught up."""


def begin(settings: Settings, name: str, since: datetime | None, until: datetime | None) -> Generation:
    """Make what the generation ``name`` needs, its topics, index set and starting offsets, or find it begun.

    One that was begun goes on as it was, also when it is live but not searched yet: until it holds all that the one
    before did, somebody must work on it. Raises ``ConfigError`` for one that is or was live otherwise, and where
    ``since`` is missing.
    """
    with closing(connect_log(settings)) as log:
        topics = replace(names(settings), generation=name)
        generations = Generations(log, topics)
        with generations.alone():
            found = _begun(settings, log, generations, topics, since, until)
            _begin_at(log, topics, found.since or since or datetime.now(UTC))
    return found


def _begun(
    settings: Settings, log: Log, generations: Generations, topics: Names, since: datetime | None,
    until: datetime | None,
) -> Generation:  # fmt: skip
    """The record of the generation, made where there is none."""
    name, known = topics.generation, generations.read()
    found = known.get(name)
    if found is not None and name == live_of(known) and found.created and found.searched_from is None:
        return found
    if name == live_of(known) or (found and found.live_from):
        raise ConfigError(f"--into: {name} is or was live; replay into a new generation, e.g. {_unused(known)}")
    if found is None:
        if since is None:
            raise ConfigError(f"--since: say from when on articles are replayed into {name}, e.g. --since 30d")
        found = Generation(id=name, created=datetime.now(UTC), since=since, until=until)
        log.create_topics(topics.described(derived_only=True), log.partitions(topics.topic("alerts")))
        with closing(connect_index(settings, name)) as index:
            index.setup()
        generations.publish(found)
    return found


def _unused(known: Mapping[str, Generation]) -> str:
    return f"g{max([1, *(int(name[1:]) for name in known)]) + 1}"


def _begin_at(log: Log, topics: Names, since: datetime) -> None:
    """Commit for the group that reads ``articles`` where it begins, unless it has begun. Only a member that owns all
    partitions may, so this is one for a moment."""
    topic, group = topics.topic("articles"), topics.group("enrich", "articles")
    if log.committed(topic, group):
        return
    starts = log.offsets_for_time(topic, since)
    consumer = log.consumer(topic, group)
    try:
        deadline = time.monotonic() + JOIN_SECONDS
        while consumer.assignment() != starts.keys():
            if time.monotonic() > deadline:
                raise NewswatchError(f"group {group} has other members that have not begun; stop them and try again")
            consumer.poll(1, 0.2)
        with log.transaction(consumer) as tx:
            tx.commit({partition: Offset(offset) for partition, offset in starts.items()})
    finally:
        consumer.close()


class Replay:
    """A replay at work: how far it is, whether it has ``caught_up``, and whether its generation is ``promoted``."""

    def __init__(self, log: Log, topics: Names, generation: Generation) -> None:
        self._log = log
        self._topics = topics
        self._generations = Generations(log, topics)
        self._articles = topics.topic("articles")
        self._group = topics.group("enrich", "articles")
        self._starts = log.offsets_for_time(self._articles, generation.since or datetime.now(UTC))
        until = generation.until
        self._ends = log.offsets_for_time(self._articles, until) if until else None
        self._flow, self._flow_since = self._new_flow(), time.monotonic()
        self.caught_up = False
        self.promoted = False

    def look(self) -> Progress:
        """How far it is; sets ``caught_up`` and ``promoted``. Raises ``LogError``."""
        ends = self._ends or {p: b.end for p, b in self._log.bounds(self._articles).items()}
        total = sum(max(0, end - self._starts[p]) for p, end in ends.items())
        left = left_before(self._log, self._articles, self._group, ends)
        behind = self._flow.look()
        if behind is None:
            took = time.monotonic() - self._flow_since
            self.caught_up = self.caught_up or self._ends is not None or took < CAUGHT_UP_SECONDS
            self._flow, self._flow_since = self._new_flow(), time.monotonic()
        found = self._generations.read().get(self._topics.generation)
        if found is None:
            raise NewswatchError(f"generation {self._topics.generation} was dropped meanwhile")
        self.promoted = found.searched_from is not None
        return Progress(total - left, total, behind)

    def _new_flow(self) -> Flow:
        return Flow(self._log, self._topics, ends=self._ends)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do."""
        return self.promoted or (self.caught_up and self._ends is not None)


def run_replay(
    settings: Settings, generation: Generation, workers: int, stop: Event, arguments: Sequence[str]
) -> Replay:
    """Run the stages of the generation, ``workers`` of enrich, until it is promoted, has reached its ``until``, or
    ``stop``. Raises ``NewswatchError`` when it was stopped before it had caught up."""
    environment = {**os.environ, f"{PREFIX}GENERATION": generation.id}
    supervisor = Supervisor((*["enrich"] * workers, "fuse", "alert", "index"), arguments, environment)
    with closing(connect_log(settings)) as log, shown(generation.id) as show:
        replay = Replay(log, replace(names(settings), generation=generation.id), generation)
        supervisor.start()
        try:
            while not replay.is_over and not stop.wait(LOOK_SECONDS):
                supervisor.check()
                if refused := supervisor.refused():
                    raise ConfigError(f"stage {', '.join(refused)} was refused for its configuration: see above")
                had_caught_up = replay.caught_up
                try:
                    show(replay.look())
                except LogError as error:
                    logger.warning("waiting for the log", reason=str(error))
                if replay.caught_up and not had_caught_up and not replay.is_over:
                    logger.info("caught up; it follows live articles until newswatch promote", into=generation.id)
        finally:
            supervisor.stop()
    if supervisor.killed:
        raise NewswatchError(f"stage {', '.join(supervisor.killed)} did not drain in time and was killed;"
                             " nothing is lost")  # fmt: skip
    if not replay.caught_up:
        raise NewswatchError(f"interrupted before {generation.id} had caught up; the same command goes on")
    return replay
