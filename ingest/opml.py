"""OPML subscription lists: read by listparser (forgiving), written as OPML 2.0 (http://opml.org/spec2.opml).

OPML has a place for a feed's URL and title; publisher, country and language are kept by YAML only.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from stream.errors import ConfigError
from stream.messages import Feed

_ROOT = re.compile(r"<opml\b", re.IGNORECASE)
_END = re.compile(r"</opml\s*>", re.IGNORECASE)
_TAG_END = re.compile(r"""["'/]\s*>|</\w+\s*>|<\w+>""")


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed of an OPML file: its URL, title, and the line where the URL first stands (1-based)."""

    url: str
    title: str | None
    line: int


def parse(text: str, name: str) -> list[Outline]:
    """The feeds of an OPML document called ``name``; of one that is cut off, those before. Raises ``ConfigError``."""
    import listparser  # takes longer than most commands, which read no OPML

    whole = _whole_tags(text) if is_cut_off(text) else text
    try:
        harvest = listparser.parse(whole.encode())
    except Exception as error:  # a parser of the wild web: whatever it raises means that the file is broken
        raise ConfigError(f"{name}:1: not readable as OPML: {type(error).__name__}") from error
    if not harvest["version"].startswith("opml") and not harvest["feeds"]:
        raise ConfigError(
            f"{name}:1: neither OPML nor YAML; export an OPML file from your reader, or write a YAML list"
        )
    return [Outline(f["url"], f["title"] or None, _line_of(f["url"], text)) for f in harvest["feeds"]]


def is_cut_off(text: str) -> bool:
    """Whether the document lacks its end, as a download that broke does."""
    return _ROOT.search(text) is not None and _END.search(text) is None


def dump(feeds: Iterable[Feed]) -> str:
    """The feeds as an OPML 2.0 document."""
    outlines = "".join(
        f'    <outline type="rss" text={_attribute(f.title or f.url)} title={_attribute(f.title or f.url)} '
        f"xmlUrl={_attribute(f.url)}/>\n"
        for f in feeds
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">\n'
        f"  <head>\n    <title>{escape('newswatch feeds')}</title>\n  </head>\n  <body>\n{outlines}  </body>\n</opml>\n"
    )


def _whole_tags(text: str) -> str:
    """Without the tag in which the text ends: half an address is another address."""
    ends = [found.end() for found in _TAG_END.finditer(text)]
    return text[: ends[-1]] if ends else ""


def _attribute(value: str) -> str:
    return quoteattr(value)


def _line_of(url: str, text: str) -> int:
    written = (url, html.escape(url), url.replace("&", "&amp;"))
    places = [place for form in written if (place := text.find(form)) >= 0]
    return text.count("\n", 0, min(places)) + 1 if places else 1
