"""The sender: works off the topic ``deliveries``, whose waiting records are its queue, and records what became of each.

Whoever owns a partition sends what waits there. The committed offset of a partition is that of its first delivery that
still waits, so after a crash or a take-over all that waits is read again; it is read to the end before anything is
sent, for what was delivered says so further on. The final record and the offset go into one transaction, which a
former owner cannot commit: each delivery ends in one final record, although it may have been sent twice. Beside the
offset stands how far dead letters were written (``letters:57``: all below offset 57), as they, too, are read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from queue import Empty, SimpleQueue

import structlog

from alerts.channels import Channel
from alerts.lanes import Lane, Unset
from alerts.notify import quotes
from stream.appends import Append, Appender
from stream.errors import Fenced, InvalidMessage, LogError, NewerSchema
from stream.log import Log, Offset, Record, lag, partition_of
from stream.messages import Alert, Delivery, decode, encode
from stream.metrics import RECORDS
from stream.reporting import Counts
from stream.stage import Reject
from stream.takedowns import Takedowns
from stream.targets import NotifySettings
from stream.topics import Names

logger = structlog.get_logger()

STAGE, TOPIC = "notify", "deliveries"
LOOK_SECONDS = 0.5
"""Between two looks at what was taken down, while alerts wait for their targets."""
_READ = 500
_LETTERS = "letters:"


class Sender:
    """One member of the group that sends; ``step`` it as a ``stream.worker.Worker``. Never waits for a target."""

    topic = TOPIC

    def __init__(
        self,
        log: Log,
        names: Names,
        channels: Mapping[str, Channel],
        settings: NotifySettings,
        clock: Callable[[], datetime],
    ) -> None:
        self.counts = Counts()
        self._log = log
        self._topic = names.topic(TOPIC)
        self._channels = channels
        self._settings = settings
        self._clock = clock
        self._consumer = log.consumer(self._topic, names.group(STAGE, TOPIC))
        self._appender = Appender(log, names, STAGE, self._consumer.group)
        self._takedowns = Takedowns(log, names)
        self._gone: frozenset[str] = frozenset()  # articles taken down as of the last look; lanes look into it
        self._look_at = 0.0
        self._lanes: dict[str, Lane] = {}
        self._waiting: dict[int, dict[str, int]] = {}  # partition → id → offset, in the order of offsets
        self._read: dict[int, dict[str, Delivery]] = {}  # what waits and is not with its lane yet
        self._whole: set[int] = set()  # partitions that were read to their end
        self._sending: dict[str, int] = {}  # id → partition of what is with its lane; lanes look into it
        self._queue: SimpleQueue[Delivery] = SimpleQueue()
        self._ended: dict[str, Delivery] = {}
        self._letters: dict[int, dict[int, Append]] = {}  # partition → offset → dead letter that is not written yet
        self._lettered: dict[int, int] = {}  # partition → the offset below which dead letters were written
        self._committed: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._newer: dict[int, str] = {}  # partition → why a record of it waits for an upgrade

    def step(self, timeout: float) -> int:
        """Read what is new, give it to the lanes, record what they have done. Raises ``LogError``."""
        records = self._consumer.poll(_READ, timeout)
        self._forget_what_was_lost()
        for record in records:
            self._take(record)
        self._learn_takedowns()
        self._start()
        self._settle()
        return len(records)

    def close(self) -> None:
        """Begin nothing more, wait for what is under way, record it, and leave the group."""
        for lane in self._lanes.values():
            lane.stop()
        deadline = time.monotonic() + self._settings.timeout.total_seconds()
        for lane in self._lanes.values():
            lane.join(max(0.0, deadline - time.monotonic()))
        with suppress(LogError):  # what is not recorded is sent again
            self._settle()
        with suppress(LogError):  # the lease runs out by itself
            self._consumer.close()

    def assignment(self) -> frozenset[int]:
        """The partitions owned as of the last step."""
        return self._consumer.assignment()

    def waits(self) -> dict[int, str]:
        """Why records of a partition are not sent until this worker is upgraded, by partition."""
        return dict(self._newer)

    def lag(self) -> int:
        """How many records the group has yet to commit: all from the first that waits."""
        return lag(self._log, self._topic, self._consumer.group)

    # -- reading

    def _forget_what_was_lost(self) -> None:
        owned = self._consumer.assignment()
        for partition in self._waiting.keys() - owned:
            for identifier in self._waiting.pop(partition):
                self._sending.pop(identifier, None)
                self._ended.pop(identifier, None)
            self._read.pop(partition, None)
            self._next.pop(partition, None)
            self._committed.pop(partition, None)
            self._newer.pop(partition, None)
            self._letters.pop(partition, None)
            self._lettered.pop(partition, None)
        self._whole &= owned
        if gained := owned - self._waiting.keys():
            self._learn_letters(gained)
        for partition in owned:
            self._waiting.setdefault(partition, {})
            self._read.setdefault(partition, {})

    def _take(self, record: Record) -> None:
        waiting, read = self._waiting[record.partition], self._read[record.partition]
        if record.offset < self._next.get(record.partition, 0):  # it was lost and came back: others may have sent since
            self._whole.discard(record.partition)
            self._learn_letters({record.partition})
        self._next[record.partition] = record.offset + 1
        if record.value is None:
            return
        try:
            delivery = decode(record.value)
        except NewerSchema as error:  # it stays where it is until this worker is upgraded
            if record.partition not in self._newer:
                logger.warning("waiting", topic=record.topic, offset=record.offset, reason=str(error))
            self._newer[record.partition] = str(error)
            waiting.setdefault(record.key, record.offset)
            read.pop(record.key, None)
            return
        except InvalidMessage as error:
            self._bury(record, str(error))
            return
        if not isinstance(delivery, Delivery) or (delivery.state == "waiting" and delivery.alert is None):
            self._bury(record, "the sender reads Delivery, with its alert where it waits")
        elif delivery.state == "waiting":
            waiting.setdefault(delivery.id, record.offset)
            if delivery.id not in self._sending:
                read[delivery.id] = delivery
        else:
            waiting.pop(delivery.id, None)
            read.pop(delivery.id, None)
            self._sending.pop(delivery.id, None)
            self._ended.pop(delivery.id, None)

    def _bury(self, record: Record, reason: str) -> None:
        letters = self._letters[record.partition]
        if record.offset >= self._lettered[record.partition] and record.offset not in letters:
            letters[record.offset] = self._appender.prepare(record, Reject(reason), 1)[1][0]

    def _learn_letters(self, partitions: Collection[int]) -> None:
        """Look how far dead letters of these partitions were written, by whomever, and drop those that were."""
        committed = self._log.committed(self._topic, self._consumer.group)
        for partition in partitions:
            written = _written(committed[partition].metadata) if partition in committed else 0
            kept = self._letters.get(partition, {})
            self._lettered[partition] = max(written, self._lettered.get(partition, 0))
            self._letters[partition] = {o: a for o, a in kept.items() if o >= self._lettered[partition]}

    def _learn_takedowns(self) -> None:
        """Before anything is given to a lane, and now and then while lanes have something to send."""
        if any(self._read.values()) or (self._sending and time.monotonic() >= self._look_at):
            self._gone = self._takedowns.all()
            self._look_at = time.monotonic() + LOOK_SECONDS

    def _start(self) -> None:
        """Give the lanes what waits, of partitions that were read to their end."""
        for partition in self._consumer.assignment() - self._whole:
            if not self._log.read(self._topic, partition, self._consumer.position(partition), 1, 1):
                self._whole.add(partition)
        for partition in self._whole:
            for delivery in self._read[partition].values():
                self._sending[delivery.id] = partition
                self._lane(delivery.target).put(delivery)
            self._read[partition].clear()

    def _lane(self, target: str) -> Lane:
        if target not in self._lanes:
            channel = self._channels.get(target) or Unset(target, self._clock)
            self._lanes[target] = Lane(
                channel, self._settings.give_up_after, self._clock, self._sending.__contains__, self._is_taken_down,
                self._queue,
            )  # fmt: skip
        return self._lanes[target]

    def _is_taken_down(self, alert: Alert) -> bool:
        return quotes(alert, self._gone)

    # -- recording

    def _settle(self) -> None:
        """Publish what has ended and commit where each partition stands, together."""
        self._collect()
        final = {i: d for i, d in self._ended.items() if self._sending[i] in self._whole}
        partitions = {self._sending[identifier] for identifier in final}
        if lettered := {p for p, letters in self._letters.items() if letters}:
            self._learn_letters(lettered)  # whoever had the partition for a moment, or a commit without an answer
        stands = {partition: self._first_waiting(partition, final) for partition in self._waiting}
        changed = partitions | lettered | {p for p, o in stands.items() if self._committed.get(p) != o}
        written = {p: max((self._lettered[p], *(o + 1 for o in self._letters[p]))) for p in changed}
        offsets = {p: Offset(stands[p], f"{_LETTERS}{written[p]}" if written[p] > stands[p] else "") for p in changed}
        if not offsets:
            return
        try:
            with self._log.transaction(self._consumer) as tx:
                letters = [letter for p in lettered for letter in self._letters[p].values()]
                for append in (*letters, *self._records(final)):
                    tx.publish(append.topic, append.partition, append.key, append.value, append.headers)
                tx.commit(offsets)
        except Fenced as error:
            logger.info("partition was taken over, its deliveries are sent by its new owner", reason=str(error))
            return
        self._committed |= {partition: offset.offset for partition, offset in offsets.items()}
        self._lettered |= written
        self._letters |= {partition: {} for partition in lettered}
        self._count(final.values())
        for identifier in final:
            del self._waiting[self._sending.pop(identifier)][identifier]
            del self._ended[identifier]

    def _collect(self) -> None:
        with suppress(Empty):
            while True:
                delivery = self._queue.get_nowait()
                if delivery.id in self._sending:
                    self._ended[delivery.id] = delivery

    def _first_waiting(self, partition: int, final: Collection[str]) -> int:
        """The offset to read from again: of the first that waits when ``final`` is done, else of what is read next."""
        living = (offset for identifier, offset in self._waiting[partition].items() if identifier not in final)
        return next(living, self._consumer.position(partition))

    def _records(self, final: Mapping[str, Delivery]) -> list[Append]:
        count = self._log.partitions(self._topic)
        return [Append(self._topic, partition_of(i, count), i, encode(d)) for i, d in final.items()]

    def _count(self, ended: Iterable[Delivery]) -> None:
        for delivery in ended:
            arrived = delivery.state == "delivered"
            RECORDS.labels(STAGE, TOPIC, "done" if arrived else "rejected").inc()
            self.counts.done += arrived
            self.counts.rejected += not arrived
            self.counts.retried += max(0, delivery.attempts - 1)


def _written(metadata: str) -> int:
    """The offset below which dead letters were written, from what was committed beside the offset; 0 if none."""
    number = metadata.removeprefix(_LETTERS)
    return int(number) if metadata.startswith(_LETTERS) and number.isdecimal() else 0
