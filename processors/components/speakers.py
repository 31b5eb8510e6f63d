"""Who is named beside a move without making it: who only tells it, and what else a sentence's verbs are done to."""

from __future__ import annotations

from spacy.tokens import Doc, Token

from processors.components.coreference import PRONOUNS
from processors.components.model import ActorMention, Trigger
from processors.components.movers import movers
from processors.components.phrases import SUBJECTS
from processors.lexicons import word_lists


def bystander(doc: Doc, trigger: Trigger, actor: ActorMention, office: bool) -> bool:
    """Whether the sentence has somebody else move than ``actor``, who is only its speaker: "“Our nuts went on to
    Warsaw,” said Gulmira", "Mr Omar said that the move from Lagos is over". ``office``: whether an office moves."""
    head, token = doc[actor.head], doc[trigger.token]
    if actor.pronoun or not speaks(head, trigger) or head.sent != token.sent:
        return False
    if trigger.part == "noun":
        told = trigger.kind not in {"visit", "return", "flight"} and token.dep_ in SUBJECTS
        owned = any(c.dep_ == "poss" for c in token.children)
        return (office or told) and not owned and head.ent_type_ == "PERSON"
    verb = token if token.pos_ in {"VERB", "AUX"} else token.head
    found = next(iter(movers(verb, trigger)), None)
    if found is None or found.i == token.i or found.lower_ in PRONOUNS:
        return False
    if found.i == actor.head or actor.start <= found.i < actor.end:
        return quoted(token) and not quoted(head)
    return not _same_name(head, found)


def elsewhere_object(doc: Doc, trigger: Trigger, actor: ActorMention) -> bool:
    """Whether another verb is done to the actor: "it will move to Cebu to bring its commanders closer"."""
    head, token = doc[actor.head], doc[trigger.token]
    verb = head.head
    object_ = head.dep_ == "dobj" and verb.pos_ == "VERB" and verb.i > token.i
    return object_ and not actor.pronoun and head.sent == token.sent and token.is_ancestor(verb)


def quoted(token: Token) -> bool:
    """Whether it stands in direct speech, whose speaker says "I" of himself: quotation marks are open before it."""
    before = [t.text for t in token.doc[token.sent.start : token.i]]
    straight = sum(t == '"' for t in before) % 2 == 1
    return straight or before.count("“") > before.count("”")


def speaks(head: Token, trigger: Trigger) -> bool:
    """Whether it is the subject of a verb of saying."""
    verb = head.head
    speech = word_lists("nouns")["speech"]
    told = verb.pos_ == "VERB" and not verb.ent_type_
    return head.dep_ == "nsubj" and told and verb.lemma_ in speech and verb.i != trigger.token


def _same_name(head: Token, other: Token) -> bool:
    """One name said twice, or a title before its holder ("the minister, Ali Omar")."""
    apposed = head.is_ancestor(other) and other.dep_ in {"appos", "compound", "nmod"}
    return head.text == other.text or apposed or (other.is_ancestor(head) and other.pos_ != "VERB")
