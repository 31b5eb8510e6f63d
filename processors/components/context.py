"""What surrounds a move: who says so, when, why, and whether it is only background."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta

from spacy.tokens import Doc, Span, Token

from processors.components.coreference import PRONOUNS, antecedent
from processors.components.cues import MONTHS
from processors.components.model import Move, Trigger
from processors.components.phrases import phrase
from processors.lexicons import word_lists

_SUBJECTS = frozenset({"nsubj", "nsubjpass"})
_YEAR = re.compile(r"\b(1[89]\d\d|20\d\d)\b")
_LONG_AGO = timedelta(days=180)
"""A completed move older than this before the publication is background."""


SAME_MOVE = frozenset(
    [
        "move",
        "plan",
        "relocation",
        "trip",
        "visit",
        "transfer",
        "departure",
        "decision",
        "deployment",
        "withdrawal",
        "evacuation",
        "return",
        "proposal",
    ]
)
"""Words that speak of a move again."""


def attribution(doc: Doc, trigger: Trigger) -> tuple[int, int] | None:
    """The tokens of the source that the trigger's sentence names; else that of one of the next two, where it speaks of
    "the move", "the plan" again."""
    sentence = doc[trigger.token].sent
    found = _source(doc, trigger, sentence)
    for _ in range(2):
        if found is not None or sentence.end >= len(doc):
            break
        sentence = doc[sentence.end].sent
        if any(t.lemma_.lower() in SAME_MOVE and t.pos_ == "NOUN" for t in sentence):
            found = _source(doc, trigger, sentence)
    return found


def _source(doc: Doc, trigger: Trigger, sentence: Span) -> tuple[int, int] | None:
    """The subject of saying in a sentence, who is quoted, or what follows "according to"."""
    for token in sentence:
        if token.lower_ == "according" and token.i + 2 < len(doc) and doc[token.i + 1].lower_ == "to":
            noun = next(
                (t for t in doc[token.i + 2 : sentence.end] if t.dep_ == "pobj" and t.head.i == token.i + 1), None
            )
            return phrase(noun) if noun is not None else None
    speech = word_lists("nouns")["speech"]
    best: Token | None = None
    for token in sentence:
        if token.lemma_ in {"quote", "cite"} and token.pos_ == "VERB":
            quoted = next((c for c in token.children if c.dep_ == "dobj" and c.pos_ in {"NOUN", "PROPN"}), None)
            if quoted is not None:
                return phrase(quoted)
        if token.lemma_ not in speech or token.pos_ != "VERB" or token.i == trigger.token:
            continue
        subject = next((c for c in token.children if c.dep_ in _SUBJECTS), None)
        if (
            subject is None
            or subject.pos_ not in {"NOUN", "PROPN", "PRON"}
            or subject.lower_ in {"it", "who", "which", "that"}
        ):
            continue
        if best is None or _over(token, doc[trigger.token]) > _over(best, doc[trigger.token]):
            best = subject.head
    if best is None:
        return None
    subject = next(c for c in best.children if c.dep_ in _SUBJECTS)
    meant = antecedent(subject) if subject.lower_ in PRONOUNS else subject
    return phrase(meant) if meant is not None else None


def _over(verb: Token, token: Token) -> int:
    """2 when the verb of saying is above the trigger, 1 when it is beside it."""
    return 2 if verb.is_ancestor(token) else 1


def when(doc: Doc, trigger: Trigger) -> tuple[int, int] | None:
    """The time expression of the move: the nearest one in its clause, or the nearest of the sentence under its verb."""
    token = doc[trigger.token]
    best: Span | None = None
    for entity in token.sent.ents:
        if entity.label_ not in {"DATE", "TIME"} or _age(entity):
            continue
        near = abs(entity.start - trigger.token)
        governed = token.is_ancestor(entity.root) or entity.root.head.is_ancestor(token)
        close = near < 25 and (governed or near < 8) and not _crosses(doc, entity, trigger)
        close = close and not _of_a_clause_beside(entity, token)
        if close and (best is None or near < abs(best.start - trigger.token)):
            best = entity
    return (best.start, best.end) if best is not None else None


def _of_a_clause_beside(entity: Span, token: Token) -> bool:
    """Whether a time is that of a relative clause in which the move is not: "who fled Minsk in 2021, plans to move"."""
    node = entity.root
    while node.head.i != node.i:
        if node.dep_ == "relcl" and node.i != token.i and not node.is_ancestor(token):
            return True
        node = node.head
    return False


def past_year(doc: Doc, trigger: Trigger) -> tuple[int, int] | None:
    """The year at the head of the trigger's sentence or clause: "In 2005 they were given two days before lorries took
    them", "who fled Bishkek in March 2024", "since 2017, when they fled"."""
    for entity in doc[trigger.token].sent.ents:
        above = entity.root.head
        if entity.end > trigger.token - 12 and entity.start < trigger.token + 8 and _told_beside(doc, entity, trigger):
            return entity.start, entity.end
        if entity.label_ == "DATE" and _YEAR.search(entity.text) and above.lower_ in {"in", "on", "during"}:
            return (entity.start, entity.end) if above.head.is_ancestor(doc[trigger.token]) else None
    return None


def _told_beside(doc: Doc, entity: Span, trigger: Trigger) -> bool:
    """Whether no other verb stands between a past year and the trigger."""
    low, high = (trigger.token + 1, entity.start) if entity.start > trigger.token else (entity.end, trigger.token)
    preposition = entity.start and doc[entity.start - 1].lower_ in {"in", "on", "since", "during"}
    verbs = any(t.pos_ in {"VERB", "AUX"} for t in doc[low:high])
    return entity.label_ == "DATE" and bool(preposition and _YEAR.search(entity.text)) and not verbs


def _age(entity: Span) -> bool:
    return bool(re.search(r"year-old|years old|daily|annual|\b(?:every|each)\b|aged", entity.text)) or (
        entity.text.isdigit() and len(entity) == 1 and len(entity.text) < 3
    )


def _crosses(doc: Doc, entity: Span, trigger: Trigger) -> bool:
    low, high = sorted((entity.start, trigger.token))
    return any(t.text in {";", ":"} or (t.lemma_ in {"say", "tell"} and t.pos_ == "VERB") for t in doc[low + 1 : high])


@functools.lru_cache(maxsize=2_000)
def resolve_time(text: str, published: datetime | None, future: bool) -> tuple[datetime | None, datetime | None]:
    """Start and end (UTC, end exclusive) of a time expression, as said on ``published``; None where it does not say.

    A year, a month and a day have their length; anything else is the day that dateparser finds.
    """
    year = re.fullmatch(r"(?:the (?:end|start|beginning) of )?(\d{4})", text.strip())
    if year and 1800 <= int(year[1]) <= 2100:
        return datetime(int(year[1]), 1, 1, tzinfo=UTC), datetime(int(year[1]) + 1, 1, 1, tzinfo=UTC)
    if published is None:
        return None, None
    import dateparser

    plain = re.sub(
        r"^(?:in|on|at|by|since|before|after|late|early|the|until|within|around|about|last|this)\s+",
        "",
        text.strip(),
        flags=re.I,
    )
    plain = re.sub(r"\s+(?:morning|evening|night|afternoon)$", "", plain, flags=re.I)
    found = None
    for form in (text, plain):
        found = dateparser.parse(form, languages=["en"], settings={
            "RELATIVE_BASE": published.replace(tzinfo=None), "PREFER_DATES_FROM": "future" if future else "past",
            "PREFER_DAY_OF_MONTH": "first",
        })  # fmt: skip
        if found is not None:
            break
    if found is None:
        return None, None
    start = found.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    month = re.fullmatch(
        rf"(?:last |next |this )?(?:{MONTHS})(?: \d{{4}})?",
        plain,
    )
    return start, (start + timedelta(days=32)).replace(day=1) if month else start + timedelta(days=1)


def is_background(text: str | None, start: datetime | None, published: datetime | None) -> bool:
    """Whether a move is told as history: its time lies long before the publication."""
    if text is None or published is None:
        return False
    years = [int(y) for y in _YEAR.findall(text)]
    if years:
        return max(years) < published.year - 1 or (max(years) < published.year and published.month > 6)
    return start is not None and start < published - _LONG_AGO


_DURATION = re.compile(
    r"(?!last|next|this|that|the same)(?:\S+ ){0,2}(?:hour|day|week|month|year|decade)s?", re.IGNORECASE
)


def is_duration(text: str) -> bool:
    """Whether a time expression only says how long: "two days"."""
    return _DURATION.fullmatch(text.strip()) is not None


def told_from_another(text: str) -> bool:
    """Whether a time expression counts from another time of the story: "a month later"."""
    return bool({"later", "earlier", "after", "before"} & set(text.lower().split()[1:]))


_ELDERS = frozenset(
    ["father", "mother", "parent", "grandfather", "grandmother", "grandparent", "ancestor", "forefather", "forebear",
     "great-grandfather", "great-grandmother"]
)  # fmt: skip


def remembered(doc: Doc, move: Move) -> bool:
    """Whether somebody tells what became of his own elders, without a date: "my father went from here to Zanzibar"."""
    head = doc[move.actor.head]
    own = any(c.dep_ == "poss" and c.lower_ in {"my", "our"} for c in head.children)
    return own and head.lemma_.lower() in _ELDERS and move.status == "completed"


_BECAUSE = (("due", "to"), ("because", "of"), ("owing", "to"), ("thanks", "to"), ("amid",), ("citing",))


def reason(doc: Doc, trigger: Trigger) -> tuple[int, int] | None:
    """The tokens after "due to", "because of", "amid", "citing" in the trigger's sentence, to the phrase's end."""
    sentence = doc[trigger.token].sent
    for token in sentence:
        for words in _BECAUSE:
            if token.lower_ != words[0] or tuple(t.lower_ for t in doc[token.i : token.i + len(words)]) != words:
                continue
            start = token.i + len(words)
            end = start
            while (
                end < sentence.end
                and doc[end].text not in {",", ".", ";", "”", '"', ":", "—", "–"}
                and not doc[end].is_space
                and end - start < 14
            ):
                end += 1
            if end > start:
                return start, end
    return None
