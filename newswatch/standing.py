"""Where the whole stands: stages with lag and workers, the oldest record that waits, feeds that fail or fell silent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from newswatch.wiring import STAGES, feed_states, names, present_feeds
from stream.dead_letters import list_dead_letters
from stream.log import Log, Offset, lag
from stream.messages import Backfill, Feed, FeedState, Heartbeat
from stream.reporting import SILENT_SECONDS
from stream.settings import Settings
from stream.silence import newest, silent_after
from stream.table import Table

FORGET_WORKERS = timedelta(hours=1)
"""A worker that was killed leaves its last heartbeat behind; shown as silent for so long."""


@dataclass(frozen=True, slots=True)
class StageStanding:
    """A stage on one of its topics. ``oldest`` is when the first record that it has yet to commit was appended."""

    stage: str
    topic: str
    lag: int
    oldest: datetime | None
    workers: tuple[Heartbeat, ...]
    silent: tuple[Heartbeat, ...]


@dataclass(frozen=True, slots=True)
class Feeds:
    """Feeds by what is wrong with them; ``silent`` ones answer but brought nothing for unusually long."""

    total: int
    never_polled: int
    failing: tuple[tuple[Feed, str], ...]
    silent: tuple[tuple[Feed, datetime], ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that ``newswatch status`` shows."""

    stages: tuple[StageStanding, ...]
    feeds: Feeds
    dead_letters: int
    """Those that were not given back."""
    backfills: tuple[Backfill, ...]
    """Archives that were not read to their ends."""


def look(log: Log, settings: Settings, now: datetime) -> Whole:
    """The state of the whole at ``now``. Raises ``UnknownTopic`` before ``newswatch setup``."""
    topics = names(settings, log)
    beats = [b for b in _heartbeats(log, settings) if now - b.at < FORGET_WORKERS]
    stages = tuple(
        _stage(log, topics.topic(source), topics.group(stage.name, source), stage.name, source, beats, now)
        for stage in STAGES.values()
        for source in stage.sources
    )
    letters = sum(1 for letter in list_dead_letters(log, topics) if not letter.retried)
    feeds = judge_feeds(present_feeds(log, topics).values(), feed_states(log, topics), now)
    return Whole(stages, feeds, letters, _unfinished(log, topics.topic("backfills")))


def _unfinished(log: Log, topic: str) -> tuple[Backfill, ...]:
    table = Table(log, topic, Backfill)
    table.refresh(0)  # all are there
    return tuple(sorted((b for b in table.values(0).values() if not b.finished), key=lambda b: (b.began, b.id)))


def _heartbeats(log: Log, settings: Settings) -> list[Heartbeat]:
    topic = names(settings).topic("workers")
    table = Table(log, topic, Heartbeat)
    beats: list[Heartbeat] = []
    for partition in range(log.partitions(topic)):
        table.refresh(partition)
        beats += table.values(partition).values()
    return sorted(beats, key=lambda b: b.id)


def _stage(
    log: Log, topic: str, group: str, stage: str, source: str, beats: Iterable[Heartbeat], now: datetime
) -> StageStanding:
    mine = [b for b in beats if b.stage == stage]
    alive = tuple(b for b in mine if now - b.at <= timedelta(seconds=SILENT_SECONDS))
    silent = tuple(b for b in mine if b not in alive)
    if stage == "ingest":  # its lag is of feeds, not of records, and only its workers know it
        overdue = sum(s.lag for b in alive for s in b.standings)
        return StageStanding(stage, source, overdue, None, alive, silent)
    return StageStanding(stage, source, lag(log, topic, group), _oldest(log, topic, group), alive, silent)


def _oldest(log: Log, topic: str, group: str) -> datetime | None:
    committed = log.committed(topic, group)
    waiting = [
        records[0].timestamp
        for partition, bounds in log.bounds(topic).items()
        if (records := log.read(topic, partition, max(bounds.start, committed.get(partition, Offset(0)).offset), 1))
    ]
    return min(waiting, default=None)


def judge_feeds(feeds: Iterable[Feed], states: dict[str, FeedState], now: datetime) -> Feeds:
    """Which feeds fail, and which fell silent (``stream/silence.py``)."""
    known = [(feed, states.get(feed.id)) for feed in sorted(feeds, key=lambda f: f.url)]
    return Feeds(
        total=len(known),
        never_polled=sum(1 for _, state in known if state is None or state.last_polled is None),
        failing=tuple((feed, state.error) for feed, state in known if state and state.error),
        silent=tuple(
            (feed, last)
            for feed, state in known
            if state and not state.error and (last := newest(state)) and (quiet := silent_after(state)) and now > quiet
        ),
    )
