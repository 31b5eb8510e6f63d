"""One article through every stage: fetched, enriched, fused, alerted, indexed, with times, offsets and versions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from alerts.notify import deliveries_of
from indexer.index import Index, Stored
from indexer.query import parse
from ingest import urls
from newswatch.wiring import STAGES, names
from stream.dead_letters import list_dead_letters
from stream.errors import InvalidMessage, NewswatchError
from stream.ids import digest
from stream.log import Log, Offset, Record, partition_of
from stream.messages import (
    Alert,
    AnyMessage,
    Article,
    EnrichedArticle,
    LocationChange,
    Relocation,
    Superseded,
    Transition,
    decode,
)
from stream.settings import Settings
from stream.topics import TOPICS, Names

MOST = 100
"""Relocations of one article that are shown."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to the article; ``place`` says where: topic/partition@offset, or a kind of the index."""

    at: datetime | None
    stage: str
    place: str
    what: str

    def fields(self) -> dict[str, str | None]:
        """As plain values for JSON."""
        return {**asdict(self), "at": self.at.isoformat() if self.at else None}


def find_article(index: Index, url_or_id: str) -> str:
    """The article's id: of its URL, or of the article, statement or alert with this id. Raises ``NewswatchError``."""
    text = url_or_id.strip()
    if "://" in text:
        return digest("article", urls.canonical(text))
    if text in index.get("articles", [text]):
        return text
    if statement := index.get("location-changes", [text]).get(text):
        return str(statement.document["article_id"])
    if alert := index.get("alerts", [text]).get(text):
        return str(alert.document["evidence"][0]["article_id"])
    if text in index.get("relocations", [text]):
        raise NewswatchError(f"{text} is a relocation, of many articles: newswatch relocations show {text[:8]}")
    return text  # perhaps not indexed yet: the log knows


def trace(log: Log, index: Index, settings: Settings, article_id: str) -> list[Step]:
    """All that is known of the article, in the order of the flow. Raises ``NewswatchError`` when the log has none.

    Reads a partition of each topic from its beginning, one for each actor that the article tells of: seconds on a large
    log.
    """
    topics = names(settings, log)
    roots = _indexed_roots(index, article_id)
    steps: list[Step] = []
    alerts: set[str] = set()
    for name, stage in _FLOW:
        by_root = TOPICS[name].partitioned_by == "actor root"
        keys = roots if by_root else {article_id, *roots} if name == "alerts" else {article_id}
        latest: dict[object, list[Step]] = {}
        for record, message, waiting in _about(log, topics, name, keys, article_id):
            if isinstance(message, EnrichedArticle):
                roots |= {change.actor.root for change in message.location_changes}
            alerts |= {message.id} if isinstance(message, Alert) else set()
            latest[_once(record, message)] = _steps(record, message, stage, waiting, article_id)
        steps += [step for found in latest.values() for step in found]
    if not steps:
        raise NewswatchError(f"the log holds no article {article_id}; newswatch search finds what is indexed")
    steps += _letters(log, settings, article_id)
    steps += _deliveries(log, topics.topic("deliveries"), alerts)
    return sorted(steps, key=lambda s: (s.at is None, s.at)) + _indexed(index, article_id)


def _once(record: Record, message: AnyMessage) -> object:
    """What is shown once: of a relocation the last record, of an update, which goes to every partition, any."""
    match message:
        case Relocation():
            return message.id
        case Superseded():
            return message.version
        case _:
            return record.partition, record.offset


_FLOW = (
    ("articles", "ingest"), ("enriched", "enrich"), ("location-changes", "enrich"), ("relocations", "fuse"),
    ("transitions", "fuse"), ("alerts", "alert"),
)  # fmt: skip
"""The topics that tell of an article, with the stage that writes them."""


def _about(
    log: Log, topics: Names, name: str, keys: Collection[str], article_id: str
) -> Iterator[tuple[Record, AnyMessage, list[str]]]:
    """The records about the article in the partitions of ``keys``, with the stages that have yet to read each."""
    topic = topics.topic(name)
    readers = [stage.name for stage in STAGES.values() if name in stage.sources]
    committed = {reader: log.committed(topic, topics.group(reader, name)) for reader in readers}
    for partition in sorted({partition_of(key, log.partitions(topic)) for key in keys}):
        for record, message in _messages(log, topic, partition, article_id.encode()):
            if _is_about(message, article_id):
                at = record.offset
                yield record, message, [r for r, c in committed.items() if c.get(partition, Offset(0)).offset <= at]


def _messages(log: Log, topic: str, partition: int, holding: bytes) -> Iterator[tuple[Record, AnyMessage]]:
    """The messages of a partition in whose bytes ``holding`` occurs."""
    offset = 0
    while records := log.read(topic, partition, offset, 500):
        for record in records:
            if record.value is not None and holding in record.value:
                try:
                    yield record, decode(record.value)
                except InvalidMessage:
                    continue  # a dead letter by now
        offset = records[-1].offset + 1


def _is_about(message: AnyMessage, article_id: str) -> bool:
    match message:
        case Article():
            return message.id == article_id
        case EnrichedArticle():
            return message.article.id == article_id
        case LocationChange() | Superseded():
            return message.article_id == article_id
        case Relocation():
            return any(s.article_id == article_id for s in message.statements)
        case Transition():
            return any(s.article_id == article_id for s in message.cause)
        case Alert():
            return any(e.article_id == article_id for e in message.evidence)
        case _:
            return False


def _steps(record: Record, message: AnyMessage, stage: str, waiting: list[str], article_id: str) -> list[Step]:
    place = f"{record.topic}/{record.partition}@{record.offset}"
    still = f"; {' and '.join(waiting)} has yet to read it" if waiting else ""
    fetched = []
    if isinstance(message, Article):
        fetched = [Step(message.fetched, "fetch", message.feed_url, f"“{message.title}” at {message.url}")]
    return [*fetched, Step(record.timestamp, stage, place, _what(message, article_id) + still)]


def _what(message: AnyMessage, article_id: str) -> str:
    """What the message says, in a line."""
    match message:
        case Article():
            revision = "an update" if message.update else message.origin.replace("_", " ")
            return f"published version {message.version} ({revision})"
        case EnrichedArticle():
            made = f"{message.model.name} {message.model.version}, lexicons {message.model.lexicons[:8]}"
            found = f"{len(message.location_changes)} location changes, {len(message.places)} places"
            return f"version {message.article.version}: {found} ({made})"
        case LocationChange():
            return f"location change {message.id}: {_move(message)}, {message.status}"
        case Superseded():
            return f"what was said before version {message.version} and is not said any more is withdrawn"
        case Relocation():
            return f"relocation {message.id} version {message.version}: {_stands(message, article_id)}"
        case Transition():
            now = message.after if message.after == message.kind else f"{message.kind}, {message.after}"
            before = f", {message.before} before" if message.before else ""
            return f"transition {message.id} of relocation {message.relocation.id}: {now}{before}"
        case Alert():
            sent = f"held back: {message.held_back}" if message.held_back else "to be sent"
            return f"alert {message.id} by rule {message.rule}: {sent}"
        case _:
            return message.message


def _stands(relocation: Relocation, article_id: str) -> str:
    """The case, and what this article is in it."""
    said = [s for s in relocation.statements if s.article_id == article_id]
    independent = any(s.independent for s in said)
    role = "is one of its independent sources" if independent else "adds no independent source"
    role = "says so no more" if all(s.withdrawn for s in said) else role
    state = "withdrawn" if relocation.withdrawn else relocation.status
    sources = f"{relocation.independent_sources} independent source{'' if relocation.independent_sources == 1 else 's'}"
    return f"{_move(relocation)}, {state}, {sources}; this article {role}"


def _move(told: LocationChange | Relocation) -> str:
    origin, destination = (place.name if place else "?" for place in (told.origin, told.destination))
    return f"{told.actor.name}, {origin} → {destination}"


def _letters(log: Log, settings: Settings, article_id: str) -> list[Step]:
    return [
        Step(letter.at, letter.stage, f"{letter.topic}/{letter.partition}@{letter.offset}",
             f"dead letter {letter.id}: {letter.error}")
        for letter in list_dead_letters(log, names(settings))
        if letter.key.partition(":")[0] == article_id
    ]  # fmt: skip


def _deliveries(log: Log, topic: str, alerts: set[str]) -> list[Step]:
    return [
        Step(d.at, "notify", topic, f"alert {d.alert_id} for {d.target}: {d.state.replace('_', ' ')}"
             + (f": {d.reason}" if d.reason else ""))
        for d in deliveries_of(log, topic, alerts)
    ]  # fmt: skip


def _indexed(index: Index, article_id: str) -> list[Step]:
    stored = index.get("articles", [article_id]).get(article_id)
    if stored is None:
        return [Step(None, "index", "articles", "not indexed yet")]
    steps = [Step(None, "index", f"articles/{article_id}", f"version {stored.version} is searchable")]
    for identifier, statement in _statements(index, article_id).items():
        mark = ", withdrawn by its publisher" if statement.document.get("withdrawn") else ""
        steps.append(Step(None, "index", f"location-changes/{identifier}", f"version {statement.version}{mark}"))
    told = parse(f"statements.article_id:{article_id} AND withdrawn:(true OR false)", "relocations")
    found = index.search("relocations", told, limit=MOST).hits
    return [*steps, *(Step(None, "index", f"relocations/{hit.id}", f"version {hit.version}") for hit in found)]


def _statements(index: Index, article_id: str) -> dict[str, Stored]:
    """All statements that the article made in any revision, as they are indexed."""
    stored = index.get("articles", [article_id]).get(article_id)
    return index.get("location-changes", [s["id"] for s in stored.document.get("statements", ())]) if stored else {}


def _indexed_roots(index: Index, article_id: str) -> set[str]:
    """The actors whose moves the article tells, also where the log holds it as extracted no more."""
    return {str(s.document["actor"]["root"]) for s in _statements(index, article_id).values()}
