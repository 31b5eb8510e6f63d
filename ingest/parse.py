"""The bytes of a feed to its entries as plain text: RSS, Atom and RDF by feedparser, JSON Feed by ``ingest/jsonfeed``.

Never raises on what a server sends: a body that is no feed is ``Unreadable`` with one clear reason, a damaged one
gives the entries that can be read and a note.
"""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import feedparser

from ingest import jsonfeed, urls
from ingest.dates import MAX_LENGTH, parse_date
from ingest.decode import CONTROL, Decoded, decode
from ingest.text import fold, one_line, to_text

MAX_AUTHORS = 20
MAX_NAME = 200
_MAX_FAILED_GUESSES = 20  # at 10 ms each: a feed whose dates are no dates must not cost seconds
_LONGEST_TTL_MINUTES = 60 * 24 * 365
_feedparser: Any = feedparser.parse  # type: ignore[attr-defined]
_DECLARATION = "<?xml version='1.0' encoding='utf-8'?>"
_HTML = re.compile(r"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_OPEN = re.compile(r"<(?:\w+:)?(?:item|entry)[\s>]")
_ADDRESS = re.compile(r"[^\s()<>]+@[^\s()<>]+")
_REFERENCE = re.compile(r"&#(?:[xX]0*(?P<hex>[0-9a-fA-F]+)|0*(?P<decimal>[0-9]+));")
_CLOSE = re.compile(r"</(?:\w+:)?(?:item|entry)\s*>")


@dataclass(frozen=True, slots=True)
class ParsedEntry:
    """One item as plain text; what a feed does not give is None or empty. Links are absolute and lead to http(s)."""

    guid: str | None
    link: str | None
    title: str
    summary: str
    body: str
    published: datetime | None = None
    """As the feed says (perhaps in the future), UTC; None where ``published_raw`` cannot be read."""
    published_raw: str | None = None
    language: str | None = None
    """As declared for the entry, else for the feed (BCP 47, not checked)."""
    authors: tuple[str, ...] = ()
    source_name: str | None = None
    """Of the item's source element: where an aggregator has it from."""
    source_url: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A feed as read. ``format`` is feedparser's version (``rss20``, ``atom10``, ``rss10`` …) or ``json``."""

    title: str
    link: str | None
    """The feed's own site."""
    ttl: float | None
    """Seconds."""
    language: str | None
    entries: tuple[ParsedEntry, ...]
    format: str
    skipped: int = 0
    """Entries without title and text."""
    notes: tuple[str, ...] = ()
    """What was wrong with the feed although entries could be read."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No feed could be read; ``reason`` is one line."""

    reason: str


def parse(body: bytes, content_type: str = "", url: str = "") -> ParsedFeed | Unreadable:
    """The feed in ``body``, which came from ``url`` with this ``Content-Type``; never raises."""
    if not body.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        return Unreadable("the answer is empty")
    decoded = decode(body, content_type)
    if decoded.text.lstrip()[:1] in ("{", "["):
        return _parse_json(decoded, url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # feedparser warns of its own old ways
        try:
            # bytes in a BytesIO: a string could be taken for a file's name or a URL
            document = (_DECLARATION + _sound_references(decoded.text)).encode("utf-8", "replace")
            result = _feedparser(io.BytesIO(document), sanitize_html=False, resolve_relative_uris=False)
            return _read(result, decoded, url)
        except Exception as error:  # noqa: BLE001 - a parser of the wild web: whatever it raises means an unreadable feed
            return Unreadable(f"the feed cannot be parsed: {type(error).__name__}")


def _sound_references(text: str) -> str:
    """``text`` with the character references that XML does not allow (https://www.w3.org/TR/xml/#NT-Char) resolved.

    A single one makes a feed unreadable for the parsers. Two surrogates are the character that they stand for, as
    JavaScript writes it, one alone and what is beyond Unicode are U+FFFD, control characters go.
    """
    resolved = _REFERENCE.sub(_sound_reference, text)
    return resolved if resolved is text else resolved.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _sound_reference(match: re.Match[str]) -> str:
    digits = match["hex"] or match["decimal"]
    code = int(digits, 16 if match["hex"] else 10) if len(digits) <= 8 else sys.maxsize
    if code > sys.maxunicode:
        return "\ufffd"
    if 0xD800 <= code <= 0xDFFF:
        return chr(code)
    return "" if CONTROL.match(chr(code)) and not 0x7F <= code <= 0x9F else match[0]


def _parse_json(decoded: Decoded, url: str) -> ParsedFeed | Unreadable:
    try:
        feed = jsonfeed.parse(decoded.text)
    except jsonfeed.NotJsonFeed as error:
        return Unreadable(str(error))
    base = urls.link(feed.link, url) or url
    dates = _Dates(feed.language)
    entries = [
        ParsedEntry(
            guid=item.guid,
            link=urls.link(item.link, base),
            title=one_line(item.title),
            summary=to_text(item.summary),
            body=to_text(item.html) if item.html else fold(item.text),
            published=dates.read(item.published, None),
            published_raw=item.published[:MAX_LENGTH] or None,
            language=item.language or feed.language,
            authors=_names(item.authors),
        )
        for item in feed.items
    ]
    notes = tuple(n for n in (decoded.note,) if n)
    return _feed(one_line(feed.title), urls.link(feed.link, url), None, feed.language, entries, "json", notes)


def _read(result: Any, decoded: Decoded, url: str) -> ParsedFeed | Unreadable:
    entries = list(result.entries)
    if not result.version and not entries:
        if _HTML.match(decoded.text[:2_000]):
            return Unreadable("the page is HTML, not a feed; look on it for the address of its RSS or Atom feed")
        return Unreadable("no feed in the answer (neither RSS, Atom, RDF nor JSON Feed)")
    notes = [decoded.note] if decoded.note else []
    if broken := _damage(result, decoded.text):
        notes.append(broken)
        if len(entries) > len(_CLOSE.findall(decoded.text)) and _OPEN.search(decoded.text):
            entries.pop()  # cut off in its middle: it comes whole another time
    feed = result.feed
    site = urls.link(_string(feed, "link"), url)
    language = _string(feed, "language") or _detail(feed, "title").get("language") or None
    dates = _Dates(language)
    parsed = [_entry(e, result.version, site or url, language, dates) for e in entries]
    return _feed(one_line(_string(feed, "title")), site, _ttl(_string(feed, "ttl")), language, parsed,
                 result.version or "unknown", notes)  # fmt: skip


def _feed(
    title: str, link: str | None, ttl: float | None, language: str | None, entries: Iterable[ParsedEntry],
    kind: str, notes: Iterable[str],
) -> ParsedFeed:  # fmt: skip
    found = list(entries)
    kept = tuple(e for e in found if e.title or e.summary or e.body)
    return ParsedFeed(title[:MAX_NAME], link, ttl, language, kept, kind, len(found) - len(kept), tuple(notes))


def _entry(entry: Any, version: str, base: str, language: str | None, dates: _Dates) -> ParsedEntry:
    atom = version.startswith("atom")
    detail = _detail(entry, "title") or _detail(entry, "summary")
    base = detail.get("base") or base
    body = _body(entry, atom)
    summary = _plain(_string(entry, "summary"), _detail(entry, "summary"), atom)
    copied = any(c.get("value") == entry.get("summary") for c in entry.get("content", ()))  # by feedparser, for want
    raw, parsed = _date(entry)
    source = entry.get("source") or {}
    return ParsedEntry(
        guid=_string(entry, "id") or None,
        link=urls.link(_string(entry, "feedburner_origlink") or _string(entry, "link"), base),
        title=_plain(_string(entry, "title"), _detail(entry, "title"), atom, line=True),
        summary="" if copied or summary == body else summary,
        body=body,
        published=dates.read(raw, parsed),
        published_raw=raw[:MAX_LENGTH] or None,
        language=detail.get("language") or language,
        authors=_names(_authors(entry)),
        source_name=one_line(_string(source, "title"))[:MAX_NAME] or None,
        source_url=urls.link(_string(source, "href") or _string(source, "link")),
    )


def _body(entry: Any, atom: bool) -> str:
    """The longest text among an entry's contents; Yandex's full text where there is none."""
    texts = [
        _plain(str(c.get("value") or ""), c, atom)
        for c in entry.get("content", ())
        if str(c.get("type") or "text/html").startswith(("text/", "application/xhtml"))
    ]
    return max(texts, key=len, default="") or to_text(_string(entry, "yandex_full-text"))


def _plain(value: str, detail: Mapping[str, Any], atom: bool, *, line: bool = False) -> str:
    """Atom says whether a text is HTML; RSS does not, so that it is read as HTML."""
    if atom and detail.get("type") == "text/plain":
        return fold(value).replace("\n", " ") if line else fold(value)
    return one_line(value) if line else to_text(value)


def _date(entry: Any) -> tuple[str, Any]:
    """The raw date and what feedparser made of it; ``dict.get`` because feedparser's own looks up other names."""
    for name in ("published", "updated", "created"):
        if raw := dict.get(entry, name):
            return str(raw).strip(), dict.get(entry, f"{name}_parsed")
    return "", None


class _Dates:
    """Reads the dates of one feed, guessing until too many guesses have failed."""

    def __init__(self, language: str | None) -> None:
        self._language = language
        self._failed = 0

    def read(self, raw: str, parsed: Any) -> datetime | None:
        if not raw:
            return None
        found = parse_date(raw, parsed, self._language, guess=self._failed < _MAX_FAILED_GUESSES)
        self._failed += found is None
        return found


def _damage(result: Any, text: str) -> str | None:
    error = result.get("bozo_exception")
    if not result.get("bozo") or not hasattr(error, "getLineNumber"):
        return None
    cut_off = len(_OPEN.findall(text)) > len(_CLOSE.findall(text)) or not re.search(r"</[\w:]+\s*>\s*$", text[-200:])
    kind = "the XML is cut off" if cut_off else "the XML is not well-formed"
    return f"{kind} at line {error.getLineNumber()}; the entries that can be read are kept"


def _authors(entry: Any) -> list[str]:
    """Names as written; a single one is read anew: feedparser cuts addresses under long domains (``.news``) in two."""
    written, listed = _string(entry, "author"), entry.get("authors", ())
    if len(listed) == 1 and "@" in written:
        return [_ADDRESS.sub("", written).strip(" ()<>")]
    return [str(a.get("name") or "") for a in listed]


def _ttl(minutes: str) -> float | None:
    if not re.fullmatch(r"\d{1,9}", minutes.strip(), re.ASCII):
        return None
    return min(int(minutes), _LONGEST_TTL_MINUTES) * 60.0


def _names(names: Iterable[Any]) -> tuple[str, ...]:
    """Names of people; addresses of mail are left out."""
    found = (one_line(str(n))[:MAX_NAME] for n in names if n)
    return tuple(dict.fromkeys(n for n in found if n and "@" not in n))[:MAX_AUTHORS]


def _string(mapping: Any, name: str) -> str:
    value = dict.get(mapping, name)
    return value.strip() if isinstance(value, str) else ""


def _detail(mapping: Any, name: str) -> Mapping[str, Any]:
    value = dict.get(mapping, f"{name}_detail")
    return value if isinstance(value, dict) else {}
