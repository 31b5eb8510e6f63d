"""Which sentences of an article show why a query matched it: what an alert on a whole article quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from indexer.query import And, Node, Or, Query, Wildcard, Words, matches
from stream.messages import Article

TEXT_FIELDS = frozenset(
    {
        "title", "summary", "body", "entities.name", "entities.text", "places.name", "location_changes.actor.name",
        "location_changes.origin.name", "location_changes.destination.name",
    }
)  # fmt: skip
"""The fields of articles whose words stand in the text, or mostly do."""

_STOP = re.compile(r"\n|[.!?…。！？]+[\"'”’»)\]]*")
_ABBREVIATION = re.compile(r"\b(?:[A-Z]|Mr|Ms|Mrs|Dr|St|Lt|No|Gen|Sen|Gov|Col|Rep|Sgt|Maj)$")
_OPENING = " \t\r\n\"'“‘«(["


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence and its character offsets (end exclusive) in ``Article.text``; None where it is not from there."""

    sentence: str
    start: int | None
    end: int | None


def telling_sentences(query: Query, article: Article, now: datetime) -> tuple[Quote, ...]:
    """The title or the first sentence that holds a word or phrase of ``query``, which matched the article.

    Where no word of it stands in the text (the query asks for an outlet or a country, say): the title and the lead.
    """
    read = list(_readable(query.root))
    if read:
        wanted = Query("articles", query.text, Or(tuple(read)) if len(read) > 1 else read[0], frozenset())
        for quote in _reading_order(article):
            if matches(wanted, {"title": quote.sentence}, now):
                return (quote,)
    lead = _quotes(article.body or article.summary, _after_title(article))
    return (*_title(article), *islice(lead, 1))


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence of ``text``, without white space around it; a line break ends one, too.

    A rough cut, made for quoting: time is linear in the text, no sentence is lost, some are cut too late.
    """
    start = 0
    for stop in _STOP.finditer(text):
        if _ends(text, stop):
            yield from _trimmed(text, start, stop.end())
            start = stop.end()
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without white space around it; nothing where nothing is left."""
    part = text[start:end]
    if sentence := part.strip():
        start += len(part) - len(part.lstrip())
        yield start, start + len(sentence)


def _ends(text: str, stop: re.Match[str]) -> bool:
    """Whether a sentence ends here: no abbreviation stands before, and what follows does not begin in lower case."""
    if stop[0] == "\n" or stop[0][0] in "。！？":
        return True
    following = text[stop.end() : stop.end() + 40]
    if not following[:1].isspace():
        return False
    if stop[0] == "." and _ABBREVIATION.search(text[max(0, stop.start() - 5) : stop.start()]):
        return False
    return not following.lstrip(_OPENING)[:1].islower()


def _reading_order(article: Article) -> Iterator[Quote]:
    yield from _title(article)
    yield from _quotes(article.body, _after_title(article))
    yield from _quotes(article.summary, None if article.body else _after_title(article))


def _after_title(article: Article) -> int:
    """Where body or summary begin in ``Article.text``."""
    return len(article.title) + 1


def _title(article: Article) -> Iterator[Quote]:
    for start, end in _trimmed(article.title, 0, len(article.title)):
        yield Quote(article.title[start:end], start, end)


def _quotes(text: str, at: int | None) -> Iterator[Quote]:
    """The sentences of ``text``, which begins at the offset ``at`` of ``Article.text``; None: it is not in there."""
    for start, end in sentences(text):
        offsets = (None, None) if at is None else (at + start, at + end)
        yield Quote(text[start:end], *offsets)


def _readable(node: Node) -> Iterator[Node]:
    """The words, phrases and patterns that the query asks for (not those behind NOT), asked of a text alone."""
    if isinstance(node, And | Or):
        for inner in node.nodes:
            yield from _readable(inner)
    elif isinstance(node, Words | Wildcard) and TEXT_FIELDS.intersection(node.fields):
        yield replace(node, fields=("title",))
