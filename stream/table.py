"""A table: the newest message of each key of a compacted topic, by partition, read from the log and kept in memory.

The log is the truth; a table can be thrown away at any moment. ``refresh`` reads on to the end of a partition: whoever
owns the partition of the group that alone writes the topic sees, after a refresh, all that was ever committed there,
for a former owner's commits are refused from the moment of the take-over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from stream.errors import InvalidMessage
from stream.log import Log
from stream.messages import Message, decode

M = TypeVar("M", bound=Message)
_READ = 1_000


class Table(Generic[M]):
    """The newest ``model`` of each key of ``topic`` (its full name); messages of other classes are passed over."""

    def __init__(self, log: Log, topic: str, model: type[M]) -> None:
        self._log = log
        self._topic = topic
        self._model = model
        self._rows: dict[int, dict[str, M]] = {}
        self._next: dict[int, int] = {}

    def refresh(self, partition: int) -> None:
        """Read on from where the last refresh of ``partition`` stood. Raises ``LogError``, ``NewerSchema``."""
        rows = self._rows.setdefault(partition, {})
        while records := self._log.read(self._topic, partition, self._next.get(partition, 0), _READ):
            for record in records:
                self._apply(rows, record.key, record.value)
            self._next[partition] = records[-1].offset + 1

    def _apply(self, rows: dict[str, M], key: str, value: bytes | None) -> None:
        if value is None:
            rows.pop(key, None)
            return
        try:
            message = decode(value)
        except InvalidMessage:
            return  # not ours to judge: whoever consumes the topic makes it a dead letter
        if isinstance(message, self._model):
            rows[key] = message

    def get(self, partition: int, key: str) -> M | None:
        """The newest message of ``key`` as of the last refresh."""
        return self._rows.get(partition, {}).get(key)

    def values(self, partition: int) -> Mapping[str, M]:
        """All keys of the partition with their newest messages, as of the last refresh."""
        return self._rows.get(partition, {})

    def drop(self, partition: int) -> None:
        """Forget a partition that is not ours any more."""
        self._rows.pop(partition, None)
        self._next.pop(partition, None)
