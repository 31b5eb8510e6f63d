"""Which statements tell of one move: kinds of one family, related actors, places at city or country level; pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from processors.relocations.anonymous import anonymous
from processors.relocations.statement import Mover, Spot, Statement
from stream.messages import KindOfMove

DAY = 86_400_000_000
"""Microseconds."""
WINDOW = 60 * DAY
"""A statement joins a relocation whose last statement is at most so old."""
COMPLEMENT = 14 * DAY
"""So old at most where the two have no place in common: one says where from, the other where to."""
RIVALS = 14 * DAY
"""Two destinations are told at once when they are told within so long."""

_FAMILIES: dict[KindOfMove, frozenset[str]] = {
    "relocation": frozenset({"base"}),
    "office_move": frozenset({"base"}),
    "flight": frozenset({"base", "forced"}),
    "evacuation": frozenset({"base", "forced"}),
    "return": frozenset({"base", "forced", "custody"}),
    "displacement": frozenset({"forced"}),
    "expulsion": frozenset({"forced", "custody"}),
    "transfer": frozenset({"custody"}),
    "deployment": frozenset({"troops"}),
    "visit": frozenset({"visit"}),
}
"""Outlets tell one move as one of several kinds; those that share a family can be one move."""

_ARRIVALS = frozenset(
    ["arrive", "arrives", "arrived", "arriving", "arrival", "land", "lands", "landed", "settle", "settled"]
)
"""Words that may tell the end of a move as well as a visit."""

_DEPARTURES = frozenset(
    [
        "leave",
        "leaves",
        "left",
        "leaving",
        "depart",
        "departs",
        "departed",
        "departing",
        "departure",
        "go",
        "goes",
        "going",
        "went",
        "gone",
        "head",
        "heads",
        "headed",
        "heading",
        "bound",
        "sail",
        "sails",
        "sailed",
        "sailing",
    ]
)
"""Words that may tell the beginning of a move as well as of a visit."""

_EXACT = {"city", "camp", "base", "crossing"}


class Anchor(NamedTuple):
    """What a relocation is about: its opener, and what later statements made of what that left open."""

    actor: Mover
    kind: KindOfMove
    origin: Spot | None
    destination: Spot | None


def anchor_of(statement: Statement) -> Anchor:
    """The anchor of the relocation that ``statement`` opens."""
    return Anchor(statement.actor, statement.kind, statement.origin, statement.destination)


def narrowed(anchor: Anchor, statement: Statement) -> Anchor:
    """The anchor with what it left open filled in, a name for "its headquarters" too; the same object where nothing
    was."""
    origin = _narrower(anchor.origin, statement.origin)
    destination = _narrower(anchor.destination, statement.destination)
    actor = _told_by_name(anchor.actor, statement.actor)
    if origin is anchor.origin and destination is anchor.destination and actor is anchor.actor:
        return anchor
    return Anchor(actor, anchor.kind, origin, destination)


def score(anchor: Anchor, statement: Statement, age: int) -> int:
    """How well ``statement`` fits a relocation whose last statement is ``age`` microseconds old; 0: not at all."""
    if age > WINDOW or not _related(anchor.actor, statement.actor):
        return 0
    to = alike(anchor.destination, statement.destination)
    off = alike(anchor.origin, statement.origin)
    if to is None or off is None:
        return 0
    same_name = called(anchor.actor.name) == called(statement.actor.name)
    if not _kinds_agree(anchor, statement) and not (to and off and _same_mover(anchor, statement)):
        return 0
    if not to and not off and not (same_name and age <= COMPLEMENT and _open(anchor) and _open(statement)):
        return 0
    return 1 + 8 * to + 4 * off + 2 * (anchor.kind == statement.kind) + same_name


def _same_mover(anchor: Anchor, statement: Statement) -> bool:
    """Whether the one actor can hardly go from there to there in two ways at once, so that the kinds may differ: a
    visit is another matter, but for the words that tell a departure for good as well."""
    one, other = anchor.actor, statement.actor
    if one.id is not None and called(one.name) != called(other.name):
        return False  # an organisation's office and its troops
    if "visit" not in (anchor.kind, statement.kind):
        return True
    return statement.kind == "visit" and statement.trigger.casefold() in _DEPARTURES


def _open(told: Anchor | Statement) -> bool:
    return told.origin is None or told.destination is None


def rivals(one: Anchor, other: Anchor) -> bool:
    """Whether the two tell of one move to two destinations: one actor cannot be based at both."""
    return (
        one.kind in _SETTLING and other.kind in _SETTLING
        and _related(one.actor, other.actor)
        and alike(one.destination, other.destination) is None
        and (off := alike(one.origin, other.origin)) is not None
        and (off > 0 or called(one.actor.name) == called(other.actor.name))
    )  # fmt: skip


_SETTLING = {"relocation", "office_move", "flight"}


def alike(one: Spot | None, other: Spot | None) -> int | None:
    """2 for the same place, 1 where one lies in the other, 0 where one is open, None for two different places.

    Europe or the Gulf leaves open which of their countries it is.
    """
    if one is None or other is None:
        return 0
    if one.geonames_id is not None and other.geonames_id is not None:
        if one.geonames_id == other.geonames_id:
            return 2
    elif called(one.name) == called(other.name) and (_unlisted(one, other) or _in_one_country(one, other)):
        return 2
    if _vague(one) != _vague(other):
        return 0
    if one.country is None or one.country != other.country:
        return None
    if "country" in (one.kind, other.kind):
        return 1
    if one.kind in _EXACT and other.kind in _EXACT:
        return None
    return 1 if one.admin1 is None or other.admin1 is None or one.admin1 == other.admin1 else None


def _in_one_country(one: Spot, other: Spot) -> bool:
    return (one.country or other.country) == (other.country or one.country)


def _unlisted(one: Spot, other: Spot) -> bool:
    """Two places of no gazetteer: their countries are guesses from what else the articles name."""
    return one.geonames_id is None and other.geonames_id is None and one.kind == other.kind == "other"


def _vague(spot: Spot) -> bool:
    """A region of several countries."""
    return spot.kind == "region" and spot.country is None


def labels(anchor: Anchor) -> tuple[str, ...]:
    """Where to look a relocation up: two that one statement could join share one of these."""
    origin, destination = anchor.origin, anchor.destination
    both = (*_labels("<", origin), *_labels(">", destination))
    return (*both, f"={called(anchor.actor.name)}") if _open(anchor) else both


def rival_labels(anchor: Anchor) -> tuple[str, ...]:
    """Where to look for what ``rivals`` says yes to."""
    return (*_labels("<", anchor.origin), f"@{called(anchor.actor.name)}")


@lru_cache(1 << 16)
def called(name: str) -> str:
    """A name as compared: without case, article and genitive ("Hamas's leaders" are "Hamas leaders")."""
    folded = name.casefold().replace("’", "'").replace("'s ", " ").replace("s' ", "s ").removesuffix("'s")
    for article in ("the ", "its ", "their ", "a ", "an "):
        folded = folded.removeprefix(article)
    return folded


@lru_cache(1 << 14)
def _labels(side: str, spot: Spot | None) -> tuple[str, ...]:
    if spot is None:
        return ()
    found = [f"{side}{called(spot.name)}"]
    if spot.country:
        found.append(f"{side}{spot.country}")
    if spot.geonames_id is not None:
        found.append(f"{side}{spot.geonames_id}")
    return tuple(found)


def _kinds_agree(anchor: Anchor, statement: Statement) -> bool:
    if anchor.kind == statement.kind:
        return True
    if "office_move" in (anchor.kind, statement.kind) and not (anchor.origin and statement.origin):
        return False  # an office that opens somewhere is not the leaders' move there
    if _FAMILIES[anchor.kind] & _FAMILIES[statement.kind]:
        return True
    return statement.kind == "visit" and "base" in _FAMILIES[anchor.kind] and _arrives(statement)


def _arrives(statement: Statement) -> bool:
    """An arrival reads as a visit where the text does not say that it is for good."""
    done = statement.status in ("ongoing", "completed")
    return done and statement.destination is not None and statement.trigger.casefold() in _ARRIVALS


def _related(one: Mover, other: Mover) -> bool:
    """Of one root they are; but two persons of one organisation with names of their own are two."""
    if one.id is None or one.type != "person" or other.type != "person":
        return True
    return called(one.name) == called(other.name)


def _told_by_name(known: Mover, told: Mover) -> Mover:
    return told if _names(told) > _names(known) else known


@lru_cache(1 << 14)
def _names(mover: Mover) -> int:
    """How well its words tell who it is: 3 where they are the root's, 2 where they have those, 1 with another name, 0
    without one."""
    if anonymous(mover.text):
        return 0
    root, words = _folded(mover.root), _folded(mover.text) - _ARTICLES
    return 3 if words == root else 2 if root <= words else 1


_ARTICLES = frozenset(["the", "a", "an"])


def _folded(words: str) -> set[str]:
    letters = unicodedata.normalize("NFKD", words.casefold())
    return set(re.findall(r"\w+", "".join(c for c in letters if not unicodedata.combining(c))))


def _narrower(known: Spot | None, told: Spot | None) -> Spot | None:
    if known is None or told is None:
        return known or told
    if _vague(known):
        return told
    closer = _WIDE.get(told.kind, 0) < _WIDE.get(known.kind, 0) and alike(known, told) == 1
    return told if closer and not _vague(told) else known


_WIDE = {"country": 2, "region": 1}
"""Kinds of places in which others lie."""
