"""Whose place a trigger changes: subjects and objects through control verbs, relative clauses, passives, nouns."""

from __future__ import annotations

from spacy.tokens import Token

from processors.components.model import Trigger
from processors.lexicons import word_lists

_SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj"})
_RELATIVE = frozenset(["who", "whom", "which", "that", "whose"])
_OBJECT_CONTROL = frozenset(
    [
        "order",
        "allow",
        "let",
        "permit",
        "help",
        "force",
        "ask",
        "tell",
        "urge",
        "want",
        "expect",
        "require",
        "enable",
        "send",
        "get",
        "make",
        "have",
        "see",
        "persuade",
        "invite",
        "instruct",
        "authorise",
        "authorize",
        "compel",
        "cause",
        "command",
        "advise",
        "encourage",
        "beg",
        "clear",
        "forbid",
        "schedule",
        "warn",
        "convince",
        "press",
    ]
)


_BOARDS = frozenset(["take", "catch", "board", "ride", "drive", "fly", "sail", "hire", "put", "get"])
_VEHICLES = frozenset(
    [
        "plane",
        "flight",
        "train",
        "bus",
        "taxi",
        "ferry",
        "boat",
        "car",
        "lift",
        "coach",
        "ship",
        "jet",
        "helicopter",
        "cab",
        "tram",
        "minibus",
        "van",
        "convoy",
        "sea",
    ]
)


def movers(token: Token, trigger: Trigger) -> list[Token]:
    """The heads of the phrases that move, several where a list names them apart; empty where the sentence has none."""
    if trigger.part == "noun":
        found = _of_noun(token)
    elif trigger.part == "state":
        found = _of_state(token)
    else:
        found = _of_verb(token, trigger)
    return [found] if found is not None else []


def _of_verb(verb: Token, trigger: Trigger) -> Token | None:
    direct = _object(verb)
    if direct is not None and direct.lemma_.lower() in _VEHICLES and verb.lemma_ in _BOARDS:
        return subject_of(verb)
    passive = _is_passive(verb)
    if trigger.mover == "subject":
        return None if passive and direct is None and not _headline_participle(verb) else subject_of(verb)
    if passive:
        return _passive_subject(verb)
    if direct is not None:
        return direct
    if trigger.mover == "either":
        return subject_of(verb)
    return _passive_subject(verb) if verb.tag_ in {"VBN", "VBD"} and _headline_participle(verb) else None


def _is_passive(verb: Token) -> bool:
    if any(c.dep_ in {"nsubjpass", "auxpass"} for c in verb.children):
        return True
    if verb.tag_ == "VBN" and not any(c.dep_ == "aux" and c.lemma_ == "have" for c in verb.children):
        if verb.dep_ in {"acl", "relcl", "amod"} or (verb.dep_ == "xcomp" and verb.head.lemma_ in {"be", "get", "see"}):
            return True
        if verb.dep_ == "conj" and verb.head.pos_ == "VERB":
            return _is_passive(verb.head)
    return False


def _headline_participle(verb: Token) -> bool:
    """A participle as the sentence's verb with no auxiliary: "Engineers sent to Kirkuk as strike bites"."""
    return verb.dep_ == "ROOT" and not any(c.dep_ in {"aux", "auxpass", "dobj"} for c in verb.children)


def _object(verb: Token) -> Token | None:
    for child in verb.children:
        if child.dep_ in {"dobj", "obj"} and child.i > verb.i:
            return child
        if child.dep_ == "dative" and child.pos_ in {"NOUN", "PROPN", "PRON"} and child.i > verb.i:
            return child
        if child.dep_ == "ccomp" and child.i > verb.i and child.pos_ in {"NOUN", "PROPN"}:
            return child
    return None


def _passive_subject(verb: Token) -> Token | None:
    for child in verb.children:
        if child.dep_ in _SUBJECTS:
            return _relative(verb, child)
    if verb.dep_ in {"acl", "relcl", "amod"}:
        return verb.head
    return subject_of(verb)


def _relative(verb: Token, subject: Token) -> Token:
    """The noun before a relative clause where the subject is "who", "which" or "that"."""
    node = verb
    while subject.lower_ in _RELATIVE and node.dep_ in {"conj", "xcomp", "ccomp"} and node.head.i != node.i:
        node = node.head
    return node.head if subject.lower_ in _RELATIVE and node.dep_ in {"relcl", "acl"} else subject


def subject_of(verb: Token, depth: int = 0) -> Token | None:
    """The subject of a verb, found through infinitives, participles, lists and relative clauses."""
    own = next((c for c in verb.children if c.dep_ in _SUBJECTS and not _out_of_place(c)), None)
    if own is not None:
        return _relative(verb, own)
    if depth > 5 or verb.head.i == verb.i:
        return _left_noun(verb)
    head = verb.head
    if verb.dep_ in {"xcomp", "ccomp", "advcl", "conj", "dep", "oprd", "prep", "pcomp", "parataxis", "appos"}:
        return _through(verb, head, depth)
    if verb.dep_ in {"acl", "relcl"}:
        if head.pos_ in {"NOUN", "PROPN"} and head.lemma_.lower() in word_lists("nouns")["plan_noun"]:
            return holder_of(head, depth + 1)
        return head
    if verb.dep_ in {"nsubj", "dobj", "pobj"} or verb.dep_ == "amod":
        return (
            subject_of(head, depth + 1)
            if head.pos_ in {"VERB", "AUX"}
            else head
            if head.pos_ in {"NOUN", "PROPN"}
            else None
        )
    return subject_of(head, depth + 1) if head.pos_ in {"VERB", "AUX"} else None


def _out_of_place(token: Token) -> bool:
    """A weekday or a dateline that the parser took for a subject."""
    dated = token.ent_type_ in {"DATE", "TIME"} and token.pos_ in {"PROPN", "NOUN"}
    return dated or any(start <= token.idx < end for start, end in token.doc._.datelines or ())


def _through(verb: Token, head: Token, depth: int) -> Token | None:
    if head.pos_ == "ADP":
        outer = head.head
        if outer.pos_ in {"NOUN", "PROPN"} and outer.lemma_.lower() in word_lists("nouns")["plan_noun"]:
            return holder_of(outer, depth + 1)
        return subject_of(outer, depth + 1) if outer.pos_ in {"VERB", "AUX"} else None
    if head.pos_ in {"NOUN", "PROPN"}:
        return (
            head
            if verb.dep_ in {"conj", "advcl", "xcomp", "ccomp"} and head.pos_ == "PROPN"
            else holder_of(head, depth + 1)
        )
    if verb.dep_ in {"xcomp", "ccomp", "advcl"} and head.lemma_ in _OBJECT_CONTROL:
        target = next((c for c in head.children if c.dep_ in {"dobj", "dative", "nsubjpass"}), None)
        if target is not None:
            return _relative(head, target)
    return subject_of(head, depth + 1)


def holder_of(noun: Token, depth: int = 0) -> Token | None:
    """Who has a plan, makes a trip: the owner, "of" whom, "by" whom it is; else the subject of the verb it hangs on."""
    owner = next((c for c in noun.children if c.dep_ == "poss"), None)
    if owner is not None:
        return owner
    for child in noun.children:
        if (child.dep_ == "prep" and child.lower_ in {"by", "for"}) or child.dep_ == "agent":
            inner = next((c for c in child.children if c.dep_ == "pobj"), None)
            if inner is not None and (
                child.lower_ == "by" or noun.lemma_ in {"permission", "approval", "plan", "order"}
            ):
                return inner
    node = noun
    while node.head.i != node.i and node.head.pos_ not in {"VERB", "AUX"}:
        node = node.head
    return subject_of(node.head, depth + 1) if node.head.pos_ in {"VERB", "AUX"} and depth < 6 else None


def _of_noun(noun: Token) -> Token | None:
    of = next((c for c in noun.children if c.dep_ == "prep" and c.lower_ == "of"), None)
    if of is None:  # "the extradition to Guatemala of the former minister"
        of = next(
            (
                t
                for t in noun.doc[noun.i + 2 : min(noun.i + 8, noun.sent.end)]
                if t.lower_ == "of" and t.nbor(-1).ent_type_ in {"GPE", "LOC"}
            ),
            None,
        )
    whose = next((c for c in of.children if c.dep_ == "pobj"), None) if of is not None else None
    if whose is not None:
        return whose
    for child in noun.children:
        if child.dep_ == "poss":
            return child
    for child in reversed([c for c in noun.children if c.dep_ == "compound" and c.pos_ in {"NOUN", "PROPN"}]):
        return child
    node = noun
    while node.head.i != node.i and node.head.pos_ not in {"VERB", "AUX"}:
        if node.dep_ not in {"pobj", "prep", "conj", "appos", "attr", "dobj", "nsubjpass", "nsubj"}:
            return None
        node = node.head
    return (
        holder_of(noun) if node.head.lemma_ in word_lists("nouns")["light"] or node.dep_ in {"pobj", "prep"} else None
    )


def _of_state(word: Token) -> Token | None:
    """The subject of "to be" for "bound for", "due in", "on its way to"; the noun that the words stand behind."""
    node = word
    for _ in range(4):
        if node.pos_ in {"VERB", "AUX"} and node.i != word.i:
            return subject_of(node)
        if node.dep_ in {"amod", "acl", "relcl"} and node.head.pos_ in {"NOUN", "PROPN", "PRON"}:
            return node.head
        if node.head.i == node.i:
            break
        node = node.head
    return (
        subject_of(node)
        if node.pos_ in {"VERB", "AUX"}
        else node
        if node.pos_ in {"NOUN", "PROPN"} and node.i < word.i
        else None
    )


def _left_noun(verb: Token) -> Token | None:
    """In a headline without a parse: the noun phrase that the sentence starts with."""
    for i in range(verb.i - 1, verb.sent.start - 1, -1):
        token = verb.doc[i]
        if token.pos_ in {"NOUN", "PROPN"} and token.dep_ not in {"pobj", "compound", "poss"}:
            return token
        if token.pos_ in {"VERB", "SCONJ"}:
            return None
    return None
