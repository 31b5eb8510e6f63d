"""One article through every stage: fetched, published, enriched, indexed, alerted, with times, offsets and versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from alerts.notify import deliveries_of
from indexer.index import Index
from ingest import urls
from newswatch.wiring import STAGES, names
from stream.dead_letters import list_dead_letters
from stream.errors import InvalidMessage, NewswatchError
from stream.ids import digest
from stream.log import Log, Offset, Record, partition_of
from stream.messages import Alert, AnyMessage, Article, EnrichedArticle, LocationChange, decode
from stream.settings import Settings


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
    return text  # perhaps not indexed yet: the log knows


def trace(log: Log, index: Index, settings: Settings, article_id: str) -> list[Step]:
    """All that is known of the article, in the order of the flow. Raises ``NewswatchError`` when the log has none.

    Reads one partition of each topic from its beginning: seconds on a large log.
    """
    topics = names(settings)
    steps: list[Step] = []
    alerts: set[str] = set()
    for name, stage in (("articles", "ingest"), ("enriched", "enrich"), ("alerts", "alert")):
        topic = topics.topic(name)
        partition = partition_of(article_id, log.partitions(topic))
        waiting = {
            reader: log.committed(topic, topics.group(reader, name)).get(partition, Offset(0)).offset
            for reader, readers_of in ((s.name, s.sources) for s in STAGES.values())
            if name in readers_of
        }
        for record, message in _messages(log, topic, partition):
            if _is_about(message, article_id):
                alerts |= {message.id} if isinstance(message, Alert) else set()
                yet = [reader for reader, offset in waiting.items() if offset <= record.offset]
                steps += _steps(record, message, stage, yet)
    if not steps:
        raise NewswatchError(f"the log holds no article {article_id}; newswatch search finds what is indexed")
    steps += _letters(log, settings, article_id)
    steps += _deliveries(log, topics.topic("deliveries"), alerts)
    return sorted(steps, key=lambda s: (s.at is None, s.at)) + _indexed(index, article_id)


def _messages(log: Log, topic: str, partition: int) -> Iterator[tuple[Record, AnyMessage]]:
    offset = 0
    while records := log.read(topic, partition, offset, 500):
        for record in records:
            if record.value is not None:
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
        case Alert():
            return any(e.article_id == article_id for e in message.evidence)
        case _:
            return False


def _steps(record: Record, message: AnyMessage, stage: str, waiting: list[str]) -> list[Step]:
    place = f"{record.topic}/{record.partition}@{record.offset}"
    still = f"; {' and '.join(waiting)} has yet to read it" if waiting else ""
    match message:
        case Article():
            revision = "an update" if message.update else message.origin.replace("_", " ")
            return [
                Step(message.fetched, "fetch", message.feed_url, f"“{message.title}” at {message.url}"),
                Step(record.timestamp, stage, place, f"published version {message.version} ({revision}){still}"),
            ]
        case EnrichedArticle():
            made = f"{message.model.name} {message.model.version}, lexicons {message.model.lexicons[:8]}"
            found = f"{len(message.location_changes)} location changes, {len(message.places)} places"
            return [
                Step(record.timestamp, stage, place, f"version {message.article.version}: {found} ({made}){still}"),
                *(_statement(record, place, change) for change in message.location_changes),
            ]
        case Alert():
            sent = f"held back: {message.held_back}" if message.held_back else "to be sent"
            return [Step(record.timestamp, stage, place, f"alert {message.id} by rule {message.rule}: {sent}{still}")]
        case _:
            return []


def _statement(record: Record, place: str, change: LocationChange) -> Step:
    origin = change.origin.name if change.origin else "?"
    destination = change.destination.name if change.destination else "?"
    what = f"location change {change.id}: {change.actor.name}, {origin} → {destination}, {change.status}"
    return Step(record.timestamp, "enrich", place, what)


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
    ids = [s["id"] for s in stored.document.get("statements", ())]
    for identifier, statement in index.get("location-changes", ids).items():
        mark = ", withdrawn by its publisher" if statement.document.get("withdrawn") else ""
        steps.append(Step(None, "index", f"location-changes/{identifier}", f"version {statement.version}{mark}"))
    return steps
