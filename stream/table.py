"""A table: the newest message of each key of a compacted topic, by partition, read from the log.

The log is the truth; a table is a throw-away copy. ``refresh`` reads on to the end of a partition: whoever owns the
partition in the group that alone writes the topic sees, after a refresh, all that was ever committed there, for a
former owner's commits are refused from the moment of the take-over. So a table is right through any take-over as
long as it is refreshed after the partition was assigned, before it is asked.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from stream.errors import InvalidMessage, LogError
from stream.log import Log, Record
from stream.messages import Message, decode

M = TypeVar("M", bound=Message)
_READ = 1_000


class Table(Generic[M]):
    """The newest ``model`` of each key of ``topic`` (its full name), decoded, in memory: for topics of few keys."""

    def __init__(self, log: Log, topic: str, model: type[M]) -> None:
        self._log = log
        self._topic = topic
        self._model = model
        self._rows: dict[int, dict[str, M]] = {}
        self._next: dict[int, int] = {}

    def refresh(self, partition: int) -> None:
        """Read on from where the last refresh of ``partition`` stood. Raises ``LogError``, ``NewerSchema``."""
        rows = self._rows.setdefault(partition, {})
        for records in _new_records(self._log, self._topic, partition, self._next):
            for record in records:
                message = _message(record, self._model)
                if record.value is None:
                    rows.pop(record.key, None)
                elif message is not None:
                    rows[record.key] = message

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


class KeyTable:
    """The keys of ``topic`` (its full name) in a private, temporary SQLite file: for topics of any number of keys.

    The file is made when the table is, lives in the system's folder for temporary files and is gone with the process.
    """

    def __init__(self, log: Log, topic: str) -> None:
        self._log = log
        self._topic = topic
        self._next: dict[int, int] = {}
        self._db = sqlite3.connect("", isolation_level=None)  # "": a temporary file that SQLite removes by itself
        weakref.finalize(self, self._db.close)
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("CREATE TABLE keys (partition INTEGER, key TEXT, PRIMARY KEY (partition, key)) WITHOUT ROWID")

    def refresh(self, partition: int) -> None:
        """Read on from where the last refresh stood. Raises ``LogError``, also when the disk is full."""
        for records in _new_records(self._log, self._topic, partition, self._next):
            with self._guarded(), self._db:
                self._db.execute("BEGIN")
                for record in records:
                    self._db.execute(_FORGET if record.value is None else _KEEP, (partition, record.key))

    def holds(self, partition: int, key: str) -> bool:
        """Whether ``key`` has a value, not a tombstone, as of the last refresh. Raises ``LogError``."""
        with self._guarded():
            found = self._db.execute("SELECT 1 FROM keys WHERE partition = ? AND key = ?", (partition, key)).fetchone()
            return found is not None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LogError(f"table of {self._topic}: temporary file: {error}; make room in the temp folder") from error


_KEEP = "INSERT OR IGNORE INTO keys VALUES (?, ?)"
_FORGET = "DELETE FROM keys WHERE partition = ? AND key = ?"


def _new_records(log: Log, topic: str, partition: int, following: dict[int, int]) -> Iterator[Sequence[Record]]:
    """What was appended since; ``following`` is moved on when the caller has taken a batch in and asks for the next."""
    while records := log.read(topic, partition, following.get(partition, 0), _READ):
        yield records
        following[partition] = records[-1].offset + 1


def _message(record: Record, model: type[M]) -> M | None:
    """The record's message if it is of this class; None for a tombstone, and for what is not ours to judge here:
    whoever consumes the topic makes it a dead letter."""
    if record.value is None:
        return None
    try:
        message = decode(record.value)
    except InvalidMessage:
        return None
    return message if isinstance(message, model) else None
