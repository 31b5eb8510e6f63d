"""What the words above a trigger make of its status: "plans to", "agreed to let", "denied that", "is said to"."""

from __future__ import annotations

from collections.abc import Callable

from spacy.tokens import Token

from processors.components.verbforms import form_of_verb, negated
from processors.lexicons import word_lists
from stream.messages import Status

OPEN = frozenset({"planned", "rumoured", "approved", "ongoing", "conditional"})
_UP = frozenset(
    "xcomp ccomp acl pcomp prep pobj dobj nsubjpass attr oprd advcl conj nsubj acomp dep".split()  # noqa: SIM905
)
_OBJECTS = _UP - {"attr", "oprd", "advcl", "conj", "nsubj", "acomp"}
_HOST_DECIDES = frozenset({"agree", "allow", "order", "approve", "let", "permit", "invite"})


def governed(token: Token, status: Status) -> Status:
    """Climb from the trigger and let each governing word change the status."""
    node, steps = token, 0
    while node.head.i != node.i and steps < 6:
        link = node.dep_
        if link not in _UP or (link in {"nsubj", "conj"} and not _carries(node)):
            break
        head = node.head
        for rule in _RULES:
            changed = rule(head, _lemma(head), link, status)
            if changed is not None:
                status = changed
                break
        node, steps = head, steps + 1
    return status


def _is(lemma: str, group: str) -> bool:
    return lemma in word_lists("status")[group]


def _refused(head: Token, lemma: str, link: str, status: Status) -> Status | None:
    if _is(lemma, "denied") and link not in {"advcl", "nsubj", "conj"}:
        return "denied"
    if _is(lemma, "cancelled") and link not in {"advcl", "conj"}:
        if lemma in _PUTS_OFF and until(head):
            return "planned"
        return status if negated(head) else "cancelled"
    return None


_PUTS_OFF = frozenset(["postpone", "delay", "put off", "suspend"])


def until(verb: Token) -> bool:
    """Whether what is put off has a new date: "postponed by three weeks", "until June"."""
    terms = (c for c in verb.children if c.dep_ == "prep" and c.lower_ in {"by", "until", "till", "to", "for"})
    return any(t.ent_type_ in {"DATE", "TIME"} for term in terms for t in term.subtree)


def put_off(token: Token) -> bool:
    """Whether the move that ``token`` tells is put off to another date, not called off."""
    node = token
    for _ in range(4):
        if node.head.i == node.i:
            return False
        node = node.head
        if _lemma(node) in _PUTS_OFF:
            return until(node)
    return False


def goes_on(token: Token) -> bool:
    """Whether a verb right above the move says that it is under way: "is continuing", "have begun to"."""
    return token.head.i != token.i and token.dep_ in _UP and _is(_lemma(token.head), "ongoing")


def _allowed(head: Token, lemma: str, link: str, status: Status) -> Status | None:
    if not _is(lemma, "approved") or link not in _OBJECTS | {"dative"}:
        return None
    told = lemma == "tell" and link != "xcomp"
    ruled = lemma in {"rule", "vote"} and link == "ccomp" and status == "completed"
    if told or ruled or (lemma == "give" and head.pos_ == "VERB"):
        return status
    if negated(head):
        return "cancelled"
    if status == "denied":
        return status
    form = form_of_verb(head) if head.pos_ == "VERB" else "completed"
    return form if head.lemma_ in _HOST_DECIDES and form in {"planned", "rumoured"} else "approved"


def _doubted(head: Token, lemma: str, link: str, status: Status) -> Status | None:
    if not _is(lemma, "rumoured") or link not in _OBJECTS:
        return None
    if negated(head):
        return "denied"
    return "rumoured" if status in OPEN | {"completed"} else status


def _intended(head: Token, lemma: str, link: str, status: Status) -> Status | None:
    if (
        not _is(lemma, "planned")
        or link not in _OBJECTS | {"oprd"}
        or status not in {"planned", "ongoing", "completed"}
    ):
        return None
    if link == "ccomp" and status == "completed":
        return status
    if negated(head) or any(c.lower_ == "no" for c in head.children):
        return "denied"
    doubt = any(c.dep_ == "aux" and c.lower_ in {"may", "might", "could"} for c in head.children)
    return "rumoured" if doubt else "planned"


def _under_way(head: Token, lemma: str, link: str, status: Status) -> Status | None:
    if status not in {"planned", "ongoing", "completed"}:
        return None
    if _is(lemma, "ongoing") and link in {"xcomp", "dobj", "nsubj"}:
        form = form_of_verb(head)
        return "ongoing" if form == "completed" else form
    past = head.tag_ in {"VBD", "VBN"} and status == "planned"
    return "completed" if _is(lemma, "completed") and link in {"xcomp", "dobj", "ccomp"} and past else None


def _hearsay(head: Token, lemma: str, link: str, status: Status) -> Status | None:
    passive = any(c.dep_ in {"auxpass", "nsubjpass"} for c in head.children)
    if _is(lemma, "hearsay") and link == "xcomp" and passive and status != "denied":
        return "rumoured"
    if negated(head) and link in {"ccomp", "xcomp"} and lemma in {"think", "believe", "be", "true"}:
        unknown = any(c.lower_ in {"clear", "known", "certain", "sure"} for c in head.children)
        return "rumoured" if unknown else "denied"
    return None


_RULES: tuple[Callable[[Token, str, str, Status], Status | None], ...] = (
    _refused, _allowed, _doubted, _intended, _under_way, _hearsay,
)  # fmt: skip


def _lemma(head: Token) -> str:
    particle = next((c for c in head.children if c.dep_ == "prt"), None)
    return f"{head.lemma_.lower()} {particle.lower_}" if particle is not None else head.lemma_.lower()


def _carries(node: Token) -> bool:
    """A subject or a list member whose head still speaks of the move: a noun ("the plan to leave was dropped")."""
    listed = node.dep_ == "conj" and node.pos_ in {"VERB", "NOUN"} and node.tag_ in {"VB", "NN", "NNS"}
    return listed or (node.dep_ == "nsubj" and node.pos_ == "NOUN")
