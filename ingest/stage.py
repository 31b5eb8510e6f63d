"""The ingest worker: polls the feeds of its partitions when they are due and publishes what they bring.

The articles of a poll, the feed's new state and the position in ``feeds`` go into one transaction: a worker that lost
its partition is refused as a whole, and its polls come again with the new owner. The state of a feed that is gone
is forgotten, so that a feed which comes back starts anew. All calls to the log are made by the thread that calls
``run``; the network lives in the ``Poller``'s thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import structlog

from ingest import schedule, urls
from ingest.owned import OwnedFeeds
from ingest.poll import Changed, Clock, Polled, Request, utc_now
from ingest.poller import Poller
from ingest.steps import Step, guarded_step
from stream.errors import ConfigError, Fenced, LogError
from stream.log import Consumer, Log, Offset, partition_of
from stream.messages import Feed, FeedState
from stream.metrics import POLLS
from stream.outage import Outage
from stream.reporting import Counts, Reporter
from stream.settings import IngestSettings
from stream.takedowns import Takedowns
from stream.topics import Names

logger = structlog.get_logger()

MAX_POLLS = 50
"""Polls settled in one transaction."""

MAX_BYTES = 8_000_000
"""Keys and values of one transaction; the poll that passes it is the last one (a poll is never divided)."""

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
        self._takedowns = Takedowns(log, names)
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

    def waits(self) -> dict[int, str]:
        """Why the feeds of a partition are not polled, by partition."""
        return dict(self._owned.waiting)

    def lag(self) -> int:
        """How many owned feeds are overdue by more than a minute."""
        late = self._clock() - timedelta(minutes=1)
        states = [self._owned.state(partition, feed) for partition, feed in self._owned.feeds()]
        return sum(1 for state in states if state.next_poll and state.next_poll < late)

    def run(self, stop: threading.Event, reporter: Reporter | None = None) -> None:
        """Poll until ``stop``; polls under way are dropped then (they are made again), finished ones are published."""
        self._begin()
        outage = Outage(stop)
        consumer = self._log.consumer(self._names.topic("feeds"), self._names.group("ingest", "feeds"))
        try:
            with Poller(self._settings, self._clock) as poller:
                while not stop.is_set():
                    try:
                        self._step(consumer, poller, self._is_due)
                        outage.over()
                        if reporter:
                            reporter.came_round()
                    except LogError as error:
                        if reporter:
                            reporter.came_round(error)
                        outage.wait(error)
        finally:
            _leave(consumer)
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
            _leave(consumer)
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
            self._forget_gone(consumer)
            self._submit(poller, wanted)
            self._look_at = time.monotonic() + LOOK_EVERY
        if not self._waiting:
            self._waiting = poller.take(MAX_POLLS, MAX_WAIT)
        while self._waiting:
            settled = self._settle(consumer)
            self._in_flight -= {polled.feed.id for polled in self._waiting[:settled]}
            del self._waiting[:settled]

    def _is_due(self, _feed: Feed, state: FeedState) -> bool:
        return state.next_poll is None or state.next_poll <= self._clock()

    def _is_unsettled(self, feed: Feed, _state: FeedState) -> bool:
        return feed.id not in self._settled

    def _all_settled(self) -> bool:
        owns_all = len(self._owned.partitions | self._owned.waiting.keys()) == self._partitions["feeds"]
        return owns_all and not self._waiting and all(feed.id in self._settled for _, feed in self._owned.feeds())

    def _submit(self, poller: Poller, wanted: Callable[[Feed, FeedState], bool]) -> None:
        for partition, feed in self._owned.feeds():
            if feed.id in self._in_flight:
                continue
            state = self._owned.state(partition, feed)
            if wanted(feed, state):
                etag, last_modified = schedule.validators(state, self._clock())
                self._in_flight.add(feed.id)
                before = state if feed.fulltext else None
                poller.submit(Request(feed, etag, last_modified, state.body_hash, before))

    def _settle(self, consumer: Consumer) -> int:
        """Decide and publish the first of the waiting polls, as many as fit into a transaction; returns how many.

        The decision is made on the newest state, whenever the poll began.
        """
        consumer.poll(1_000, 0.0)
        self._assignment = consumer.assignment()
        self._owned.assign(self._assignment)
        self._owned.refresh_for(polled.feed for polled in self._waiting)
        taken, size = 0, 0
        steps: list[Step] = []
        for polled in self._waiting:
            taken += 1
            partition = self._owned.partition(polled.feed)
            if partition is not None:  # else the feed was removed, changed or went to another worker meanwhile
                steps.append(self._step_of(partition, polled))
                size += steps[-1].size
            if size >= MAX_BYTES:
                break
        steps = self._without_taken_down(steps)
        try:
            self._publish(consumer, steps)
        except Fenced as error:
            self._owned.forget()
            logger.info("partitions were taken over, their polls are dropped", reason=str(error))
            return taken
        for step in steps:
            if step.appends:
                self._owned.published(step.progress.state)
                self._owned.refresh(step.partition)
            else:
                self._owned.remember(step.progress.state)
        self._settled |= {step.polled.feed.id for step in steps}
        self._report(steps)
        return taken

    def _step_of(self, partition: int, polled: Polled) -> Step:
        state = self._owned.state(partition, polled.feed)
        published = self._owned.published_state(partition, polled.feed)
        elsewhere = partial(self._owned.lengths_elsewhere, partition, polled.feed)
        return guarded_step(partition, polled, state, published, self._settings, elsewhere)

    def _without_taken_down(self, steps: list[Step]) -> list[Step]:
        """The steps without articles that were taken down; their feeds' states remember them like all others."""
        carried = {a.partition_key for step in steps for a in step.appends if a.topic == "articles"}
        gone = self._takedowns.among(carried) if carried else frozenset()
        if not gone:
            return steps
        logger.info("articles that were taken down are not published again", articles=len(gone))
        return [
            replace(s, appends=tuple(a for a in s.appends if a.topic != "articles" or a.partition_key not in gone))
            for s in steps
        ]

    # -- publishing

    def _publish(self, consumer: Consumer, steps: list[Step]) -> None:
        """One transaction for all. Raises ``Fenced``, ``LogError``."""
        notable = [step for step in steps if step.appends]
        if not notable:
            return
        with self._log.transaction(consumer) as tx:
            for a in (a for step in notable for a in step.appends):
                partition = partition_of(a.partition_key, self._partitions[a.topic])
                tx.publish(self._names.topic(a.topic), partition, a.key, a.value)
            tx.commit({p: Offset(consumer.position(p)) for p in {step.partition for step in notable}})

    def _forget_gone(self, consumer: Consumer) -> None:
        """Publish tombstones for the states of feeds that are gone: a feed that comes back must not be taken for one
        that was polled all the time, and page for what it carried meanwhile."""
        gone = self._owned.orphans()
        if not gone:
            return
        try:
            with self._log.transaction(consumer) as tx:
                for partition, feed_id in gone:
                    tx.publish(self._names.topic("feed-state"), partition, feed_id, None)
                tx.commit({p: Offset(consumer.position(p)) for p in {p for p, _ in gone}})
        except Fenced as error:
            self._owned.forget()
            logger.info("partitions were taken over", reason=str(error))
            return
        for _, feed_id in gone:
            self._notes.pop(feed_id, None)

    # -- reporting

    def _report(self, steps: list[Step]) -> None:
        articles = sum(step.articles for step in steps)
        failed = [step.progress for step in steps if step.progress.state.error]
        unchanged = sum(
            1 for s in steps if not s.progress.state.error and not isinstance(s.polled.outcome, Changed)
        )  # fmt: skip
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
        for one in steps:
            self._report_notes(one)
        if articles:
            logger.info("articles published", articles=articles, feeds=len(steps))

    def _report_notes(self, step: Step) -> None:
        """What was wrong with a feed although it could be read: said when it changes, not at each poll."""
        outcome, feed = step.polled.outcome, step.polled.feed
        if not isinstance(outcome, Changed):
            return
        notes = outcome.parsed.notes
        if outcome.parsed.skipped:
            notes += (f"{outcome.parsed.skipped} entries without title and text",)
        if step.progress.held:
            notes += ("articles that change too often: their corrections are published once an hour",)
        if notes != self._notes.get(feed.id, ()):
            self._notes[feed.id] = notes
            if notes:
                logger.warning("feed is damaged", feed=urls.safe(feed.url), reason="; ".join(notes))


def _leave(consumer: Consumer) -> None:
    """Leave the group; where the log is away the lease runs out by itself."""
    with suppress(LogError):
        consumer.close()
