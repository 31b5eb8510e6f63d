"""The fuse stage's handler for the worker loop: statements in, relocations and transitions out, each announced once."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import structlog

from processors.relocations.announcing import Announcing, Gone
from processors.relocations.cache import Cache, Known
from processors.relocations.fusion import Fusion
from processors.relocations.statement import MAX_VERSION, Statement, compact
from stream.errors import InvalidMessage
from stream.lineage import ALWAYS, Turn, marked, moment_of
from stream.log import Log, Record
from stream.messages import LocationChange, Superseded, Takedown, decode
from stream.stage import Done, Incoming, Outcome, Reject, Retry
from stream.topics import Names, Outgoing

logger = structlog.get_logger()

CATCH_UP_SECONDS = 30.0
"""A worker reads for so long at once what came before its first batch; then its partitions hear of it."""
READ = 1_000

CHANGES, RELOCATIONS = "location-changes", "relocations"

_Read = tuple[datetime, Statement | Superseded | Takedown]
"""As of when it counts, and what it says."""


def collect_garbage_rarely() -> None:
    """For a process that only fuses: what it keeps are hundreds of thousands of small objects that stay for long, and
    to look through them again and again for garbage in cycles, of which there is little, takes half of its time."""
    gc.collect()
    gc.set_threshold(100_000, 10, 10)


class FuseStatements:
    """A ``stream.stage.Handler`` for ``location-changes``: fuses the statements of each actor root into relocations.

    State is a copy of its partitions of ``location-changes`` (up to the batch) and of ``relocations``, which has the
    same partition count and is partitioned by the same key, the actor root, so that only the owner of a partition
    writes there (see ``stream/table.py`` for why a refresh at every call is enough). What a call takes in is pending
    until the next call shows, by the offset at which it begins, that it was committed; else it is forgotten, and what
    comes again is fused again from what the log says. The statements of an article that was taken down get tombstones
    here: nobody else knows in which records they are.

    Of a batch those records are taken in first that are of an earlier generation's turn (``stream/lineage.py``), so
    each transition is of one turn; it says as of when the records count with which it came.
    """

    def __init__(self, log: Log, names: Names, turn: Callable[[], Turn] = lambda: ALWAYS) -> None:
        """``turn`` gives the generation's turn as of the call."""
        self._log = log
        self._turn = turn
        self._names = names
        self._cache = Cache()
        self._fusion = Fusion(self._cache)

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """One outcome a record. Raises ``LogError`` when the log or the temporary file cannot be read or written."""
        by_partition: dict[int, list[int]] = {}
        for place, incoming in enumerate(batch):
            by_partition.setdefault(incoming.record.partition, []).append(place)
        first = {p: batch[places[0]].record.offset for p, places in by_partition.items()}
        try:
            if not self._prepare(first):
                return [Retry("reading what came before", 0.1)] * len(batch)
            turn = self._turn()
            outcomes: list[Outcome] = [Done()] * len(batch)
            for partition, places in by_partition.items():
                for place, outcome in self._fuse(partition, [(p, batch[p]) for p in places], turn):
                    outcomes[place] = outcome
        except BaseException:
            self._cache.forget_pending()
            raise
        return outcomes

    def _prepare(self, first: dict[int, int]) -> bool:
        """Make the copy of each partition end at ``first`` (offsets by partition); False: more is left to read."""
        if any(self._cache.offset(p, CHANGES) > offset for p, offset in first.items()):
            self._cache.forget_pending()  # the last batch was not committed
        self._cache.keep()
        self._cache.begin()
        deadline = time.monotonic() + CATCH_UP_SECONDS
        for partition, offset in first.items():
            if self._cache.offset(partition, CHANGES) > offset:
                self._cache.drop(partition)  # read again from an earlier place, by hand or by a former owner
            if not self._catch_up(partition, offset, deadline) or not self._refresh(partition, deadline):
                self._cache.keep()
                return False
        return True

    def _catch_up(self, partition: int, until: int, deadline: float) -> bool:
        """Read the statements before ``until``."""
        topic, at = self._names.topic(CHANGES), self._cache.offset(partition, CHANGES)
        while at < until and time.monotonic() < deadline:
            records = [r for r in self._log.read(topic, partition, at, min(READ, until - at)) if r.offset < until]
            found = [m for r in records if r.value is not None and (m := _again(r.value)) is not None]
            if found:  # offsets without records, as transactions leave them on Kafka, make no root old
                self._fusion.read_on(partition, found)
            at = records[-1].offset + 1 if records else until
            self._cache.set_offset(partition, CHANGES, at)
        return at >= until

    def _refresh(self, partition: int, deadline: float) -> bool:
        """Read what was published since the last call."""
        topic, at = self._names.topic(RELOCATIONS), self._cache.offset(partition, RELOCATIONS)
        while records := self._log.read(topic, partition, at, READ):
            if time.monotonic() > deadline:
                return False
            known = {record.key: _known(record) for record in records}
            self._cache.remember(partition, known)
            at = records[-1].offset + 1
            self._cache.set_offset(partition, RELOCATIONS, at)
        return True

    def _fuse(self, partition: int, batch: Sequence[tuple[int, Incoming]], turn: Turn) -> list[tuple[int, Outcome]]:
        """The outcomes that are not an empty ``Done``, by place. What a root makes goes with its last record."""
        refused: list[tuple[int, Outcome]] = []
        read: list[_Read] = []
        outputs: dict[int, list[Outgoing]] = {}
        last: dict[str | None, int] = {}
        down = {(partition, i.message.article_id) for _, i in batch if isinstance(i.message, Takedown)}
        self._cache.taken_down |= down
        for place, incoming in batch:
            try:
                message = _read(incoming.message)
            except InvalidMessage as error:
                refused.append((place, Reject(str(error))))
            else:
                fetched = incoming.message.fetched if isinstance(incoming.message, LocationChange) else None
                read.append((moment_of(incoming.record, fetched), message))
                outputs[place] = self._tombstones(partition, incoming.record.key, message)
                last[message.actor.root if isinstance(message, Statement) else None] = place
        for root, found in self._of_each_turn(partition, read, turn):
            # an update concerns roots that have no record here
            outputs[last[root if root in last else None]].extend(found)
        self._cache.set_offset(partition, CHANGES, batch[-1][1].record.offset + 1)
        return [*refused, *((place, Done(tuple(found))) for place, found in outputs.items() if found)]

    def _of_each_turn(self, partition: int, read: Sequence[_Read], turn: Turn) -> Iterator[tuple[str, list[Outgoing]]]:
        """What is published for each root, of one turn after the other."""
        parts = _by_turn(read, turn)
        for part in parts:
            headers = marked(max(moment for moment, _ in part))
            for root, told in self._fusion.take(partition, [message for _, message in part]).items():
                yield root, [out for one in told for out in _outgoing(root, one, headers)]
                if len(parts) > 1:  # the next one's go on from this; else it is read from the log
                    self._cache.remember(partition, dict(_as_told(one) for one in told))

    def _tombstones(self, partition: int, key: str, message: Statement | Superseded | Takedown) -> list[Outgoing]:
        """For the records of what is taken down, or was before it came."""
        if isinstance(message, Takedown):
            said = self._cache.said_in(partition, message.article_id)
            return [Outgoing(CHANGES, f"{s.id}:{s.version}", s.actor.root, None) for s in said]
        if isinstance(message, Statement) and (partition, message.article_id) in self._cache.taken_down:
            return [Outgoing(CHANGES, key, message.actor.root, None)]
        return []


def _known(record: Record) -> Known | None:
    """What the record tells of a relocation; nothing where it is none, as only a stranger's hand can put there."""
    if record.value is None:
        return None
    try:
        return Known.read(record.value)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        logger.warning("fuse: this record is no relocation and is passed over", key=record.key, error=repr(error)[:200])
        return None


def _by_turn(read: Sequence[_Read], turn: Turn) -> list[list[_Read]]:
    """What is of generations before, what is its own, what is of generations after; without empty ones."""
    parts: list[list[_Read]] = [[], [], []]
    for moment, message in read:
        parts[0 if turn.is_replayed(moment) else 2 if turn.is_over(moment) else 1].append((moment, message))
    return [part for part in parts if part]


def _as_told(told: Announcing | Gone) -> tuple[str, Known | None]:
    return (told.id, None) if isinstance(told, Gone) else (told.relocation.id, Known.of(told.relocation))


def _outgoing(root: str, told: Announcing | Gone, headers: Mapping[str, str]) -> list[Outgoing]:
    if isinstance(told, Gone):
        return [Outgoing(RELOCATIONS, told.id, root, None)]
    relocation = told.relocation
    changes = [Outgoing("transitions", t.id, root, t, headers) for t in told.transitions]
    return [Outgoing(RELOCATIONS, relocation.id, root, relocation), *changes]


def _read(message: object) -> Statement | Superseded | Takedown:
    """What fusion works on. Raises ``InvalidMessage``."""
    if isinstance(message, LocationChange):
        return compact(message)
    if isinstance(message, Superseded) and 0 <= message.version < MAX_VERSION:
        return message
    if isinstance(message, Takedown):
        return message
    raise InvalidMessage(f"the topic {CHANGES} holds a {type(message).__name__} that cannot be fused")


def _again(value: bytes) -> Statement | Superseded | Takedown | None:
    """What a record that was fused before says; None for one that became a dead letter."""
    try:
        return _read(decode(value))
    except InvalidMessage:
        return None
