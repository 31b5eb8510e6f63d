"""From settings to live stages: the one place where log, index, pipeline and rules are put together.

What only one stage needs is imported where that stage is made: spaCy alone takes seconds.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from alerts.rules import load_rules
from indexer.index import Index, open_index
from ingest.feeds import diff, load_feeds
from stream.log import Log, open_log
from stream.logs import redact
from stream.messages import Feed, FeedState, encode
from stream.metrics import Health, MetricsServer
from stream.reporting import Reporter
from stream.settings import Settings
from stream.stage import Handler
from stream.table import KeyTable, Table
from stream.topics import Names
from stream.worker import Limits, Worker, run_workers

logger = structlog.get_logger()

FIRST_GENERATION = "g1"
M = TypeVar("M", Feed, FeedState)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: the topics it consumes and what it publishes to, in words for people."""

    name: str
    sources: tuple[str, ...]
    does: str


STAGES: dict[str, Stage] = {
    s.name: s
    for s in (
        Stage("ingest", ("feeds",), "polls feeds and publishes their articles"),
        Stage("enrich", ("articles",), "finds entities, places and location changes"),
        Stage("index", ("enriched", "alerts"), "writes articles, location changes and alerts to the index"),
        Stage("alert", ("enriched",), "raises alerts where rules match"),
    )
}
"""In the order of the flow: when a stage has nothing left and those before it have not, nothing more will come."""


def names(settings: Settings) -> Names:
    """The full names of topics and groups under these settings."""
    generation = FIRST_GENERATION if settings.generation == "live" else settings.generation
    return Names(settings.topic_prefix, generation)


def connect_log(settings: Settings) -> Log:
    """The log of these settings. Raises ``ConfigError``."""
    return open_log(settings.log)


def connect_index(settings: Settings) -> Index:
    """The index of these settings. Raises ``ConfigError``."""
    return open_index(settings.index, names(settings).generation)


def set_up(settings: Settings) -> list[str]:
    """Create topics and index, make the topic ``feeds`` equal to ``feeds_file``; a line for each change or difference.

    Everything that could be refused (rules, feed list) is checked before anything is written. Safe to repeat.
    """
    load_rules(settings.rules_dir)
    wanted = load_feeds(settings.feeds_file) if settings.feeds_file else None
    log, index = connect_log(settings), connect_index(settings)
    try:
        lines = log.create_topics(names(settings).described(), settings.partitions)
        lines += index.setup()
        if wanted is not None:
            lines += sync_feeds(log, names(settings), wanted)
    finally:
        index.close()
        log.close()
    return lines


def present_feeds(log: Log, topics: Names) -> dict[str, Feed]:
    """The feed list as it is in the log, by id."""
    return _whole(Table(log, topics.topic("feeds"), Feed), log.partitions(topics.topic("feeds")))


def feed_states(log: Log, topics: Names) -> dict[str, FeedState]:
    """Where the polling of each feed stands, by feed id."""
    return _whole(Table(log, topics.topic("feed-state"), FeedState), log.partitions(topics.topic("feed-state")))


def _whole(table: Table[M], partitions: int) -> dict[str, M]:
    rows: dict[str, M] = {}
    for partition in range(partitions):
        table.refresh(partition)
        rows |= table.values(partition)
    return rows


def sync_feeds(log: Log, topics: Names, wanted: Iterable[Feed]) -> list[str]:
    """Make the topic ``feeds`` equal to ``wanted`` in one transaction; a line for each feed added, changed, removed."""
    changes = diff(wanted, present_feeds(log, topics))
    topic = topics.topic("feeds")
    count = log.partitions(topic)
    with log.transaction() as tx:
        for out in changes.outgoing():
            for partition in out.partitions(count):
                tx.publish(topic, partition, out.key, encode(out.message) if out.message else None)
    return [
        *(f"feed added: {redact(feed.url)}" for feed in changes.added),
        *(f"feed changed: {redact(feed.url)}" for _, feed in changes.changed),
        *(f"feed removed: {redact(feed.url)}" for feed in changes.removed),
    ]


def run_stage(settings: Settings, stage: str, stop: threading.Event, *, supervised: bool = False) -> None:
    """Run one worker of ``stage`` until ``stop``, reporting its heartbeat and, where asked for, its metrics."""
    health = Health()
    server = MetricsServer(_metrics_address(settings, stage, supervised), health) if settings.metrics_address else None
    log = connect_log(settings)
    try:
        if stage == "ingest":
            from ingest.stage import IngestWorker

            worker = IngestWorker(log, names(settings), settings.ingest)
            worker.run(stop, Reporter(log, names(settings), stage, [worker], health))
        else:
            workers = _workers(settings, stage, log)
            run_workers(workers, stop, Reporter(log, names(settings), stage, workers, health))
    finally:
        log.close()
        if server:
            server.close()


def poll_each_feed_once(settings: Settings, stop: threading.Event) -> None:
    """Poll every feed once, due or not, and publish what it brings."""
    from ingest.stage import IngestWorker

    log = connect_log(settings)
    try:
        IngestWorker(log, names(settings), settings.ingest).run_once(stop)
    finally:
        log.close()


def _metrics_address(settings: Settings, stage: str, supervised: bool) -> str:
    """The stages of one supervised tree share a machine: each takes the next port."""
    host, _, port = (settings.metrics_address or "").rpartition(":")
    return f"{host}:{int(port) + (list(STAGES).index(stage) if supervised else 0)}"


def _workers(settings: Settings, stage: str, log: Log) -> list[Worker]:
    topics = names(settings)
    limits = Limits(records=settings.enrich.batch_size) if stage == "enrich" else Limits()
    handlers = _HANDLERS[stage](settings, log)
    return [Worker(log, topics, stage, topic, handlers[topic], limits) for topic in STAGES[stage].sources]


def _enrich(settings: Settings, _log: Log) -> dict[str, Handler]:
    from processors.enrich import Enricher
    from processors.pipeline import load_pipeline
    from processors.stages import EnrichArticles

    return {"articles": EnrichArticles(Enricher(load_pipeline(settings.spacy_model)))}


def _index(settings: Settings, _log: Log) -> dict[str, Handler]:
    from indexer.stage import IndexAlerts, IndexEnriched

    index = connect_index(settings)
    return {"enriched": IndexEnriched(index), "alerts": IndexAlerts(index)}


def _alert(settings: Settings, log: Log) -> dict[str, Handler]:
    from alerts.stages import RaiseAlerts, RulesFolder

    ledger = KeyTable(log, names(settings).topic("alerts"))
    rules = RulesFolder(settings.rules_dir)
    return {"enriched": RaiseAlerts(rules, ledger, lambda: datetime.now(UTC), settings.alerts.max_age)}


_HANDLERS: dict[str, Callable[[Settings, Log], dict[str, Handler]]] = {
    "enrich": _enrich,
    "index": _index,
    "alert": _alert,
}


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM or Ctrl-C sets: finish the batch, commit, leave."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def stop_with_parent(stop: threading.Event) -> None:
    """Set ``stop`` when standard input ends: a supervisor that was killed leaves no stage behind."""

    def watch() -> None:
        while os.read(0, 4096):  # not sys.stdin: its lock, held here, would break the interpreter's shutdown
            pass
        stop.set()

    threading.Thread(target=watch, name="parent", daemon=True).start()
