"""Movers by their names, and moves in their time: what the fifth and sixth story arcs taught."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from spacy.language import Language

from processors.components.roots import normalised
from processors.extract import extract_text
from stream.messages import LocationChange

PUBLISHED = datetime(2026, 11, 1, tzinfo=UTC)


def told(nlp: Language, title: str | None, body: str) -> list[LocationChange]:
    return list(extract_text(nlp, title, body, PUBLISHED).location_changes)


def test_a_ship_is_called_by_its_name(nlp: Language) -> None:
    body = (
        "A Brazilian warship left Rio de Janeiro for Beirut on Wednesday.\n\nThe frigate Itaparica had 210 men aboard."
    )
    assert {c.actor.root for c in told(nlp, None, body)} == {"itaparica"}


def test_another_boat_is_not_that_ship(nlp: Language) -> None:
    body = "A boat with 60 migrants left Sfax for Lampedusa on Monday.\n\nThe rescue ship Ocean Viking is a charity's."
    to_lampedusa = [c for c in told(nlp, None, body) if c.destination and c.destination.country == "IT"]
    assert "ocean" not in " ".join(c.actor.root for c in to_lampedusa)


def test_a_village_may_be_the_texts_last_word(nlp: Language) -> None:
    assert told(nlp, None, "Five inmates escaped from Puerto Cabezas to the Honduran fishing village of Cauquira")


def test_a_name_that_is_only_its_end_is_whole(nlp: Language) -> None:
    found = told(nlp, None, "ALMATY - Azamat Toktosunov, wanted by prosecutors, has escaped from Bishkek to Almaty.")
    assert [c.actor.root for c in found] == ["azamat toktosunov"]


def test_a_headline_writes_names_small(nlp: Language) -> None:
    body = "The International Cashew Council will move its headquarters from Abidjan to Hanoi, it said on Monday."
    assert {c.actor.root for c in told(nlp, "Cashew council to leave Abidjan for Hanoi", body)} == {
        "international cashew council"
    }


@pytest.mark.parametrize(
    ("sentence", "history"),
    [
        ("On 22 August 1960 Modibo Keïta was put on a train in Dakar and sent to Bamako.", True),
        ("On 22 October Modibo Keïta was put on a train in Dakar and sent to Bamako.", False),
    ],
)
def test_a_date_with_a_year_of_long_ago_is_history(nlp: Language, sentence: str, history: bool) -> None:
    assert {c.background for c in told(nlp, None, sentence)} == {history}


def test_not_after_all_is_cancelled(nlp: Language) -> None:
    found = told(nlp, None, "Halvorsen Marine will not be moving its headquarters from Bergen to Singapore after all.")
    assert [c.status for c in found] == ["cancelled"]


def test_a_government_that_moves_others_is_not_where_they_go(nlp: Language) -> None:
    found = told(nlp, None, "Berlin plans to fly about 70 German nationals out of Niamey on two military transports.")
    assert [(c.origin and c.origin.name, c.destination) for c in found] == [("Niamey", None)]


def test_more_than_is_no_name() -> None:
    assert normalised("more than 200 Rohingya refugees") == normalised("the Rohingya refugees")


@pytest.mark.parametrize(
    "sentence",
    [
        "A Tanzanian infantry company is to leave Mtwara next month, officials in Maputo said.",
        "The Ghanaian engineers serving in southern Lebanon flew home from Beirut on Saturday.",
    ],
)
def test_where_a_speaker_is_or_the_actor_was_is_no_destination(nlp: Language, sentence: str) -> None:
    found = told(nlp, None, sentence)
    assert found
    assert not {c.destination.country for c in found if c.destination} & {"LB", "MZ"}
