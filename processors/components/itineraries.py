"""Ways of several stops: "from Chisinau via Istanbul to Dubai", "to Jerusalem and then to Amman", and who goes on from
where the text last had him."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from spacy.tokens import Doc

from processors.components.model import Move, PlaceMention, Trigger
from processors.components.seats import marked
from processors.learned.moves import Span

_THEN = re.compile(r"\b(?:then|later|onwards?|afterwards|next|before|after that|from there|on to|finally)\b", re.I)
_VIA = re.compile(r"\b(?:via|through|by way of)\s+(?:the\s+)?$", re.I)
_END = re.compile(r"[.;:\n](?!\w)")


def in_turn(text: str, origins: Sequence[Span], destinations: Sequence[Span]) -> tuple[Span, ...]:
    """The origins of hops to ``destinations``: where these are the stops of one way, each is left for the next."""
    if len(origins) != 1 or len(destinations) < 2:
        return tuple(origins)
    first, *others = destinations
    between = [text[a.end : b.start] for a, b in zip(destinations, others, strict=False)]
    via = bool(_VIA.search(text, max(0, first.start - 25), first.start)) and len(destinations) == 2
    then = all(_THEN.search(words) and not _END.search(words) for words in between)
    return (*origins, *destinations[:-1]) if via or then else tuple(origins)


def goes_on(doc: Doc, trigger: Trigger) -> bool:
    """Whether the words tell that somebody goes on: "might go on to London", "will continue to Istanbul"."""
    verb = doc[trigger.token]
    after = doc[verb.i + 1 : verb.i + 3]
    on = len(after) == 2 and after[0].lower_ in {"on", "onward", "onwards"} and after[1].lower_ in _AFTER_ON
    return on or verb.lemma_.lower() in {"continue", "proceed"}


_AFTER_ON = frozenset(["to", "from", "toward", "towards", "into", "alone", ",", ".", "by"])


def from_last_stop(doc: Doc, move: Move, before: Iterable[Move]) -> Move:
    """The move of somebody who goes on, from where the last of his moves ``before`` (the last one first) ended; else as
    it is."""
    if move.destination is None or not goes_on(doc, move.trigger) or _said(doc, move.origin):
        return move
    last = next((m.destination for m in before if m.destination is not None and _done(m)), None)
    if last is None or last.start in range(move.destination.start, move.destination.end):
        return move
    if last.toponym is not None and last.toponym == move.destination.toponym:
        return move
    return move.but(origin=last)


def brought_here(doc: Doc, move: Move) -> Move:
    """The move of somebody who "flew in from Kathmandu", to the town of which the text spoke last before."""
    verb, origin = doc[move.trigger.token], move.origin
    words = [t.lower_ for t in doc[verb.i + 1 : verb.i + 3]]
    if origin is None or words != ["in", "from"] or not marked(doc, origin):
        return move
    goal = move.destination
    if goal is not None and goal.start in range(move.trigger.token, move.sentence[1]):
        return move
    before = [p for p in doc._.places if p.start < verb.i and not p.anaphor]
    fled = {p.span(doc).text for p in before if doc[p.start - 1].lower_ in {"from", "outside"}}
    here = (p for p in reversed(before) if _town(p) and p.span(doc).text not in fled and not _same(p, origin))
    return move.but(destination=next(here, goal))


def _town(place: PlaceMention) -> bool:
    return place.toponym is None or place.toponym.kind not in {"country", "region", "sea"}


def _same(a: PlaceMention, b: PlaceMention) -> bool:
    return a.toponym is not None and a.toponym == b.toponym


def _said(doc: Doc, origin: PlaceMention | None) -> bool:
    return origin is not None and marked(doc, origin)


def _done(move: Move) -> bool:
    return move.status not in {"denied", "cancelled"}
