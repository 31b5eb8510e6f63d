"""Dead letters: the original bytes of what a stage could not handle, with why; listed, shown, and given back.

``worker.py`` writes them. A retry appends the original bytes to the original topic and partition with a header that
names the group it is for (other groups pass it over), and notes in ``dead-letters`` that it was done, in one
transaction each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from stream.errors import InvalidMessage, NewswatchError
from stream.lineage import AS_OF
from stream.log import Log, Record, partition_of
from stream.topics import Names

FOR_GROUP = "for-group"
"""Header of a record that was given back: the only group that it is for."""
_AGAIN = "#retry-"
RETRIED = "retried"
"""Header of a note in ``dead-letters``: the id of the dead letter that was given back."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record that a stage gave up, without its bytes. ``id`` is its place in ``dead-letters``: PARTITION-OFFSET."""

    id: str
    stage: str
    group: str
    topic: str
    partition: int
    offset: int
    key: str
    error: str
    attempts: int
    """How many processes died on the record when it ran alone; 1 for every other dead letter."""
    at: datetime
    retried: datetime | None = None


def headers(stage: str, group: str, record: Record, error: str, attempts: int) -> dict[str, str]:
    """The headers of the dead letter for ``record``; ``error`` is cut at 1,000 characters and made valid Unicode."""
    return {
        "stage": stage, "group": group, "topic": record.topic, "partition": str(record.partition),
        "offset": str(record.offset), "error": error[:1000].encode(errors="replace").decode(),
        "attempts": str(attempts), **_turn(record),
    }  # fmt: skip


def list_dead_letters(log: Log, names: Names) -> list[DeadLetter]:
    """All that the topic still holds, oldest first; those given back say when."""
    topic = names.topic("dead-letters")
    retried: dict[str, datetime] = {}
    letters: list[DeadLetter] = []
    for partition in range(log.partitions(topic)):
        for record in _records(log, topic, partition):
            if note := record.headers.get(RETRIED):
                retried[note] = record.timestamp
            else:
                letters.append(letter_of(record))
    marked = [_with_retry(letter, retried.get(letter.id)) for letter in letters]
    return sorted(marked, key=lambda letter: (letter.at, letter.id))


def find_dead_letters(log: Log, names: Names, ids: Sequence[str]) -> list[DeadLetter]:
    """Those with these ids. Raises ``NewswatchError`` for one that is not there."""
    letters = {letter.id: letter for letter in list_dead_letters(log, names)}
    for identifier in ids:
        if identifier not in letters:
            raise NewswatchError(f"no dead letter {identifier}; newswatch dead-letters list shows what there is")
    return [letters[identifier] for identifier in ids]


def value_of(log: Log, names: Names, letter: DeadLetter) -> bytes | None:
    """The original bytes. Raises ``NewswatchError`` when retention has taken them meanwhile."""
    return _kept(log, names, letter).value


def _turn(record: Record) -> dict[str, str]:
    """Which generation's turn the record is (``stream.lineage``), as far as it says so: it is kept on the way back."""
    return {AS_OF: record.headers[AS_OF]} if AS_OF in record.headers else {}


def _kept(log: Log, names: Names, letter: DeadLetter) -> Record:
    partition, _, offset = letter.id.partition("-")
    records = log.read(names.topic("dead-letters"), int(partition), int(offset), 1)
    if not records or records[0].offset != int(offset):
        raise NewswatchError(f"dead letter {letter.id} is gone: it was older than its topic's retention")
    return records[0]


def retry(log: Log, names: Names, letters: Sequence[DeadLetter]) -> None:
    """Give each back to its stage: appended to its own topic and partition, and noted, in one transaction each."""
    topic = names.topic("dead-letters")
    count = log.partitions(topic)
    for letter in letters:
        # under a key of its own: compaction must not take the copy, which is for one group, for the original's heir
        key = f"{letter.key.partition(_AGAIN)[0]}{_AGAIN}{letter.id}"
        kept = _kept(log, names, letter)
        with log.transaction() as tx:
            tx.publish(letter.topic, letter.partition, key, kept.value, {FOR_GROUP: letter.group, **_turn(kept)})
            tx.publish(topic, partition_of(letter.key, count), letter.key, None, {RETRIED: letter.id})


def _records(log: Log, topic: str, partition: int) -> Iterator[Record]:
    offset = 0
    while records := log.read(topic, partition, offset, 500):
        yield from records
        offset = records[-1].offset + 1


def letter_of(record: Record) -> DeadLetter:
    """The dead letter that a record of ``dead-letters`` is. Raises ``InvalidMessage`` for what is none."""
    h = record.headers
    try:
        return DeadLetter(
            id=f"{record.partition}-{record.offset}", stage=h["stage"], group=h["group"], topic=h["topic"],
            partition=int(h["partition"]), offset=int(h["offset"]), key=record.key, error=h["error"],
            attempts=int(h["attempts"]), at=record.timestamp,
        )  # fmt: skip
    except (KeyError, ValueError) as error:
        raise InvalidMessage(f"the record is no dead letter: its header {error} is missing or wrong") from error


def _with_retry(letter: DeadLetter, at: datetime | None) -> DeadLetter:
    return replace(letter, retried=at) if at else letter
