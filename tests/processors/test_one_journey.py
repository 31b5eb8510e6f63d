"""One article, one journey: who is told of beside the one who moves, and whose time a year is."""

from __future__ import annotations

from datetime import UTC, datetime

from spacy.language import Language

from processors.extract import extract_text

PUBLISHED = datetime(2026, 11, 20, tzinfo=UTC)


def test_diplomats_go_with_their_embassy(nlp: Language) -> None:
    body = (
        "Switzerland is moving its embassy in Sudan to Cairo, the foreign ministry in Bern said. The Swiss diplomats "
        "left Khartoum by road on Friday."
    )
    (move,) = extract_text(nlp, "Swiss embassy leaves Khartoum", body, PUBLISHED).location_changes
    assert move.actor.root == "switzerland embassy"


def test_who_visits_a_country_moves_nobody_else(nlp: Language) -> None:
    text = "Trade Minister Callum Forsyth is the fifth member of the cabinet to visit Japan this year."
    assert [c.kind for c in extract_text(nlp, None, text, PUBLISHED).location_changes] == ["visit"]


def test_the_year_of_an_old_flight_is_not_that_of_the_plan_told_beside_it(nlp: Language) -> None:
    text = (
        "Alena Hrynkevich, the Belarusian activist who fled Minsk in 2021, is planning to move from Vilnius to Lisbon."
    )
    (plan,) = (c for c in extract_text(nlp, None, text, PUBLISHED).location_changes if c.status == "planned")
    assert not plan.background
