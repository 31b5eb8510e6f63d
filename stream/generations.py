"""The topic ``generations``: which there are and which is live; read by every worker that follows it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from stream.errors import NewswatchError, UnknownTopic
from stream.lineage import Generation
from stream.log import Consumer, Log, Offset, partition_of
from stream.messages import encode
from stream.table import Table
from stream.topics import Names

PATIENCE = 30.0
"""Seconds in which whoever changes generations has ended, or is known to be dead."""
_ALL = "generations"
"""The partition key of every record: all are in one partition, so that they are read in the order of their appends."""


class Generations:
    """The records of ``generations``, by name; for the thread of ``log``."""

    def __init__(self, log: Log, names: Names) -> None:
        """``names``: of any generation."""
        self._log = log
        self._topic = names.topic("generations")
        self._group = names.group("operator", "generations")
        self._owner: Consumer | None = None
        self._table = Table(log, self._topic, Generation)

    def read(self) -> Mapping[str, Generation]:
        """All that was published before this call; none in a log that was set up before there was the topic. Raises
        ``LogError``."""
        try:
            partition = partition_of(_ALL, self._log.partitions(self._topic))
        except UnknownTopic:
            return {}
        self._table.refresh(partition)
        return dict(self._table.values(partition))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While this lasts nobody else does it, on whatever machine: for a command that looks and then publishes.

        By ownership of the partition in a group, which ends with its process; what is published meanwhile is refused
        (``Fenced``) when that was lost. Not for longer than some minutes. Raises ``NewswatchError`` when another takes
        too long, ``LogError``.
        """
        partition = partition_of(_ALL, self._log.partitions(self._topic))
        consumer = self._log.consumer(self._topic, self._group)
        try:
            deadline = time.monotonic() + PATIENCE
            while partition not in consumer.assignment():
                if time.monotonic() > deadline:
                    raise NewswatchError("another newswatch replay, promote or generations drop is at work just now;"
                                         " try again when it has ended")  # fmt: skip
                consumer.poll(1, 0.2)
            self._owner = consumer
            yield
        finally:
            self._owner = None
            consumer.close()

    def publish(self, *changed: Generation, gone: str | None = None, before: datetime | None = None) -> None:
        """Publish records, and a tombstone for the generation ``gone``, in one transaction, ``before`` a moment or not
        at all. Raises ``LogError``, ``TooLate``."""
        partition = partition_of(_ALL, self._log.partitions(self._topic))
        with self._log.transaction(self._owner, before) as tx:
            for one in changed:
                tx.publish(self._topic, partition, one.id, encode(one))
            if gone is not None:
                tx.publish(self._topic, partition, gone, None)
            if self._owner is not None:
                tx.commit({partition: Offset(self._owner.position(partition))})
