"""From settings to live stages: the one place where log, index, pipeline and rules are put together.

What only one stage needs is imported where that stage is made: spaCy alone takes seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import structlog

from alerts.rules import Rule, load_rules
from indexer.index import Index, open_index
from ingest.feeds import Diff, diff, load_feeds
from newswatch.draining import Drain
from newswatch.flow import derives_from
from newswatch.following import Before, Following, Plan
from newswatch.stages import STAGES as STAGES
from stream.errors import ConfigError
from stream.generations import Generations
from stream.lineage import LIVE, Turn, live_of, turn_of
from stream.log import Log, lag, open_log
from stream.logs import redact
from stream.messages import Feed, FeedState, encode
from stream.metrics import Health, MetricsServer
from stream.reporting import Reporter
from stream.settings import Settings
from stream.stage import Handler
from stream.table import Table
from stream.takedowns import Takedowns
from stream.topics import Names
from stream.worker import Limits, Worker, run_workers

if TYPE_CHECKING:
    from alerts.sender import Sender
    from ingest.archives import Archive
    from ingest.backfill import Standing as Progress
    from stream.messages import Backfill

logger = structlog.get_logger()

M = TypeVar("M", Feed, FeedState)


def names(settings: Settings, log: Log | None = None) -> Names:
    """The full names of topics and groups under these settings: of the generation that they name, else of the one that
    is live by ``log``. Without ``log`` for what all generations share."""
    if settings.generation != LIVE:
        return Names(settings.topic_prefix, settings.generation)
    shared = Names(settings.topic_prefix)
    return replace(shared, generation=live_of(Generations(log, shared).read())) if log else shared


def connect_log(settings: Settings, *, create: bool = False) -> Log:
    """The log of these settings. Raises ``ConfigError``, also when it is not there and not to be made."""
    return open_log(settings.log, create=create, kafka=settings.kafka)


def connect_index(settings: Settings, generation: str | None = None, *, create: bool = False) -> Index:
    """The index of these settings, to be searched (of the generation that is live in it at each search, where they name
    none), or that of ``generation``. Raises ``ConfigError``, also when it is not there and not to be made."""
    which = generation or settings.generation
    return open_index(settings.index, which, create=create, elasticsearch=settings.elasticsearch)


def set_up(settings: Settings) -> list[str]:
    """Create topics and index, make the topic ``feeds`` equal to ``feeds_file``; a line for each change or difference.

    Everything that could be refused (rules, targets, feed list) is checked before anything is written. Safe to repeat.
    """
    from alerts.channels import open_channels, refuse_unknown_rules

    refuse_unknown_rules(settings.notify, [rule.id for rule in rules_of(settings)])
    open_channels(settings.notify)
    wanted = load_feeds(settings.feeds_file) if settings.feeds_file else None
    with closing(connect_log(settings, create=True)) as log:
        topics = names(settings, log)
        lines = log.create_topics(topics.described(), settings.partitions)
        with closing(connect_index(settings, topics.generation, create=True)) as index:
            lines += index.setup()
        if wanted is not None:
            lines += change_feeds(log, names(settings), diff(wanted, present_feeds(log, names(settings))))
    return lines


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """The rules in ``rules_dir``; none where the default folder is absent. Raises ``ConfigError`` for a folder that was
    set and is not there, and ``RuleErrors``."""
    if "rules_dir" in settings.model_fields_set and not settings.rules_dir.exists():
        raise ConfigError(f"rules_dir: no folder {settings.rules_dir}; make it, or set rules_dir to the one with *.yml")
    return load_rules(settings.rules_dir)


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


def change_feeds(log: Log, topics: Names, changes: Diff) -> list[str]:
    """Publish the changes of the feed list in one transaction; a line for each feed added, changed, removed."""
    with log.transaction() as tx:
        for out in changes.outgoing(feed_states(log, topics)):
            topic = topics.topic(out.topic)
            for partition in out.partitions(log.partitions(topic)):
                tx.publish(topic, partition, out.key, encode(out.message) if out.message else None)
    return [
        *(f"feed added: {redact(feed.url)}" for feed in changes.added),
        *(f"feed changed: {redact(feed.url)}" for _, feed in changes.changed),
        *(f"feed removed: {redact(feed.url)}" for feed in changes.removed),
    ]


def run_stage(settings: Settings, stage: str, stop: threading.Event, *, supervised: bool = False) -> bool:
    """Run one worker of ``stage`` until ``stop``, reporting its heartbeat and, where asked for, its metrics.

    True when it ended before because another generation is live (or one has drained): it is to be run anew.
    """
    health = Health()
    served = settings.metrics_address and not (supervised and settings.generation != LIVE)  # a replay's: not twice
    server = MetricsServer(_metrics_address(settings, stage, supervised), health) if served else None
    log = connect_log(settings)
    if stage == "notify" and not supervised and not (settings.notify.webhook or settings.notify.mail):
        logger.warning("no targets: alerts read now are never sent; set [[notify.webhook]] or [[notify.mail]]")
    stack = ExitStack()
    try:
        if stage == "ingest":
            from ingest.stage import IngestWorker

            worker = IngestWorker(log, names(settings), settings.ingest)
            worker.run(stop, Reporter(log, names(settings), stage, [worker], health))
        elif stage == "notify":
            senders = _notifying(settings, log)
            run_workers(senders, stop, Reporter(log, names(settings), stage, senders, health))
        else:
            following = Following(Generations(log, names(settings)), settings.generation, stop)
            workers, behind = _workers(settings, stage, log, stack, following.plan)
            told = stage if following.plan.live else f"{following.plan.generation}.{stage}"
            reporter = Reporter(log, names(settings), told, workers, health)
            run_workers([*workers, *behind], following, reporter)
            return following.changed
    finally:
        stack.close()
        log.close()
        if server:
            server.close()
    return False


def backfill(
    settings: Settings, archives: Sequence[Archive], stop: threading.Event, tell: Callable[[Progress], None],
    *, full_text: bool,
) -> Iterator[tuple[Archive, Backfill | None]]:  # fmt: skip
    """Publish what the archives hold, one after the other; where each stands at its end, or at ``stop`` (None: it was
    not begun)."""
    from ingest.backfill import Backfiller
    from ingest.fulltext import PageReaders

    with closing(connect_log(settings)) as log, PageReaders(full_text=full_text) as readers:
        topics = names(settings, log)
        read = topics.topic("articles")
        feeds = {feed.publisher: feed for feed in present_feeds(log, topics).values()}

        def behind() -> int:
            """Of the generation that is live by now: a promotion may come in between."""
            return lag(log, read, names(settings, log).group("enrich", "articles"))

        parts = (log, topics, settings.ingest, readers, feeds, behind, tell)
        with closing(Backfiller(*parts)) as backfiller:
            for archive in archives:
                yield archive, backfiller.run(archive, stop)


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


def _workers(
    settings: Settings, stage: str, log: Log, stack: ExitStack, plan: Plan
) -> tuple[Sequence[Worker], Sequence[Worker | Drain]]:
    """The workers of the planned generation, and those that end what the ones before have yet to do."""
    topics = Names(settings.topic_prefix, plan.generation)
    limits = Limits(records=settings.enrich.batch_size) if stage == "enrich" else Limits()
    handlers = _HANDLERS[stage](settings, log, stack, topics)
    if plan.until is not None and stage == "enrich":
        handlers = {topic: Before(handler, plan.until) for topic, handler in handlers.items()}
    sources = STAGES[stage].sources if plan.live else derives_from(stage)
    workers = [Worker(log, topics, stage, topic, handlers[topic], limits) for topic in sources]
    if plan.live:
        workers += [Worker(log, topics, stage, topic, handlers[topic], raw=True) for topic in STAGES[stage].beside]
    behind: list[Worker | Drain] = []
    for generation in plan.draining if stage != "index" else ():
        old = Names(settings.topic_prefix, generation)
        again = _enrich_too(handlers, log, old) if stage == "enrich" else _HANDLERS[stage](settings, log, stack, old)
        behind += [Worker(log, old, stage, topic, again[topic], limits) for topic in derives_from(stage)]
        behind += [Drain(log, old)] if stage == "alert" else []
    return workers, behind


def _notifying(settings: Settings, log: Log) -> Sequence[Worker | Sender]:
    from alerts.channels import open_channels
    from alerts.notify import PlanDeliveries
    from alerts.sender import Sender

    topics = names(settings)
    channels = open_channels(settings.notify)

    def clock() -> datetime:
        return datetime.now(UTC)

    plan = PlanDeliveries(log, topics.topic("deliveries"), channels, clock, Takedowns(log, topics))
    return [Worker(log, topics, "notify", "alerts", plan), Sender(log, topics, channels, settings.notify, clock)]


def know_actors(settings: Settings) -> None:
    """Let this process know the actors of ``enrich.actors_file``; before any pipeline. Raises ``ConfigError``."""
    from processors.components.actors import organisations
    from processors.lexicons import add_actors

    if settings.enrich.actors_file:
        add_actors(settings.enrich.actors_file)
        organisations()  # a file that cannot be read is refused at the start, not by the first article


def _enrich(settings: Settings, log: Log, _stack: ExitStack, topics: Names) -> dict[str, Handler]:
    from processors.enrich import Enricher
    from processors.pipeline import load_pipeline
    from processors.readers import load_others
    from processors.stages import EnrichArticles

    know_actors(settings)
    enricher = Enricher(load_pipeline(settings.spacy_model), load_others(settings.enrich.pipelines))
    return {"articles": EnrichArticles(enricher, Takedowns(log, topics), _turn(log, topics))}


def _enrich_too(handlers: Mapping[str, Handler], log: Log, topics: Names) -> dict[str, Handler]:
    """The handlers of ``_enrich`` for another generation, with the pipeline that they have."""
    from processors.stages import EnrichArticles

    return {t: h.of_turn(_turn(log, topics)) for t, h in handlers.items() if isinstance(h, EnrichArticles)}


def _turn(log: Log, topics: Names) -> Callable[[], Turn]:
    """What gives the generation's turn as of the call: see ``newswatch/promotion.py``."""
    generations = Generations(log, topics)
    return lambda: turn_of(generations.read(), topics.generation)


def _fuse(_settings: Settings, log: Log, _stack: ExitStack, topics: Names) -> dict[str, Handler]:
    from processors.fuse_stage import FuseStatements, collect_garbage_rarely

    collect_garbage_rarely()
    _same_partitions(log, topics, "location-changes", "relocations")
    return {"location-changes": FuseStatements(log, topics, _turn(log, topics))}


def _index(settings: Settings, log: Log, stack: ExitStack, topics: Names) -> dict[str, Handler]:
    from indexer.operations import IndexDeadLetters, IndexFeeds, IndexWorkers
    from indexer.stage import IndexAlerts, IndexEnriched, IndexRelocations

    _same_partitions(log, topics, "feed-state", "feeds")

    index = stack.enter_context(closing(connect_index(settings, topics.generation)))
    return {
        "enriched": IndexEnriched(index),
        "relocations": IndexRelocations(index),
        "alerts": IndexAlerts(index),
        "workers": IndexWorkers(index),
        "feed-state": IndexFeeds(index, log, topics),
        "dead-letters": IndexDeadLetters(index),
    }


def _alert(settings: Settings, log: Log, _stack: ExitStack, topics: Names) -> dict[str, Handler]:
    from alerts.stages import RaiseAlerts, RulesFolder, alert_ledger

    causes = STAGES["alert"].sources
    for cause in causes:
        _same_partitions(log, topics, cause, "alerts")
    if not rules_of(settings):
        logger.warning("no rules, so no alerts until there are some", folder=str(settings.rules_dir))
    ledger = alert_ledger(log, topics.topic("alerts"))
    rules = RulesFolder(settings.rules_dir)
    takedowns, turn = Takedowns(log, topics), _turn(log, topics)
    raising = RaiseAlerts(rules, ledger, takedowns, lambda: datetime.now(UTC), settings.alerts.max_age, turn)
    return dict.fromkeys(causes, raising)


def _same_partitions(log: Log, topics: Names, one: str, other: str) -> None:
    """Whoever owns a partition of ``one`` must be the only one to write that of ``other``."""
    first, second = (log.partitions(topics.topic(name)) for name in (one, other))
    if first != second:
        raise ConfigError(
            f"topics {one} and {other} must have the same number of partitions, they have {first} and {second}:"
            " set topic_prefix to a new one and run setup"
        )


_HANDLERS: dict[str, Callable[[Settings, Log, ExitStack, Names], dict[str, Handler]]] = {
    "enrich": _enrich,
    "fuse": _fuse,
    "index": _index,
    "alert": _alert,
}
