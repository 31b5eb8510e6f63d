"""The status of a move: the trigger's form, what governs it, conditions, hearsay, and the passage's last word."""

from __future__ import annotations

from itertools import pairwise

from spacy.tokens import Doc, Token

from processors.components.cues import cue
from processors.components.governors import OPEN, governed
from processors.components.model import Trigger
from processors.components.verbforms import form
from processors.lexicons import word_lists
from stream.messages import Status

_LATER: tuple[Status, ...] = ("denied", "cancelled", "approved")


def status_of(doc: Doc, trigger: Trigger) -> Status:
    """The status that the trigger's own sentence gives."""
    token = doc[trigger.token]
    status = governed(token, form(token, trigger))
    sentence = token.sent
    if status in OPEN and _conditional(token):
        return "conditional"
    if status in {"completed", "ongoing", "planned"} and cue("hearsay").search(sentence.text):
        return "rumoured"
    return status


def _conditional(token: Token) -> bool:
    """A clause with "if", "unless", "provided" beside the move, not the move inside one."""
    node, chain = token, {token.i}
    while node.head.i != node.i:
        node = node.head
        chain.add(node.i)
    for word in token.sent:
        if word.lower_ not in {"if", "unless", "provided", "providing", "once", "until", "should", "assuming"}:
            continue
        if word.lower_ == "until" and not any(c.dep_ == "neg" for i in chain for c in token.doc[i].children):
            continue
        if word.lower_ == "should":
            if word.i != token.sent.start:
                continue
            return True
        if (
            word.dep_ == "mark"
            and word.head.i not in chain
            and word.head.dep_ in {"advcl", "ccomp", "conj", "dep", "parataxis"}
        ):
            if word.lower_ == "once" and word.head.tag_ in {"VBD"}:
                continue
            before = token.doc[word.i - 1].lower_ if word.i else ""
            if before not in {"as", "even", "what"}:
                return True
    return False


def last_word(status: Status, denied: str, decided: str) -> Status:
    """The status after what the passage says of the move later on: ``denied`` is the text behind its trigger in which a
    denial counts, ``decided`` that in which a refusal or a permission does."""
    for change in _LATER:
        if not cue(change).search(denied if change == "denied" else decided):
            continue
        if change == "denied" and status not in {"cancelled"}:
            return "denied"
        if change == "cancelled" and status in OPEN:
            return "cancelled"
        if change == "approved" and status in {"rumoured", "planned"}:
            return "approved"
    return status


def after_all(doc: Doc, trigger: Trigger) -> bool:
    """Whether what was to come will not: "will not be moving its headquarters after all"."""
    sentence = [t.lower_ for t in doc[trigger.token].sent]
    return ("after", "all") in pairwise(sentence) and bool({"will", "wo", "would", "to"} & set(sentence))


def unsaid(doc: Doc, trigger: Trigger, status: Status) -> bool:
    """Whether a move can be neither denied nor cancelled, as ``status`` has it: no word around says "no"."""
    if status not in {"denied", "cancelled"}:
        return False
    sentence = doc[trigger.token].sent
    start, end = sentence.start, sentence.end
    for _ in range(2):
        start = doc[start - 1].sent.start if start else 0
        end = doc[end].sent.end if end < len(doc) else end
    around = doc[start:end]
    groups = word_lists("status")
    words = {f for t in around for f in (t.lemma_.lower(), t.lower_)}
    refusing = groups["denied"] | groups["cancelled"] | groups["negative"]
    return words.isdisjoint({w.split()[0] for w in refusing}) and not cue(status).search(around.text)
