"""WARC (ISO 28500) as an archive: the pages that a crawl fetched, record by record, in bounded memory.

The records are framed here, because a length that is wrong or missing must cost one record, not all behind it; what is
in them, HTTP headers and encodings, is read by warcio.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from warcio.bufferedreaders import BufferedReader  # type: ignore[import-untyped]
from warcio.recordloader import ArcWarcRecord, ArcWarcRecordLoader  # type: ignore[import-untyped]
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser, StatusAndHeadersParserException  # type: ignore[import-untyped]

from ingest import urls
from ingest.items import Item, RawPage
from ingest.streams import ArchiveStream, Damaged
from stream.backfills import Position

_MAX_FIELDS = 1_000
_LINE = 1 << 14
_HTML = ("text/html", "application/xhtml+xml")
_HTTP_HEADERS = 1 << 16  # bytes that the answer's headers may have beside the page
_VERSIONS = StatusAndHeadersParser(ArcWarcRecordLoader.WARC_TYPES)
_ANSWERS = StatusAndHeadersParser(ArcWarcRecordLoader.HTTP_TYPES)


class _Broken(Exception):
    """No record begins here, or it cannot be read; why, in one line."""


def items(stream: ArchiveStream, number: int, max_bytes: int) -> Iterator[Item]:
    """An item for each record; ``number`` records are behind the stream's place already."""
    while True:
        try:
            line = _next_line(stream)
            if not line:
                return
            try:
                found = _record(stream, line, max_bytes)
            except _Broken as error:
                found = _none(refused=str(error))
        except Damaged as error:  # of a file of many gzip members one costs only its own records
            goes_on = stream.resync()
            found = _none(damage=str(error))
            if not goes_on:
                yield replace(found, where=f"record {number + 1}", after=stream.position(number))
                return
        number += 1
        yield replace(found, where=f"record {number}", after=stream.position(number))


def _none(*, refused: str | None = None, skipped: str | None = None, damage: str | None = None) -> Item:
    return Item("", Position(), refused=refused, skipped=skipped, damage=damage)


def _next_line(stream: ArchiveStream) -> bytes:
    """The first line that is not blank; empty at the end."""
    while line := stream.readline(_LINE):
        if line.strip():
            return line
    return b""


def _record(stream: ArchiveStream, line: bytes, max_bytes: int) -> Item:
    """The record that begins with ``line``, read to its end. Raises ``_Broken``, ``Damaged``."""
    if not line.startswith(b"WARC/"):
        passed = len(line) + _to_next_record(stream)
        raise _Broken(f"{passed:,} bytes where a record should begin")
    headers = _headers(stream, line)
    length = (headers.get_header("Content-Length") or "").strip()
    if not (length.isascii() and length.isdigit() and len(length) < 16):
        passed = _to_next_record(stream)
        raise _Broken(f"its Content-Length is {length[:20]!r}; {passed:,} bytes to the next record were passed over")
    size = int(length)
    kind = (headers.get_header("WARC-Type") or "").lower()
    if kind not in ("response", "resource") or size > max_bytes + _HTTP_HEADERS:
        _skip(stream, size)
        if kind not in ("response", "resource"):
            return _none(skipped=f"{kind[:20] or 'untyped'} record")
        raise _Broken(f"a page of {size:,} bytes, more than ingest.max_bytes ({max_bytes:,})")
    block = stream.read(size)
    if len(block) < size:
        raise Damaged(f"the record is cut off: {len(block):,} of {size:,} bytes")
    return _page(headers, kind, block, max_bytes)


def _to_next_record(stream: ArchiveStream) -> int:
    """Pass over what stands before the next line that begins a record; how many bytes."""
    passed = 0
    while line := stream.readline(_LINE):
        if line.startswith(b"WARC/"):
            stream.unread(len(line))
            break
        passed += len(line)
    return passed


def _skip(stream: ArchiveStream, size: int) -> None:
    if (passed := stream.skip(size)) < size:
        raise Damaged(f"the record is cut off: {passed:,} of {size:,} bytes")


def _headers(stream: ArchiveStream, line: bytes) -> StatusAndHeaders:
    """The named fields of a record, up to the blank line behind them."""
    lines = [line]
    while (line := stream.readline(_LINE)).strip():
        lines.append(line)
        if len(lines) > _MAX_FIELDS:
            passed = _to_next_record(stream)
            raise _Broken(f"its header has no end; {passed:,} bytes to the next record were passed over")
    try:
        return _VERSIONS.parse(io.BytesIO(b"".join([*lines, b"\r\n"])))
    except (StatusAndHeadersParserException, EOFError) as error:
        passed = _to_next_record(stream)
        raise _Broken(f"not a WARC record; {passed:,} bytes to the next one were passed over") from error


def _page(headers: StatusAndHeaders, kind: str, block: bytes, max_bytes: int) -> Item:
    url = urls.link((headers.get_header("WARC-Target-URI") or "").strip("<> "))
    if not url:
        return _none(skipped="not of http or https")
    content_type = headers.get_header("Content-Type") or ""
    body = block
    if kind == "response":
        try:
            body_and_type = _answer(block, max_bytes)
        except (StatusAndHeadersParserException, EOFError) as error:
            raise _Broken("no HTTP answer in it") from error
        if isinstance(body_and_type, str):
            return _none(skipped=body_and_type)
        body, content_type = body_and_type
    media = content_type.split(";")[0].strip().lower()
    if media not in _HTML:
        return _none(skipped=f"not HTML ({media[:40] or 'no content type'})")
    return replace(_none(), page=RawPage(url, content_type, body), fetched=_date(headers.get_header("WARC-Date")))


def _answer(block: bytes, max_bytes: int) -> tuple[bytes, str] | str:
    """Body and content type of an HTTP answer; a ``str`` says why there is no page. Raises ``_Broken``."""
    stream = io.BytesIO(block)
    answer = _ANSWERS.parse(stream)
    status = answer.get_statuscode()
    if status != "200":
        return f"HTTP {status[:3]}"
    content_type = answer.get_header("Content-Type") or ""
    if content_type.split(";")[0].strip().lower() not in _HTML:
        return b"", content_type
    encoding = (answer.get_header("Content-Encoding") or "identity").strip().lower()
    if encoding not in ("identity", *BufferedReader.get_supported_decompressors()):
        raise _Broken(f"its content encoding {encoding[:20]!r} is not known")
    record = ArcWarcRecord("warc", "response", None, stream, answer, None, None)
    try:
        return _bounded(record.content_stream(), max_bytes), content_type
    except _Broken:
        raise
    except Exception as error:  # zlib's, and whatever warcio raises on chunks that are none
        raise _Broken(f"its body cannot be decoded: {type(error).__name__}") from error


def _bounded(content: Any, max_bytes: int) -> bytes:
    body = bytearray()
    while piece := content.read(_LINE):
        body += piece
        if len(body) > max_bytes:
            raise _Broken(f"a page of more than ingest.max_bytes ({max_bytes:,}) when it is unpacked")
    return bytes(body)


def _date(value: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat((value or "").strip())
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= 1970 else None  # a version counts from there
