"""Noun phrases: their tokens, and what their head can be: a person, a group, soldiers, an office, goods …"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from spacy.tokens import Doc, Span, Token

from processors.gazetteer import gazetteer
from processors.lexicons import word_lists
from stream.messages import ActorType

_LEFT = frozenset(["det", "amod", "compound", "poss", "nummod", "quantmod", "nmod", "advmod", "case", "predet"])


def phrase(head: Token) -> tuple[int, int]:
    """The tokens of the noun phrase around ``head``: modifiers on its left, and an "of" phrase on its right."""
    start, end = head.i, head.i + 1
    for child in head.children:
        if child.dep_ in _LEFT and child.i < head.i and head.i - child.left_edge.i < 12:
            start = min(start, child.left_edge.i)
        elif child.dep_ == "prep" and child.lower_ == "of" and child.i == end:
            end = _of_phrase(child, end)
        elif (child.dep_ in {"compound", "flat", "nummod"} and child.i == end) or (
            child.dep_ == "appos" and child.left_edge.i == end and child.ent_type_ in {"PERSON", "ORG"}
        ):
            end = child.i + 1
    doc = head.doc
    while (
        start > 1 and doc[start - 1].text == "." and not doc[start - 1].whitespace_ and not doc[start - 2].whitespace_
    ):
        start -= 2  # "Example.Com" is one name
    while start < end - 1 and doc[start].i != head.i and (doc[start].ent_type_ == "DATE" or is_year(doc[start])):
        start += 1
    while start < end and (doc[start].is_space or (doc[start].is_punct and doc[start].text not in {'"', "“"})):
        start += 1
    return start, end


def is_year(token: Token) -> bool:
    """Whether a number tells a year: "In 2005 civil servants were given two days"."""
    return token.i > 0 and token.shape_ == "dddd" and token.nbor(-1).lower_ in {"in", "since", "by", "until"}


def _of_phrase(preposition: Token, end: int) -> int:
    noun = next((c for c in preposition.children if c.dep_ == "pobj"), None)
    if noun is None or noun.i - preposition.i > 7:
        return end
    return phrase(noun)[1] if noun.i > preposition.i else end


SUBJECTS = frozenset({"nsubj", "nsubjpass"})


def subjects(verb: Token) -> Iterator[Token]:
    """The subjects of a verb: its own, else those of the verbs above it; of a relative clause the noun it is of."""
    node = verb
    for _ in range(4):
        found = [c for c in node.children if c.dep_ in SUBJECTS]
        yield from found
        if found or node.head.i == node.i:
            return
        if node.dep_ in {"relcl", "acl"}:
            yield node.head
            return
        node = node.head


@functools.cache
def _type_lists() -> list[tuple[ActorType, frozenset[str]]]:
    lists = word_lists("nouns")
    return [("person", lists["person"]), ("military", lists["military"]), ("company", lists["company"]),
            ("organisation", lists["office"]), ("group", lists["group"]), ("other", lists["meeting"])]  # fmt: skip


def is_goods(head: Token) -> bool:
    """Whether the head is a thing, an animal, an abstraction: no location change is about such."""
    content = _content(head)
    goods = word_lists("nouns")["goods"]
    if content.lemma_.lower() in goods:
        return content.ent_type_ not in {"PERSON", "ORG"} or content.pos_ == "NOUN"
    return any(c.dep_ == "compound" and c.lemma_.lower() in _STORMS for c in content.children)


_STORMS = frozenset(["cyclone", "hurricane", "typhoon", "storm", "tropical", "rocket", "dengue"])


def _content(head: Token) -> Token:
    """The noun that says what a quantity is of: "thousands of refugees"."""
    figure = head.lemma_.lower() in _CENTRES and any(
        p.dep_ == "pobj" and p.pos_ == "NOUN" and p.lemma_.lower() in word_lists("nouns")["goods"]
        for c in head.children if c.lower_ == "of" for p in c.children
    )  # fmt: skip
    if figure or head.lemma_.lower() in word_lists("nouns")["quantity"] or head.pos_ == "NUM":
        for child in head.children:
            if child.dep_ == "prep" and child.lower_ == "of":
                noun = next((c for c in child.children if c.dep_ == "pobj"), None)
                if noun is not None and noun.pos_ != "PRON":
                    return noun
    return head


_CENTRES = frozenset(["centre", "center", "heart", "seat", "hub", "balance", "focus"])
"""Of power, of gravity: no place and no office."""


def type_of(head: Token) -> ActorType | None:
    """The type of the actor that a noun phrase names; None where the head is nothing known to be somewhere."""
    head = _content(head)
    lemma, lower = head.lemma_.lower(), head.lower_
    if head.pos_ == "PROPN" or head.ent_type_ in {"PERSON", "ORG", "NORP"}:
        known = _proper(head)
        if known:
            return known
    for actor_type, words in _type_lists():
        if lemma in words or lower in words:
            return "group" if actor_type == "person" and _plural(head) else actor_type
    if lower in gazetteer().demonyms:
        return "group"
    if head.pos_ == "NOUN" and lemma not in word_lists("nouns")["goods"] and _agentive(lemma):
        return "group" if _plural(head) else "person"
    if head.tag_ == "JJ" and any(c.dep_ == "det" and c.lower_ == "the" for c in head.children):
        return "group"  # "the wounded", "the last of the deportees"
    return "group" if head.pos_ == "NUM" or lemma in {"other", "any", "all", "both"} else None


def is_someone(head: Token) -> bool:
    """Whether a noun can be somewhere, or says how much or what part of somebody ("the bulk of the staff")."""
    partly = head.lemma_.lower() in word_lists("nouns")["quantity"] | _PARTS
    return partly or head.lemma_.lower() == "body" or type_of(head) is not None


_PARTS = frozenset(
    ["bulk", "part", "core", "rump", "remains", "remainder", "remnant", "wave", "batch", "load", "handful"]
)


def _proper(head: Token) -> ActorType | None:
    lemma = head.lemma_.lower()
    for actor_type, words in _type_lists():
        if lemma in words and head.ent_type_ != "PERSON":
            return actor_type
    if head.ent_type_ == "PERSON":
        return "person"
    if head.ent_type_ in {"ORG", "PRODUCT", "WORK_OF_ART", "EVENT"}:
        return "organisation"
    if head.ent_type_ == "NORP" or head.lower_ in gazetteer().demonyms:
        return "group"
    if head.ent_type_ in {"GPE", "LOC", "FAC"}:
        return "other" if not gazetteer().meanings(head.text) else None
    return "organisation" if head.pos_ == "PROPN" and head.ent_type_ == "" else None


def _plural(head: Token) -> bool:
    return head.tag_ in {"NNS", "NNPS"} or any(c.dep_ == "conj" for c in head.children)


def _agentive(lemma: str) -> bool:
    """Names of trades and peoples by their ending; "-er" words that are things are in the list of goods."""
    if lemma in word_lists("nouns")["things_er"]:
        return False
    return len(lemma) > 4 and lemma.endswith(("er", "or", "ist", "ian", "man", "woman", "men", "ee", "smith"))


def up_to_its_noun(doc: Doc, words: Span | None) -> Span | None:
    """The words with the rest of their phrase: "informed Iraqi sources" for "informed"."""
    if words is None or words.root.dep_ not in {"amod", "compound", "nmod"} or words.root.head.i < words.end:
        return words
    return doc[words.start : words.root.head.i + 1]
