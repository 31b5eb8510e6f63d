"""The ingest worker: polls the feeds of its partitions when they are due and publishes what they bring.

The articles of a poll, the feed's new state and the position in ``feeds`` go into one transaction: a worker that lost
its partition is refused as a whole, and its polls come again with the new owner. All calls to the log are made by
the thread that calls ``run``; the network lives in the ``Poller``'s thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog

from ingest import schedule, urls
from ingest.owned import OwnedFeeds
from ingest.poll import Changed, Clock, Polled, Request, utc_now
from ingest.poller import Poller
from ingest.progress import Progress, progress
from ingest.records import Append, article_record, state_record
from stream.errors import ConfigError, Fenced, LogError, NewerSchema, RecordTooLarge
from stream.log import Consumer, Log, Offset, partition_of
from stream.messages import Article, Feed, FeedState
from stream.metrics import POLLS
from stream.reporting import Counts, Reporter
from stream.settings import IngestSettings
from stream.topics import Names

logger = structlog.get_logger()

MAX_POLLS = 50
"""Polls settled in one transaction."""

MAX_WAIT = 0.2
"""Seconds that a finished poll waits for others to share its transaction."""

LOOK_EVERY = 1.0
"""Seconds between two looks for feeds that were added, removed or are due."""

JOIN_SECONDS = 30.0
"""How long ``run_once`` waits to own all partitions: a member that died keeps its own for 10 s."""

_LOG_RETRIES = 5  # of run_once, before it gives up: after 6 s


@dataclass(frozen=True, slots=True)
class Summary:
    """What ``run_once`` did, in feeds; ``articles`` counts the records published."""

    polled: int = 0
    failed: int = 0
    unchanged: int = 0
    articles: int = 0


class IngestWorker:
    """One member of the group of ingest. Make, run and close it in one thread, which is the log's."""

    def __init__(self, log: Log, names: Names, settings: IngestSettings, clock: Clock = utc_now) -> None:
        self._log = log
        self._names = names
        self._settings = settings
        self._clock = clock
        self._partitions = {t: log.partitions(names.topic(t)) for t in ("feeds", "feed-state", "articles")}
        if self._partitions["feeds"] != self._partitions["feed-state"]:
            raise ConfigError("the topics feeds and feed-state must have the same number of partitions; run setup anew")
        self._owned = OwnedFeeds(log, names)
        self._notes: dict[str, tuple[str, ...]] = {}
        self._summary = Summary()
        self._assignment: frozenset[int] = frozenset()
        self.topic = "feeds"
        self.counts = Counts()
        self._begin()

    def _begin(self) -> None:
        """Forget what an earlier run left."""
        self._owned.forget()
        self._in_flight: set[str] = set()
        self._settled: set[str] = set()
        self._waiting: list[Polled] = []
        self._look_at = 0.0

    def assignment(self) -> frozenset[int]:
        """The partitions of ``feeds`` owned as of the last step."""
        return self._assignment

    def lag(self) -> int:
        """How many owned feeds are overdue by more than a minute."""
        late = self._clock() - timedelta(minutes=1)
        states = [self._owned.state(partition, feed) for partition, feed in self._owned.feeds()]
        return sum(1 for state in states if state.next_poll and state.next_poll < late)

    def run(self, stop: threading.Event, reporter: Reporter | None = None) -> None:
        """Poll until ``stop``; polls under way are dropped then (they are made again), finished ones are published."""
        self._begin()
        failures = 0
        consumer = self._log.consumer(self._names.topic("feeds"), self._names.group("ingest", "feeds"))
        try:
            with Poller(self._settings, self._clock) as poller:
                while not stop.is_set():
                    try:
                        self._step(consumer, poller, self._is_due)
                        failures = 0
                        if reporter:
                            reporter.came_round()
                    except (LogError, NewerSchema) as error:
                        failures += 1
                        if reporter:
                            reporter.came_round(error)
                        logger.warning("waiting for the log", reason=str(error))
                        stop.wait(min(60.0, 2.0 ** min(failures - 1, 10)))
        finally:
            consumer.close()
            if reporter:
                with suppress(LogError):
                    reporter.leave()

    def run_once(self, stop: threading.Event | None = None) -> Summary:
        """Poll each feed once, due or not, publish, and say what happened; ``stop`` ends it early.

        Raises ``LogError`` when the log cannot be used, ``ConfigError`` when other workers keep some of the feeds.
        """
        self._summary = Summary()
        self._begin()
        stop = stop or threading.Event()
        failures = 0
        consumer = self._log.consumer(self._names.topic("feeds"), self._names.group("ingest", "feeds"))
        try:
            with Poller(self._settings, self._clock) as poller:
                while not stop.is_set():
                    try:
                        self._own_all(consumer, stop)
                        self._step(consumer, poller, self._is_unsettled)
                    except LogError:
                        failures += 1
                        if failures > _LOG_RETRIES:
                            raise
                        stop.wait(0.1 * 2**failures)
                    if self._all_settled():
                        break
        finally:
            consumer.close()
        return self._summary

    def _own_all(self, consumer: Consumer, stop: threading.Event) -> None:
        """At first, and again after partitions were lost: a feed that nobody looks at must not count as done."""
        deadline = time.monotonic() + JOIN_SECONDS
        while len(consumer.assignment()) < self._partitions["feeds"] and not stop.is_set():
            if time.monotonic() > deadline:
                raise ConfigError("other ingest workers own some of the feeds; stop them, or let them do the polling")
            consumer.poll(1_000, 0.1)
        self._assignment = consumer.assignment()
        self._owned.assign(self._assignment)

    # -- one step

    def _step(self, consumer: Consumer, poller: Poller, wanted: Callable[[Feed, FeedState], bool]) -> None:
        """Look for feeds to poll, take finished polls, settle them."""
        news = consumer.poll(1_000, 0.0)
        self._assignment = consumer.assignment()
        self._owned.assign(self._assignment)
        if news or time.monotonic() >= self._look_at:
            self._owned.refresh_all()
            self._submit(poller, wanted)
            self._look_at = time.monotonic() + LOOK_EVERY
        if not self._waiting:
            self._waiting = poller.take(MAX_POLLS, MAX_WAIT)
        if self._waiting:
            self._settle(consumer, self._waiting)
        self._in_flight -= {polled.feed.id for polled in self._waiting}
        self._waiting = []

    def _is_due(self, _feed: Feed, state: FeedState) -> bool:
        return state.next_poll is None or state.next_poll <= self._clock()

    def _is_unsettled(self, feed: Feed, _state: FeedState) -> bool:
        return feed.id not in self._settled

    def _all_settled(self) -> bool:
        owns_all = len(self._owned.partitions) == self._partitions["feeds"]
        return owns_all and not self._waiting and all(feed.id in self._settled for _, feed in self._owned.feeds())

    def _submit(self, poller: Poller, wanted: Callable[[Feed, FeedState], bool]) -> None:
        for partition, feed in self._owned.feeds():
            if feed.id in self._in_flight:
                continue
            state = self._owned.state(partition, feed)
            if wanted(feed, state):
                etag, last_modified = schedule.validators(state, self._clock())
                self._in_flight.add(feed.id)
                poller.submit(Request(feed, etag, last_modified, state.body_hash))

    def _settle(self, consumer: Consumer, polls: Sequence[Polled]) -> None:
        """Decide and publish. The decision is made on the newest state, whenever the poll began."""
        consumer.poll(1_000, 0.0)
        self._assignment = consumer.assignment()
        self._owned.assign(self._assignment)
        self._owned.refresh_for(polled.feed for polled in polls)
        steps: list[tuple[int, Polled, Progress]] = []
        for polled in polls:
            partition = self._owned.partition(polled.feed)
            if partition is not None:  # else the feed was removed, changed or went to another worker meanwhile
                state = self._owned.state(partition, polled.feed)
                published_at = self._owned.published_at(partition, polled.feed)
                steps.append((partition, polled, progress(polled, state, published_at, self._settings)))
        try:
            articles = self._publish(consumer, [(p, step) for p, _, step in steps if step.notable])
        except Fenced as error:
            self._owned.forget()
            logger.info("partitions were taken over, their polls are dropped", reason=str(error))
            return
        for partition, _, step in steps:
            if step.notable:
                self._owned.published(step.state)
                self._owned.refresh(partition)
            else:
                self._owned.remember(step.state)
        self._settled |= {polled.feed.id for _, polled, _ in steps}
        self._report([(polled, step) for _, polled, step in steps], articles)

    # -- publishing

    def _publish(self, consumer: Consumer, steps: list[tuple[int, Progress]]) -> int:
        """One transaction for all; returns the number of articles. Raises ``Fenced``, ``LogError``."""
        if not steps:
            return 0
        appends: list[Append] = []
        for _, step in steps:
            appends += [record for article in step.articles if (record := self._fitting(article, step.feed))]
        count = len(appends)
        appends += [state_record(step.state, step.feed.publisher) for _, step in steps]
        with self._log.transaction(consumer) as tx:
            for a in appends:
                partition = partition_of(a.partition_key, self._partitions[a.topic])
                tx.publish(self._names.topic(a.topic), partition, a.key, a.value)
            tx.commit({p: Offset(consumer.position(p)) for p in {p for p, _ in steps}})
        return count

    def _fitting(self, article: Article, feed: Feed) -> Append | None:
        try:
            return article_record(article)
        except RecordTooLarge as error:
            logger.warning("article is too large and was left out", feed=urls.safe(feed.url), reason=str(error))
            return None

    # -- reporting

    def _report(self, steps: list[tuple[Polled, Progress]], articles: int) -> None:
        failed = [step for _, step in steps if step.state.error]
        unchanged = sum(1 for p, s in steps if not s.state.error and not isinstance(p.outcome, Changed))
        self.counts.done += len(steps) - len(failed)
        self.counts.retried += len(failed)
        POLLS.labels("failed").inc(len(failed))
        POLLS.labels("unchanged").inc(unchanged)
        POLLS.labels("changed").inc(len(steps) - len(failed) - unchanged)
        total = self._summary
        self._summary = Summary(
            total.polled + len(steps),
            total.failed + len(failed),
            total.unchanged + unchanged,
            total.articles + articles,
        )
        for step in failed:
            logger.warning(
                "feed failed", feed=urls.safe(step.feed.url), reason=step.state.error, failures=step.state.failures,
                next_poll=step.state.next_poll.isoformat() if step.state.next_poll else None,
            )  # fmt: skip
        for polled, _ in steps:
            self._report_notes(polled)
        if articles:
            logger.info("articles published", articles=articles, feeds=len(steps))

    def _report_notes(self, polled: Polled) -> None:
        """What was wrong with a feed although it could be read: said when it changes, not at each poll."""
        if not isinstance(polled.outcome, Changed):
            return
        parsed = polled.outcome.parsed
        notes = parsed.notes + ((f"{parsed.skipped} entries without title and text",) if parsed.skipped else ())
        if notes != self._notes.get(polled.feed.id, ()):
            self._notes[polled.feed.id] = notes
            if notes:
                logger.warning("feed is damaged", feed=urls.safe(polled.feed.url), reason="; ".join(notes))
