"""How a record that kills its process is found: a note beside the committed offset outlives the process.

The first batch after an assignment is noted before it is handled (``batch:1``); the commit that ends it clears the
note. Whoever finds a note takes it that its writer died in that batch (or was stopped, or so slow that it lost the
partition). After two deaths at one offset the records run one by one, each noted before it starts (``record:1``); a
record at which three processes died is not started again. So at least five processes die, and one or more beforehand
whose death was not noted: a later batch is not, for that would cost a commit each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BATCH_DEATHS = 2
RECORD_DEATHS = 3


@dataclass(frozen=True, slots=True)
class Note:
    """``deaths``: how many processes have begun at this offset and not come to its end."""

    of: Literal["batch", "record"]
    deaths: int

    def __str__(self) -> str:
        return f"{self.of}:{self.deaths}"


NONE = Note("batch", 0)
FIRST_START = Note("record", 1)


def read(metadata: str) -> Note:
    """The note in the metadata of a committed offset; what is not ours is no note."""
    of, _, count = metadata.partition(":")
    if of in ("batch", "record") and count.isdigit():
        return Note("record" if of == "record" else "batch", int(count))
    return NONE


@dataclass(frozen=True, slots=True)
class Begin:
    """How to go on at an offset: ``one_by_one`` or in a batch; ``note`` to write first, None for a dead letter."""

    one_by_one: bool
    note: Note | None


def begin(found: Note) -> Begin:
    """What the finder of a note does."""
    if found.of == "record":
        hopeless = found.deaths >= RECORD_DEATHS
        return Begin(True, None if hopeless else Note("record", found.deaths + 1))
    if found.deaths >= BATCH_DEATHS:
        return Begin(True, FIRST_START)
    return Begin(False, Note("batch", found.deaths + 1))


@dataclass(slots=True)
class OneByOne:
    """A partition that runs one by one: the note for its next record (None: give it up), for how many records."""

    note: Note | None
    left: int

    def went_on(self) -> None:
        """A record was settled."""
        self.note = FIRST_START
        self.left -= 1
