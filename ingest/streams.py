"""An archive's bytes as one stream, plain or gunzipped, read in pieces, that can tell where to go on later."""

from __future__ import annotations

import zlib
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol

from stream.backfills import Position

GZIP = b"\x1f\x8b"
_MEMBER = GZIP + b"\x08"
_CHUNK = 1 << 16
_LARGEST = 1 << 18  # bytes that one step of decompression may give: a bomb comes in pieces
_WITH_GZIP_HEADER = 31  # zlib's wbits


class Damaged(Exception):
    """The stream cannot be read on; ``str(error)`` says why and at which byte of the file."""


class _Chunks(Protocol):
    def chunk(self) -> bytes:
        """The next bytes; empty at the end. Raises ``Damaged``."""

    def position(self, at: int) -> tuple[int, int]:
        """``member`` and ``inner`` of the ``at``-th byte given; none before it is asked for again."""

    def resync(self) -> bool:
        """After ``Damaged``: go on where something whole begins; False where there is nothing like it."""


class ArchiveStream:
    """A file read from ``position`` on, to be used in a ``with`` block. Raises ``OSError`` as files do."""

    def __init__(self, path: Path, position: Position | None = None) -> None:
        position = position or Position()
        self._file = path.open("rb")
        self.zipped = self._file.read(2) == GZIP
        self._chunks: _Chunks = (
            _Gunzip(self._file, position.member) if self.zipped else _Plain(self._file, position.member)
        )
        self._buffer = b""
        self._next = 0  # of the buffer
        self._base = 0  # of the buffer's first byte, counted from where this reading began
        self.skip(position.inner)

    def __enter__(self) -> ArchiveStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def position(self, number: int) -> Position:
        """Where this stream stands, behind ``number`` lines or records."""
        member, inner = self._chunks.position(self._base + self._next)
        return Position(member=member, inner=inner, number=number, read=self._file.tell())

    def readline(self, limit: int) -> bytes:
        """Up to the next newline, included, or ``limit`` bytes; empty at the end. Raises ``Damaged``."""
        while True:
            end = self._buffer.find(b"\n", self._next, self._next + limit) + 1
            if end or len(self._buffer) - self._next >= limit or not self._fill():
                return self._take(end - self._next if end else limit)

    def read(self, size: int) -> bytes:
        """``size`` bytes, fewer only at the end. Raises ``Damaged``; then what came before it is lost."""
        parts: list[bytes] = []
        while size > 0 and (self._next < len(self._buffer) or self._fill()):
            parts.append(self._take(size))
            size -= len(parts[-1])
        return b"".join(parts)

    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes, fewer only at the end; how many. Raises ``Damaged``."""
        left = size
        while left > 0 and (self._next < len(self._buffer) or self._fill()):
            left -= len(self._take(left))
        return size - left

    def unread(self, size: int) -> None:
        """Go back by the ``size`` bytes of the last ``readline``."""
        self._next -= size

    def resync(self) -> bool:
        """After ``Damaged``: go to the next gzip member that can be read; False where there is none."""
        self._base += len(self._buffer)
        self._buffer, self._next = b"", 0
        return self._chunks.resync()

    def _take(self, size: int) -> bytes:
        taken = self._buffer[self._next : self._next + size]
        self._next += len(taken)
        return taken

    def _fill(self) -> bool:
        """Put the next chunk behind what the buffer still holds; False at the end."""
        chunk = self._chunks.chunk()
        self._base += self._next
        self._buffer = self._buffer[self._next :] + chunk
        self._next = 0
        return bool(chunk)


class _Plain:
    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start
        file.seek(start)

    def chunk(self) -> bytes:
        return self._file.read(_CHUNK)

    def position(self, at: int) -> tuple[int, int]:
        return self._start + at, 0

    def resync(self) -> bool:
        return False


class _Gunzip:
    """The members of a gzip file one after the other (RFC 1952, 2.2), from the one that begins at ``start``."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._given = 0
        self._ended = False
        self._members: deque[tuple[int, int]] = deque()  # (bytes given before it, its first byte in the file)
        self._begin(start)

    def _begin(self, start: int) -> None:
        self._file.seek(start)
        self._read = start
        self._data = b""
        self._open(start)

    def _open(self, start: int) -> None:
        self._members.append((self._given, start))
        self._inflate = zlib.decompressobj(_WITH_GZIP_HEADER)

    def chunk(self) -> bytes:
        while True:
            if self._inflate.eof:
                self._data = self._inflate.unused_data.lstrip(b"\0")  # zeros may fill up a block of a tape
                if not self._data:
                    self._more()
                    self._data = self._data.lstrip(b"\0")
                    if not self._data:
                        if self._ended:
                            return b""
                        continue
                self._open(self._read - len(self._data))
            if not self._data:
                self._more()
                if self._ended:
                    raise Damaged(f"the gzip data is cut off at byte {self._read:,}")
            out = self._inflated()
            if out:
                self._given += len(out)
                return out

    def _more(self) -> None:
        self._data = self._file.read(_CHUNK)
        self._read += len(self._data)
        self._ended = not self._data

    def _inflated(self) -> bytes:
        try:
            out = self._inflate.decompress(self._data, _LARGEST)
        except zlib.error as error:
            raise Damaged(f"the gzip member at byte {self._members[-1][1]:,} cannot be read: {error}") from error
        self._data = self._inflate.unconsumed_tail
        return out

    def position(self, at: int) -> tuple[int, int]:
        while len(self._members) > 1 and self._members[1][0] <= at:
            self._members.popleft()
        before, start = self._members[0]
        return start, at - before

    def resync(self) -> bool:
        """By the three bytes that begin every member (RFC 1952, 2.3.1): where they stand by chance, it is damaged
        again."""
        at = self._members[-1][1] + 1
        self._file.seek(at)
        tail = b""
        while block := self._file.read(_CHUNK):
            found = (tail + block).find(_MEMBER)
            if found >= 0:
                self._begin(at - len(tail) + found)
                return True
            at += len(block)
            tail = (tail + block)[-len(_MEMBER) + 1 :]
        return False
