"""One move told several times in a passage is one location change; hops and continuations are put together."""

from __future__ import annotations

from spacy.tokens import Doc

from processors.components.context import SAME_MOVE
from processors.components.itineraries import from_last_stop
from processors.components.model import Move, PlaceMention, inputs
from processors.components.phrases import phrase
from processors.components.roots import root_of, telling

_ONWARD = frozenset(
    ["then", "later", "on", "onward", "onwards", "there", "next", "after", "thence", "afterwards", "before"]
)


def merged(doc: Doc, moves: list[Move]) -> list[Move]:
    """The moves with those that tell the same one joined, in the order of their first mention."""
    result: list[Move] = []
    for move in _chained(doc, moves):
        told = next((i for i, known in enumerate(result) if same_move(doc, known, move)), None)
        if _spoken_of(doc, move):
            if told is None:
                told = next((i for i, known in enumerate(result) if _one_way(known, move)), None)
            if told is not None and not result[told].actor.pronoun:
                move = move.but(actor=result[told].actor)
        if told is None:
            result.append(move)
        else:
            result[told] = joined(doc, result[told], move)
    return result


def _chained(doc: Doc, moves: list[Move]) -> list[Move]:
    """A hop without an origin starts where the same actor's hop before it ended ("then travelled on to Madrid")."""
    result: list[Move] = []
    for move in moves:
        move = from_last_stop(doc, move, (m for m in reversed(result) if same_actor(doc, m, move)))
        previous = result[-1] if result else None
        if (
            move.origin is None
            and move.destination
            and previous
            and previous.destination
            and same_actor(doc, previous, move)
        ):
            words = {t.lower_ for t in doc[previous.trigger.token : move.trigger.end + 6]}
            differs = not compatible(previous.destination, move.destination)
            if (
                differs
                and words & _ONWARD
                and move.sentence[0] - previous.sentence[1] < 3
                and previous.status not in {"denied", "cancelled"}
            ):
                move = move.but(origin=previous.destination)
        result.append(move)
    return result


def same_move(doc: Doc, a: Move, b: Move) -> bool:
    """Whether two tellings are of one hop: compatible actors and places, and at least one place in common."""
    if a.trigger.opens != b.trigger.opens or not (same_actor(doc, a, b) or _headline_and_lead(doc, a, b)):
        return False
    if a.trigger.opens and _office(doc, a) != _office(doc, b):
        return False
    return _one_way(a, b)


def _one_way(a: Move, b: Move) -> bool:
    """Whether the two can be one but for who moves."""
    if a.trigger.token == b.trigger.token:
        return False
    origin, destination = compatible(a.origin, b.origin), compatible(a.destination, b.destination)
    if not (origin and destination):
        return False
    if (a.destination and b.destination) or (a.origin and b.origin):
        return True
    return _complements(a, b) and b.sentence[0] - a.sentence[1] < 40


def _office(doc: Doc, move: Move) -> str:
    """ "political office" is another than "media office"; an article makes no difference."""
    return " ".join(t.lower_ for t in doc[move.actor.start : move.actor.end] if t.pos_ not in {"DET", "PRON"})


def _headline_and_lead(doc: Doc, a: Move, b: Move) -> bool:
    """One of the two is told in the title, and both end (or begin) at compatible places: then the actor is the same."""
    title_end = inputs(doc).title_end
    in_title = [doc[m.trigger.token].idx < title_end for m in (a, b)]
    return in_title[0] != in_title[1] and (a.actor.type == "person") == (b.actor.type == "person")


def _spoken_of(doc: Doc, move: Move) -> bool:
    """Whether it is "the move" or "the transfer" that the text has told: whoever speaks of it does not move."""
    word = doc[move.trigger.token]
    if word.pos_ != "NOUN" or word.lemma_.lower() not in SAME_MOVE:
        return False
    own = any(c.dep_ == "poss" or (c.dep_ == "prep" and c.lower_ in {"of", "by"}) for c in word.children)
    return not own and any(c.lower_ in {"the", "this", "that"} for c in word.children)


def _complements(a: Move, b: Move) -> bool:
    """ "vacated its villa in Karbala … has set up shop in Beirut": one leaves, the other arrives."""
    places = [m.origin or m.destination for m in (a, b)]
    if compatible(places[0], places[1]):
        return False
    return (a.destination is None) != (b.destination is None) and "denied" not in {a.status, b.status}


def compatible(a: PlaceMention | None, b: PlaceMention | None) -> bool:
    """Whether two places of one side can be the same: one is not named, or lies in the other, or is the other."""
    if a is None or b is None:
        return True
    if a.toponym is not None and b.toponym is not None:
        broad = "country" in {a.toponym.kind, b.toponym.kind} or "region" in {a.toponym.kind, b.toponym.kind}
        return a.toponym == b.toponym or (broad and a.country == b.country and a.country is not None)
    if a.country != b.country or (a.toponym is None) == (b.toponym is None) or a.anaphor or b.anaphor:
        return a.country == b.country
    known = a.toponym or b.toponym
    return known is not None and known.kind in {"country", "region"}  # a town that is known is no unknown one


RELATIVES = frozenset(
    ["wife", "husband", "son", "daughter", "father", "mother", "brother", "sister", "child", "spouse", "partner",
     "relative", "parent", "family", "aide", "lawyer", "bodyguard"]
)  # fmt: skip
"""Who travels with somebody and is not the same."""


def same_actor(doc: Doc, a: Move, b: Move) -> bool:
    """Whether two moves are of one actor, as far as their words tell."""
    if len({a.actor.head, b.actor.head}) > 1 and any(doc[m.actor.head].lemma_.lower() in RELATIVES for m in (a, b)):
        return root_of(doc, a.actor) == root_of(doc, b.actor)
    if root_of(doc, a.actor) == root_of(doc, b.actor) or a.actor.head == b.actor.head:
        return True
    if a.actor.head in b.actor.extra or b.actor.head in a.actor.extra or set(a.actor.extra) & set(b.actor.extra):
        return True
    shared = _words(doc, a) & _words(doc, b)
    if all(
        telling(doc, m.actor) == 3 for m in (a, b)
    ):  # "leaders of the Azawad Front", "leaders of the Macina Brigade"
        shared -= {doc[m.actor.head].lemma_.lower() for m in (a, b) if doc[m.actor.head].pos_ == "NOUN"}
    return bool(shared)


def _words(doc: Doc, move: Move) -> set[str]:
    """The content words of the actor's head and names, for "Hamas leaders" and "Hamas's political leaders"."""
    start, end = phrase(doc[move.actor.head])
    return {
        t.lemma_.lower() for t in doc[start:end] if t.pos_ in {"PROPN"} or (t.i == move.actor.head and t.pos_ == "NOUN")
    }


def joined(doc: Doc, a: Move, b: Move) -> Move:
    """The best of two tellings: more places, a named actor, the later status unless it says less."""
    fuller = (
        a if (_places(a), not a.actor.pronoun, a.confidence) >= (_places(b), not b.actor.pronoun, b.confidence) else b
    )
    other = b if fuller is a else a
    later = b if b.trigger.token > a.trigger.token else a
    if _places(later) < _places(fuller) and later.signals.rules == 0:
        later = fuller  # the model alone, of "the move": it seldom knows what that word stands for
    status = "completed" if _open_already(a, b) else later.status
    return fuller.but(
        origin=_finer(fuller.origin, other.origin), destination=_finer(fuller.destination, other.destination),
        actor=_better_actor(doc, fuller, other), status=status,
        attribution=fuller.attribution or other.attribution, when=fuller.when or other.when,
        reason=fuller.reason or other.reason, confidence=max(a.confidence, b.confidence),
    )  # fmt: skip


def _open_already(a: Move, b: Move) -> bool:
    """Whether an office was opened that the text also tells as agreed on or planned: what was to come has come."""
    return a.trigger.opens and {a.status, b.status} in ({"completed", "planned"}, {"completed", "approved"})


def _places(move: Move) -> int:
    return (move.origin is not None) + (move.destination is not None)


def _finer(a: PlaceMention | None, b: PlaceMention | None) -> PlaceMention | None:
    if a is None or b is None:
        return a or b
    if a.toponym and b.toponym and a.toponym.kind == "country" and b.toponym.kind != "country":
        return b
    return a


def _better_actor(doc: Doc, a: Move, b: Move) -> object:
    if a.actor.pronoun != b.actor.pronoun:
        plain, through = (b, a) if a.actor.pronoun else (a, b)
        says_who = telling(doc, plain.actor) > 1 or telling(doc, through.actor) < 3
        return plain.actor if says_who else through.actor
    if (a.actor.organisation is None) != (b.actor.organisation is None):
        return a.actor if a.actor.organisation else b.actor
    named = [doc[m.actor.head].ent_type_ in {"PERSON", "ORG"} for m in (a, b)]
    if named[0] != named[1]:
        return a.actor if named[0] else b.actor
    says = [telling(doc, m.actor) for m in (a, b)]
    if says[0] != says[1]:
        return a.actor if says[0] > says[1] else b.actor
    if a.actor.extra and a.actor.extra[:1] == b.actor.extra[:1]:
        return a.actor
    in_title = [m.actor.start < len(doc) and doc[m.actor.start].idx < inputs(doc).title_end for m in (a, b)]
    if in_title[0] != in_title[1]:
        return b.actor if in_title[0] else a.actor
    return a.actor if a.actor.end - a.actor.start >= b.actor.end - b.actor.start else b.actor
