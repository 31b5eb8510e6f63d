"""What is read as no move, or as another than it seems: goods that are sent, speakers, offices' seats, old stories."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from spacy.language import Language

from processors.components.apposed import owning
from processors.components.placenames import with_article
from processors.extract import extract_text
from stream.messages import LocationChange

PUBLISHED = datetime(2026, 11, 20, tzinfo=UTC)

NONE = {
    "goods that are sent": "Growers have begun shipping cocoa by rail to Abidjan, because the road is too dear.",
    "a speaker of goods": "“Our figs went from Izmir to Piraeus, were dried there and went on to Trieste,” said "
    "Nilüfer Aksoy, who owns the farm with her son.",
    "a figure of ages": "The seat of power has been drifting for two thousand years from Athens to Rome.",
    "the price of a voyage": "The price of a tanker voyage from Basra to Osaka has risen by a third, brokers said.",
    "a line's passengers": "The ferry firm Nordal is to be sold. It carried 2 million passengers last year "
    "on its routes from Malta to Italy.",
    "a player's new club": "The striker Joe Banda has left Lyon for Turin on a two-year contract, the club said.",
    "a speaker of a move": "Omar Saleh, the chairman, said that the move from Accra had been completed on Friday.",
    "an address": "About 90 people had come to Kazinczy Street, most of them students.",
    "an appeal": "The exiled priest Ilya Morozov called on Minsk to free the prisoners.",
}


@pytest.mark.parametrize("text", NONE.values(), ids=NONE)
def test_no_move(nlp: Language, text: str) -> None:
    assert not changes(nlp, text)


def test_the_headline_of_a_players_new_club_is_no_move_either(nlp: Language) -> None:
    body = "The striker Joe Banda has left Lyon for Turin on a two-year contract worth 3 million euros, the club said."
    assert not changes(nlp, body, title="Banda moves to Turin")


def test_what_was_long_ago_is_background(nlp: Language) -> None:
    old = "In 1998 clerks were handed their keys and given two days before buses brought them from Almaty to Astana."
    elders = "“My grandmother walked from here to Massawa,” says Abeba Tesfay, who sells coffee."
    new = "My grandmother walked from here to Massawa on Wednesday, says Abeba Tesfay, who sells coffee."
    assert [[c.background for c in changes(nlp, text)] for text in (old, elders, new)] == [[True], [True], [False]]


SIDES = [
    (
        "Norway will move its embassy in Mali from Bamako to the Senegalese capital, Dakar, because of the fighting, "
        "two diplomats said.",
        "Bamako",
        "Dakar",
    ),
    (
        "Two floors in Ulloi are being kept free for the Danube Fisheries Council, which will move to Budapest from "
        "Slovakia in 2027, an official said.",
        "Slovakia",
        "Budapest",
    ),
    ("The consulate to Chad is to relocate to Yaoundé from N'Djamena next month.", "N'Djamena", "Yaoundé"),
    (
        "The UN food agency will move its regional bureau for West Africa from Accra to Lomé in May.",
        "Accra",
        "Lomé",
    ),
    ("The trawler Hilda berthed in Kaskinen on Sunday.", None, "Kaskinen"),
    ("Kaarlo Demir Aho left Oulu for Lahti. Aho then went on to Kotka.", "Oulu", "Lahti"),
]


@pytest.mark.parametrize(("text", "origin", "destination"), SIDES)
def test_from_where_and_to_where(nlp: Language, text: str, origin: str | None, destination: str) -> None:
    first = changes(nlp, text)[0]
    assert (first.origin and first.origin.text, first.destination and first.destination.text) == (origin, destination)


def test_several_who_arrive(nlp: Language) -> None:
    text = "The minister, Ana Pek, and the head of the rice board, Juan Coto, arrived in Quito from Lima on Tuesday."
    assert [c.actor.name for c in changes(nlp, text)] == ["Ana Pek", "Juan Coto"]


def test_a_family_name_and_initials_are_no_places(nlp: Language) -> None:
    found = extract_text(nlp, None, "Kaarlo Demir Aho left Oulu for NATO talks. Aho denied that.", PUBLISHED)
    assert [p.text for p in found.places] == ["Oulu"]


def test_headline_and_body_are_two_texts(nlp: Language) -> None:
    body = "TURKU, May 3 - The firm Velmo Marine will move its head office from Turku to Tampere, it said on Monday."
    found = changes(nlp, body, title="Velmo Marine to move head office to Tampere")
    assert {c.destination.text for c in found if c.destination} == {"Tampere"}


def test_an_origin_is_told_of_whoever_moves_and_not_only_of_the_news(nlp: Language) -> None:
    told = "The former minister Ali Razan has fled to London. He had taken a night flight from Amman."
    news = "The court in Zagreb sat for ten minutes. The banker Petar Kos was sent to Lisbon by train."
    assert [c.origin and c.origin.text for text in (told, news) for c in changes(nlp, text)] == ["Amman", None]


ACTORS = [
    ("The Danish Rescue Service will move its base from Aarhus to Esbjerg to bring its pilots closer to the sea.",
     {"The Danish Rescue Service", "its base", "base"}),
    ("The deposed president of the Comoros, Ahmed Alawi Madi, will go from Moroni to Rabat, a diplomat said on Friday.",
     {"Ahmed Alawi Madi"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "names"), ACTORS)
def test_who_moves(nlp: Language, text: str, names: set[str]) -> None:
    assert {c.actor.text for c in changes(nlp, text)} <= names


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("the new address of the Danish Coast Guard", "the Danish Coast Guard"),
        ("the leaders of the Danish Coast Guard", "the leaders of the Danish Coast Guard"),
        ("part of the Danish Coast Guard", "part of the Danish Coast Guard"),
    ],
)
def test_whose_address(nlp: Language, text: str, who: str) -> None:
    doc = nlp(f"The agency will move from Aarhus to {text}.")
    start, end = owning(doc, 7, len(doc) - 1)
    assert doc[start:end].text == who


def test_a_prison_in_a_town_is_one_place(nlp: Language) -> None:
    text = "Nine bosses were bundled out of Guayaquil's Litoral penitentiary and flown to Cuenca on Monday."
    assert len(changes(nlp, text)) == 1


STATUSES = [
    ("The navy has postponed by two weeks the departure of the corvette Albatros from Toulon for Haifa.", "planned"),
    ("The navy has postponed indefinitely the departure of the corvette Albatros from Toulon for Haifa.", "cancelled"),
    ("The general may be sent to Ankara. The ministry has neither confirmed nor denied the reports.", "rumoured"),
    ("The mayor, Ana Pek, said that about 300 villagers had gone to Krško.", "completed"),
]


@pytest.mark.parametrize(("text", "status"), STATUSES)
def test_status(nlp: Language, text: str, status: str) -> None:
    assert [c.status for c in changes(nlp, text)] == [status]


def test_what_is_called_off_elsewhere_is_another_move(nlp: Language) -> None:
    text = "The patients will be flown to Suva. The premier, who was to speak in Apia, called off his trip."
    assert changes(nlp, text)[0].status == "planned"


@pytest.mark.parametrize(("name", "full"), [("Duqm", "Ad Duqm"), ("Qaim", "Al Qaim"), ("Shaykh", "Ash Shaykh")])
def test_an_arabic_name_with_its_article(name: str, full: str) -> None:
    assert with_article(name).lower().replace("  ", " ") == full.lower()


def changes(nlp: Language, body: str, title: str | None = None) -> tuple[LocationChange, ...]:
    return extract_text(nlp, title, body, PUBLISHED).location_changes
