"""From text to findings: pieces of bounded length through the pipeline, and out of the Docs as parts of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from spacy.language import Language
from spacy.tokens import Doc, Span

from processors.components.context import resolve_time
from processors.components.model import ActorMention, Inputs, Move, PlaceMention, Rejected
from processors.components.naming import name_of
from processors.components.reading import headline_case, readable
from processors.components.roots import root_of
from processors.gazetteer import gazetteer
from stream.messages import Actor, Entity, Evidence, KindOfMove, Location, Place, Status, When

PIECE = 6_000
"""Characters of a text that are read at once, about 1,000 words: what the components ask of "the passage" (a denial
later on, words of sport, who "the group" is) means an article, and would mislead and take long over a book."""

BATCH, BATCH_CHARACTERS = 64, 200_000
"""Pieces a batch, and characters that they have together (some 40,000 tokens; one piece may have more): larger ones are
a little faster and need much more memory."""

MAX_EVIDENCE = 1_000
"""Characters of an evidence sentence; a longer one is cut around the trigger."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text to read: ``title`` newline ``body``, or ``body`` alone where ``title`` is None."""

    title: str | None
    body: str
    published: datetime | None = None
    country: str | None = None
    """ISO code of the source, a weak hint for ambiguous names."""

    @property
    def text(self) -> str:
        return self.body if self.title is None else f"{self.title}\n{self.body}"


@dataclass(frozen=True, slots=True)
class Statement:
    """A location change without what it takes from its article; offsets count in ``Reading.text``."""

    actor: Actor
    origin: Place | None
    destination: Place | None
    kind: KindOfMove
    status: Status
    trigger: str
    when: When | None
    attribution: str | None
    reason: str | None
    evidence: Evidence
    confidence: float
    background: bool


@dataclass(slots=True)
class Findings:
    """What was found in one text."""

    entities: list[Entity] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def read(nlp: Language, readings: Sequence[Reading]) -> list[Findings]:
    """The findings of each text, in order. Docs live only as long as their batch."""
    results = [Findings() for _ in readings]
    work = [(i, offset, doc_text, made) for i, r in enumerate(readings) for offset, doc_text, made in pieces(r)]
    for batch in batches(work, lambda w: len(w[2])):
        with _zone(nlp):
            read_docs = nlp.pipe(docs(nlp, [(text, made) for _, _, text, made in batch]), batch_size=BATCH)
            for (i, offset, _, _), doc in zip(batch, read_docs, strict=True):
                _collect(doc, offset, readings[i], results[i])
    for findings in results:
        findings.statements = _unique(findings.statements)
    return results


W = TypeVar("W")


def batches(work: Sequence[W], size: Callable[[W], int]) -> Iterator[list[W]]:
    """The work in order, at most ``BATCH`` pieces at once, that have at most ``BATCH_CHARACTERS`` unless it is one."""
    batch: list[W] = []
    characters = 0
    for piece in work:
        if batch and (len(batch) == BATCH or characters + size(piece) > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(piece)
        characters += size(piece)
    if batch:
        yield batch


def _zone(nlp: Language) -> AbstractContextManager[object]:
    """spaCy's string store grows on endless streams; a memory zone (3.8) forgets what a batch brought."""
    return nlp.memory_zone() if hasattr(nlp, "memory_zone") else nullcontext()


def docs(nlp: Language, texts: Iterable[tuple[str, Inputs]]) -> Iterator[Doc]:
    """Docs of texts with what the components must know beside the words; not yet read."""
    for text, made in texts:
        doc = nlp.make_doc(text)
        doc._.inputs = made
        yield doc


def pieces(reading: Reading) -> Iterator[tuple[int, str, Inputs]]:
    """Offset, text as read, and inputs of each piece; cut at paragraphs, else sentences, else words."""
    text, title_end = _prepared(reading)
    start = 0
    while start < len(text) or start == 0:
        end = _cut(text, start)
        yield start, text[start:end], Inputs(title_end if start == 0 else 0, reading.published, reading.country)
        start = max(end, 1)


def _prepared(reading: Reading) -> tuple[str, int]:
    """The text as the model reads it (same length) and where its title ends; a text without one may start with one."""
    if reading.title is not None:
        return readable(reading.title, reading.body), len(reading.title)
    first, newline, rest = reading.body.partition("\n")
    if len(first) <= 200 and (
        (newline and first[-1:].isalnum() and rest.strip()) or (headline_case(first) and not newline)
    ):
        return readable(first, rest)[: len(reading.body)], len(first)
    return readable("", reading.body), 0


def _cut(text: str, start: int) -> int:
    end = start + PIECE
    if end >= len(text):
        return len(text)
    for mark in ("\n", ". ", " "):
        at = text.rfind(mark, start + PIECE // 2, end)
        if at > 0:
            return at + len(mark)
    return end


def _collect(doc: Doc, offset: int, reading: Reading, into: Findings) -> None:
    text = reading.text
    into.entities += [_entity(doc, e, offset, text) for e in doc.ents if not e.text.isspace()]
    into.places += [
        _place(doc, p, offset, text) for p in doc._.places or () if not p.anaphor and not (p.weak and p.toponym is None)
    ]
    into.statements += [statement(doc, m, offset, reading) for m in doc._.location_changes or ()]
    into.rejected += [Rejected(r.trigger, r.start + offset, r.end + offset, r.reason) for r in doc._.rejected or ()]


def _unique(statements: list[Statement]) -> list[Statement]:
    """Pieces of one long text tell a move once."""
    seen: dict[object, Statement] = {}
    for s in statements:
        places = [(p.name, p.country) if p else None for p in (s.origin, s.destination)]
        seen.setdefault(
            (s.actor.root, *places, s.kind, s.status, s.evidence.start if s.actor.type == "group" else 0), s
        )
    return list(seen.values())


def _slice(span: Span, offset: int) -> tuple[int, int]:
    return span.start_char + offset, span.end_char + offset


def _entity(doc: Doc, span: Span, offset: int, text: str) -> Entity:
    start, end = _slice(span, offset)
    known = (doc._.actors or {}).get(span.start)
    name = known.name if known else text[start:end]
    return Entity(
        text=text[start:end], label=span.label_, name=name, id=known.root if known else None, start=start, end=end
    )


def _place(doc: Doc, mention: PlaceMention, offset: int, text: str) -> Place:
    start, end = _slice(mention.span(doc), offset)
    toponym = mention.toponym
    if toponym is None:
        return Place(
            text=text[start:end],
            name=text[start:end],
            country=mention.country,
            kind="other",
            role=mention.role,
            start=start,
            end=end,
        )
    point = Location(lat=toponym.lat, lon=toponym.lon) if toponym.lat is not None and toponym.lon is not None else None
    return Place(
        text=text[start:end], name=toponym.name, geonames_id=toponym.geonames_id, country=mention.country,
        admin1=toponym.admin1, location=point, kind=toponym.kind, role=mention.role, start=start, end=end,
    )  # fmt: skip


def _inferred(country: str) -> Place | None:
    known = gazetteer().country(country)
    if known is None:
        return None
    point = Location(lat=known.lat, lon=known.lon) if known.lat is not None and known.lon is not None else None
    return Place(
        text="", name=known.name, geonames_id=known.geonames_id, country=country, location=point, kind="country"
    )


def _actor(doc: Doc, mention: ActorMention, offset: int, text: str) -> Actor:
    said = doc[mention.extra[1] : mention.extra[2]] if mention.pronoun else doc[mention.start : mention.end]
    start, end = _slice(said, offset)
    known = mention.organisation
    return Actor(
        text=text[start:end],
        name=name_of(doc, mention),
        id=known.root if known else None,
        type=mention.type,
        root=root_of(doc, mention),
    )


def statement(doc: Doc, move: Move, offset: int, reading: Reading) -> Statement:
    """A move as a statement; ``offset``: where the Doc begins in ``reading.text``."""
    text = reading.text
    trigger = doc[move.trigger.token : move.trigger.end]

    def said(span: tuple[int, int] | None) -> str | None:
        if span is None:
            return None
        start, end = _slice(doc[span[0] : span[1]], offset)
        return text[start:end]

    time = said(move.when)
    begin, finish = (None, None) if time is None else resolve_time(time, reading.published, move.status in _AHEAD)
    destination = _place(doc, move.destination, offset, text) if move.destination else None
    if destination is None and move.home:
        destination = _inferred(move.home)
    return Statement(
        actor=_actor(doc, move.actor, offset, text),
        origin=_place(doc, move.origin, offset, text) if move.origin else None,
        destination=destination, kind=move.kind, status=move.status,
        trigger=text[trigger.start_char + offset : trigger.end_char + offset],
        when=When(text=time, start=begin, end=finish) if time is not None else None,
        attribution=said(move.attribution), reason=said(move.reason),
        evidence=_evidence(doc, move, offset, reading), confidence=move.confidence, background=move.background,
    )  # fmt: skip


_AHEAD = frozenset({"planned", "approved", "conditional"})


def _evidence(doc: Doc, move: Move, offset: int, reading: Reading) -> Evidence:
    text = reading.text
    start, end = _slice(doc[move.sentence[0] : move.sentence[1]], offset)
    title_end = 0 if reading.title is None else len(reading.title)
    if start < title_end < end:  # the title is a sentence of its own, whatever the parser made of it
        start, end = (start, title_end) if doc[move.trigger.token].idx + offset < title_end else (title_end, end)
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end - start > MAX_EVIDENCE:
        trigger = doc[move.trigger.token].idx + offset
        start = max(start, trigger - MAX_EVIDENCE // 2)
        end = min(end, start + MAX_EVIDENCE)
    return Evidence(sentence=text[start:end], start=start, end=end)
