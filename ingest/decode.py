"""Bytes of a feed to text: which encoding they are in, and what never belongs in a text."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

# C0 and C1 controls but for tab, newline, carriage return and NEL, lone surrogates, and the two non-characters
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']\s*([A-Za-z0-9._:+-]{1,40})\s*["']""")
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9._:+-]{1,40})""", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml(?=\s)[^>]*\?>")
# Python also knows codecs that are none of text on the web (hex, zip, idna, unicode_escape, utf-7)
_TEXT_ENCODING = re.compile(
    r"(?!utf[-_]?7)(utf|iso|windows|cp|latin|l\d|koi8|mac|gb|big5|euc|shift|sjis|ms_?kanji|johab|"
    r"ascii|us-ascii|tis|hz|kz|ptcp|ks_c|ksc)",
    re.IGNORECASE,
)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_WITHOUT_BOM = (
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text, without an XML declaration and control characters; ``note`` says what was wrong with its encoding."""

    text: str
    encoding: str
    note: str | None = None


def decode(body: bytes, content_type: str = "") -> Decoded:
    """The text of a feed's ``body``; never raises.

    A byte order mark wins; then what is valid UTF-8 is UTF-8, whatever is declared (but for encodings that use only
    ASCII bytes); then the XML declaration, then the header's charset. One bad byte in UTF-8 is one U+FFFD,
    and no reason to read the whole feed in another encoding.
    """
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return _decoded(body[len(mark) :].decode(encoding, "replace"), encoding)
    for start, encoding in _WITHOUT_BOM:
        if body.startswith(start):
            return _decoded(body.decode(encoding, "replace"), encoding)
    names = [m[1].decode() for m in [_DECLARED.match(body[:400])] if m]
    names += [m[1] for m in [_CHARSET.search(content_type)] if m]
    known = [encoding for encoding in map(_lookup, names) if encoding]
    note = f"the encoding {names[0]!r} is unknown" if names and not known else None
    if known and known[0].startswith(("iso2022", "hz")):
        return _decoded(body.decode(known[0], "replace"), known[0])
    try:
        return _decoded(body.decode("utf-8"), "utf-8", note and f"{note}; read as UTF-8")
    except UnicodeDecodeError:
        return _not_utf8(body, known, note)


def clean(text: str) -> str:
    """``text`` without control characters and lone surrogates; other line ends become newlines."""
    return CONTROL.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")


def _not_utf8(body: bytes, known: list[str], note: str | None) -> Decoded:
    legacy = [encoding for encoding in known if encoding not in ("utf-8", "ascii")]
    if legacy:
        text = body.decode(legacy[0], "replace")
        damaged = f"bytes that are not {legacy[0]} were replaced" if "\ufffd" in text else None
        return _decoded(text, legacy[0], damaged)
    text = body.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(1 for c in text if c > "\x7f") - bad
    if bad > good:
        read_as = f"{note or 'not the UTF-8 that is declared or implied'}; read as windows-1252"
        return _decoded(body.decode("cp1252", "replace"), "cp1252", read_as)
    return _decoded(text, "utf-8", f"{note + '; ' if note else ''}{bad} bytes that are not UTF-8 were replaced")


def _lookup(name: str) -> str | None:
    if not _TEXT_ENCODING.match(name):
        return None
    try:
        encoding = codecs.lookup(name).name
        b"".decode(encoding)
    except (LookupError, ValueError):
        return None
    return "gb18030" if encoding in ("gb2312", "gbk") else "cp1252" if encoding == "iso8859-1" else encoding


def _decoded(text: str, encoding: str, note: str | None = None) -> Decoded:
    return Decoded(clean(_XML_DECLARATION.sub("", text.lstrip("\ufeff"), count=1)), encoding, note)
