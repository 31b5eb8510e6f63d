"""Where the reading of an archive stands: the message of the topic ``backfills``, written with what was published."""

from __future__ import annotations

from typing import Literal

from stream.parts import Message, Part, Utc

ArchiveKind = Literal["feed", "jsonl", "warc"]


class Position(Part):
    """Where an archive is read on: ``inner`` bytes behind the byte ``member`` of the file.

    In a gzip file ``member`` is where one of its members begins and ``inner`` counts what comes out of it; in a plain
    file it is 0. ``number`` is how many lines, records or entries are behind it.
    """

    member: int = 0
    inner: int = 0
    number: int = 0
    read: int = 0
    """Bytes of the file that were read by then, some ahead: for the progress."""


class Reason(Part):
    """Why something was left out, and how often."""

    reason: str
    count: int


class Backfill(Message):
    """What ``newswatch backfill`` made of an archive so far, in one transaction with the articles. Key: ``id``."""

    message: Literal["Backfill"] = "Backfill"
    id: str
    """Of its content and the limits that it was read with, not of its name; see ``ingest.archives.recognise``."""
    name: str
    """The file's name, without its folder."""
    kind: ArchiveKind
    size: int
    """Bytes of the file."""
    position: Position = Position()
    """Where the reading goes on."""
    published: int = 0
    known: int = 0
    """Articles whose content the log held before, not published again."""
    skipped: int = 0
    """Records that are no articles by their nature: requests, images, pages that were not found."""
    refused: int = 0
    """Lines, records and entries that could not be used; each was named when it was met."""
    reasons: tuple[Reason, ...] = ()
    """Why records were skipped and refused, and pages gave no text; rare reasons together as ``other``."""
    began: Utc
    at: Utc
    finished: bool = False
    damage: str | None = None
    """What was wrong with the file: where it is cut off or cannot be read."""

    @property
    def read(self) -> str:
        """How much of the file is read, for people: ``43 %``."""
        return f"{min(100.0, 100 * self.position.read / max(1, self.size)):.0f} %"
