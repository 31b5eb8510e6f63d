"""Actors: well-known organisations in the text, and the actor that the head of a phrase names."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from spacy.language import Language
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc, Token

from processors.components.coreference import PRONOUNS, antecedent, antecedents_of_owner, described, earlier_phrases
from processors.components.model import ActorMention, Organisation, Trigger, register_extensions
from processors.components.phrases import phrase, subjects, type_of
from processors.components.protagonists import organisation_before
from processors.lexicons import Lexicon, actors_files, load_lexicon, word_lists
from stream.messages import ActorType


class _Known(Lexicon):
    root: str
    name: str
    type: ActorType
    aliases: tuple[str, ...] = ()
    leaders: tuple[str, ...] = ()


class _File(Lexicon):
    actors: list[_Known]


def leaders() -> frozenset[str]:
    """The persons of ``actors.yml`` and of the files beside it."""
    return frozenset(name for known in _read(actors_files()) for name in known.leaders)


def organisations() -> dict[str, Organisation]:
    """Every name, alias and leader of ``actors.yml`` and of the files beside it as written there, with its
    organisation."""
    return _table(actors_files())


@functools.cache
def _read(files: tuple[Path, ...]) -> tuple[_Known, ...]:
    return tuple(known for file in files for known in load_lexicon(file, _File).actors)


@functools.cache
def _table(files: tuple[Path, ...]) -> dict[str, Organisation]:
    table: dict[str, Organisation] = {}
    for known in _read(files):
        organisation = Organisation(known.root, known.name, known.type)
        for name in (known.name, *known.aliases, *known.leaders):
            table[name] = organisation
    return table


@Language.factory("newswatch_actors", assigns=["doc._.actors"], requires=["doc.ents", "token.dep"])
def make_actors(nlp: Language, name: str) -> Actors:  # noqa: ARG001 (spaCy passes both)
    """The factory."""
    return Actors(nlp)


class Actors:
    """Sets ``Doc._.actors``: a mapping of token index to the well-known organisation named there."""

    def __init__(self, nlp: Language) -> None:
        register_extensions()
        self._matcher = PhraseMatcher(nlp.vocab, attr="ORTH")
        self._matcher.add("known", [nlp.make_doc(name) for name in organisations()])

    def __call__(self, doc: Doc) -> Doc:
        found: dict[int, Organisation] = {}
        for _, start, end in sorted(self._matcher(doc), key=lambda m: m[1] - m[2]):
            organisation = organisations().get(doc[start:end].text)
            if organisation and start not in found:
                found.update(dict.fromkeys(range(start, end), organisation))
        doc._.actors = found
        return doc


def actor_of(doc: Doc, head: Token) -> ActorMention | None:
    """The actor that the phrase of ``head`` names; None for a pronoun without antecedent and for what is no actor."""
    known: dict[int, Organisation] = doc._.actors or {}
    if head.lower_ in PRONOUNS or described(head) or shortened(head):
        meant = antecedent(head) if head.lower_ in PRONOUNS else _earlier(doc, head, known)
        if meant is None:
            return None if head.lower_ in PRONOUNS else _plain(head, known)
        found = _plain(meant, known)
        if found is None:
            return None
        start, end = phrase(head)
        return ActorMention(
            found.start, found.end, found.head, found.type, found.organisation, True, (head.i, start, end)
        )
    return _plain(head, known)


_ARMED: frozenset[ActorType] = frozenset(["group", "military", "organisation"])
_PUBLIC: frozenset[ActorType] = frozenset(["organisation"])
_FIRM: frozenset[ActorType] = frozenset(["company"])
_BODIES = {
    "group": _ARMED | _FIRM, "movement": _ARMED, "militia": _ARMED, "party": _ARMED, "organisation": _ARMED,
    "organization": _ARMED, "agency": _PUBLIC, "body": _PUBLIC, "company": _FIRM, "firm": _FIRM, "bank": _FIRM,
    "lender": _FIRM, "insurer": _FIRM, "fintech": _FIRM, "airline": _FIRM, "conglomerate": _FIRM,
}  # fmt: skip
"""Nouns by which a text calls an organisation that it has named, and the types that such a one has."""


def _earlier(doc: Doc, head: Token, known: dict[int, Organisation]) -> Token | None:
    """For "the group": the well-known organisation named last before it, else the organisation that a subject before
    it names; for "the commission" what was named with that word ("the Melanesian Fisheries Commission")."""
    if (full := _with_word(doc, head)) is not None:
        return full
    types = _types(head)
    if types is None or any(t.ent_type_ in {"ORDINAL", "CARDINAL"} for t in head.lefts):
        return None
    if before := [i for i, organisation in known.items() if i < head.i and organisation.type in types]:
        return doc[max(before)]
    if types != _ARMED and (named_most := organisation_before(doc, head.i)) is not None:
        return named_most
    places = {i for p in doc._.places or () for i in range(p.start, p.end)}
    for candidate in earlier_phrases(head):
        start, end = phrase(candidate)
        if candidate.i < head.i and (
            named := [t for t in doc[start:end] if t.ent_type_ == "ORG" and t.i not in places]
        ):
            return named[-1]
    return None


def _types(head: Token) -> frozenset[ActorType] | None:
    """What "the group" can be; "the payments group" is a firm."""
    if head.lower_ == "group" and any(c.dep_ == "compound" and c.lower_ not in _FIGHTING for c in head.lefts):
        return _FIRM
    return _BODIES.get(head.lower_)


_FIGHTING = frozenset(["rebel", "guerrilla", "militant", "insurgent", "opposition", "resistance", "separatist"])


def _with_word(doc: Doc, head: Token) -> Token | None:
    """The last word of a name of two words or more before ``head`` that ends with its word."""
    word = head.text[:1].upper() + head.text[1:]
    return next((t for t in reversed(doc[1 : head.i]) if t.text == word and _ends_name(t)), None)


def _ends_name(token: Token) -> bool:
    before, after = token.nbor(-1), token.doc[token.i + 1 : token.i + 2]
    goes_on = len(after) == 1 and (after[0].text[0].isupper() or after[0].text in {"-", "of"})
    return before.text[0].isupper() and not before.is_sent_start and not goes_on


def shortened(head: Token) -> bool:
    """Whether a phrase is "the" and a noun with which an organisation was named before: "the commission"."""
    if head.tag_ != "NN" or not head.is_lower or head.i == 0 or head.nbor(-1).lower_ != "the":
        return False
    lists = word_lists("nouns")
    bodies = lists["office"] | lists["company"] | lists["military"] | lists["group"]
    return head.lower_ in bodies and _with_word(head.doc, head) is not None


def actor_in(doc: Doc, start: int, end: int, actor_type: ActorType) -> ActorMention | None:
    """The actor that the tokens ``start`` to ``end`` name; None for a pronoun without antecedent."""
    known: dict[int, Organisation] = doc._.actors or {}
    head = doc[start:end].root
    if head.lower_ in PRONOUNS or described(head) or shortened(head):
        return actor_of(doc, head)
    return _mention(head, start, end, known[head.i].type if head.i in known else actor_type, known)


def _plain(head: Token, known: dict[int, Organisation]) -> ActorMention | None:
    start, end = phrase(head)
    actor_type = known[head.i].type if head.i in known else type_of(head)
    return _mention(head, start, end, actor_type, known) if actor_type else None


def _mention(head: Token, start: int, end: int, actor_type: ActorType, known: dict[int, Organisation]) -> ActorMention:
    organisation = _known_in(start, end, head, known)
    owner = antecedents_of_owner(head) or _owner_of_whose(head)
    if owner is not None and (described(owner) or shortened(owner)):
        owner = _earlier(owner.doc, owner, known) or owner
    extra: tuple[int, ...] = ()
    if owner is not None and owner.lower_ not in PRONOUNS:
        extra = (owner.i,)
        if organisation is None:
            owner_start, owner_end = phrase(owner)
            organisation = _known_in(owner_start, owner_end, owner, known)
    return ActorMention(start, end, head.i, actor_type, organisation, False, extra)


def _owner_of_whose(head: Token) -> Token | None:
    """For "members of the guerrilla group's Central Command": the group, which the text has named before."""
    of = next((c for c in head.children if c.dep_ == "prep" and c.lower_ == "of"), None)
    noun = next((c for c in of.children if c.dep_ == "pobj"), None) if of is not None else None
    owner = antecedents_of_owner(noun) if noun is not None else None
    return owner if owner is not None and (described(owner) or shortened(owner)) else None


def with_owner(doc: Doc, trigger: Trigger, actor: ActorMention) -> ActorMention:
    """The actor with whoever moves what is their own: "the Philippines will move embassy", "the bank moves traders"."""
    head, verb = doc[actor.head], doc[trigger.token]
    words = doc[actor.start : actor.end]
    if actor.extra or actor.organisation or actor.pronoun or head.dep_ != "dobj" or head.head.i != verb.i:
        return actor
    seats = {i for p in doc._.places or () for i in range(p.start, p.end)}  # "its Juba embassy"
    others = [t for t in words if t.ent_type_ != "CARDINAL" and t.i not in seats and t.i != head.i]
    if not head.is_lower or any(t.ent_type_ or t.pos_ == "PROPN" for t in others):
        return actor
    owner = next((s for s in subjects(verb) if s.i < verb.i), None)
    if owner is None or not (owner.pos_ == "PROPN" or owner.ent_type_ in {"GPE", "ORG"}):
        return actor
    lists, lemma = word_lists("nouns"), head.lemma_.lower()
    state = owner.ent_type_ in {"GPE", "LOC", "NORP"}
    own = lists["office"] - lists["company"] | (lists["military"] if state else STAFF)
    known: dict[int, Organisation] = doc._.actors or {}
    commanded = owner.ent_type_ == "PERSON" and lemma in lists["military"]  # by a president, of no firm
    if lemma not in own or commanded:
        return actor
    return replace(actor, organisation=known.get(owner.i), extra=(owner.i,))


STAFF = frozenset(
    ["staff", "employee", "worker", "workforce", "personnel", "team", "crew", "trader", "banker", "broker", "engineer",
     "executive", "manager", "leader", "leadership", "official", "commander", "fighter", "member", "troop", "force",
     "soldier"]
)  # fmt: skip
"""Who an organisation has, that it moves as its own."""


def _known_in(start: int, end: int, head: Token, known: dict[int, Organisation]) -> Organisation | None:
    """The organisation that the head names ("the United Nations World Food Programme" is the WFP), else the first."""
    return known.get(head.i) or next((known[i] for i in range(start, end) if i in known), None)
