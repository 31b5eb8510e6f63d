"""From outcomes to records: what a worker publishes for each record that it settles, outputs or a dead letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from stream import dead_letters
from stream.errors import RecordTooLarge
from stream.log import Log, Record, check_size, partition_of
from stream.logs import redact
from stream.messages import encode
from stream.stage import Done, Reject
from stream.topics import Names

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Append:
    """A record to publish: full topic name, partition, key, value, headers."""

    topic: str
    partition: int
    key: str
    value: bytes | None
    headers: Mapping[str, str] | None = None


class Appender:
    """Makes the records of one worker's outcomes."""

    def __init__(self, log: Log, names: Names, stage: str, group: str) -> None:
        self._log = log
        self._names = names
        self._stage = stage
        self._group = group

    def prepare(self, record: Record, outcome: Done | Reject, attempts: int) -> tuple[Done | Reject, list[Append]]:
        """The outcome and its records; outputs that cannot be written turn a done into a reject."""
        if isinstance(outcome, Done):
            try:
                return outcome, self._outputs(outcome)
            except RecordTooLarge as error:
                outcome = Reject(str(error))
            except ValueError as error:  # text that has no UTF-8: a lone surrogate
                outcome = Reject(f"an output cannot be encoded: {error}")
        logger.error("dead letter", topic=record.topic, offset=record.offset, key=record.key, reason=outcome.reason)
        topic = self._names.topic("dead-letters")
        headers = dead_letters.headers(self._stage, self._group, record, redact(outcome.reason), attempts)
        partition = partition_of(record.key, self._log.partitions(topic))
        return outcome, [Append(topic, partition, record.key, record.value, headers)]

    def _outputs(self, outcome: Done) -> list[Append]:
        appends: list[Append] = []
        for out in outcome.outputs:
            topic = self._names.topic(out.topic)
            value = None if out.message is None else encode(out.message)
            check_size(topic, out.key, value)
            partitions = out.partitions(self._log.partitions(topic))
            appends += [Append(topic, p, out.key, value, out.headers) for p in partitions]
        return appends
