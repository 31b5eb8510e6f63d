"""WARC files for the tests and the benchmark, as crawlers write them."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """A response record."""

    url: str
    body: bytes
    date: str = "2026-02-01T12:00:00Z"
    status: str = "200 OK"
    content_type: str = HTML
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "response"


def story(
    number: int, text: str = "", *, day: int = 1, head: str = "", words: str = "The embassy moves.",
) -> bytes:  # fmt: skip
    """A page of a story; ``text`` is its description."""
    title = f"Story {number}: the embassy leaves Riga"
    return f"""<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><title>{title} | The Site</title>
<meta property="og:title" content="{title}"><meta property="og:site_name" content="The Site">
<meta name="description" content="{text or f"Embassy number {number} moves to Tallinn."}">
<script type="application/ld+json">{{"@type": "NewsArticle", "datePublished": "2026-01-{day:02}T08:00:00+02:00",
 "author": {{"name": "A. Writer"}}}}</script>{head}</head>
<body><nav>Home News Sport</nav><article><h1>{title}</h1>{f"<p>{words}</p>" * 20}</article></body></html>""".encode()


def answers(count: int, **given: object) -> list[Answer]:
    """Stories of three outlets."""
    return [Answer(f"https://www.site{n % 3}.example/news/{n}", story(n, **given)) for n in range(count)]  # type: ignore[arg-type]


def write(path: Path, records: Iterable[Answer], *, members: bool | None = None, info: bool = True) -> Path:
    """A WARC of ``records``: plain, with ``members`` a gzip member a record, with ``members=False`` one in all."""
    about = _record("warcinfo", "", "application/warc-fields", "2026-01-01T00:00:00Z", b"software: test\r\n")
    found = chain([about] if info else [], map(_answer, records))
    with gzip.open(path, "wb") if members is False else path.open("wb") as file:
        for record in found:
            file.write(gzip.compress(record, 1) if members else record)
    return path


def _answer(answer: Answer) -> bytes:
    if answer.kind == "resource":
        return _record("resource", answer.url, answer.content_type, answer.date, answer.body)
    lines = [f"HTTP/1.1 {answer.status}", f"Content-Type: {answer.content_type}", *map(": ".join, answer.headers)]
    block = "\r\n".join([*lines, "", ""]).encode() + answer.body
    return _record(answer.kind, answer.url, f"application/http; msgtype={answer.kind}", answer.date, block)


def _record(kind: str, url: str, content_type: str, date: str, block: bytes) -> bytes:
    """One record as ISO 28500, 4, has it."""
    fields = {
        "WARC-Type": kind, "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, url + date)}>",
        "WARC-Date": date, "Content-Length": str(len(block)), "Content-Type": content_type,
        **({"WARC-Target-URI": url} if url else {}),
    }  # fmt: skip
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"WARC/1.0\r\n{head}\r\n".encode() + block + b"\r\n\r\n"
