"""What a rule would have raised: the live matching, over documents of the index and transitions that the log keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog

from alerts.matching import candidates
from alerts.relocations import told_by, without
from alerts.rules import Rule
from indexer.index import Document, Index, Stored
from indexer.query import Query, parse
from stream.errors import InvalidMessage, NewerSchema
from stream.log import Log
from stream.messages import Alert, Article, EnrichedArticle, LocationChange, Model, Transition, decode
from stream.takedowns import Takedowns
from stream.topics import Names

logger = structlog.get_logger()

PAGE = 200
_READ = 500
_UNKNOWN = Model(name="unknown", version="", lexicons="")


def would_raise(
    rule: Rule, index: Index, log: Log, names: Names, since: datetime | None, max_age: timedelta
) -> Iterator[Alert]:
    """The alerts of ``rule`` on news since then, the latest first; ``created`` is when they would have been raised.

    Rules on articles and location changes see what is indexed: of each article its latest revision, what was withdrawn
    since as well. Rules on relocations see the transitions that the log keeps, without what was taken down; those of a
    newer newswatch are left out, and one line of the log says how many.
    """
    if rule.target == "relocations":
        yield from _over_transitions(rule, log, names, since, max_age)
    else:
        yield from _over_index(rule, index, since, max_age)


def _over_index(rule: Rule, index: Index, since: datetime | None, max_age: timedelta) -> Iterator[Alert]:
    assert rule.target != "relocations"
    query, cursor = _with_withdrawn(rule), None
    while True:
        page = index.search(rule.target, query, since=since, limit=PAGE, cursor=cursor)
        for enriched in _rebuilt(rule, index, page.hits):
            yield from candidates([rule], enriched, enriched.article.fetched, max_age)
        cursor = page.cursor
        if cursor is None:
            return


def _with_withdrawn(rule: Rule) -> Query:
    """What is withdrawn now was not when the rule would have matched; what matched then is found by the rest."""
    if rule.target != "location-changes" or "withdrawn" in rule.query.names:
        return rule.query
    return parse(f"({rule.query.text}) AND withdrawn:(true OR false)", rule.target)


def _rebuilt(rule: Rule, index: Index, hits: list[Stored]) -> Iterator[EnrichedArticle]:
    """What the rule is to be matched against, from its documents."""
    if rule.target == "articles":
        named = [s["id"] for hit in hits for s in hit.document.get("location_changes", ())]
        told = index.get("location-changes", named)
        for hit in hits:
            ids = [s["id"] for s in hit.document.get("location_changes", ())]
            yield enriched_article(hit.document, [told[i].document for i in ids if i in told])
        return
    articles = index.get("articles", list({hit.document["article_id"] for hit in hits}))
    for hit in hits:
        if article := articles.get(hit.document["article_id"]):
            yield enriched_article(article.document, [hit.document])


def enriched_article(article: Document, statements: list[Document]) -> EnrichedArticle:
    """The message that these documents were made of, but for what the index does not keep (offsets of mentions)."""
    nowhere = {"start": 0, "end": 0}
    return EnrichedArticle(
        article=Article.model_validate({**article, "canonical_url": article["url"]}),
        entities=tuple({"text": "", **e, **nowhere} for e in article.get("entities", ())),
        places=tuple({"text": "", **p} for p in article.get("places", ())),
        location_changes=tuple(LocationChange.model_validate(_whole(s)) for s in statements),
        model=article.get("model", _UNKNOWN),
    )


def _whole(statement: Document) -> dict[str, Any]:
    return {"origin": None, "destination": None, **statement}


def _over_transitions(
    rule: Rule, log: Log, names: Names, since: datetime | None, max_age: timedelta
) -> Iterator[Alert]:
    topic, gone = names.topic("transitions"), Takedowns(log, names).all()
    found: list[tuple[datetime, Alert]] = []
    newer = 0
    starts = log.offsets_for_time(topic, since) if since else dict.fromkeys(range(log.partitions(topic)), 0)
    for partition, start in starts.items():
        for at, transition in _read(log, topic, partition, start):
            if isinstance(transition, NewerSchema):
                newer += 1
            elif (since is None or transition.when >= since) and (standing := without(transition, gone)):
                found += [(transition.when, alert) for alert in told_by([rule], standing, at, max_age)]
    if newer:
        logger.warning("transitions of a newer newswatch are left out, upgrade this one to see them", transitions=newer)
    found.sort(key=lambda one: (one[0], one[1].id), reverse=True)
    yield from (alert for _, alert in found)


def _read(log: Log, topic: str, partition: int, offset: int) -> Iterator[tuple[datetime, Transition | NewerSchema]]:
    """The transitions from ``offset`` on, each with the time of its append; the error for one that is too new."""
    while records := log.read(topic, partition, offset, _READ):
        for record in records:
            try:
                message = decode(record.value) if record.value is not None else None
            except InvalidMessage:
                continue  # a dead letter by now
            except NewerSchema as error:
                yield record.timestamp, error
                continue
            if isinstance(message, Transition):
                yield record.timestamp, message
        offset = records[-1].offset + 1
