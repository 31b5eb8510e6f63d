"""What only looks like a location change: goods, rockets, sport, fiction, habits, routes, governments."""

from __future__ import annotations

from spacy.tokens import Doc, Token

from processors.components.cues import cue
from processors.components.model import ActorMention, PlaceMention, Trigger
from processors.components.movers import movers
from processors.components.phrases import is_goods
from processors.components.speakers import bystander
from processors.components.triggers import departures
from processors.lexicons import word_lists

_VEHICLES = frozenset(
    [
        "flight",
        "train",
        "bus",
        "tram",
        "airline",
        "carrier",
        "route",
        "service",
        "ferry",
        "coach",
        "shuttle",
        "plane",
        "jet",
        "boat",
        "ship",
        "vessel",
        "lorry",
        "truck",
        "van",
        "car",
        "ambulance",
    ]
)
_ROUTES = frozenset(["flight", "train", "bus", "tram", "airline", "route", "service", "shuttle", "timetable"])


CLUBS = "a transfer between clubs"
"""What a player's move is; another sentence that tells of it (the headline) may not say so."""


def veto(
    doc: Doc, trigger: Trigger, head: Token, actor: ActorMention | None, destination: PlaceMention | None
) -> str | None:
    """Why this is no location change; None when nothing speaks against it. ``head`` is the mover as found."""
    if destination is None and trigger.lemma not in departures():
        return "an origin alone does not make this a move"
    if actor is not None and bystander(doc, trigger, actor, False):
        return "the one who is named only speaks of it"
    return doubt(doc, trigger, head, actor)


def doubt(doc: Doc, trigger: Trigger, head: Token, actor: ActorMention | None) -> str | None:
    """What speaks against a location change whatever its places; None when nothing does."""
    why = _no_actor(doc, trigger, head, actor) or _generic(doc, trigger) or _of_goods(doc, trigger)
    return why if why or actor is None else _other_field(doc, trigger, head, actor)


def _no_actor(doc: Doc, trigger: Trigger, head: Token, actor: ActorMention | None) -> str | None:
    """The mover is a thing, a route, nobody, or a government."""
    if is_goods(head):
        return f"{head.text!r} is a thing, not someone who can be somewhere"
    if head.lemma_.lower() in _ROUTES:
        return "a route or a service, not someone who moves"
    if head.lower_ in _NOBODY or any(c.lower_ in {"no", "neither"} and c.dep_ == "det" for c in head.children):
        return "nobody in particular"
    if actor is None:
        return f"{head.text!r} names nobody who can be somewhere"
    if trigger.opens and actor.type not in {"organisation", "company"}:
        return "what is opened is no office"
    if any(place.start <= head.i < place.end for place in doc._.places or ()):
        return "the mover is a place that stands for its government"
    return None


def _other_field(doc: Doc, trigger: Trigger, head: Token, actor: ActorMention) -> str | None:
    """Sport, fiction, habits."""
    sentence, nouns = doc[trigger.token].sent, word_lists("nouns")
    named = (t.i for t in doc if t.text == doc[actor.head].text) if doc[actor.head].pos_ == "PROPN" else ()
    near_head = {t.lemma_.lower() for i in {head.i, actor.head, *named} for t in doc[max(0, i - 3) : i + 3]}
    if trigger.lemma in nouns["signing"] and near_head & nouns["athlete"]:
        return CLUBS
    around = doc[max(0, sentence.start - _AROUND) : sentence.end + _AROUND]
    words = {t.lemma_.lower() or t.lower_.removesuffix("s") for t in around} | {t.lower_ for t in around}
    if len(words & nouns["sport"]) >= 3 and actor.organisation is None:
        return "sport"
    if {t.lower_ for t in sentence} & nouns["fiction"] and actor.type != "company" and head.ent_type_ != "ORG":
        return "told of a book, a film or a play"
    if cue("habit").search(sentence.text) and doc[trigger.token].tag_ in {"VBZ", "VBP", "VBG", "NN", "NNS", "VB"}:
        return "a habit or a schedule"
    return None


_AROUND = 30
"""So many tokens before and after a sentence tell what field it is of: an article on one may mention others."""

_NOBODY = frozenset({"anyone", "everyone", "nobody", "anybody", "everybody"})


def _generic(doc: Doc, trigger: Trigger) -> str | None:
    """Nouns in the plural ("visits to", "flights to"), states ("is based in"), what is always so, timetables."""
    token = doc[trigger.token]
    if trigger.part == "noun":
        owned = trigger.lemma != "flight" and any(c.dep_ == "poss" for c in token.children)
        general = token.tag_ in {"NNS", "NNPS"} and not owned
        priced = token.dep_ == "pobj" and token.head.head.lemma_ in _MEASURES
        return "no single move" if general or priced or any(c.lower_ in _ANY for c in token.children) else None
    if trigger.lemma in {"base", "station"} and token.tag_ in {"VBN", "VBD", "JJ"}:
        return "a state, no change"
    main = token.dep_ in {"ROOT", "conj", "relcl"} and not any(c.dep_ == "aux" for c in token.children)
    if trigger.part == "verb" and cue("ages").search(token.sent.text):
        return "what took ages is no single move"
    if (
        trigger.part == "verb"
        and token.lemma_ == "call"
        and trigger.end > token.i + 1
        and doc[trigger.end - 1].lower_ == "on"
    ):
        return "an appeal"
    if trigger.part == "verb" and token.tag_ == "VBP" and main and _in_prose(token):
        return "said of what is always so"
    return _by_timetable(token) if trigger.lemma in {"carry", "fly", "take", "bring"} else None


def _of_goods(doc: Doc, trigger: Trigger) -> str | None:
    """ "exporters are sending cargo to Arica": whoever sends a thing somewhere stays."""
    if trigger.part != "verb" or trigger.mover == "subject" or trigger.opens:
        return None
    moved = next(iter(movers(doc[trigger.token], trigger)), None)
    if moved is None or moved.dep_ not in {"dobj", "obj"} or not is_goods(moved):
        return None
    nouns, word = word_lists("nouns"), moved.lemma_.lower()
    held = word in nouns["office"] | nouns["meeting"] | _WAYS or moved.ent_type_ in {"DATE", "TIME"}
    return None if held else f"what is moved is {moved.text!r}, a thing"


_WAYS = frozenset(["road", "route", "path", "line", "railway", "motorway", "bridge", "minute", "hour", "day", "week"])
"""Goods by the lexicon that one takes oneself."""

_ANY = frozenset({"any", "no", "every", "each"})


_MEASURES = frozenset(["price", "cost", "rate", "fare", "length", "duration", "distance"])
"""What is told of a voyage as such, "the price of a voyage from Basra to Chiba"."""


def _in_prose(token: Token) -> bool:
    """A whole sentence, not a headline, that names no time."""
    ends = token.sent.text.rstrip()[-1:]
    return ends in {".", "”", '"'} and not any(c.ent_type_ in {"DATE", "TIME"} for c in token.subtree)


def _by_timetable(token: Token) -> str | None:
    subject = next((c for c in token.children if c.dep_ == "nsubj"), None)
    passengers = any(c.lemma_ == "passenger" for c in token.children)
    if passengers and {"route", "service"} & {t.lemma_.lower() for t in token.subtree}:
        return "a route or a service, not someone who moves"
    general = token.tag_ in {"VBZ", "VBP"} or passengers
    line = subject is not None and subject.lemma_.lower() in word_lists("nouns")["carrier"]
    return "a route or a service, not someone who moves" if line and general else None


def carried(head: Token) -> Token:
    """Who is aboard: "a deportation flight carrying 64 Ghanaians", "a boat with 30 migrants"; else the head itself."""
    if head.lemma_.lower() not in _VEHICLES:
        return head
    for child in head.children:
        if child.dep_ in {"acl", "relcl"} and child.lemma_ in {"carry", "bring", "take", "transport", "ferry"}:
            return next((c for c in child.children if c.dep_ == "dobj"), head)
        if child.dep_ == "prep" and child.lower_ in {"with", "of"}:
            inner = next((c for c in child.children if c.dep_ == "pobj"), None)
            if (
                inner is not None
                and inner.pos_ in {"NOUN", "PROPN"}
                and not is_goods(inner)
                and inner.tag_ in {"NNS", "NNPS"}
            ):
                return inner
    return head
