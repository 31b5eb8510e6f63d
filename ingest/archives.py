"""What an archive is, by its content: JSON Lines, a saved feed or WARC, plain or gzipped; and its items one by one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest import jsonlines, warc
from ingest.decode import decode
from ingest.items import Item
from ingest.parse import ParsedFeed, Unreadable
from ingest.streams import ArchiveStream, Damaged
from stream.backfills import ArchiveKind, Position
from stream.errors import ConfigError
from stream.ids import digest

_LOOKED_AT = 1 << 16
"""Bytes, gunzipped, by which an archive is recognised, and as many at each end by which it is known again."""

_FEED = re.compile(r"<(?:\w+:)?(?:rss|feed|RDF|channel)\b", re.IGNORECASE)
_JSON_FEED = re.compile(rb'"version"\s*:\s*"https?:[\\/]+jsonfeed\.org[\\/]+version')
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_PACKED = (
    (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"PK\x03\x04", "zip"),
    (b"7z\xbc\xaf", "7z"),
)  # fmt: skip
_KINDS = "JSON Lines, RSS, Atom, JSON Feed or WARC, plain or gzipped"

ParseFeed = Callable[[bytes], ParsedFeed | Unreadable]


@dataclass(frozen=True, slots=True)
class Archive:
    """A file that was recognised. ``id`` is its content's, not its name's."""

    path: Path
    kind: ArchiveKind
    size: int
    id: str
    modified: datetime
    """When the file was written, as far as the file system knows."""

    @property
    def name(self) -> str:
        """The file's name, without its folder."""
        return self.path.name.encode(errors="replace").decode()


def recognise(path: Path, max_bytes: int, *, full_text: bool) -> Archive:
    """What ``path`` is. Raises ``ConfigError`` in one line for what cannot be read and for what is no archive.

    What is read with another ``max_bytes``, or a WARC with ``full_text``, has another id: it may tell more this time.
    """
    try:
        if not path.is_file():
            raise ConfigError(f"{path}: no such file" if not path.exists() else f"{path}: not a file that can be read")
        about = path.stat()
        kind = _kind(path, max_bytes)
        ends = _ends(path, about.st_size)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    named = digest("backfill", about.st_size, ends, max_bytes, full_text and kind == "warc")
    return Archive(path, kind, about.st_size, named, datetime.fromtimestamp(about.st_mtime, UTC))


def items(archive: Archive, position: Position, max_bytes: int, parse_feed: ParseFeed) -> Iterator[Item]:
    """The items behind ``position``, in order; the last has ``damage`` where the file cannot be read to its end.

    No item is larger than ``max_bytes``; larger ones are refused, one by one. Raises ``OSError``.
    """
    with ArchiveStream(archive.path, position) as stream:
        if archive.kind == "warc":
            yield from warc.items(stream, position.number, max_bytes)
        elif archive.kind == "jsonl":
            yield from jsonlines.items(stream, position.number, max_bytes)
        else:
            yield from _entries(stream, position.number, max_bytes, parse_feed)


def _kind(path: Path, max_bytes: int) -> ArchiveKind:
    with ArchiveStream(path) as stream:
        try:
            start = _beginning(stream, _LOOKED_AT)
        except Damaged as error:
            raise ConfigError(f"{path}: no archive: {error}") from error
        text = decode(start).text.lstrip()
        if text.startswith("{"):
            return _json_kind(path, stream, start, max_bytes)
    packed = [name for magic, name in _PACKED if start.startswith(magic)]
    if packed:
        raise ConfigError(f"{path}: packed with {packed[0]}; unpack it first (newswatch reads {_KINDS})")
    if start.startswith(b"WARC/"):
        return "warc"
    if not start.strip():
        raise ConfigError(f"{path}: empty; newswatch reads {_KINDS}")
    if text.startswith("<") and _FEED.search(text):
        return "feed"
    why = "a page of HTML, not a feed" if _HTML.search(text[:2_000]) else "not an archive that newswatch knows"
    raise ConfigError(f"{path}: {why}; it reads {_KINDS}")


def _beginning(stream: ArchiveStream, size: int) -> bytes:
    """Up to ``size`` bytes; a damage behind the first of them is the reader's to tell."""
    found = bytearray()
    try:
        while len(found) < size and (piece := stream.read(1_024)):
            found += piece
    except Damaged:
        if not found:
            raise
    return bytes(found)


def _json_kind(path: Path, stream: ArchiveStream, start: bytes, max_bytes: int) -> ArchiveKind:
    """JSON Lines where the first line is an object that is no feed, or is damaged and the next one an article; a JSON
    Feed may be written over many lines, and say only at its end that it is one. ``stream`` stands behind ``start``."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    kind = _kind_of_line(text)
    if isinstance(kind, Exception) and len(start) >= _LOOKED_AT:
        with suppress(Damaged):
            text += _beginning(stream, max_bytes - len(start))
        kind = _kind_of_line(text)
    if not isinstance(kind, Exception):
        return kind
    if _JSON_FEED.search(text):
        return "feed"
    if b"\n" not in text and len(start) >= _LOOKED_AT:  # a line that is cut off, or longer than may be read
        return "jsonl"
    if _is_article(text.partition(b"\n")[2].lstrip().partition(b"\n")[0]):
        return "jsonl"
    raise ConfigError(f"{path}: neither JSON Lines (line 1 is not JSON: {kind}) nor a JSON Feed") from kind


def _kind_of_line(text: bytes) -> ArchiveKind | Exception:
    """What the first line tells, or why it is not JSON."""
    try:
        first = json.loads(text.partition(b"\n")[0])
    except (ValueError, RecursionError) as error:
        return error
    version = first.get("version") if isinstance(first, dict) else None
    return "feed" if isinstance(version, str) and _JSON_FEED.search(f'"version":"{version}'.encode()) else "jsonl"


def _is_article(line: bytes) -> bool:
    try:
        jsonlines.article(line)
    except jsonlines.BadLine:
        return False
    return True


def _ends(path: Path, size: int) -> str:
    """A hash of the first and the last bytes: with the size enough to know a file again that was moved or renamed."""
    with path.open("rb") as file:
        found = hashlib.blake2b(file.read(_LOOKED_AT), digest_size=16)
        file.seek(max(0, size - _LOOKED_AT))
        found.update(file.read(_LOOKED_AT))
    return found.hexdigest()


def _entries(stream: ArchiveStream, done: int, max_bytes: int, parse_feed: ParseFeed) -> Iterator[Item]:
    """The entries of a saved feed in its order, behind the first ``done`` ones."""
    start = Position()
    damage = None
    body = b""
    try:
        while len(body) <= max_bytes and (piece := stream.read(1 << 16)):
            body += piece
    except Damaged as error:
        damage = str(error)
    if len(body) > max_bytes:
        yield Item("feed", start, damage=f"the feed is larger than {max_bytes:,} bytes; raise ingest.max_bytes")
        return
    parsed = parse_feed(body)
    if isinstance(parsed, Unreadable):
        yield Item("feed", start, damage=damage or parsed.reason)
        return
    for number, entry in enumerate(parsed.entries, 1):
        if number > done:
            refused = None if entry.link else "no link: an entry of an archive is known by its address"
            yield Item(f"entry {number}", Position(number=number), entry=entry, feed=parsed, refused=refused)
    last = Position(number=len(parsed.entries) + 1)
    if parsed.skipped and done < last.number:
        yield Item("feed", last, refused=f"{parsed.skipped} entries without title and text", weight=parsed.skipped)
    if damage or parsed.notes:
        yield Item("feed", last, damage=damage or "; ".join(parsed.notes))
