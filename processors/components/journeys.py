"""One article, one journey: what it says of "the mission" or of "staff" on the way of its named mover is of him."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spacy.tokens import Doc, Token

from processors.components.actors import STAFF
from processors.components.merging import RELATIVES, compatible, joined
from processors.components.model import ActorMention, Move
from processors.components.phrases import SUBJECTS, phrase
from processors.components.protagonists import is_organisation, organisation_before, whom_it_is_about
from processors.components.roots import PEOPLE, root_of, telling
from processors.lexicons import word_lists

_FAMILIES: dict[str, str] = {
    "visit": "visit", "deployment": "deployment", "transfer": "custody", "expulsion": "custody",
}  # fmt: skip


def united(doc: Doc, moves: Sequence[Move]) -> list[Move]:
    """The moves without those of a general word that tell the journey of the one mover whom its class fits; how that
    one stands stays: where the first of the staff have arrived, the office has not."""
    result = [_belonging(doc, _aboard(doc, _identified(doc, _of_office(doc, m)))) for m in moves]
    for move in list(result):
        if not any(m is move for m in result):
            continue  # told with another by now
        if any(_at_its_embassy(doc, whole, move) for whole in result if whole is not move):
            result.remove(move)
            continue
        if telling(doc, move.actor) > 1 and not (_through_another(move) or _described(doc, move)):
            continue
        same = [m for m in result if m is not move and _one_journey(m, move) and _fits(doc, m, move)]
        if _described(doc, move):
            same = [m for m in same if not m.actor.extra]
        if _through_another(move):
            same = [m for m in same if root_of(doc, m.actor) != root_of(doc, move.actor)]
        if same and len({root_of(doc, m.actor) for m in same}) == 1:
            whole = same[0]
            one = joined(doc, whole, move).but(actor=whole.actor, kind=whole.kind)
            if not _through_another(move):
                one = one.but(status=whole.status, trigger=whole.trigger, sentence=whole.sentence)
            result.remove(move)
            result[result.index(whole)] = one
    return result


def _of_office(doc: Doc, move: Move) -> Move:
    """An office's move with the organisation where it was read as that of who tells of it: "Sigrun Aldis, the chief
    executive, said that the move had been completed"."""
    head = doc[move.actor.head]
    speaks = head.dep_ in SUBJECTS and head.head.lemma_ in word_lists("nouns")["speech"]
    says_who = {t.lemma_.lower() for t in head.subtree if t.i < head.head.i} & word_lists("nouns")["person"]
    if move.kind != "office_move" or not (speaks and says_who) or head.ent_type_ != "PERSON":
        return move
    name = organisation_before(doc, head.i)
    if name is None or name.i == head.i:
        return move
    start, end = phrase(name)
    return move.but(actor=ActorMention(start, end, name.i, "organisation"))


def _identified(doc: Doc, move: Move) -> Move:
    """The move of "a payment company" with the company's name, where the next sentence is about one that the text
    treats as a firm: "Kobowave tells its shareholders"."""
    head = doc[move.actor.head]
    firm = {t.lemma_.lower() for t in doc[move.actor.start : phrase(head)[1]]} & (
        word_lists("nouns")["company"] - {"group"}
    )
    if telling(doc, move.actor) > 2 or not firm or move.actor.extra or move.sentence[1] >= len(doc):
        return move
    after = doc[move.sentence[1]].sent
    subject = next((t for t in after if t.dep_ == "nsubj" and t.head.dep_ in {"ROOT", "ccomp"}), None)
    if subject is None or not is_organisation(doc, subject):
        return move
    return move.but(actor=replace(move.actor, extra=(subject.i,)))


def _aboard(doc: Doc, move: Move) -> Move:
    """The move of "a Brazilian warship" with the ship's name, where the text has one such ship only: "the frigate
    Itaparica"."""
    actor, head = move.actor, doc[move.actor.head]
    if actor.pronoun or actor.extra or telling(doc, actor) > 2 or not head.is_lower or not _one(head):
        return move
    kind = head.lemma_.lower()
    if kind not in SHIPS:
        return move
    named = [
        (start + 1, _name_end(doc, start + 1)) for start in range(len(doc) - 1)
        if doc[start].lemma_.lower() in SHIPS and (kind in _ANY or doc[start].lemma_.lower() == kind)
        and doc[start + 1].pos_ == "PROPN" and doc[start + 1].is_title
    ]  # fmt: skip
    if len({doc[first:end].text for first, end in named}) != 1:
        return move
    first, end = named[0]
    return move.but(actor=ActorMention(first, end, end - 1, actor.type))


def _name_end(doc: Doc, start: int) -> int:
    end = start + 1
    while end < len(doc) and doc[end].pos_ == "PROPN" and doc[end].is_title:
        end += 1
    return end


_ANY = frozenset(["ship", "vessel", "warship"])
"""What every ship is."""
SHIPS = frozenset(
    ["frigate", "destroyer", "corvette", "warship", "ship", "vessel", "carrier", "submarine", "cruiser", "tanker",
     "freighter", "trawler", "ferry", "cutter", "yacht", "boat", "icebreaker"]
)  # fmt: skip


def _belonging(doc: Doc, move: Move) -> Move:
    """The move of "the secretariat" or "about 180 staff" with the organisation that the article is about."""
    actor, lists = move.actor, word_lists("nouns")
    if actor.pronoun or actor.organisation or telling(doc, actor) > 1 or move.kind not in {"office_move", "relocation"}:
        return move
    own = (lists["office"] - lists["facility"] - _OF_STATES) | STAFF | {"secretariat", "seat", "board"}
    if doc[actor.head].lemma_.lower() not in own or (body := whom_it_is_about(doc)) is None:
        return move
    return move.but(actor=replace(actor, extra=(body.i,), type="organisation"))


_OF_STATES = frozenset(["embassy", "consulate", "mission", "ministry", "legation"])


def _at_its_embassy(doc: Doc, whole: Move, move: Move) -> bool:
    """Whether it is a state's diplomats of whom an article tells beside its embassy, which goes the same way."""
    if not _one_journey(whole, move):
        return False
    who, embassy = root_of(doc, move.actor), root_of(doc, whole.actor)
    country = embassy.removesuffix(" embassy")
    return country != embassy and who in {f"{country} {people}" for people in ("diplomats", "staff", "mission")}


def _through_another(move: Move) -> bool:
    """Whether another sentence than its own names who moves."""
    return move.actor.pronoun or not move.sentence[0] <= move.actor.start < move.sentence[1]


def _described(doc: Doc, move: Move) -> bool:
    """Whether it is told of one who is only described, "the Kyrgyz politician", "the Colombian group", and no trip of
    which several such are told side by side."""
    head = doc[move.actor.head]
    said = telling(doc, move.actor) == 2 and head.is_lower and _one(head) and not move.actor.extra
    return said and move.kind != "visit"


def _one_journey(named: Move, other: Move) -> bool:
    """Whether both go the same way, by both ends where both tell them, and neither is history beside the other."""
    if named.trigger.token == other.trigger.token or named.background != other.background:
        return False
    sides = ((named.origin, other.origin), (named.destination, other.destination))
    shared = [bool(a and b) for a, b in sides]
    family = [_FAMILIES.get(m.kind, "base") for m in (named, other)]
    return all(compatible(a, b) for a, b in sides) and any(shared) and (all(shared) or family[0] == family[1])


def _fits(doc: Doc, named: Move, other: Move) -> bool:
    """Whether the general word can stand for the mover that is named, or for who belongs to it."""
    if telling(doc, named.actor) < 2:
        return False
    if _through_another(other) and telling(doc, other.actor) > 1:  # "he", whom the sentence before may not mean
        return not _through_another(named) and named.actor.type == other.actor.type == "person"
    who, head = named.actor, doc[other.actor.head]
    lemma, lists = head.lemma_.lower(), word_lists("nouns")
    definite = any(c.lower_ in {"the", "both", "all"} for c in head.children) or doc[other.actor.start].lower_ in {
        "the",
        "all",
    }
    body = who.organisation is not None or who.type in {"organisation", "company", "military"}
    if lemma in RELATIVES or (other.actor.extra and who.type == "person"):
        return False
    alike = named.status == other.status
    if lemma in STAFF | PEOPLE:  # a part of them may go later, or not at all
        return body and alike and (definite or lemma in {"staff", "employee", "workforce", "personnel"})
    if lemma in lists["office"] | lists["company"]:
        return body
    if lemma in lists["military"] | lists["group"] and _one(head):
        return definite and body
    if _one(head):
        return definite and lemma in lists["person"] and who.type == "person"
    same_noun = doc[who.head].lemma_.lower() == lemma
    both_ends = all((other.origin, other.destination, named.origin, named.destination))
    return who.type == "group" and (same_noun or (both_ends and alike and telling(doc, other.actor) == 0))


def _one(head: Token) -> bool:
    return head.tag_ in {"NN", "NNP"}
