"""What the learned extractor says, as moves of tokens: its spans, with the actors and places that the rules see."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from spacy.tokens import Doc, Span

from processors.components.actors import actor_in, with_owner
from processors.components.apposed import named_alone, owning
from processors.components.candidates import home
from processors.components.context import attribution, reason, when
from processors.components.fullnames import in_full
from processors.components.itineraries import in_turn
from processors.components.model import ActorMention, Move, PlaceMention, Trigger
from processors.components.phrases import is_year, phrase, subjects, up_to_its_noun
from processors.components.placenames import (
    after_arrival,
    is_cut,
    named_as_actor,
    names_organisation,
    no_town,
    one_line,
)
from processors.components.places import NO_PLACES, Places
from processors.components.roots import of_it
from processors.components.seats import accredited, from_of, holds, marked, seated, sends
from processors.components.triggers import find_triggers
from processors.learned.extractor import LearnedExtractor, Passage
from processors.learned.moves import Hop, LearnedMove, hops
from processors.learned.moves import Span as Characters
from stream.messages import KindOfMove

LEAST = 0.2
"""Probability below which a move is not looked at."""

NEAR = 400
"""Characters between two triggers that may tell one move: more than ``choosing.NEAR`` tokens ever take."""

MOST_HOPS = 6
"""A trigger with more pairs of places than this is a list that was misread."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A move of the model; ``probability`` that there is one, ``said`` what it was made of."""

    move: Move
    probability: float
    said: LearnedMove
    hop: Hop
    """Which of its moves this is."""


class LearnedMoves:
    """The learned extractor, with the rules that place what it finds."""

    def __init__(self, folder: Path) -> None:
        """Raises ``ConfigError`` where ``folder`` does not hold the model."""
        self._extractor = LearnedExtractor(folder, LEAST)
        self._places = Places()

    def find(self, docs: Sequence[Doc], rules: Sequence[Sequence[Move]], least: float) -> list[list[LearnedMove]]:
        """What the model says of each text. It is not asked of a trigger that ``rules`` tell nothing near and that
        cannot reach the probability ``least``, however sure the second reading is."""
        near = [[doc[m.trigger.token].idx for m in told] for doc, told in zip(docs, rules, strict=True)]

        def asked(number: int, start: int, first: float) -> bool:
            return math.sqrt(first) >= least or any(abs(at - start) < NEAR for at in near[number])

        return self._extractor.extract_many([Passage(d.text, _sentences(d), _wanted(d)) for d in docs], asked)

    def tellings(self, doc: Doc, found: Sequence[LearnedMove], rules: Sequence[Move]) -> list[Telling]:
        """The moves of one text, a hop each; without those that name nobody or end where they begin."""
        known = find_triggers(doc) if found else []
        return [t for said in found for t in _tellings(doc, said, known, rules, self._places)]


def _sentences(doc: Doc) -> list[tuple[int, int]]:
    """As character offsets."""
    return [(s.start_char, s.end_char) for s in doc.sents]


def _wanted(doc: Doc) -> list[tuple[int, int]] | None:
    """As character offsets; None: all."""
    if doc._.wanted is None:
        return None
    return [(doc[start].idx, doc[end - 1].idx + len(doc[end - 1])) for start, end in doc._.wanted]


def _tellings(
    doc: Doc, said: LearnedMove, known: Sequence[Trigger], rules: Sequence[Move], places: Places
) -> Iterator[Telling]:
    trigger = _trigger(doc, said, known)
    said = _tidied(doc, said, places)
    for hop in hops(said)[:MOST_HOPS]:
        actor = _actor(doc, hop.actor, said) or next((r.actor for r in rules if r.trigger == trigger), None)
        origin, destination = (_place(doc, s, places) for s in (hop.origin, hop.destination))
        if destination is not None and (_no_goal(doc, destination, actor) or sends(doc, destination, trigger.token)):
            destination = None
        if destination is not None and destination.anaphor and _holds(destination, origin):
            destination = None  # "there" is not the country that they leave
        if holds(destination, origin) or holds(origin, destination):  # no way leads from a town to its own country
            origin, destination = _surer(hop, origin, destination)
        unsaid = origin is not None and not marked(doc, origin)
        if origin is not None and unsaid and (_same(doc, origin, destination) or _opened(doc, trigger, origin)):
            origin = None
        if actor is None or (origin is None and destination is None) or _same(doc, origin, destination):
            continue
        actor = with_owner(doc, trigger, actor)
        yield Telling(_move(doc, said, trigger, actor, origin, destination), said.probability, said, hop)


def _no_goal(doc: Doc, place: PlaceMention, actor: ActorMention | None) -> bool:
    """Whether the place is where somebody is accredited, or where they are that move, "its embassy in Libya", or a
    dateline's."""
    if accredited(doc, place.start) or place.role == "dateline":
        return True
    if doc[max(0, place.start - 3) : place.start].text.lower().startswith(("closer to", "nearer to")):
        return True  # said of what got faster, or of friends
    return actor is not None and seated(doc, place.start) and actor.head == place.start - 2


def _opened(doc: Doc, trigger: Trigger, origin: PlaceMention) -> bool:
    """Whether the move is an office's opening, which comes from nowhere: but a new headquarters closes an old one."""
    if not trigger.opens:
        return False
    sentence = {t.lemma_.lower() for t in doc[trigger.token].sent}
    seat = sentence & {"headquarters", "hq", "seat"} or {"head", "office"} <= sentence
    return not seat or doc[max(0, origin.start - 1)].lower_ in {"in", "at"}


def _surer(
    hop: Hop, origin: PlaceMention | None, destination: PlaceMention | None
) -> tuple[PlaceMention | None, PlaceMention | None]:
    """Only the place of which the model is surer."""
    assert hop.origin is not None
    assert hop.destination is not None
    return (origin, None) if hop.origin.probability >= hop.destination.probability else (None, destination)


def _tidied(doc: Doc, said: LearnedMove, places: Places) -> LearnedMove:
    """The move with names put together that were cut, actors that are one list, and no country beside its own city."""
    text = doc.text  # put together from its tokens each time
    actors, origins, destinations = (
        _on_its_line(text, said, whole_names(text, spans)) for spans in (said.actors, said.origins, said.destinations)
    )
    origins, destinations = _finest(doc, origins, places), _goals(doc, _finest(doc, destinations, places))
    origins = in_turn(text, _left(doc, said, origins, len(destinations)), destinations)
    return replace(
        said, actors=one_list(text, actors, _subject(doc, said)), origins=origins, destinations=destinations,
    )  # fmt: skip


def _on_its_line(text: str, said: LearnedMove, spans: Sequence[Characters]) -> tuple[Characters, ...]:
    """Of a list the spans on the trigger's line, where some are: a headline's list does not go on in the text below."""
    at = said.trigger.start
    return tuple(s for s in spans if "\n" not in text[min(at, s.start) : max(at, s.start)]) or tuple(spans)


def whole_names(text: str, spans: Sequence[Characters]) -> tuple[Characters, ...]:
    """The spans with those put together between which only white space of one line stands."""
    found: list[Characters] = []
    for span in spans:
        between = text[found[-1].end : span.start] if found else ""
        if found and not between.strip() and "\n" not in between:
            last = found[-1]
            found[-1] = Characters(last.start, span.end, max(last.probability, span.probability))
        else:
            found.append(span)
    return tuple(found)


_APPOSED = re.compile(r",\s+(?:the|a|an)\s")
"""What is said of an actor behind its name, no second one: "Azamat Tokbaev, the opposition politician"."""
_LISTED = re.compile(
    r"\W*(?:\b(?:and|or|plus|as well as)\b)?\W*(?:\w+\W+){0,2}"
    r"|\W*\b(?:and|as well as)\b\W+(?:(?!(?:who|which|that|whose|as|after|when|while|said|told|with|by)\b)\w+\W+){0,6}",
    re.IGNORECASE,
)
"""What stands between two of a list: "the minister and the head of the board, Ali Omar"."""


def _subject(doc: Doc, said: LearnedMove) -> int | None:
    """Where the subject of the move's verb stands, as a character offset."""
    span = _tokens(doc, said.trigger)
    found = next(subjects(span.root), None) if span is not None and span.root.pos_ in {"VERB", "AUX"} else None
    return None if found is None else found.idx


def one_list(text: str, spans: Sequence[Characters], subject: int | None = None) -> tuple[Characters, ...]:
    """Of actors those of one list ("the minister and the ambassador"): the verb's ``subject``'s, else the likeliest.
    Others name the same one again, or someone else."""
    lists: list[list[Characters]] = []
    for span in spans:
        between = text[lists[-1][-1].end : span.start] if lists else ""
        if lists and _APPOSED.match(text, lists[-1][-1].end, span.end):
            continue
        if lists and _LISTED.fullmatch(between) and re.search(r",|\b(?:and|or|plus)\b", between):
            lists[-1].append(span)
        else:
            lists.append([span])

    def worth(each: Iterable[Characters]) -> tuple[bool, float]:
        here = subject is not None and any(s.start <= subject < s.end for s in each)
        return here, max(s.probability for s in each)

    return tuple(max(lists, key=worth, default=[]))


_INSIDE = re.compile(r"(?P<owner>['’]s)\s+(?:\w+\s+)?|,?\s+(?:in|near|outside)\s+(?:the\s+)?(?:[a-z]+\s+)?")
"""What stands between two names of one place: "Guayaquil's Litoral prison", "Goma in eastern Congo"."""


def _finest(doc: Doc, spans: Sequence[Characters], places: Places) -> tuple[Characters, ...]:
    """Without a country or region of which a town is named too: "Doha, Qatar" is one place."""
    found = [(s, p) for s in spans if (p := _place(doc, s, places)) is not None]
    for (a, outer), (b, inner) in pairwise(found):
        if outer and inner and (between := _INSIDE.fullmatch(doc.text, a.end, b.start)):
            first, second, small = (b, a, inner) if between["owner"] else (a, b, outer)
            known = first if small.toponym is not None else second
            return _finest(doc, [s for s in spans if s not in (a, b) or s is known], places)
    return tuple(s for s, p in found if not any(_holds(p, q) for _, q in found if q is not p))


def _left(doc: Doc, said: LearnedMove, spans: Sequence[Characters], hops: int) -> tuple[Characters, ...]:
    """Where there are more origins than ``hops``, those that the trigger's own "from" names, if any are."""
    trigger = _tokens(doc, said.trigger)
    if len(spans) <= max(1, hops) or trigger is None:
        return tuple(spans)
    from_ = tuple(s for s in spans if (t := _tokens(doc, s)) is not None and from_of(doc, t.start, trigger.root.i))
    return from_ or tuple(spans)


def _goals(doc: Doc, spans: Sequence[Characters]) -> tuple[Characters, ...]:
    """Without what only an office is for, where another place is the destination."""
    others = tuple(s for s in spans if (tokens := _tokens(doc, s)) is None or not seated(doc, tokens.start))
    return others or tuple(spans)


def _holds(outer: PlaceMention | None, inner: PlaceMention | None) -> bool:
    if outer is None or inner is None or outer.toponym is None or outer.toponym.kind not in {"country", "region"}:
        return False
    finer = inner.toponym is None or (inner.toponym.kind != "country" and inner.toponym != outer.toponym)
    return finer and outer.country == inner.country and not (inner.toponym and inner.toponym.kind == outer.toponym.kind)


def _move(
    doc: Doc, said: LearnedMove, trigger: Trigger, actor: ActorMention, origin: PlaceMention | None,
    destination: PlaceMention | None,
) -> Move:  # fmt: skip
    sentence = doc[trigger.token].sent
    source = up_to_its_noun(doc, _tokens(doc, said.attribution))
    date = _tokens(doc, said.date)
    return Move(
        trigger, actor, origin, destination, _kind(doc, said, trigger, actor), said.status, said.probability,
        (sentence.start, sentence.end), (source.start, source.end) if source else attribution(doc, trigger),
        (date.start, date.end) if date else when(doc, trigger), reason(doc, trigger),
        home=home(doc, trigger, actor) if destination is None else None,
    )  # fmt: skip


_FOR_GOOD = frozenset(["move", "relocate", "relocation", "resettle", "settle", "emigrate"])
_LEADERS = frozenset(["leader", "leadership", "chief", "politburo", "official"])


def _kind(doc: Doc, said: LearnedMove, trigger: Trigger, actor: ActorMention) -> KindOfMove:
    """The model's kind, but for what it cannot be: who moves somewhere does not visit it, and leaders and headquarters
    are not deployed."""
    head = doc[actor.head].lemma_.lower()
    if said.kind == "visit" and doc[trigger.token].lemma_.lower() in _FOR_GOOD:
        return "relocation"
    of = (s for s in subjects(doc[trigger.token]) if s.left_edge.i <= actor.head <= s.right_edge.i)
    if said.kind == "deployment" and {head, *(s.lemma_.lower() for s in of)} & _LEADERS:
        return "relocation"
    return "office_move" if said.kind == "deployment" and head in {"headquarters", "office", "bureau"} else said.kind


def _tokens(doc: Doc, span: Characters | None) -> Span | None:
    return doc.char_span(span.start, span.end, alignment_mode="expand") if span else None


def _trigger(doc: Doc, said: LearnedMove, known: Sequence[Trigger]) -> Trigger:
    """The lexicon's trigger where it has one there, else one that only says where it stands."""
    span = _tokens(doc, said.trigger)
    assert span is not None  # expanded, a span of characters always has tokens
    for trigger in known:
        if span.start <= trigger.token < span.end:
            return trigger
    token = span.root
    part = "noun" if token.pos_ in {"NOUN", "PROPN"} else "verb"
    return Trigger(
        token.i, max(span.end, token.i + 1), token.lemma_.lower(), part, "either", "none", "none", "none", said.kind,
        False, False,
    )  # fmt: skip


def _actor(doc: Doc, span: Characters | None, said: LearnedMove) -> ActorMention | None:
    tokens = _tokens(doc, span)
    if tokens is None:
        return None
    start, end = owning(doc, *named_alone(doc, *_with_entities(doc, tokens.start, tokens.end)))
    return actor_in(doc, start, end, said.actor_type) if end > start else None


def _with_entities(doc: Doc, start: int, end: int) -> tuple[int, int]:
    """The tokens with the rest of a person or organisation that they name in part, on one line (headline and body are
    two texts), without words of grammar around."""
    root = doc[start:end].root
    if root.dep_ == "nummod" and root.head.i == end:  # "three" of "three floors"
        end = root.head.i + 1
    if end < len(doc) and doc[end].lower_ == "of" and of_it(root):  # "leaders of X"
        end = max(end, phrase(root)[1])
    head = doc[start:end].root.i
    for entity in doc.ents:
        if entity.label_ in {"PERSON", "ORG"} and entity.start < end and entity.end > start:
            start, end = min(start, entity.start), max(end, entity.end)
    start = max((i + 1 for i in range(start, head) if "\n" in doc[i].text), default=start)
    end = min((i for i in range(head, end) if "\n" in doc[i].text), default=end)
    while end > start and doc[end - 1].pos_ in {"ADP", "DET", "PUNCT", "PART", "SPACE", "CCONJ"}:
        end -= 1
    opened = [i for i in range(start + 1, end) if doc[i].text == "("]
    if opened and ")" not in doc[opened[-1] : end].text:
        end = opened[-1]  # an abbreviation behind the name, cut
    dateline = max((close for _, close in doc._.datelines or ()), default=0)
    while end > start and (
        doc[start].text in {"'s", "’s", "'", "’"}
        or doc[start].pos_ in {"ADP", "PUNCT", "CCONJ"}
        or is_year(doc[start])
        or doc[start].idx < dateline <= doc[end - 1].idx
    ):
        start += 1
    return start, end


def _place(doc: Doc, span: Characters | None, places: Places) -> PlaceMention | None:
    """The place that a span names; None for words that are no name and stand for none."""
    tokens = _tokens(doc, span)
    if tokens is None:
        return None
    start, end = one_line(doc, tokens.start, tokens.end)
    if no_town(doc[start:end]) or named_as_actor(doc, start, end):
        return None
    for entity in doc.ents:
        if entity.label_ not in NO_PLACES and entity.start < end and entity.end > start and is_cut(doc, start, end):
            start, end = min(start, entity.start), max(end, entity.end)
    start, end = one_line(doc, start, end)
    found = places.place_in(doc, start, end)
    if found.anaphor:
        return found
    name = any(t.text[0].isupper() for t in doc[start:end])
    if found.toponym is not None:
        return found if name else None
    known = any(i in (doc._.actors or {}) for i in range(start, end))
    if known or in_full(doc, doc[start:end].text) != doc[start:end].text:
        return None  # "ELN", and "PCG" of the Philippine Coast Guard
    person = all(t.ent_type_ == "PERSON" for t in doc[start:end]) and not after_arrival(doc, start)
    return found if name and not person and not names_organisation(doc[start:end]) else None


def _same(doc: Doc, a: PlaceMention | None, b: PlaceMention | None) -> bool:
    """Whether both are one place, or an unknown place of one name."""
    if a is None or b is None or a.toponym != b.toponym:
        return False
    return a.toponym is not None or a.span(doc).text == b.span(doc).text
