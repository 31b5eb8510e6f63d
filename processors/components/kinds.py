"""The kind of a move: what its trigger is mostly used for, corrected by who moves and by what is said beside it."""

from __future__ import annotations

from spacy.tokens import Doc

from processors.components.model import ActorMention, Trigger
from processors.lexicons import word_lists
from stream.messages import KindOfMove


def kind_of(doc: Doc, trigger: Trigger, actor: ActorMention) -> KindOfMove:
    """The kind: never a matter of the status."""
    lists = word_lists("kinds")
    start, end = (actor.extra[1], actor.extra[2]) if len(actor.extra) == 3 else (actor.start, actor.end)
    who = {t.lemma_.lower() for t in (*doc[actor.start : actor.end], *doc[start:end])}
    says = {t.lemma_.lower() for t in doc[trigger.token].sent}
    by_actor = _by_actor(trigger, actor, who, lists)
    return by_actor or _by_sentence(doc, trigger, actor, says, lists)


def _by_actor(
    trigger: Trigger, actor: ActorMention, who: set[str], lists: dict[str, frozenset[str]]
) -> KindOfMove | None:
    """Offices, civilians who flee, soldiers, those who have no say; None where the actor decides nothing."""
    kind = trigger.kind
    if kind in {"expulsion", "office_move"}:
        return kind
    firm = actor.type in {"company", "organisation"} and kind in {"relocation", "transfer"}
    seat = who & {"headquarters", "embassy", "consulate", "hq"}
    if firm or seat or (actor.type in {"organisation", "company"} and who & lists["who_office"]):
        return "office_move"
    if kind in {"flight", "evacuation"} and trigger.lemma in {"flee", "escape", "evacuate", "airlift"}:
        return "displacement" if who & lists["who_civilians"] and trigger.lemma == "flee" else kind
    if (who & lists["who_troops"] and kind != "flight") or actor.type == "military":
        return "deployment"
    if who & lists["who_held"] and kind != "return":
        return "transfer"
    return "displacement" if who & lists["who_civilians"] and kind in {"visit", "flight"} else None


def _by_sentence(
    doc: Doc, trigger: Trigger, actor: ActorMention, says: set[str], lists: dict[str, frozenset[str]]
) -> KindOfMove:
    kind = trigger.kind
    places = {i for p in doc._.places or () for i in range(p.start, p.end)}  # "visits Japan" moves nobody else
    moved_by_others = any(
        c.dep_ == "auxpass" or (c.dep_ == "dobj" and c.i not in places) for c in doc[trigger.token].children
    )
    if says & lists["says_expulsion"] and kind in {"visit", "transfer", "deployment"}:
        return "expulsion"
    if says & lists["says_home"] and kind == "visit":
        return "return"
    if says & lists["says_rescue"] and kind in {"visit", "transfer", "relocation"}:
        return "evacuation"
    if actor.type == "person" and says & lists["says_flight"] and kind in {"visit", "transfer", "relocation"}:
        return "flight"
    if kind == "displacement" and actor.type == "person":
        return "flight"
    if kind == "visit" and moved_by_others:
        return "transfer"
    if kind == "relocation" and actor.type == "person" and says & lists["says_errand"]:
        return "visit"
    return kind
