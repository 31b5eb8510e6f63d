"""Which sentences of an article show why a query matched it: what an alert on a whole article quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

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


def telling_sentences(query: Query, article: Article, now: datetime) -> tuple[str, ...]:
    """The title or the first sentence that holds a word or phrase of ``query``, which matched the article.

    Where no word of it stands in the text (the query asks for an outlet or a country, say): the title and the lead.
    """
    read = list(_readable(query.root))
    if read:
        wanted = Query("articles", query.text, Or(tuple(read)) if len(read) > 1 else read[0], frozenset())
        for sentence in _reading_order(article):
            if matches(wanted, {"title": sentence}, now):
                return (sentence,)
    lead = next(sentences(article.body or article.summary), "")
    return tuple(text for text in (article.title.strip(), lead) if text)


def sentences(text: str) -> Iterator[str]:
    """The sentences of ``text``, without white space around them; a line break ends one, too.

    A rough cut, made for quoting: time is linear in the text, no sentence is lost, some are cut too late.
    """
    start = 0
    for stop in _STOP.finditer(text):
        if _ends(text, stop):
            if sentence := text[start : stop.end()].strip():
                yield sentence
            start = stop.end()
    if sentence := text[start:].strip():
        yield sentence


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


def _reading_order(article: Article) -> Iterator[str]:
    if title := article.title.strip():
        yield title
    yield from sentences(article.body)
    yield from sentences(article.summary)


def _readable(node: Node) -> Iterator[Node]:
    """The words, phrases and patterns that the query asks for (not those behind NOT), asked of a text alone."""
    if isinstance(node, And | Or):
        for inner in node.nodes:
            yield from _readable(inner)
    elif isinstance(node, Words | Wildcard) and TEXT_FIELDS.intersection(node.fields):
        yield replace(node, fields=("title",))
