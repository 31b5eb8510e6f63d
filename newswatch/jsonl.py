"""``extract --jsonl``: one object a line in, one result or fault a line out, in order, however many."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, TypeVar

from processors.readings import Reading

BATCH = 64
"""Lines that are extracted together: more are little faster and need more memory."""

BATCH_CHARACTERS = 200_000
"""Characters after which a batch is full before it has so many lines."""

MAX_LINE = 10_000_000
"""Bytes of a line; what is longer is one fault, and is not kept in memory."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A line that can be extracted. ``language`` as it says itself, if it does."""

    line: int
    id: object
    reading: Reading
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that cannot, and why; ``id`` where it has one."""

    line: int
    error: str
    id: object = None


Found = TypeVar("Found")


def answers(
    stream: BinaryIO, extract: Callable[[Sequence[Asked]], Sequence[Found]]
) -> Iterator[tuple[Asked, Found] | Fault]:
    """What ``extract`` finds for each line of ``stream``, or why there is nothing; in order, blank lines left out.

    Never more than a batch is in memory. A batch that fails is extracted line by line, so that only the line at fault
    goes without.
    """
    for batch in _batches(lines(stream)):
        asked = [each for each in batch if isinstance(each, Asked)]
        found = iter(_extracted(asked, extract))
        for each in batch:
            yield each if isinstance(each, Fault) else next(found)


def _extracted(
    asked: Sequence[Asked], extract: Callable[[Sequence[Asked]], Sequence[Found]]
) -> Iterator[tuple[Asked, Found] | Fault]:
    try:
        yield from zip(asked, extract(asked) if asked else [], strict=True)
    except Exception as error:  # noqa: BLE001 (whatever a text does to a model: the other lines have a right to theirs)
        if len(asked) == 1:
            yield Fault(asked[0].line, f"cannot be extracted: {type(error).__name__}: {error}", asked[0].id)
            return
        for each in asked:
            yield from _extracted([each], extract)


def _batches(rows: Iterable[Asked | Fault]) -> Iterator[list[Asked | Fault]]:
    batch: list[Asked | Fault] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.reading.text) if isinstance(row, Asked) else 0
        if len(batch) == BATCH or size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def lines(stream: BinaryIO) -> Iterator[Asked | Fault]:
    """Every line that is not blank, read; numbered from 1."""
    number = 0
    while raw := stream.readline(MAX_LINE + 1):
        number += 1
        if len(raw) > MAX_LINE and not raw.endswith(b"\n"):
            while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            yield Fault(number, f"longer than {MAX_LINE:,} bytes")
        elif raw.strip():
            yield _row(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw, number)


def _row(raw: bytes, number: int) -> Asked | Fault:
    try:
        row = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Fault(number, f"not UTF-8 at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return Fault(number, f"not JSON: {error}")
    if not isinstance(row, dict) or "id" not in row:
        return Fault(number, 'not an object with id; write {"id": "1", "text": "…"}')
    identifier = _whole(row["id"]) if isinstance(row["id"], str) else row["id"]
    texts: dict[str, str] = {}
    for name in ("text", "title", "body", "published", "language"):
        value = row.get(name)
        if isinstance(value, str):
            texts[name] = _whole(value)
        elif value is not None:
            return Fault(number, f"{name} must be text", identifier)
    if not texts.keys() & {"text", "title", "body"}:
        return Fault(number, "neither text nor title and body", identifier)
    try:
        published = _published(texts.get("published"))
    except (ValueError, OverflowError):
        return Fault(number, f"published: {texts['published']!r} is not an ISO 8601 time", identifier)
    title, body = (None, texts["text"]) if "text" in texts else (texts.get("title", ""), texts.get("body", ""))
    return Asked(number, identifier, Reading(title, body, published), texts.get("language"))


def _whole(text: str) -> str:
    """Without halves of characters, which JSON can write and UTF-8 cannot; of the same length."""
    return _HALF.sub("\ufffd", text)


_HALF = re.compile("[\ud800-\udfff]")


def _published(value: str | None) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
