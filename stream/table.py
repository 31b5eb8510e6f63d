"""A table: the newest message of each key of a compacted topic, by partition, read from the log.

The log is the truth; a table is a throw-away copy. ``refresh`` reads on to the end of a partition: whoever owns the
partition in the group that alone writes the topic sees, after a refresh, all that was ever committed there, for a
former owner's commits are refused from the moment of the take-over. So a table is right through any take-over as
long as it is refreshed after the partition was assigned, before it is asked: a handler, which is not told of
assignments, does so at every call. What the same batch decides is not in the table yet. The argument needs every record
published to partition p to be committed with partition p of the input, by one group.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
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

    Of each key's newest value one bit is kept, what ``mark`` says of it. The file is made when the table is, lives in
    the system's folder for temporary files and is gone with the process.
    """

    def __init__(self, log: Log, topic: str, mark: Callable[[bytes], bool]) -> None:
        """``mark`` gets every value of the topic, whatever it is, and must not raise."""
        self._log = log
        self._topic = topic
        self._mark = mark
        self._next: dict[int, int] = {}
        # "": a temporary file that SQLite removes by itself; it is closed by whatever thread collects this object
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(_KEYS)

    def refresh(self, partition: int) -> None:
        """Read on from where the last refresh stood. Raises ``LogError``, also when the disk is full."""
        for records in _new_records(self._log, self._topic, partition, self._next):
            with self._guarded(), self._db:
                self._db.execute("BEGIN")
                for record in records:
                    if record.value is None:
                        self._db.execute(_FORGET, (partition, record.key))
                    else:
                        self._db.execute(_KEEP, (partition, record.key, self._mark(record.value)))

    def get(self, partition: int, key: str) -> bool | None:
        """The mark of the newest value of ``key`` as of the last refresh; None where there is none, or a tombstone.

        Raises ``LogError``.
        """
        with self._guarded():
            found = self._db.execute(_FIND, (partition, key)).fetchone()
            return bool(found[0]) if found else None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LogError(f"table of {self._topic}: temporary file: {error}; make room in the temp folder") from error


_KEYS = "CREATE TABLE keys (partition INTEGER, key TEXT, mark INTEGER, PRIMARY KEY (partition, key)) WITHOUT ROWID"
_FIND = "SELECT mark FROM keys WHERE partition = ? AND key = ?"
_KEEP = "INSERT OR REPLACE INTO keys VALUES (?, ?, ?)"
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
