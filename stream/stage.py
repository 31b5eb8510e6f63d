"""What a stage is to the worker loop: a handler of batches that answers each record with one of three outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stream.dead_letters import FOR_GROUP
from stream.errors import InvalidMessage, NewerSchema
from stream.log import Record
from stream.messages import AnyMessage, decode
from stream.topics import Outgoing

NEWER_SCHEMA_WAIT = 60.0  # seconds between two looks at a record that needs a newer newswatch


@dataclass(frozen=True, slots=True)
class Raw:
    """Stands for the message of a record that was left as it is: the handler looks at the record."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Stands for the message of a tombstone: what had the record's key was taken down."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record with its decoded message. Tombstones reach only a handler that has a true attribute ``takes_tombstones``
    and that of a worker that is ``raw``."""

    record: Record
    message: AnyMessage | Raw | Tombstone


@dataclass(frozen=True, slots=True)
class Done:
    """The record is handled; ``outputs`` are published in the transaction that commits it."""

    outputs: tuple[Outgoing, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """The record can never be handled: it becomes a dead letter with this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now (the index is away, say): this record and those behind it in its partition come again in ``after`` s.

    What the handler answered for those behind it is dropped, outputs too; other partitions are settled as usual.
    Each time that the same record is not handled the wait doubles, up to a minute (or ``after``, where that is longer).
    """

    reason: str
    after: float = 1.0


Outcome = Done | Reject | Retry


class Handler(Protocol):
    """A stage's work on one batch: one outcome a record, in order.

    Called by one thread, with records of one or more partitions, in order within each. It must be idempotent: a batch
    whose commit failed comes again. An exception makes the worker bisect the batch; the single record that still
    raises becomes a dead letter, so a batch may hold records that were handled a moment ago. Of the exceptions that
    are not the record's fault ``LogError``, ``IndexUnavailable`` and ``NewerSchema`` make the batch wait, and
    ``ConfigError`` stops the worker. A handler is not told of assignments: what it keeps by partition it refreshes at
    every call.
    """

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """Handle the batch."""


def read(record: Record, group: str, *, raw: bool, tombstones: bool) -> Incoming | Outcome:
    """The record as the handler of ``group`` gets it, or what becomes of it without the handler."""
    if record.headers.get(FOR_GROUP, group) != group:
        return Done()  # given back to another stage
    if raw:
        return Incoming(record, Raw())
    if record.value is None:
        return Incoming(record, Tombstone()) if tombstones else Done()
    try:
        return Incoming(record, decode(record.value))
    except NewerSchema as error:
        return Retry(str(error), NEWER_SCHEMA_WAIT)
    except InvalidMessage as error:
        return Reject(str(error))
