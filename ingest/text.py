"""HTML of feeds to plain text: paragraphs and line breaks become newlines, scripts, tags and entities go."""

from __future__ import annotations

import html
import re

import nh3

from ingest.decode import clean

_PARAGRAPHS = {
    "address", "article", "aside", "blockquote", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
    "section", "summary", "table", "td", "th", "tr", "ul",
}  # fmt: skip
_DROPPED = {
    "script", "style", "iframe", "object", "embed", "noscript", "template", "svg", "math", "video", "audio", "canvas",
}  # fmt: skip
_MAX_TAGS = 20_000  # nh3's time grows with the square of the nesting: 100,000 open tags take 23 s
_TAG = re.compile(r"<[a-zA-Z/!?][^>]*>")
_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[\n ]*")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_MARKUP = re.compile(r"<[a-zA-Z/!?]")


def to_text(markup: str) -> str:
    """The plain text of HTML ``markup``: one paragraph or line a line, spaces folded, no blank lines.

    Also for text that only may be HTML: a ``<`` that opens no tag stays, blank lines separate paragraphs.
    """
    markup = clean(markup)
    if not _MARKUP.search(markup):
        paragraphs = _BLANK_LINE.split(_unescape(markup))
        return fold("\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs))
    if markup.count("<") <= _MAX_TAGS:
        markup = nh3.clean(
            markup, tags={*_PARAGRAPHS, "br"}, clean_content_tags=_DROPPED, attributes={}, link_rel=None,
        )  # fmt: skip
    # a newline of the source is a space in HTML; only tags break lines
    return fold(_unescape(_TAG.sub("\n", re.sub(r"\s+", " ", markup))))


def one_line(markup: str) -> str:
    """``to_text`` for titles and names: a single line."""
    return to_text(markup).replace("\n", " ")


def fold(text: str) -> str:
    """Plain ``text`` with its spaces folded, blank lines and control characters removed."""
    return _BREAKS.sub("\n", _SPACES.sub(" ", clean(text))).strip()


def cut(text: str, limit: int) -> str:
    """``text`` cut at ``limit`` bytes of UTF-8, at a character border."""
    if len(text) * 4 <= limit:
        return text
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= limit else encoded[:limit].decode("utf-8", "ignore")


def _unescape(text: str) -> str:
    """Twice: publishers often escape what is escaped already (``&amp;amp;``)."""
    once = html.unescape(text)
    return html.unescape(once) if "&" in once else once


def length_of(body: object, summary: object) -> int:
    """Characters of an article's text: its body, else its summary."""
    return len(str(body or summary or ""))
