"""What the form of a verb, or the place of a noun, says of the status: auxiliaries, tense, negation, a time ahead."""

from __future__ import annotations

from spacy.tokens import Token

from processors.components.cues import cue
from processors.components.model import Trigger
from processors.lexicons import word_lists
from stream.messages import Status

_PLANNED = ("will", "shall", "'ll", "’ll", "wo", "would", "must", "should", "'d")
_MODALS: dict[str, Status] = {
    **dict.fromkeys(_PLANNED, "planned"), **dict.fromkeys(("may", "might", "could"), "rumoured"), "can": "approved",
}  # fmt: skip


def form(token: Token, trigger: Trigger) -> Status:
    """What the trigger's own form says."""
    if trigger.part == "noun":
        return form_of_noun(token)
    if trigger.part == "state":
        verb = token.head if token.head.pos_ in {"VERB", "AUX"} else token
        if negated(verb) or negated(token):
            return "denied"
        if any(c.dep_ == "aux" and c.lower_ in {"will", "would"} for c in verb.children):
            return "planned"
        return trigger.status or "ongoing"
    return form_of_verb(token)


def form_of_verb(verb: Token) -> Status:
    aux = [c for c in verb.children if c.dep_ in {"aux", "auxpass"}]
    words = {c.lower_ for c in aux}
    if not aux and verb.dep_ == "conj" and verb.head.pos_ in {"VERB", "AUX"} and verb.tag_ == verb.head.tag_:
        return form_of_verb(verb.head)
    if negated(verb):
        return "denied"
    for word in words & _MODALS.keys():
        if not (words & {"have"} and word in {"would", "could"}):
            return _MODALS[word]
    if "to" in words or (verb.tag_ == "VB" and not words & {"did", "do", "does"}):
        return "completed" if "have" in words and verb.head.lemma_ in word_lists("status")["hearsay"] else "planned"
    if ("been" in words and verb.tag_ == "VBN") or (
        words & {"has", "have", "had", "'ve", "'s"} and verb.tag_ == "VBN" and not words & {"being"}
    ):
        return "completed"
    if verb.tag_ == "VBG" or "being" in words:
        return form_of_participle(verb, words)
    if verb.tag_ in {"VBZ", "VBP"} and _future_time(verb):
        return "planned"
    return "completed"


def form_of_participle(verb: Token, words: set[str]) -> Status:
    if words & {"is", "are", "am", "'s", "'re", "’s", "’re", "was", "were", "been"} or "being" in words:
        if _future_time(verb) and "being" not in words:
            return "planned"
        return "ongoing"
    head = verb.head
    if verb.dep_ in {"acl", "relcl"} and head.pos_ in {"NOUN", "PROPN"}:
        return "ongoing"
    while head.pos_ == "ADP" and head.head.i != head.i:
        head = head.head
    if verb.dep_ in {"advcl", "pcomp", "conj", "prep"} and head.pos_ in {"VERB", "AUX"} and head.i != verb.i:
        outer = form_of_verb(head)
        return outer if outer in {"completed", "planned", "ongoing"} and head.tag_ not in {"VBZ", "VBP"} else "ongoing"
    return "planned" if _future_time(verb) else "ongoing"


def form_of_noun(noun: Token) -> Status:
    """From the verb that the noun hangs on: "completed the relocation", "before its departure", "will announce it"."""
    node = noun
    while node.head.i != node.i and node.head.pos_ not in {"VERB", "AUX"}:
        node = node.head
    verb = node.head
    if verb.pos_ not in {"VERB", "AUX"}:
        return "completed"
    lists = word_lists("status")
    if verb.lemma_ in lists["planned"] | lists["rumoured"] and verb.tag_ in {"VBZ", "VBP", "VBG", "VB", "VBD", "VBN"}:
        return "planned"
    return (
        "completed"
        if node.dep_ in {"pobj", "prep"} and verb.tag_ in {"VBD", "VBN"}
        else form_of_verb(verb)
        if not negated(verb)
        else "denied"
    )


def negated(token: Token) -> bool:
    return any(
        c.dep_ == "neg" or (c.lower_ in {"never", "neither"} and c.dep_ in {"advmod", "preconj"})
        for c in token.children
    )


def _future_time(verb: Token) -> bool:
    """Whether a time in the verb's clause lies ahead: for "heads to Washington on Monday" any weekday does."""
    clause = " ".join(t.text for t in verb.subtree)
    if cue("future").search(clause):
        return True
    return verb.tag_ in {"VBZ", "VBG", "VBP"} and bool(cue("soon").search(clause))
