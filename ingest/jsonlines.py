"""JSON Lines as an archive: an object a line with ``url``, ``title`` and ``text``, and what else is known.

Fields: ``url``; ``title``, ``text`` (or ``body``, an ``Article`` message has it), ``summary``; ``published``,
``fetched`` (when this content was first seen); ``language``; ``authors`` (a list, or one text); ``source`` (a name, or
an object with ``name`` and ``domain``). Others are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ingest import urls
from ingest.dates import MAX_LENGTH, parse_date
from ingest.decode import clean
from ingest.items import Item
from ingest.parse import MAX_AUTHORS, MAX_NAME, ParsedEntry
from ingest.streams import ArchiveStream, Damaged
from ingest.text import fold
from stream.backfills import Position


class BadLine(ValueError):
    """The line is no article; ``str(error)`` is why, in one line."""


def items(stream: ArchiveStream, number: int, max_bytes: int) -> Iterator[Item]:
    """An item for each line that is not blank; ``number`` lines are behind the stream's place already."""
    while True:
        try:
            line = stream.readline(max_bytes + 1)
            long = len(line) > max_bytes and not line.endswith(b"\n")
            while long and (rest := stream.readline(max_bytes)) and not rest.endswith(b"\n"):
                pass
        except Damaged as error:
            yield Item(f"line {number + 1}", stream.position(number), damage=str(error))
            return
        if not line:
            return
        number += 1
        where, after = f"line {number}", stream.position(number)
        if long:
            yield Item(where, after, refused=f"longer than {max_bytes:,} bytes; raise ingest.max_bytes")
        elif line.strip():
            yield _item(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, where, after)


def _item(line: bytes, where: str, after: Position) -> Item:
    try:
        entry, fetched = article(line)
    except BadLine as error:
        return Item(where, after, refused=str(error))
    return Item(where, after, entry=entry, fetched=fetched)


def article(line: bytes) -> tuple[ParsedEntry, datetime | None]:
    """What a line says, and when it was fetched. Raises ``BadLine``."""
    row = _object(line)
    url = urls.link(_text(row, "url"))
    if not url:
        raise BadLine("no url of an article (http:// or https://)")
    title, summary = fold(_text(row, "title")).replace("\n", " "), fold(_text(row, "summary"))
    body = fold(_text(row, "text") or _text(row, "body"))
    if not (title or summary or body):
        raise BadLine("neither title nor text")
    language, published = _text(row, "language") or None, _text(row, "published")
    name, domain = _source(row.get("source"))
    entry = ParsedEntry(
        guid=None, link=url, title=title, summary="" if summary == body else summary, body=body,
        published=parse_date(published, None, language), published_raw=published[:MAX_LENGTH] or None,
        language=language, authors=_authors(row.get("authors")), source_name=name,
        source_url=f"https://{domain}/" if domain else url if name else None,
    )  # fmt: skip
    return entry, _fetched(_text(row, "fetched"))


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise BadLine(f"not UTF-8 at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise BadLine(f"not JSON: {str(error)[:200]}") from error
    if not isinstance(row, dict):
        raise BadLine('not an object; write {"url": "https://…", "title": "…", "text": "…"}')
    return row


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadLine(f"{name} must be text")
    return clean(str(value)).strip()


def _fetched(raw: str) -> datetime | None:
    """Exact, or not at all: which revision of an article counts depends on it."""
    if not raw:
        return None
    try:
        moment = datetime.fromisoformat(raw)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise BadLine(f"fetched: {raw[:100]!r} is not an ISO 8601 time") from error
    if moment.year < 1970:  # a version counts from there
        raise BadLine(f"fetched: {raw[:100]!r} is before 1970")
    return moment


def _authors(value: object) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    names = (fold(v).replace("\n", " ")[:MAX_NAME] for v in given if isinstance(v, str))
    return tuple(dict.fromkeys(n for n in names if n))[:MAX_AUTHORS]


def _source(value: object) -> tuple[str | None, str | None]:
    """Name and domain of the outlet, where they are given."""
    if isinstance(value, dict):
        domain = _text(value, "domain").lower()
        plain = not domain or urls.link(f"https://{domain}/") is not None
        return fold(_text(value, "name")).replace("\n", " ")[:MAX_NAME] or None, domain if plain and domain else None
    return (fold(value).replace("\n", " ")[:MAX_NAME] or None, None) if isinstance(value, str) else (None, None)
