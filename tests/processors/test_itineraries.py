"""Where a move begins and ends when the text names several places: stops on the way, places of somebody else."""

from __future__ import annotations

import pytest
from spacy.language import Language

from processors.components.itineraries import in_turn
from processors.components.places import Places
from processors.extract import extract_text
from processors.learned.moves import Span


def ways(nlp: Language, text: str) -> list[tuple[str | None, str | None]]:
    """Origin and destination of each move, in reading order."""
    found = extract_text(nlp, None, text).location_changes
    return [tuple(place and place.text for place in (c.origin, c.destination)) for c in found]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "ends", "left"),
    [
        ("He flew from Quito via Bogotá to Madrid.", ("Bogotá", "Madrid"), ["Quito", "Bogotá"]),
        ("He flew from Quito to Bogotá and later to Madrid.", ("Bogotá", "Madrid"), ["Quito", "Bogotá"]),
        ("They went from Quito to Bogotá and Madrid.", ("Bogotá", "Madrid"), ["Quito"]),
        ("He flew from Quito to Madrid.", ("Madrid",), ["Quito"]),
    ],
)
def test_each_stop_is_left_for_the_next(text: str, ends: tuple[str, ...], left: list[str]) -> None:
    def spans(names: tuple[str, ...]) -> list[Span]:
        return [Span(text.index(n), text.index(n) + len(n), 0.9) for n in names]

    assert [s.of(text) for s in in_turn(text, spans(("Quito",)), spans(ends))] == left


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("Reports that the tenor had moved to Lisbon are false, his agent said by telephone from Oran.", "Lisbon"),
        ("Former banker flees to Minsk as Tallinn opens fraud inquiry", "Minsk"),
        (
            "The former mayor slipped across the border into Moldova hours before a court in Odesa issued a warrant.",
            "Moldova",
        ),
    ],
)
def test_a_place_of_somebody_else_is_no_origin(nlp: Language, text: str, way: str) -> None:
    assert ways(nlp, text) == [(None, way)]


def test_where_they_get_later_is_no_origin(nlp: Language) -> None:
    text = "A delegation of senators travelled to Nicosia on Monday and continued from there to Beirut on Friday."
    assert [(a, b) for a, b in ways(nlp, text)] == [(None, "Nicosia"), ("Nicosia", "Beirut")]


def test_a_ticket_takes_nobody_there(nlp: Language) -> None:
    text = "The former minister was caught at Entebbe airport with a ticket to Dubai and brought to Kampala on Monday."
    assert "Dubai" not in {origin for origin, _ in ways(nlp, text)}


def test_who_goes_on_starts_where_the_text_last_had_him(nlp: Language) -> None:
    text = (
        "The former president, Moses Banda, flew from Lusaka to Windhoek on Sunday. His party said that he needed "
        "rest. A newspaper reported that Banda might go on to Lisbon."
    )
    assert ways(nlp, text)[-1] == ("Windhoek", "Lisbon")


def test_who_flew_in_came_to_the_town_that_the_text_is_about(nlp: Language) -> None:
    text = (
        "Shells fell on the market of Goma again on Tuesday. The mission's chief, Anna Lindqvist, flew in from Nairobi "
        "on Friday and called the losses terrible."
    )
    assert ways(nlp, text) == [("Nairobi", "Goma")]


@pytest.mark.parametrize(
    ("text", "name", "country"),
    [
        ("They fled to the Honduran fishing village of Xyzzyville.", "Xyzzyville", "HN"),
        ("They fled from Kidal, in northern Mali, to Xyzzyville, a border town in Mauritania.", "Xyzzyville", "MR"),
        ("Deminers who work in Angola have left Kuito.", "Kuito", "AO"),
        ("Ferries left the Esbjerg waterfront for Norway.", "Esbjerg waterfront", "DK"),
    ],
)
def test_the_country_that_a_description_tells(nlp: Language, text: str, name: str, country: str) -> None:
    with nlp.select_pipes(disable=["newswatch_location_changes"]):
        doc = nlp(text)
    start = text.index(name)
    span = doc.char_span(start, start + len(name))
    assert span is not None
    assert Places().place_in(doc, span.start, span.end).country == country
