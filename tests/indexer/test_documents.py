"""Messages into documents: only fields of the table, all that the table promises, and every index takes them."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings

from indexer.documents import alert_document, article_document, statement_document
from indexer.query import Matchable
from stream.messages import Alert, EnrichedArticle, LocationChange
from tests.strategies import enriched_articles, instances

RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@given(enriched=enriched_articles())
@RELAXED
def test_article_documents_hold_what_the_table_names(enriched: EnrichedArticle) -> None:
    document = article_document(enriched)
    view = Matchable("articles", document)  # raises for any other field or type
    assert json.loads(json.dumps(document)) == document
    assert view.values["id"] == [enriched.article.id]
    assert view.values.get("location_changes.id", []) == [c.id for c in enriched.location_changes]
    assert {*view.values.get("entities.name", [])} == {e.name for e in enriched.entities}
    assert view.values["model.version"] == [enriched.model.version]


@given(change=instances(LocationChange))
@RELAXED
def test_statement_documents_hold_what_the_table_names(change: LocationChange) -> None:
    document = statement_document(change)
    view = Matchable("location-changes", document)
    assert json.loads(json.dumps(document)) == document
    assert view.values["withdrawn"] == [False]
    assert view.values["actor.root"] == [change.actor.root]
    assert ("origin" in document) == (change.origin is not None)
    assert statement_document(change, withdrawn=True) == {**document, "withdrawn": True}


@given(alert=instances(Alert))
@RELAXED
def test_alert_documents_hold_what_the_table_names(alert: Alert) -> None:
    view = Matchable("alerts", alert_document(alert))
    assert view.values["rule"] == [alert.rule]
    assert view.values.get("held_back", [None]) == [alert.held_back]


def test_equal_entities_appear_once() -> None:
    enriched = enriched_with_entities(2)
    assert article_document(enriched)["entities"] == [{"text": "Hamas", "label": "ORG", "name": "Hamas"}]


def enriched_with_entities(count: int) -> EnrichedArticle:
    entity = {"text": "Hamas", "label": "ORG", "name": "Hamas", "start": 0, "end": 5}
    return EnrichedArticle.model_validate(
        {
            "article": {
                "id": "a", "version": 1, "url": "u", "canonical_url": "u", "source": {"id": "s", "name": "S"},
                "feed_id": "f", "feed_url": "u", "title": "t", "published": "2026-09-01T00:00:00Z",
                "published_from": "feed", "fetched": "2026-09-01T00:00:00Z", "origin": "live", "content_hash": "h",
                "fingerprint": "0" * 16,
            },
            "entities": [{**entity, "start": i, "end": i + 5} for i in range(count)],
            "model": {"name": "m", "version": "1", "lexicons": "l"},
        }
    )  # fmt: skip
