"""Which words of a text could tell a move: verbs with their particles, nouns, and states such as "bound for"."""

from __future__ import annotations

import functools
from typing import Any, Literal

from pydantic import field_validator
from spacy.tokens import Doc, Token

from processors.components.model import Trigger
from processors.lexicons import DATA, Lexicon, load_lexicon
from stream.messages import KindOfMove, Status

PARTICLES = frozenset(
    ["out", "off", "back", "home", "on", "over", "away", "down", "up", "in", "ashore", "aside", "along"]
)


class Entry(Lexicon):
    """What the lexicon says of a group of verbs, nouns or states; see the comments in ``triggers.yml``."""

    lemmas: tuple[str, ...]
    mover: Literal["subject", "object", "either"] = "object"
    object: Literal["none", "origin", "destination"] = "none"
    for_: Literal["none", "destination"] = "none"
    in_: Literal["none", "destination"] = "none"
    kind: KindOfMove
    weak: bool = False
    opens: bool = False
    status: Status | None = None

    @field_validator("lemmas", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(value.split()) if isinstance(value, str) else value

    model_config = Lexicon.model_config | {"alias_generator": lambda name: name.rstrip("_")}


class _File(Lexicon):
    verbs: list[Entry]
    nouns: list[Entry]
    states: list[Entry]
    departures: str


@functools.cache
def departures() -> frozenset[str]:
    """The lemmas that tell a move by its origin alone."""
    return frozenset(load_lexicon(DATA / "triggers.yml", _File).departures.split())


@functools.cache
def entries() -> dict[tuple[str, str], Entry]:
    """The lexicon by part of speech and lemma; the first entry of a lemma counts."""
    file = load_lexicon(DATA / "triggers.yml", _File)
    table: dict[tuple[str, str], Entry] = {}
    for part, group in (("verb", file.verbs), ("noun", file.nouns), ("state", file.states)):
        for entry in group:
            for lemma in entry.lemmas:
                table.setdefault((part, lemma), entry)
    return table


def find_triggers(doc: Doc) -> list[Trigger]:
    """The triggers in reading order."""
    found = []
    taken = -1
    for token in doc:
        if not token.pos or token.i <= taken or (not token.is_alpha and "-" not in token.text):
            continue
        trigger = _verb(token) or _state(token) or _noun(token)
        if trigger:
            found.append(trigger)
            taken = trigger.end - 1 if trigger.end - token.i <= 3 else token.i
    return found


def _verb(token: Token) -> Trigger | None:
    if not (token.pos_ == "VERB" or (token.pos_ == "AUX" and token.lemma_ == "go") or _headline_verb(token)):
        return None
    lemma = token.lemma_.lower() if token.pos_ in {"VERB", "AUX"} else _third_person(token.lower_)
    if lemma == "hop" and token.lower_ in {"hoped", "hoping"}:
        return None
    for words in _phrases(token):
        if entry := entries().get(("verb", "_".join([lemma, *(w.lower_ for w in words)]))):
            return _made(
                token,
                words[-1].i + 1 if words else token.i + 1,
                "_".join([lemma, *(w.lower_ for w in words)]),
                "verb",
                entry,
            )
    return None


def _phrases(token: Token) -> list[list[Token]]:
    """The particles and set phrases that can belong to the verb, longest first, the bare verb last."""
    doc = token.doc
    after = [doc[i] for i in range(token.i + 1, min(token.i + 3, len(doc)))]
    options: list[list[Token]] = []
    if len(after) == 2:
        options.append(after)
    if after:
        options.append(after[:1])
    options += [[child] for child in token.children if child.dep_ == "prt" and child.i > token.i]
    if any(c.dep_ == "dobj" for c in token.children):  # "took the men away", "brought her home"
        options += [[c] for c in token.children if c.dep_ == "advmod" and c.lower_ in PARTICLES and c.i > token.i]
    return [*options, []]


def _headline_verb(token: Token) -> bool:
    """A verb in -s that the tagger took for a noun: "Pope's envoy heads to Moscow"."""
    if (
        token.pos_ not in {"NOUN", "PROPN"}
        or not token.lower_.endswith("s")
        or token.i + 1 >= len(token.doc)
        or not token.i
    ):
        return False
    after, before = token.nbor(1), token.nbor(-1)
    verb = ("verb", _third_person(token.lower_)) in entries()
    return (
        verb
        and (
            after.lower_ in {"to", "for", "from", "into", "out", "in", "at", "home", "back"}
            or after.ent_type_ in {"GPE", "LOC"}
        )
        and before.pos_ in {"PROPN", "NOUN"}
        and token.dep_ != "pobj"
    )


def _third_person(word: str) -> str:
    if word.endswith(("shes", "ches", "sses", "goes")):
        return word[:-2]
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


def _noun(token: Token) -> Trigger | None:
    if token.pos_ not in {"NOUN", "PROPN"}:
        return None
    lemma = token.lemma_.lower()
    entry = entries().get(("noun", lemma))
    return _made(token, token.i + 1, lemma, "noun", entry) if entry else None


def _state(token: Token) -> Trigger | None:
    entry = entries().get(("state", token.lower_))
    if entry is None or token.pos_ == "PROPN" or token.i + 1 >= len(token.doc):
        return None
    lower, after, before = token.lower_, token.nbor(1).lower_, token.nbor(-1).lower_ if token.i else ""
    few = token.doc[max(0, token.i - 3) : token.i]
    follows_be = any(t.lemma_ in {"be", "expect"} for t in few) and not any(
        t.pos_ == "VERB" and t.lemma_ != "expect" for t in few
    )
    fits = {
        "bound": after == "for",
        "airborne": after in {"for", "to"},
        "due": after in {"in", "at"} or after in {"back", "home"},
        "back": follows_be and after in {"in", "at", "on"},
        "home": before == "due",
        "off": follows_be and after in {"to", "for"},
        "way": before in {"their", "its", "his", "her", "the"}
        and token.i > 1
        and token.nbor(-2).lower_ == "on"
        and after in {"to", "from", "home", "back", "out"},
        "route": before == "en" and after in {"to", "from"},
    }[lower]
    return _made(token, token.i + 1, lower, "state", entry) if fits else None


def _made(token: Token, end: int, lemma: str, part: str, entry: Entry) -> Trigger:
    mover = entry.mover if part == "verb" else "subject"
    return Trigger(token.i, end, lemma, part, mover, entry.object, entry.for_, entry.in_, entry.kind, entry.weak,
                   entry.opens, entry.status)  # fmt: skip
