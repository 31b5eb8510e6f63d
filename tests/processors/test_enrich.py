"""The enrich stage: offsets hold for any text, statements have stable ids, records stay small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language

from processors.enrich import MAX_ENCODED, Enricher, outputs
from processors.stages import EnrichArticles
from stream.lineage import EVER, GRACE, NEVER, Turn, moment_of
from stream.log import Log, Record, open_log
from stream.messages import Article, Feed, LocationChange, Source, Superseded, Takedown, encode
from stream.stage import Done, Incoming, Outcome, Reject, Tombstone
from stream.takedowns import Takedowns
from stream.topics import Names, Outgoing

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def enricher(nlp: Language) -> Enricher:
    return Enricher(nlp)


def article(title: str, body: str, **changes: Any) -> Article:
    fields: dict[str, Any] = {
        "id": "a1", "version": 7, "url": "https://outlet.example/1", "canonical_url": "https://outlet.example/1",
        "source": Source(id="outlet.example", name="Outlet"), "feed_id": "f", "feed_url": "https://outlet.example/feed",
        "title": title, "body": body, "language": "en", "published": NOW, "published_from": "feed", "fetched": NOW,
        "origin": "live", "content_hash": "h", "fingerprint": "0" * 16,
    }  # fmt: skip
    return Article(**(fields | changes))


_WORDS = st.sampled_from(
    ["Hamas", "left", "Doha", "for", "Baghdad", ".", "\n", "\n\n", "😀", "السلام", "\x00", "\u200f", "to", "Paris",
     ",", "“", "the", "envoy", "DOHA (Reuters) -", "moved", "from", "U.S.", "\t", "é", "\u2028", "ﬁ", "İstanbul", "’s"]
)  # fmt: skip
_TEXTS = st.one_of(st.text(max_size=120), st.lists(_WORDS, max_size=30).map(" ".join))


@given(title=_TEXTS, body=_TEXTS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_offsets_hold_for_any_text(enricher: Enricher, title: str, body: str) -> None:
    found = enricher.enrich([article(title, body)])[0]
    text = found.article.text
    spans = [(e.start, e.end, e.text) for e in found.entities] + [(p.start, p.end, p.text) for p in found.places]
    assert all(text[start:end] == said for start, end, said in spans)
    for change in found.location_changes:
        assert text[change.evidence.start : change.evidence.end] == change.evidence.sentence
        for place in (change.origin, change.destination):
            assert place is None or text[place.start : place.end] == place.text
        title_end = len(found.article.title)
        assert change.evidence.end <= title_end or change.evidence.start >= title_end


def test_a_megabyte_is_read_in_pieces(enricher: Enricher) -> None:
    sentence = "The weather was fine and nothing happened at all that day. "
    body = sentence * (220_000 // len(sentence)) + "\nHamas leaders left Doha for Baghdad."
    found = enricher.enrich([article("Long", body)])[0]
    assert [(c.origin and c.origin.text, c.destination and c.destination.text) for c in found.location_changes] == [
        ("Doha", "Baghdad")
    ]
    assert found.location_changes[0].evidence.sentence == "Hamas leaders left Doha for Baghdad."


def test_a_record_stays_below_the_limit(enricher: Enricher) -> None:
    body = ", ".join(["Baghdad", "Tehran", "Doha", "Moscow"] * 5000)
    found = enricher.enrich([article("Names", body[:199_000])])[0]
    assert len(encode(found)) <= MAX_ENCODED
    assert found.places


def test_of_other_languages_only_names_are_read(enricher: Enricher) -> None:
    title = "Führung der Hamas zieht von Doha nach Bagdad"
    found = enricher.enrich([article(title, "", language="de")])[0]
    assert [(e.text, e.name, e.id) for e in found.entities if e.label == "ORG"] == [("Hamas", "Hamas", "hamas")]
    assert [(p.text, p.name, p.country) for p in found.places] == [("Doha", "Doha", "QA"), ("Bagdad", "Baghdad", "IQ")]
    assert (found.location_changes, found.model.name) == ((), "gazetteer_de")


def test_each_article_is_read_in_its_language(enricher: Enricher) -> None:
    texts = {"en": "Hamas leaders left Doha for Baghdad", "de": "Die Hamas in Doha", "fr": "Le Hamas à Bagdad"}
    found = enricher.enrich([article(title, "", language=language) for language, title in texts.items()] * 2)
    assert [f.article.language for f in found] == ["en", "de", "fr"] * 2
    assert [len(f.location_changes) for f in found] == [1, 0, 0] * 2
    assert [f.model.name.split("_")[0] for f in found] == ["en", "gazetteer", "gazetteer"] * 2


def test_an_unknown_language_is_read(enricher: Enricher) -> None:
    assert enricher.enrich([article("Hamas leaders left Doha for Baghdad", "", language=None)])[0].location_changes


def test_outputs_of_a_new_article(enricher: Enricher) -> None:
    found = enricher.enrich([article("Hamas leaders to leave Doha for Baghdad", "")])[0]
    records = outputs(found)
    assert [(r.topic, r.partition_key) for r in records] == [("enriched", "a1"), ("location-changes", "hamas")]
    change = records[1].message
    assert isinstance(change, LocationChange)
    assert records[1].key == f"{change.id}:7"


def test_an_update_supersedes_everywhere_after_its_statements(enricher: Enricher) -> None:
    records = outputs(enricher.enrich([article("Hamas leaders to leave Doha for Baghdad", "", update=True)])[0])
    last = records[-1]
    assert (last.topic, last.key, last.partition_key) == ("location-changes", "superseded:a1:7", None)
    assert last.message == Superseded(article_id="a1", version=7)


def test_a_statement_keeps_its_id_when_the_wording_changes(enricher: Enricher) -> None:
    first, second = enricher.enrich([
        article("Talks", "Hamas leaders will leave Doha for Baghdad, officials said."),
        article("Talks", "Officials: Hamas leaders left Doha for Baghdad on Sunday.", version=8),
    ])  # fmt: skip
    assert [c.id for c in first.location_changes] == [c.id for c in second.location_changes]
    assert [c.status for c in (*first.location_changes, *second.location_changes)] == ["planned", "completed"]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    log.create_topics(Names().described(), 2)
    yield log
    log.close()


def test_the_stage_answers_each_record(enricher: Enricher, log: Log) -> None:
    record = Record("articles", 0, 0, NOW, "k", b"")
    batch = [
        Incoming(record, article("Hamas leaders to leave Doha for Baghdad", "")),
        Incoming(record, Feed(id="f", url="https://x.example/", publisher="x.example")),
        Incoming(record, article("Nothing", "")),
    ]
    done, rejected, nothing = EnrichArticles(enricher, Takedowns(log, Names()))(batch)
    assert isinstance(done, Done)
    assert len(done.outputs) == 2
    assert rejected == Reject("the topic articles holds a Feed")
    assert isinstance(nothing, Done)
    assert [o.topic for o in nothing.outputs] == ["enriched"]


def test_a_takedown_goes_on_and_what_was_taken_down_is_not_read(enricher: Enricher, log: Log) -> None:
    stage = EnrichArticles(enricher, Takedowns(log, Names()))
    told = article("Hamas leaders to leave Doha for Baghdad", "")
    record = Record("articles", 1, 5, NOW, f"{told.id}:{told.version}", b"")
    assert len(_outputs(stage([Incoming(record, told)]))) == 2
    (enriched, change) = _outputs(stage([Incoming(record, Tombstone())]))
    assert (enriched.topic, enriched.key, enriched.partition_key, enriched.message) == (
        "enriched", told.id, told.id, None,
    )  # fmt: skip
    takedown = Takedown(article_id=told.id, at=NOW)
    assert (change.topic, change.partition_key, change.message) == ("location-changes", None, takedown)
    with log.transaction() as tx:
        tx.publish(Names().topic("takedowns"), 0, told.id, encode(takedown))
    other = article("Other news", "").model_copy(update={"id": "other"})
    gone, kept = stage([Incoming(record, told), Incoming(record, other)])
    assert gone == Done((Outgoing("articles", record.key, told.id, None),))
    assert isinstance(kept, Done)
    assert [o.key for o in kept.outputs] == ["other"]


def test_articles_of_the_next_generation_are_passed_over_and_the_others_say_as_of_when_they_count(
    enricher: Enricher, log: Log
) -> None:
    """By the fetch and the append alone, whenever they are read; takedowns go on."""
    text, second = article("Hamas leaders to leave Doha for Baghdad", ""), timedelta(seconds=1)
    fetched = [(NOW - second, NOW + second), (NOW, NOW), (NOW - GRACE, NOW), (NOW - 2 * GRACE, NOW - second)]
    batch = [
        Incoming(Record("articles", 0, n, at, "k", b""), text.model_copy(update={"fetched": seen, "id": str(n)}))
        for n, (seen, at) in enumerate(fetched)
    ]
    batch.append(Incoming(Record("articles", 0, 9, NOW, "gone:1", None), Tombstone()))
    stage = EnrichArticles(enricher, Takedowns(log, Names()), lambda: Turn(EVER, NOW))
    moments = [{moment_of(replace(i.record, headers=o.headers or {})) for o in _outputs([outcome])}
               for i, outcome in zip(batch, stage(batch), strict=True)]  # fmt: skip
    assert moments == [{NOW - second}, set(), set(), {NOW - second}, {NOW}]
    following = stage.of_turn(lambda: Turn(NOW, NEVER))
    assert all(_outputs([outcome]) for outcome in following(batch))


def _outputs(outcomes: Sequence[Outcome]) -> tuple[Outgoing, ...]:
    (outcome,) = outcomes
    assert isinstance(outcome, Done)
    return outcome.outputs
