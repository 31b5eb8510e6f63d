"""Matching: which rules make which alerts, what a person reads in them, and which are held back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evidence import TEXT_FIELDS, sentences
from alerts.matching import alert_id, candidates, held_back
from alerts.wording import MAX_SENTENCE
from indexer.fields import FIELDS
from stream.ids import digest
from stream.log import MAX_RECORD_BYTES
from stream.messages import AlertEvidence, EnrichedArticle, decode, encode
from tests.alerts.examples import ARTICLE, CHANGE, DAY, ENRICHED, NOW, VARIED, article, enriched, rule
from tests.strategies import enriched_articles

# -- which rules match


def test_a_rule_on_location_changes_alerts_for_each_statement_that_matches() -> None:
    other = CHANGE.model_copy(update={"id": "other", "status": "denied"})
    message = enriched(ARTICLE, CHANGE, other)
    found = candidates([rule("actor.root:harbour*"), rule("status:denied", identifier="d")], message, NOW, DAY)
    assert [(a.rule, a.subject.kind, a.subject.id) for a in found] == [
        ("r", "location-change", CHANGE.id), ("r", "location-change", "other"), ("d", "location-change", "other"),
    ]  # fmt: skip


def test_a_rule_on_articles_alerts_once_for_the_article() -> None:
    found = candidates([rule("doha AND baghdad", "articles"), rule("tehran", "articles", "t")], ENRICHED, NOW, DAY)
    assert [(a.rule, a.subject.kind, a.subject.id) for a in found] == [("r", "article", ARTICLE.id)]


def test_the_id_is_of_rule_subject_and_transition_alone() -> None:
    (alert,) = candidates([rule("*")], ENRICHED, NOW, DAY)
    assert alert.id == digest("alert", "r", CHANGE.id, "matched") == alert_id("r", CHANGE.id)
    changed = enriched(article(version=7, title="x"), CHANGE.model_copy(update={"status": "denied", "confidence": 0.1}))
    (again,) = candidates([rule("status:*", name="other", severity="low")], changed, NOW + DAY, DAY, replayed=True)
    assert again.id == alert.id


@pytest.mark.parametrize(
    ("query", "alerts"),
    [("*", 0), ("status:planned", 0), ("background:true", 1), ("background:*", 1), ("NOT background:false", 1),
     ("background:false", 0), ("background", 0)],
)  # fmt: skip
def test_background_alerts_only_rules_that_name_the_field(query: str, alerts: int) -> None:
    told = enriched(ARTICLE, CHANGE.model_copy(update={"background": True}))
    assert len(candidates([rule(query)], told, NOW, DAY)) == alerts


def test_relative_times_of_a_query_count_from_now() -> None:
    recent = [rule("published:[2h TO now]")]
    assert len(candidates(recent, ENRICHED, NOW, DAY)) == 1
    assert candidates(recent, ENRICHED, NOW + DAY, DAY) == []


@given(enriched_articles())
def test_matching_is_idempotent_and_gives_each_id_once(message: EnrichedArticle) -> None:
    found = candidates(VARIED, message, NOW, DAY)
    assert candidates(VARIED, message, NOW, DAY) == found
    assert len({a.id for a in found}) == len(found)
    assert {a.id for a in candidates(tuple(reversed(VARIED)), message, NOW, DAY)} == {a.id for a in found}
    later = candidates(VARIED, message, NOW + DAY, timedelta(0), replayed=True)
    assert [a.id for a in later] == [a.id for a in found]


@given(enriched_articles())
def test_what_an_alert_tells_is_what_the_article_says(message: EnrichedArticle) -> None:
    for alert in candidates(VARIED, message, NOW, DAY):
        assert decode(encode(alert)) == alert
        assert alert.title
        assert "\n" not in alert.title
        assert (alert.created, alert.article_version, alert.model) == (NOW, message.article.version, message.model)
        assert alert.held_back == held_back(message.article, DAY)
        assert all(e.article_id == message.article.id and e.url == message.article.url for e in alert.evidence)
        assert all((e.published, e.fetched) == (message.article.published, message.article.fetched)
                   for e in alert.evidence)  # fmt: skip
        if alert.subject.kind == "location-change":
            (change,) = [c for c in message.location_changes if c.id == alert.subject.id]
            (quoted,) = alert.evidence
            said = change.evidence
            assert (quoted.sentence, quoted.start, quoted.end) == (said.sentence, said.start, said.end)
        else:
            assert all(_stands_in(message.article.text, e) for e in alert.evidence if e.start is not None)


def _stands_in(text: str, evidence: AlertEvidence) -> bool:
    return text[evidence.start : evidence.end] == evidence.sentence


# -- what a person reads


def test_an_alert_on_a_statement_says_who_where_what_who_says_so_and_the_sentence() -> None:
    (alert,) = candidates([rule("*", severity="critical")], ENRICHED, NOW, DAY)
    assert alert.title == "Harbour Council leaders: Doha, QA → Baghdad, IQ (planned relocation)"
    assert alert.text.splitlines() == [
        "Who: Harbour Council leaders (“The Harbour Council’s leaders”)",
        "Where: Doha, QA → Baghdad, IQ",
        "What: relocation, planned, next week",
        "Says: two officials",
        "Outlet: The Example, published 2024-11-20 09:30 UTC",
        f"Evidence: “{CHANGE.evidence.sentence}”",
    ]
    assert (alert.rule_name, alert.query, alert.severity, alert.transition) == ("Rule r", "*", "critical", "matched")
    assert (alert.links, alert.evidence[0].source) == ((ARTICLE.url,), "The Example")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"origin": None}, "to Baghdad, IQ"),
        ({"destination": None}, "from Doha, QA"),
        ({"origin": None, "destination": None}, "no place named"),
    ],
)
def test_a_place_that_is_not_named_is_left_out(changes: dict[str, None], where: str) -> None:
    told = CHANGE.model_copy(update={**changes, "attribution": None, "when": None, "background": True})
    (alert,) = candidates([rule("background:*")], enriched(article(published_from="fetched"), told), NOW, DAY)
    assert alert.title == f"Harbour Council leaders: {where} (planned relocation)"
    assert alert.text.splitlines()[1:5] == [
        f"Where: {where}",
        "What: relocation, planned, told as background",
        "Says: the article itself",
        "Outlet: The Example, no date given, first seen 2024-11-20 09:41 UTC",
    ]


BODY = "The port was calm. Ships of the U.S. Navy left Aden at noon. “Nobody stayed,” said Mr. Brown. Aden is quiet."


@pytest.mark.parametrize(
    ("query", "quotes"),
    [
        ("council", ["Harbour Council to leave Doha"]),
        ("aden", ["Ships of the U.S. Navy left Aden at noon."]),
        ('aden AND "nobody stayed"', ["Ships of the U.S. Navy left Aden at noon."]),
        ('"nobody stayed" OR tehran', ["“Nobody stayed,” said Mr. Brown."]),
        ("qui?t", ["Aden is quiet."]),
        ("NOT ships OR brow*", ["“Nobody stayed,” said Mr. Brown."]),
        ("summary:secret", ["Only the summary tells a secret."]),
        ("source.country:GB", ["Harbour Council to leave Doha", "The port was calm."]),
        ("NOT tehran", ["Harbour Council to leave Doha", "The port was calm."]),
        ("places.name:baghdad", ["Harbour Council to leave Doha", "The port was calm."]),
        ("places.name:doha", ["Harbour Council to leave Doha"]),
    ],
)
def test_an_alert_on_an_article_quotes_the_first_sentence_with_a_word_of_the_query(
    query: str, quotes: list[str]
) -> None:
    of = article(body=BODY, summary="Only the summary tells a secret.")
    (alert,) = candidates([rule(query, "articles")], enriched(of), NOW, DAY)
    assert [e.sentence for e in alert.evidence] == quotes
    assert alert.title == "Harbour Council to leave Doha"
    assert alert.text.splitlines()[0] == "Article: Harbour Council to leave Doha"
    assert alert.text.splitlines()[2:] == [f"Evidence: “{quote}”" for quote in quotes]


@pytest.mark.parametrize(
    ("query", "fields", "quoted"),
    [
        ("secret", {"body": ""}, "Only the summary tells a secret."),
        ("secret", {}, None),
        ("nobody", {}, "“Nobody stayed,” said Mr. Brown."),
        ("council", {"title": "  Harbour Council \n"}, "Harbour Council"),
        ("brown", {"title": ""}, "“Nobody stayed,” said Mr. Brown."),
        ("brown", {"body": f"\n \n{BODY}  "}, "“Nobody stayed,” said Mr. Brown."),
        ("source.country:GB", {"title": " "}, "The port was calm."),
        ("source.country:GB", {"title": "", "body": "", "summary": " A summary."}, "A summary."),
    ],
)
def test_a_quote_says_where_it_stands_in_the_text_of_the_article(
    query: str, fields: dict[str, str], quoted: str | None
) -> None:
    of = article(**{"body": BODY, "summary": "Only the summary tells a secret.", **fields})
    (alert,) = candidates([rule(query, "articles")], enriched(of), NOW, DAY)
    (evidence,) = alert.evidence
    if quoted is None:
        assert (evidence.start, evidence.end) == (None, None)
    else:
        assert of.text[evidence.start : evidence.end] == evidence.sentence == quoted


def test_a_quote_that_is_cut_says_where_the_whole_sentence_stands() -> None:
    of = article(body="Calm. " + "Aden " * 500 + "is quiet.")
    (alert,) = candidates([rule("aden", "articles")], enriched(of), NOW, DAY)
    (evidence,) = alert.evidence
    assert len(evidence.sentence) == MAX_SENTENCE
    whole = of.text[evidence.start : evidence.end]
    assert whole.startswith(evidence.sentence[:-1])
    assert whole.endswith("is quiet.")


@pytest.mark.parametrize("title", ["", " \r\n"])
def test_an_article_without_words_alerts_under_the_name_of_the_rule(title: str) -> None:
    (alert,) = candidates([rule("*", "articles")], enriched(article(title=title, body="", summary="")), NOW, DAY)
    assert (alert.title, alert.evidence) == ("Rule r", ())


def test_an_alert_always_fits_into_a_record() -> None:
    long = "x " * 90_000
    actor = CHANGE.actor.model_copy(update={"name": long, "text": long})
    place = CHANGE.evidence.model_copy(update={"sentence": long})
    told = CHANGE.model_copy(update={"actor": actor, "attribution": long, "evidence": place})
    message = enriched(article(title=long, body=long), told)
    found = candidates([rule("*"), rule("x", "articles", "a")], message, NOW, DAY)
    assert [len(encode(alert)) < MAX_RECORD_BYTES // 50 for alert in found] == [True, True]
    assert {len(e.sentence) for alert in found for e in alert.evidence} == {MAX_SENTENCE}


@given(st.text(st.sampled_from('ab A.!?…"” \n。Mr')), st.text(st.characters(codec="utf-8")))
def test_cutting_into_sentences_loses_no_character_but_white_space(one: str, other: str) -> None:
    for text in (one, other):
        spans = list(sentences(text))
        assert "".join("".join(text[start:end] for start, end in spans).split()) == "".join(text.split())
        assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)


def test_the_fields_with_words_of_the_text_exist() -> None:
    assert {FIELDS["articles"][name].type for name in TEXT_FIELDS} == {"words"}


# -- held back


@pytest.mark.parametrize(
    ("origin", "age", "replayed", "reason"),
    [
        ("live", timedelta(hours=-1), False, None),
        ("live", timedelta(days=300), False, None),
        ("live", timedelta(0), True, "found by a replay of kept articles"),
        ("first_poll", timedelta(0), False, None),
        ("first_poll", timedelta(hours=-2), False, None),
        ("first_poll", DAY, False, None),
        ("first_poll", DAY + timedelta(microseconds=1), False,
         "already in the feed when it was added, published 24 hours before"),
        ("first_poll", timedelta(hours=47, minutes=59), False,
         "already in the feed when it was added, published 47 hours before"),
        ("first_poll", timedelta(days=3, hours=5), False,
         "already in the feed when it was added, published 3 days before"),
        ("first_poll", timedelta(0), True, "found by a replay of kept articles"),
        ("backfill", timedelta(0), False, "from a backfill of archived articles"),
        ("backfill", timedelta(days=300), False, "from a backfill of archived articles"),
        ("backfill", timedelta(0), True, "found by a replay of kept articles"),
    ],
)  # fmt: skip
def test_held_back_are_replay_backfill_and_what_was_old_when_the_feed_was_added(
    origin: str, age: timedelta, replayed: bool, reason: str | None
) -> None:
    of = article(origin=origin, published=ARTICLE.fetched - age)
    assert held_back(of, DAY, replayed=replayed) == reason
    found = candidates([rule("*"), rule("*", "articles", "a")], enriched(of), NOW, DAY, replayed=replayed)
    assert [alert.held_back for alert in found] == [reason, reason]


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(milliseconds=1), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "119 seconds"),
        (timedelta(minutes=5, seconds=3), "5 minutes"),
        (timedelta(minutes=119), "119 minutes"),
    ],
)
def test_with_no_age_allowed_the_reason_is_exact(age: timedelta, words: str) -> None:
    of = article(origin="first_poll", published=ARTICLE.fetched - age)
    assert held_back(of, timedelta(0)) == f"already in the feed when it was added, published {words} before"
