"""Rules on relocations: which transitions they want, which alerts are held back, and what is quoted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.matching import alert_id
from alerts.relocations import MAX_QUOTES, change_of, held_back, told_by, voices
from alerts.rules import ONS, On
from alerts.wording import MAX_SENTENCE, MAX_TITLE
from stream.log import MAX_RECORD_BYTES
from stream.messages import Announced, Said, Status, Transition, TransitionKind, decode, encode
from tests.alerts.examples import ARTICLE, DAY, NOW, rule
from tests.stream.golden import RELOCATION, SAID, TRANSITION


def transition(kind: TransitionKind, after: str, before: str | None = None, **relocation: Any) -> Transition:
    """The example's transition as another, of its relocation with other values."""
    of = RELOCATION.model_copy(update=relocation)
    return TRANSITION.model_copy(update={"kind": kind, "after": after, "before": before, "relocation": of})


def said(outlet: str, **fields: Any) -> Said:
    """The example's statement as another outlet's."""
    return SAID.model_copy(update={"id": f"{outlet}{fields}", "outlet": outlet, "source": outlet, **fields})


DISPUTED = transition("disputed", "disputed", "settled")
SETTLED = transition("disputed", "settled", "disputed")

# -- which rules want it


def test_the_id_is_of_rule_relocation_and_transition() -> None:
    (alert,) = told_by([rule("*", "relocations")], TRANSITION, NOW, DAY)
    assert alert.id == alert_id("r", RELOCATION.id, TRANSITION.id)
    assert (alert.subject.kind, alert.transition, alert.created) == ("relocation", TRANSITION.id, NOW)
    assert (alert.article_version, alert.model) == (None, None)
    assert decode(encode(alert)) == alert


def test_only_rules_on_relocations_are_matched_by_their_query() -> None:
    rules = [
        rule("harbour", "relocations", "word"), rule("destination.country:FR", "relocations", "other"),
        rule("disputed:true AND independent_sources:1", "relocations", "fields"), rule("*", "articles", "a"), rule("*"),
    ]  # fmt: skip
    assert [a.rule for a in told_by(rules, TRANSITION, NOW, DAY)] == ["word", "fields"]


def test_a_dispute_alerts_when_it_begins_and_its_end_only_who_asks() -> None:
    rules = [
        rule("*", "relocations", "all"), rule("*", "relocations", "begins", on=("disputed",)),
        rule("*", "relocations", "ends", on=("settled",)),
    ]  # fmt: skip
    assert [a.rule for a in told_by(rules, DISPUTED, NOW, DAY)] == ["all", "begins"]
    assert [a.rule for a in told_by(rules, SETTLED, NOW, DAY)] == ["ends"]


@given(
    st.sampled_from(get_args(TransitionKind)),
    st.sampled_from(["disputed", "settled", "2"]),
    st.sets(st.sampled_from(ONS)),
)
def test_a_rule_gets_what_it_asks_for(kind: TransitionKind, after: str, on: set[On]) -> None:
    after = after if kind == "disputed" else "2"
    of = transition(kind, after, None if kind == "appeared" else "1")
    found = told_by([rule("*", "relocations", on=tuple(on))], of, NOW, DAY)
    assert len(found) == (change_of(of) in on)


@pytest.mark.parametrize("kind", ["completed", "denied"])
def test_what_is_told_as_over_at_first_is_news_to_who_waits_for_new_cases_and_to_who_waits_for_the_end(
    kind: TransitionKind,
) -> None:
    rules = [rule("*", "relocations", word, on=(word,)) for word in ("appeared", "status", kind)]
    first = told_by(rules, transition(kind, kind), NOW, DAY)
    assert [a.rule for a in first] == ["appeared", kind]
    assert first[0].title.endswith(f"(new: {kind} relocation)")
    assert f"Changed: told for the first time, {kind}" in first[0].text
    (later,) = told_by(rules, transition(kind, kind, "planned"), NOW, DAY)
    assert later.rule == kind
    assert later.title.endswith(f"({kind}, planned before)")


@pytest.mark.parametrize(
    ("sources", "confidence", "alerts"), [(1, 0.0, 0), (2, 0.69, 0), (1, 0.7, 0), (2, 0.7, 1), (3, 0.99, 1)]
)
def test_a_rule_may_ask_for_sources_and_confidence(sources: int, confidence: float, alerts: int) -> None:
    of = transition("status", "approved", "planned", independent_sources=sources, confidence=confidence)
    found = told_by([rule("*", "relocations", min_sources=2, min_confidence=0.7)], of, NOW, DAY)
    assert len(found) == alerts


@pytest.mark.parametrize(("heard", "alerts"), [((), 0), (("2",), 0), (("2", "3"), 1)])
def test_of_what_is_withdrawn_the_sources_that_were_announced_count(heard: tuple[str, ...], alerts: int) -> None:
    announced = tuple(Announced(id=after, kind="corroborated", after=after) for after in heard)
    of = transition("withdrawn", "withdrawn", "planned", independent_sources=0, confidence=0.0, withdrawn=True,
                    announced=announced)  # fmt: skip
    assert len(told_by([rule("*", "relocations", min_sources=3, min_confidence=0.9)], of, NOW, DAY)) == alerts


@pytest.mark.parametrize(("query", "alerts"), [("*", 1), ("withdrawn:true", 1), ("withdrawn:false", 0)])
def test_a_withdrawal_alerts_unless_the_query_says_otherwise(query: str, alerts: int) -> None:
    of = transition("withdrawn", "withdrawn", "planned", independent_sources=0, confidence=0.0, withdrawn=True)
    assert len(told_by([rule(query, "relocations")], of, NOW, DAY)) == alerts


# -- held back

OLD = {"origin_of_article": "first_poll", "published": ARTICLE.fetched - timedelta(days=3, hours=5)}
HELD = "already in the feed when it was added, published 3 days before"


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ([{}], None),
        ([{"published": ARTICLE.fetched - timedelta(days=300)}], None),
        ([{"origin_of_article": "backfill"}], "from a backfill of archived articles"),
        ([OLD], HELD),
        ([{"origin_of_article": "first_poll"}], None),
        ([{"origin_of_article": "first_poll", "published": ARTICLE.fetched}],
         "already in the feed when it was added, which does not say when it was published"),
        ([{"origin_of_article": "backfill"}, {}], None),
        ([{}, OLD], None),
        ([{"origin_of_article": "backfill"}, OLD], HELD),
        ([], "nothing says what made the change"),
    ],
)  # fmt: skip
def test_held_back_is_what_no_live_or_recent_article_made(cause: list[dict[str, Any]], reason: str | None) -> None:
    of = TRANSITION.model_copy(update={"cause": tuple(said(f"o{n}", **fields) for n, fields in enumerate(cause))})
    assert held_back(of, DAY) == reason
    assert [a.held_back for a in told_by([rule("*", "relocations")], of, NOW, DAY)] == [reason]
    if cause:
        assert held_back(of, DAY, replayed=True) == "found by a replay of kept articles"


# -- what is quoted


def quoted(cause: list[Said], statements: list[Said], status: Status = "planned") -> list[tuple[str, str]]:
    relocation = RELOCATION.model_copy(update={"statements": tuple(statements), "status": status})
    of = TRANSITION.model_copy(update={"cause": tuple(cause), "relocation": relocation})
    return [(s.outlet, s.sentence) for s in voices(of)]


def test_quoted_is_the_best_sentence_of_each_independent_source_what_made_the_change_first() -> None:
    first, surer = said("a", sentence="A first."), said("a", sentence="A surer.", confidence=0.9, independent=False)
    copy = said("copy", sentence="A first.", independent=False)
    back = said("back", sentence="Taken back.", withdrawn=True)
    aside = said("aside", sentence="As background.", background=True)
    cause = said("cause", sentence="The cause.", independent=False)
    timeline = [first, copy, back, aside, surer, said("b", sentence="B."), cause]
    assert quoted([cause], timeline) == [("cause", "The cause."), ("a", "A surer."), ("b", "B.")]


def test_a_sentence_that_says_what_is_so_now_is_better_and_an_outlet_may_speak_on_both_sides() -> None:
    plan = said("a", sentence="Planned.", confidence=0.99)
    done = said("a", sentence="Done.", status="completed", confidence=0.5, independent=False)
    denial = said("a", sentence="Denied.", status="denied")
    assert sorted(quoted([done], [plan, done, denial], "completed")) == [("a", "Denied."), ("a", "Done.")]
    assert quoted([denial], [plan, denial], "denied") == [("a", "Denied."), ("a", "Planned.")]


def test_an_alert_always_fits_into_a_record() -> None:
    long = "x " * 90_000
    many = tuple(said(f"o{n}", source=long, attribution=long, sentence=long) for n in range(50))
    actor = RELOCATION.actor.model_copy(update={"name": long})
    against = tuple(c.model_copy(update={"text": long}) for c in RELOCATION.contradictions * 20)
    of = transition("appeared", "planned", statements=many, actor=actor, contradictions=against)
    (alert,) = told_by([rule("*", "relocations")], of, NOW, DAY)
    assert len(encode(alert)) < MAX_RECORD_BYTES // 2
    assert len(alert.evidence) == MAX_QUOTES
    assert len(alert.title) <= MAX_TITLE
    assert max(len(e.sentence) for e in alert.evidence) == MAX_SENTENCE
    assert sum(line.startswith("But: ") for line in alert.text.splitlines()) == 3
