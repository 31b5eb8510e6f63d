"""A page of HTML to what an article needs: title, description, date, language, canonical address, perhaps its text.

Never raises on what a server sends. The head is read by Python's own parser, which no input breaks or slows down
much; the text, where it is asked for, by trafilatura: that belongs into a process that can be killed
(``ingest/fulltext.py``).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from ingest import urls
from ingest.dates import MAX_LENGTH, parse_date
from ingest.decode import clean, decode
from ingest.parse import MAX_AUTHORS, MAX_NAME, ParsedEntry, Unreadable
from ingest.text import fold

_MAX_HEAD = 300_000  # characters; a head has some 50,000
_MAX_LINKED_DATA = 20  # blocks of JSON-LD that are looked at, of at most so many characters each:
_MAX_BLOCK = 300_000
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9._:+-]{1,40})""", re.IGNORECASE)
_BODY = re.compile(r"<body[\s>]", re.IGNORECASE)
_LINKED_DATA = re.compile(r"<script[^>]{0,300}application/ld\+json[^>]{0,300}>", re.IGNORECASE)
_CLOSING = re.compile(r"</script", re.IGNORECASE)
_DATES = (
    "article:published_time", "og:published_time", "datepublished", "date", "pubdate", "publishdate", "publish-date",
    "publish_date", "parsely-pub-date", "dc.date.issued", "dcterms.issued", "dc.date", "sailthru.date",
)  # fmt: skip
_TITLES = ("og:title", "twitter:title", "dc.title")
_DESCRIPTIONS = ("description", "og:description", "twitter:description", "dc.description")


@dataclass(frozen=True, slots=True)
class ReadPage:
    """What a page says. ``entry.link`` is its canonical address; ``entry.body`` is empty without full text.

    ``note`` says why there is no text although it was asked for.
    """

    entry: ParsedEntry
    note: str | None = None


def read_page(body: bytes, content_type: str, url: str, *, full_text: bool) -> ReadPage | Unreadable:
    """The page that ``url`` answered with; never raises but ``MemoryError`` and ``RecursionError``."""
    text = decode_page(body, content_type)
    head = _head(text)
    found, note = _text_of(text, url) if full_text else ("", None)
    entry = _entry(head, _linked_data(text), url, found)
    if not (entry.title or entry.summary or entry.body):
        return Unreadable("the page has neither title nor description")
    return ReadPage(entry, note)


def decode_page(body: bytes, content_type: str) -> str:
    """The page as text: as ``decode``, but a charset that the page itself names counts where the header names none."""
    named = _META_CHARSET.search(body[:4_096])
    if named and "charset" not in content_type.lower():
        content_type = f"text/html; charset={named[1].decode()}"
    return decode(body, content_type).text


def _text_of(text: str, url: str) -> tuple[str, str | None]:
    """The article's text and why there is none."""
    import trafilatura  # takes a second; only where full text is asked for

    try:
        found = trafilatura.extract(text, url=url, fast=True, include_comments=False, include_tables=False)
    except Exception as error:  # noqa: BLE001 - a parser of the wild web: the page's description stays
        return "", f"no text could be extracted: {type(error).__name__}"
    return (fold(found), None) if found else ("", "no text was found on the page")


@dataclass
class _Head:
    """What the head of a page declares, by lower-case name; of several values the first."""

    meta: dict[str, str] = field(default_factory=dict)
    title: str = ""
    language: str = ""
    canonical: str = ""


class _HeadParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.head = _Head()
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See ``HTMLParser``."""
        given = {name: value or "" for name, value in reversed(attrs)}  # of an attribute given twice the first counts
        if tag == "meta":
            name = given.get("property") or given.get("name") or given.get("itemprop") or given.get("http-equiv") or ""
            if given.get("content", "").strip():
                self.head.meta.setdefault(name.strip().lower(), given["content"])
        elif tag == "title" and not self.head.title:
            self._in_title = True
        elif tag == "html":
            self.head.language = self.head.language or given.get("lang") or given.get("xml:lang") or ""
        elif tag == "link" and "canonical" in given.get("rel", "").lower().split():
            self.head.canonical = self.head.canonical or given.get("href", "")

    def handle_endtag(self, tag: str) -> None:
        """See ``HTMLParser``."""
        if tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        """See ``HTMLParser``."""
        if self._in_title:
            self.head.title += data


def _head(text: str) -> _Head:
    """What stands before the body."""
    body = _BODY.search(text, 0, _MAX_HEAD)
    parser = _HeadParser()
    with suppress(ValueError, AssertionError):  # of declarations that are none; what stands before them counts
        parser.feed(text[: body.start() if body else _MAX_HEAD])
    return parser.head


def _linked_data(text: str) -> Mapping[str, Any]:
    """The first article that JSON-LD on the page describes (https://schema.org/Article); empty where there is none."""
    at = 0
    for _ in range(_MAX_LINKED_DATA):
        opening = _LINKED_DATA.search(text, at)
        closing = _CLOSING.search(text, opening.end()) if opening else None
        if not opening or not closing:
            break
        at = closing.end()
        if closing.start() - opening.end() > _MAX_BLOCK:
            continue
        try:
            described = json.loads(text[opening.end() : closing.start()], strict=False)
        except (ValueError, RecursionError):
            continue
        for thing in _things(described):
            if _is_article(thing):
                return thing
    return {}


def _things(described: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a block, at its top, in a list, or in its ``@graph``."""
    for thing in described if isinstance(described, list) else [described]:
        if isinstance(thing, dict):
            yield thing
            graph = thing.get("@graph")
            yield from (inner for inner in graph if isinstance(inner, dict)) if isinstance(graph, list) else ()


def _is_article(thing: Mapping[str, Any]) -> bool:
    kinds = thing.get("@type")
    named = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(k, str) and k.endswith(("Article", "Posting", "Report")) for k in named)


def _entry(head: _Head, data: Mapping[str, Any], url: str, text: str) -> ParsedEntry:
    meta = head.meta
    language = head.language or _string(data, "inLanguage") or meta.get("content-language") or meta.get("og:locale")
    raw = _string(data, "datePublished") or _first(meta, _DATES)
    title = _line(_first(meta, _TITLES)) or _line(_string(data, "headline")) or _line(head.title)
    description = _first(meta, _DESCRIPTIONS) or _string(data, "description")
    authors = _people(data.get("author")) or _people(meta.get("author"))
    name = _line(meta.get("og:site_name", ""))[:MAX_NAME]
    return ParsedEntry(
        guid=None, link=_address(head.canonical or meta.get("og:url", ""), url), title=title,
        summary=_plain(description), body=text,
        published=parse_date(raw, None, language), published_raw=raw[:MAX_LENGTH] or None, language=language or None,
        authors=authors, source_name=name or None, source_url=url,
    )  # fmt: skip


def _address(canonical: str, url: str) -> str:
    """The canonical address where it can be that of this page: on the outlet's own domain, and no front page, which
    some publishers name on every page."""
    link = urls.link(canonical, url) if canonical else None
    if link and urls.domain(link) == urls.domain(url) and not is_front(link):
        return link
    return url


def is_front(url: str) -> bool:
    """Whether ``url`` is a site's front page, which is no article."""
    canonical = urls.canonical(url)
    return canonical.count("/") == 3 and canonical.endswith("/")


def _first(meta: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((meta[n].strip() for n in names if n in meta), "")


def _string(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return html.unescape(value).strip() if isinstance(value, str) else ""


def _people(value: object) -> tuple[str, ...]:
    """Names of authors, of a text, an object with ``name``, or a list of them; addresses are none."""
    given = value if isinstance(value, list) else [value]
    named = (_string(g, "name") if isinstance(g, dict) else g for g in given)
    lines = (_line(n)[:MAX_NAME] for n in named if isinstance(n, str))
    return tuple(dict.fromkeys(n for n in lines if n and "@" not in n and "://" not in n))[:MAX_AUTHORS]


def _plain(text: str) -> str:
    return fold(clean(text))


def _line(text: str) -> str:
    return _plain(text).replace("\n", " ")
