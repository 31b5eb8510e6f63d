"""The worker loop: batches from the log, a handler that decides, outputs and offsets settled in one transaction.

Nothing is lost and nothing stops: a record that cannot be read, that a handler rejects or that makes it raise becomes
a dead letter with its original bytes; what must wait is read again later, and only its own partition waits. A record
that kills its process is found through notes beside the committed offset (``stream/attempts.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Protocol

import structlog

from stream import attempts
from stream.appends import Append, Appender
from stream.errors import (
    ConfigError,
    Fenced,
    IndexUnavailable,
    LogError,
    NewerSchema,
)
from stream.log import Log, Offset, Record, lag
from stream.metrics import BATCH, ERRORS, HANDLER, LATENCY, RECORDS, fetched
from stream.outage import MAX_LOG_WAIT, Outage
from stream.reporting import Counts, Reporter
from stream.stage import NEWER_SCHEMA_WAIT, Done, Handler, Incoming, Outcome, Reject, Retry, read
from stream.topics import Names

logger = structlog.get_logger()

MAX_WAIT = 60.0  # seconds; back-off doubles from the outcome's ``after`` up to here


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a batch: so many records, bytes, and (as the last batches went) seconds of the handler's time."""

    records: int = 500
    size: int = 8_000_000
    seconds: float = 5.0


class Worker:
    """One member of the group of ``stage`` on ``topic`` (as named in ``TOPICS``)."""

    def __init__(
        self, log: Log, names: Names, stage: str, topic: str, handler: Handler, limits: Limits | None = None,
        *, raw: bool = False,
    ) -> None:  # fmt: skip
        """``raw``: the handler gets every record as it is, tombstones too (``stage.Raw`` for the message)."""
        self.stage = stage
        self.topic = topic
        self.counts = Counts()
        self._log = log
        self._names = names
        self._handler = handler
        self._limits = limits or Limits()
        self._raw = raw
        self._tombstones = bool(getattr(handler, "takes_tombstones", False))
        self._consumer = log.consumer(names.topic(topic), names.group(stage, topic))
        self._appender = Appender(log, names, stage, self._consumer.group)
        self._waits: dict[int, _Wait] = {}
        self._begun: set[int] = set()
        self._noted: set[int] = set()
        self._careful: dict[int, attempts.OneByOne] = {}
        self._seconds_each = 0.0
        self._fetched: dict[tuple[int, int], datetime] = {}

    def step(self, timeout: float) -> int:
        """Deal with one batch, waiting up to ``timeout`` seconds for it; returns how many records it had."""
        self._resume_due()
        records = self._consumer.poll(self._batch_size(), timeout, self._limits.size)
        if records:
            began = time.monotonic()
            if self._note_new_partitions(records):
                self._process([r for r in records if r.partition not in self._careful])
                self._process_one_by_one([r for r in records if r.partition in self._careful])
            seconds = time.monotonic() - began
            BATCH.labels(self.stage, self.topic).observe(seconds)
            self._fetched.clear()
            each = seconds / len(records)
            self._seconds_each = each if not self._seconds_each else 0.7 * self._seconds_each + 0.3 * each
        return len(records)

    def close(self) -> None:
        """Leave the group; nobody died here, so no note is left behind."""
        with suppress(LogError):
            stands = self._log.committed(self._consumer.topic, self._consumer.group)
            noted = self._noted & self._consumer.assignment() & stands.keys()
            self._commit([], {p: Offset(stands[p].offset) for p in noted})  # not the position: it may be past a batch
        with suppress(LogError):  # the lease runs out by itself
            self._consumer.close()

    def assignment(self) -> frozenset[int]:
        """The partitions owned as of the last step."""
        return self._consumer.assignment()

    def waits(self) -> dict[int, str]:
        """Why a partition stands still, by partition."""
        return {p: self._waits[p].reason for p in sorted(self._waits.keys() & self._consumer.assignment())}

    def lag(self) -> int:
        """How many records the whole group has yet to commit."""
        return lag(self._log, self._consumer.topic, self._consumer.group)

    def _batch_size(self) -> int:
        if not self._seconds_each:
            return min(self._limits.records, 16)  # the first batch shows how fast this handler is
        return max(1, min(self._limits.records, int(self._limits.seconds / self._seconds_each)))

    def _resume_due(self) -> None:
        now = time.monotonic()
        for partition, wait in self._waits.items():
            if wait.paused and now >= wait.until:
                wait.paused = False
                self._consumer.resume(partition)

    # -- who died here before

    def _note_new_partitions(self, records: Sequence[Record]) -> bool:
        """Note that their first batch begins, or find out that earlier ones ended in death; False when fenced."""
        self._begun &= self._consumer.assignment()
        first = {r.partition: r for r in reversed(records) if r.partition not in self._begun}
        if not first:
            return True
        notes: dict[int, Offset] = {}
        try:
            committed = self._log.committed(self._consumer.topic, self._consumer.group)
            for partition, record in first.items():
                stands = committed.get(partition, Offset(record.offset))
                begin = attempts.begin(attempts.read(stands.metadata))
                self._careful.pop(partition, None)
                if begin.one_by_one:
                    self._careful[partition] = attempts.OneByOne(begin.note, self._limits.records)
                else:
                    notes[partition] = Offset(stands.offset, str(begin.note))
            self._commit([], notes)
        except LogError as error:
            self._go_back(records, error)
            return False
        self._begun |= first.keys()
        self._noted |= notes.keys()
        return True

    def _process_one_by_one(self, records: Sequence[Record]) -> None:
        """For a while after two deaths: each record is noted before it starts, and given up after three deaths."""
        for record in records:
            careful = self._careful[record.partition]
            if not self._consumer_is_past(record):
                continue
            if careful.note is None:
                reason = f"{attempts.RECORD_DEATHS} processes died on this record alone"
                self._settle([record], [Reject(reason)], attempts.RECORD_DEATHS)
            else:
                try:
                    self._commit([], {record.partition: Offset(record.offset, str(careful.note))})
                except LogError as error:
                    self._go_back([record], error)
                    continue
                self._noted.add(record.partition)
                self._process([record])
            if self._consumer_is_past(record):
                careful.went_on()
        self._careful = {p: careful for p, careful in self._careful.items() if careful.left > 0}

    # -- one batch

    def _process(self, records: Sequence[Record]) -> None:
        """Handle and settle; where the handler raises, do so with each half, until the one bad record stands alone.

        The first half is settled before the second is handled, as if they had come in two batches.
        """
        try:
            outcomes = self._outcomes(records)
        except ConfigError:
            raise  # it is the stage that is wrong, not the record: a person must act
        except NewerSchema as error:  # in what the handler keeps of one partition: the others need not wait for it
            ERRORS.labels(self.stage, self.topic, type(error).__name__).inc()
            partitions = dict.fromkeys(r.partition for r in records)
            if len(partitions) > 1:
                for partition in partitions:
                    self._process(self._still_next([r for r in records if r.partition == partition]))
                return
            outcomes = [Retry(str(error), NEWER_SCHEMA_WAIT)] * len(records)
        except Exception as error:  # whatever else a handler raises must not stop the stage
            ERRORS.labels(self.stage, self.topic, type(error).__name__).inc()
            if len(records) > 1:
                middle = len(records) // 2
                self._process(records[:middle])
                self._process(self._still_next(records[middle:]))
                return
            logger.exception("handler failed", topic=records[0].topic, offset=records[0].offset)
            outcomes = [Reject(f"{type(error).__name__}: {error}")]
        self._settle(records, outcomes)

    def _still_next(self, records: Sequence[Record]) -> list[Record]:
        """Those whose predecessors were all settled: a partition that waits since the first half is left alone."""
        return [r for r in records if self._consumer_is_past(r)]

    def _consumer_is_past(self, record: Record) -> bool:
        owned = record.partition in self._consumer.assignment()
        return owned and self._consumer.position(record.partition) > record.offset

    def _outcomes(self, records: Sequence[Record]) -> list[Outcome]:
        decided: dict[int, Outcome] = {}
        batch: list[Incoming] = []
        waiting: dict[int, Retry] = {}
        for place, record in enumerate(records):
            outcome = waiting.get(record.partition) or read(
                record, self._consumer.group, raw=self._raw, tombstones=self._tombstones
            )
            if isinstance(outcome, Incoming):
                batch.append(outcome)
                if moment := fetched(outcome.message):
                    self._fetched[record.partition, record.offset] = moment
                continue
            decided[place] = outcome
            if isinstance(outcome, Retry):  # those behind it wait as well: the handler gets them in order
                waiting[record.partition] = outcome
        handled = iter(self._handle(batch))
        return [decided[place] if place in decided else next(handled) for place in range(len(records))]

    def _handle(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        try:
            with HANDLER.labels(self.stage, self.topic).time():
                outcomes = self._handler(batch) if batch else ()
        except (LogError, IndexUnavailable) as error:
            ERRORS.labels(self.stage, self.topic, type(error).__name__).inc()
            return [Retry(str(error))] * len(batch)
        if len(outcomes) != len(batch):
            raise ValueError(f"the handler gave {len(outcomes)} outcomes for {len(batch)} records")
        return outcomes

    # -- settling

    def _settle(self, records: Sequence[Record], outcomes: Sequence[Outcome], deaths: int = 1) -> None:
        """Publish outputs and dead letters and commit, together; what must wait is sought back to.

        Whatever the outcome, the handler came to its end: the note that a batch began is cleared.
        """
        offsets: dict[int, Offset] = {}
        retries: dict[int, tuple[Record, Retry]] = {}
        appends: list[Append] = []
        settled: list[tuple[Record, Done | Reject]] = []
        try:
            for record, outcome in zip(records, outcomes, strict=True):
                if record.partition in retries:
                    continue
                if isinstance(outcome, Retry):
                    retries[record.partition] = (record, outcome)
                    if record.partition in self._noted and record.partition not in offsets:
                        offsets[record.partition] = Offset(record.offset)
                    continue
                final, records_to_append = self._appender.prepare(record, outcome, deaths)
                appends += records_to_append
                settled.append((record, final))
                offsets[record.partition] = Offset(record.offset + 1)
            self._commit(appends, offsets)
        except LogError as error:
            self._go_back(records, error)
            return
        self._count(settled)
        self._noted -= offsets.keys()
        for partition in offsets:
            self._got_on(partition, waits=partition in retries)
        for record, retry in retries.values():
            self._wait(record, retry.reason, retry.after)

    def _count(self, settled: Sequence[tuple[Record, Done | Reject]]) -> None:
        now = datetime.now(UTC)
        done = sum(isinstance(outcome, Done) for _, outcome in settled)
        for name, count in (("done", done), ("rejected", len(settled) - done)):
            if count:
                RECORDS.labels(self.stage, self.topic, name).inc(count)
        self.counts.done += done
        self.counts.rejected += len(settled) - done
        latency = LATENCY.labels(self.stage, self.topic)
        for record, _ in settled:
            if moment := self._fetched.get((record.partition, record.offset)):
                latency.observe((now - moment).total_seconds())

    def _commit(self, appends: Iterable[Append], offsets: dict[int, Offset]) -> None:
        if not offsets:
            return
        with self._log.transaction(self._consumer) as tx:
            for a in appends:
                tx.publish(a.topic, a.partition, a.key, a.value, a.headers)
            tx.commit(offsets)

    def _go_back(self, records: Sequence[Record], error: LogError) -> None:
        """Nothing was committed: read the batch again, at once if only fenced, else after a while."""
        ERRORS.labels(self.stage, self.topic, type(error).__name__).inc()
        first: dict[int, Record] = {}
        for record in records:
            first.setdefault(record.partition, record)
        for partition, record in first.items():
            if isinstance(error, Fenced):
                self._consumer.seek(partition, record.offset)
            else:
                self._wait(record, str(error), 1.0, MAX_LOG_WAIT)
        if isinstance(error, Fenced):
            logger.info("partition was taken over, its batch is dropped", reason=str(error))

    def _wait(self, record: Record, reason: str, after: float, most: float = MAX_WAIT) -> None:
        wait = self._waits.setdefault(record.partition, _Wait())
        wait.attempts += 1
        self.counts.retried += 1
        RECORDS.labels(self.stage, self.topic, "retried").inc()
        seconds = max(after, min(most, after * 2 ** min(wait.attempts - 1, 10)))
        wait.until = time.monotonic() + seconds
        wait.paused = True
        self._consumer.seek(record.partition, record.offset)
        self._consumer.pause(record.partition)
        known, wait.reason = wait.reason, reason
        (logger.debug if reason == known else logger.warning)(  # one line, however long it lasts
            "waiting", topic=record.topic, partition=record.partition, offset=record.offset, reason=reason,
            seconds=round(seconds, 1), attempts=wait.attempts,
        )  # fmt: skip

    def _got_on(self, partition: int, *, waits: bool) -> None:
        wait = self._waits.get(partition)
        if wait and waits:
            wait.attempts = 0  # at another place
        elif wait:
            del self._waits[partition]
            logger.info("goes on", topic=self._consumer.topic, partition=partition, waited_for=wait.reason)


@dataclass(slots=True)
class _Wait:
    """Why a partition stands still, until when (monotonic), and how often already at this place."""

    reason: str = ""
    until: float = 0.0
    attempts: int = 0
    paused: bool = False


class Steps(Protocol):
    """What ``run_workers`` runs: a ``Worker``, or what works off a topic in its own way."""

    def step(self, timeout: float) -> int:
        """See ``Worker.step``."""

    def close(self) -> None:
        """See ``Worker.close``."""


def run_workers(workers: Sequence[Steps], stop: Event, reporter: Reporter | None = None, idle: float = 0.2) -> None:
    """Step the workers in turn until ``stop``, then leave their groups; a batch under way is always finished.

    ``idle`` is for how many seconds one round waits for records. A log that cannot be read is waited for.
    """
    outage = Outage(stop)
    try:
        while not stop.is_set():
            try:
                for worker in workers:
                    worker.step(idle / len(workers))
                outage.over()
                if reporter:
                    reporter.came_round()
            except LogError as error:
                if reporter:
                    reporter.came_round(error)
                outage.wait(error)
    finally:
        for worker in workers:
            worker.close()
        if reporter:
            with suppress(LogError):
                reporter.leave()
