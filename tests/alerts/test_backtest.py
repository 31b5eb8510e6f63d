"""A rule tried on what is there raises what it would have raised live: the same ids, titles, evidence and reasons."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from structlog.testing import capture_logs

from alerts.backtest import enriched_article, would_raise
from alerts.matching import candidates
from alerts.relocations import told_by
from alerts.rules import Rule
from indexer.documents import article_document, statement_document
from indexer.index import Index, Put, open_index
from indexer.stage import IndexEnriched
from stream.log import Log, Record, open_log, partition_of
from stream.messages import Alert, EnrichedArticle, encode
from stream.stage import Done, Incoming
from stream.topics import Names
from tests.alerts.examples import ARTICLE, CHANGE, DAY, ENRICHED, NOW, article, enriched, rule
from tests.strategies import enriched_articles
from tests.stream.golden import TRANSITION

NAMES = Names()
TOPIC = NAMES.topic("transitions")
PARTITIONS = 2


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = open_index(f"sqlite:///{tmp_path}/index.db")
    index.setup()
    yield index
    index.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    log.create_topics(NAMES.described(), PARTITIONS)
    yield log
    log.close()


def store(index: Index, *messages: EnrichedArticle) -> None:
    batch = [Incoming(Record("t", 0, n, NOW, m.article.id, None), m) for n, m in enumerate(messages)]
    assert IndexEnriched(index)(batch) == [Done()] * len(batch)


def tried(one: Rule, index: Index, log: Log, since: datetime | None = None) -> list[Alert]:
    return list(would_raise(one, index, log, NAMES, since, DAY))


def live(one: Rule, *messages: EnrichedArticle) -> list[Alert]:
    return [alert for m in messages for alert in candidates([one], m, m.article.fetched, DAY)]


@given(enriched_articles())
@settings(max_examples=100, deadline=None)
def test_an_article_can_be_made_again_of_its_documents(message: EnrichedArticle) -> None:
    document = article_document(message)
    again = enriched_article(document, [statement_document(c, message.model) for c in message.location_changes])
    assert article_document(again) == document
    assert again.location_changes == tuple(
        c.model_copy(update={"origin": a.origin, "destination": a.destination})
        for c, a in zip(message.location_changes, again.location_changes, strict=True)
    )


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("harbour AND entities.name:qatar", "articles"),
        ("places.country:QA OR location_changes.destination.country:IQ", "articles"),
        ("destination.country:IQ AND status:planned", "location-changes"),
        ("background:true", "location-changes"),
        ("*", "location-changes"),
    ],
)
def test_it_raises_what_it_would_have_raised_live(index: Index, log: Log, query: str, target: str) -> None:
    messages = [
        ENRICHED,
        enriched(article(id="held", origin="backfill"), CHANGE.model_copy(update={"id": "c"})),
        enriched(article(id="old"), CHANGE.model_copy(update={"id": "d", "background": True})),
    ]
    store(index, *messages)
    one = rule(query, target)  # type: ignore[arg-type]
    expected = live(one, *messages)
    assert expected
    found = tried(one, index, log)
    assert {a.id: a for a in found} == {a.id: a for a in expected}
    assert len(found) == len(expected)


def test_only_news_since_then_counts_and_the_latest_comes_first(index: Index, log: Log) -> None:
    ages = [timedelta(days=n) for n in range(400)]
    store(index, *(enriched(article(id=f"a{a.days}", published=ARTICLE.published - a)) for a in ages))
    found = tried(rule("*", "articles"), index, log)
    assert [a.subject.id for a in found] == [f"a{n}" for n in range(400)]
    since = ARTICLE.published - timedelta(days=7)
    assert len(tried(rule("*", "articles"), index, log, since)) == 8


def test_what_was_withdrawn_since_was_raised_all_the_same(index: Index, log: Log) -> None:
    store(index, ENRICHED)
    index.put([Put("location-changes", CHANGE.id, CHANGE.version + 1, statement_document(CHANGE, withdrawn=True))])
    assert [a.subject.id for a in tried(rule("*"), index, log)] == [CHANGE.id]
    assert tried(rule("withdrawn:true"), index, log) == []


def test_rules_on_relocations_see_the_transitions_that_are_kept(index: Index, log: Log) -> None:
    told = [
        TRANSITION.model_copy(update={"id": f"t{n}", "when": TRANSITION.when - timedelta(days=n)}) for n in range(5)
    ]
    with log.transaction() as tx:
        for n, one in enumerate(told):
            tx.publish(TOPIC, partition_of(str(n), PARTITIONS), one.id, encode(one))
        tx.publish(TOPIC, 0, "x", b"no JSON")
    any_ = rule("harbour", "relocations")
    found = tried(any_, index, log)
    assert [a.transition for a in found] == [t.id for t in told]
    expected = told_by([any_], told[0], found[0].created, DAY)
    assert [found[0]] == expected
    assert [a.transition for a in tried(any_, index, log, TRANSITION.when - timedelta(days=2))] == ["t0", "t1", "t2"]
    assert tried(rule("harbour", "relocations", on=("withdrawn",)), index, log) == []


def test_transitions_of_a_newer_newswatch_are_left_out_and_one_line_says_so(index: Index, log: Log) -> None:
    newer = TRANSITION.model_copy(update={"id": "newer", "schema_version": 99})
    with log.transaction() as tx:
        for partition, one in enumerate([newer, newer, TRANSITION]):
            tx.publish(TOPIC, partition % PARTITIONS, one.id, encode(one))
    with capture_logs() as logs:
        found = tried(rule("harbour", "relocations"), index, log)
    assert [a.transition for a in found] == [TRANSITION.id]
    assert [(line["log_level"], line["transitions"]) for line in logs] == [("warning", 2)]
