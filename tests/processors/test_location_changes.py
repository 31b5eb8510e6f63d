"""Location changes sentence by sentence: who, from where, to where, status; and what is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from spacy.language import Language

from processors.extract import extract_text
from stream.messages import LocationChange

MOVES = [
    ("The envoy flew from Cairo to Khartoum on Sunday.", "The envoy", "Cairo", "Khartoum", "completed"),
    (
        "Rebel negotiators plan to leave Doha for Istanbul, a mediator said.",
        "Rebel negotiators",
        "Doha",
        "Istanbul",
        "planned",
    ),
    ("The court allowed the detainees to travel from Oman to Jordan.", "the detainees", "Oman", "Jordan", "approved"),
    ("Canada is moving its embassy from Kabul to Islamabad.", "its embassy", "Kabul", "Islamabad", "ongoing"),
    ("The minister cancelled a trip to Warsaw.", "The minister", None, "Warsaw", "cancelled"),
    ("The militia denied reports that its leaders would move to Tehran.", "its leaders", None, "Tehran", "denied"),
    (
        "If parliament agrees, the bank will relocate its headquarters from Dublin to Paris.",
        "",  # the bank or its headquarters: the guide takes both
        "Dublin",
        "Paris",
        "conditional",
    ),
    ("The general has reportedly fled to Belarus.", "The general", None, "Belarus", "rumoured"),
    ("Peacekeepers will not withdraw from Goma, the mission said.", "Peacekeepers", "Goma", None, "denied"),
    ("Fifty engineers were sent from Ankara to Tripoli.", "Fifty engineers", "Ankara", "Tripoli", "completed"),
    (
        "The singer, who moved to Lisbon from Luanda in 2019, was not at home.",
        "The singer",
        "Luanda",
        "Lisbon",
        "completed",
    ),
    (
        "Families who had been hiding in Homs crossed into Lebanon on Monday.",
        "Families",
        "Homs",
        "Lebanon",
        "completed",
    ),
    ("The frigate is bound for the Red Sea.", "The frigate", None, "Red Sea", "ongoing"),
    ("The charity opened an office in Hargeisa.", "", None, "Hargeisa", "completed"),
]


@pytest.mark.parametrize(("text", "actor", "origin", "destination", "status"), MOVES)
def test_a_move(nlp: Language, text: str, actor: str, origin: str | None, destination: str | None, status: str) -> None:
    found = changes(nlp, text)
    assert len(found) == 1
    move = found[0]
    assert actor in move.actor.text
    assert (move.origin and move.origin.text, move.destination and move.destination.text) == (origin, destination)
    assert move.status == status
    assert 0 < move.confidence <= 1
    assert text[move.evidence.start : move.evidence.end] == move.evidence.sentence


@pytest.mark.parametrize(
    "text",
    [
        "Flights from Doha to Baghdad resumed on Monday.",
        "Shares moved from London to New York in early trading.",
        "Baghdad approved the budget.",
        "The rocket flew from Gaza to Ashkelon.",
        "Typhoon Ruby moved from Luzon to Taiwan overnight.",
        "The delegates left the meeting in Vienna.",
        "The novel moves its hero from Havana to Miami.",
        "Striker Joao Pinto joined Valencia from Porto.",
        "Two thousand soldiers are based in Djibouti.",
        "The family comes from Aleppo.",
        "DAKAR (Agency) - Rain fell.",
        "",
    ],
)
def test_no_move(nlp: Language, text: str) -> None:
    assert changes(nlp, text) == []


def test_a_capital_that_speaks_is_its_government(nlp: Language) -> None:
    found = extract_text(nlp, None, "DOHA (Agency) - Baghdad approved the plan, officials in Tehran said.")
    assert [(p.name, p.role) for p in found.places] == [
        ("Doha", "dateline"), ("Baghdad", "metonym"), ("Tehran", "mentioned"),
    ]  # fmt: skip


def test_rejected_candidates_say_why(nlp: Language) -> None:
    found = extract_text(nlp, None, "Oil moved from Basra to Rotterdam.")
    assert [(r.trigger, found.text[r.start : r.end]) for r in found.rejected] == [("moved", "moved")]
    assert "is a thing" in found.rejected[0].reason


def test_a_hop_each(nlp: Language) -> None:
    found = changes(nlp, "The exile flew from Caracas to Bogota in May, then travelled on to Madrid.")
    assert [m.destination and m.destination.text for m in found] == ["Bogota", "Madrid"]


def test_a_list_of_destinations(nlp: Language) -> None:
    found = changes(nlp, "The bank will move its traders from London to Frankfurt and Dublin.")
    assert [m.destination and m.destination.text for m in found] == ["Frankfurt", "Dublin"]


def test_headline_lead_and_body_tell_one_move(nlp: Language) -> None:
    found = extract_text(
        nlp, "Rebel Chief to Quit Juba for Addis Ababa",
        "Rebel chief Deng Malual will leave Juba for Addis Ababa next week, his spokesman said.",
    ).location_changes  # fmt: skip
    assert len(found) == 1
    assert "Deng Malual" in found[0].actor.name
    assert found[0].attribution == "his spokesman"


def test_the_group_behind_its_leaders(nlp: Language) -> None:
    found = changes(nlp, "Hamas held talks on Monday. Its leaders will leave Doha for Algiers, an official said.")
    assert [(m.actor.root, m.actor.id, m.attribution) for m in found] == [("hamas", "hamas", "an official")]


def test_the_last_word_decides(nlp: Language) -> None:
    found = changes(nlp, "The president was to fly to Lima on Friday. The trip was called off on Thursday.")
    assert [m.status for m in found] == ["cancelled"]


def test_old_moves_are_background(nlp: Language) -> None:
    text = "In 2012 its leaders left Damascus for Doha, where Hamas has been ever since."
    found = extract_text(nlp, None, text, datetime(2024, 6, 1, tzinfo=UTC)).location_changes
    assert [m.background for m in found] == [True]
    assert found[0].when is not None
    assert found[0].when.start == datetime(2012, 1, 1, tzinfo=UTC)


def test_times_count_from_the_publication(nlp: Language) -> None:
    found = extract_text(
        nlp, None, "The envoy left Doha for Cairo on Sunday.", datetime(2024, 6, 26, tzinfo=UTC)
    ).location_changes
    assert found[0].when is not None
    assert (found[0].when.text, found[0].when.start) == ("Sunday", datetime(2024, 6, 23, tzinfo=UTC))
    assert not found[0].background


def test_home_is_the_actors_country(nlp: Language) -> None:
    found = changes(nlp, "The last 120 Nepalese peacekeepers left Bangui for home.")
    assert found[0].origin is not None
    assert found[0].destination is not None
    assert (found[0].origin.text, found[0].destination.text, found[0].destination.country) == ("Bangui", "", "NP")


def test_the_reason(nlp: Language) -> None:
    found = changes(nlp, "The agency moved its staff from Tripoli to Tunis because of the fighting.")
    assert found[0].reason == "the fighting"


def changes(nlp: Language, text: str) -> list[LocationChange]:
    return list(extract_text(nlp, None, text).location_changes)
