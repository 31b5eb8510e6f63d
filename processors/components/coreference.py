"""Who "he", "they", "the group", "its leaders" are: the nearest fitting phrase before, subjects first."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Span, Token

from processors.components.phrases import SUBJECTS, is_goods, type_of
from processors.lexicons import word_lists

SINGULAR = frozenset(["he", "him", "his", "himself", "she", "her", "hers", "herself"])
PLURAL = frozenset(["they", "them", "their", "theirs", "themselves"])
NEUTER = frozenset(["it", "its", "itself"])
SPEAKER = frozenset(["i", "we", "me", "us", "my", "our"])
PRONOUNS = SINGULAR | PLURAL | NEUTER | SPEAKER

_RELATIVE = frozenset(["who", "which", "that"])

_CANDIDATES = SUBJECTS | {"dobj", "pobj", "agent", "ROOT", "attr", "conj", "appos", "poss", "dep"}


def antecedent(pronoun: Token) -> Token | None:
    """The head of the phrase that ``pronoun`` stands for; None where nothing fits."""
    if pronoun.lower_ in SPEAKER:
        return _speaker(pronoun)
    candidates = [*earlier_phrases(pronoun), *_after(pronoun)]
    if pronoun.lower_ == "its" and candidates and _is_state(candidates[0], pronoun):
        return candidates[0]
    thing = pronoun.lower_ in NEUTER | {"them"} and pronoun.dep_ in {"dobj", "nsubjpass", "nsubj"}
    if thing and (nearest := _last_object(pronoun)) is not None and is_goods(nearest):
        return None
    for candidate in candidates:
        if _fits(pronoun, candidate):
            return candidate
    if pronoun.lower_ in SINGULAR:  # a name that the model took for something else than a person
        return next(
            (
                c
                for c in candidates
                if c.pos_ == "PROPN" and c.dep_ in SUBJECTS and c.ent_type_ not in {"GPE", "LOC", "DATE"}
            ),
            None,
        )
    if pronoun.lower_ == "its":
        return next((c for c in candidates if c.ent_type_ == "GPE" and c.dep_ in SUBJECTS), None)
    return None


def _is_state(candidate: Token, pronoun: Token) -> bool:
    """Whether a state does something with what is its own: "Chile will move its embassy"."""
    return candidate.ent_type_ == "GPE" and candidate.dep_ in SUBJECTS and candidate.sent == pronoun.sent


def earlier_phrases(pronoun: Token) -> Iterator[Token]:
    """Candidates, the best first: subjects above the pronoun's clause, those of its sentence, then those before."""
    doc, sentence = pronoun.doc, pronoun.sent
    node = pronoun
    while node.head.i != node.i:
        node = node.head
        if node.pos_ in {"VERB", "AUX"}:
            yield from (c for c in node.children if c.dep_ in SUBJECTS and c.i < pronoun.i and not _reaches(c, pronoun))
            if node.dep_ == "relcl" and any(c.dep_ in SUBJECTS and c.lower_ in _RELATIVE for c in node.children):
                yield node.head
            if node.dep_ == "acl" and node.head.pos_ == "NOUN":  # "Yemen's Houthis plan to move" read as one name
                yield from (c for c in node.head.children if c.dep_ == "compound" and c.text[0].isupper())
    earlier = [t for t in doc[sentence.start : pronoun.i] if t.dep_ in _CANDIDATES and not _reaches(t, pronoun)]
    yield from (t for t in reversed(earlier) if t.dep_ in SUBJECTS)
    previous = _sentences_before(pronoun)
    if previous:
        yield from (t for t in previous[0] if t.dep_ in SUBJECTS)
    yield from reversed(earlier)
    for sent in previous:
        yield from (t for t in sent if t.dep_ in SUBJECTS)
        yield from (t for t in sent if t.dep_ in _CANDIDATES)


def _sentences_before(pronoun: Token) -> list[Span]:
    """Up to three sentences before the pronoun's, the nearest first."""
    found: list[Span] = []
    start = pronoun.sent.start
    while start > 0 and len(found) < 3:
        found.append(pronoun.doc[start - 1].sent)
        start = found[-1].start
    return found


def _after(pronoun: Token) -> Iterator[Token]:
    """Cataphora: a subject or a named person later in the sentence or in the next one."""
    doc, sentence = pronoun.doc, pronoun.sent
    later = doc[pronoun.i + 1 : sentence.end]
    yield from (
        t for t in later if t.ent_type_ == "PERSON" and t.dep_ in _CANDIDATES | {"compound"} and t.pos_ == "PROPN"
    )
    if sentence.end < len(doc):
        following = doc[sentence.end].sent
        yield from (t for t in following if t.dep_ in SUBJECTS)


def _reaches(candidate: Token, pronoun: Token) -> bool:
    """Whether the pronoun lies inside the candidate's own phrase."""
    return candidate.left_edge.i <= pronoun.i <= candidate.right_edge.i


def _last_object(pronoun: Token) -> Token | None:
    """The object, or the subject of a passive, that was named last before the pronoun."""
    for token in reversed(pronoun.doc[max(0, pronoun.i - 25) : pronoun.i]):
        if token.dep_ in {"dobj", "nsubjpass"} and token.pos_ in {"NOUN", "PROPN"}:
            return token
    return None


def _fits(pronoun: Token, candidate: Token) -> bool:
    if pronoun.dep_ == "poss" and candidate.lemma_ == pronoun.head.lemma_:
        return False  # no embassies have embassies
    if candidate.ent_type_ in {"DATE", "TIME", "GPE", "LOC"}:
        return False
    if candidate.pos_ not in {"NOUN", "PROPN", "NUM"} or candidate.lower_ in PRONOUNS:
        return False
    actor_type = type_of(candidate)
    if actor_type is None:
        return False
    plural = (
        candidate.tag_ in {"NNS", "NNPS"}
        or candidate.pos_ == "NUM"
        or any(c.dep_ == "conj" for c in candidate.children)
    )
    if pronoun.lower_ in SINGULAR:
        return (actor_type == "person" and not plural) or candidate.ent_type_ == "PERSON"
    if pronoun.lower_ in NEUTER and candidate.pos_ == "PROPN" and candidate.dep_ in SUBJECTS:
        return candidate.tag_ != "NNPS"  # "its" is never a person: a firm that the model took for one
    if pronoun.lower_ in NEUTER:
        return actor_type in {"organisation", "company", "group", "military", "other"} and candidate.tag_ not in {
            "NNS",
            "NNPS",
        }
    return plural or actor_type in {"group", "military", "organisation"}


def _speaker(pronoun: Token) -> Token | None:
    """The subject of the verb of saying next to the quotation."""
    doc, sentence = pronoun.doc, pronoun.sent
    for token in doc[sentence.start : min(len(doc), sentence.end + 12)]:
        if token.lemma_ in {"say", "tell", "write", "add", "announce"} and token.pos_ == "VERB":
            subject = next((c for c in token.children if c.dep_ in SUBJECTS), None)
            if subject is None:
                continue
            if subject.lower_ in PRONOUNS - SPEAKER:
                return antecedent(subject)
            if subject.lower_ not in PRONOUNS:
                return subject
    return None


def antecedents_of_owner(head: Token) -> Token | None:
    """For "its leaders" and "its bureau's office": who "its" is; for "the group's leaders": who the group is. None
    where there is no owner."""
    owner = next((c for c in head.children if c.dep_ == "poss"), None)
    if owner is None:
        return None
    if owner.pos_ == "NOUN" and (above := antecedents_of_owner(owner)) is not None:
        return above
    return antecedent(owner) if owner.lower_ in PRONOUNS else owner


def described(head: Token) -> bool:
    """Whether a phrase only refers back: "the group", "the movement", "the couple"."""
    if head.i and head.text[0].isupper() and head.nbor(-1).text[0].isupper() and head.nbor(-1).dep_ == "compound":
        return False  # "the Bhairav Engineer Company"
    return head.lower_ in word_lists("nouns")["description"] and any(c.lower_ in {"the", "both"} for c in head.children)
