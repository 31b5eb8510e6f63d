"""The topic ``generations``: which there are and which is live; read by every worker that follows it."""

from __future__ import annotations

from collections.abc import Mapping

from stream.errors import UnknownTopic
from stream.lineage import Generation
from stream.log import Log, partition_of
from stream.messages import encode
from stream.table import Table
from stream.topics import Names

_ALL = "generations"
"""The partition key of every record: all are in one partition, so that they are read in the order of their appends."""


class Generations:
    """The records of ``generations``, by name; for the thread of ``log``."""

    def __init__(self, log: Log, names: Names) -> None:
        """``names``: of any generation."""
        self._log = log
        self._topic = names.topic("generations")
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

    def publish(self, *changed: Generation, gone: str | None = None) -> None:
        """Publish records, and a tombstone for the generation ``gone``, in one transaction. Raises ``LogError``."""
        partition = partition_of(_ALL, self._log.partitions(self._topic))
        with self._log.transaction() as tx:
            for one in changed:
                tx.publish(self._topic, partition, one.id, encode(one))
            if gone is not None:
                tx.publish(self._topic, partition, gone, None)
