"""Roots of actors: what articles call differently is one, and what is two stays two."""

from __future__ import annotations

import pytest
from spacy.language import Language

from processors.components.roots import normalised
from processors.extract import extract_text


@pytest.mark.parametrize(("names", "root"), [
    (["148 Eritrean refugees", "The 148 Eritrean refugees", "a group of 148 Eritrean refugees", "Eritrean refugees",
      "one of the Eritrean refugees", "the first 60 Eritrean refugees"], "eritrea refugees"),
    (["Canada's embassy", "The Canadian embassy"], "canada embassy"),
    (["the U.S. embassy", "American embassy"], "united states embassy"),
    (["About 1,200 residents", "some two hundred residents", "dozens of residents"], "residents"),
    (["The 4th Brigade"], "4th brigade"),
    (["First Republic Bank"], "first republic bank"),
    (["One Nation", "the One Nation", "One Nation's"], "one nation"),
    (["Five Star Movement", "The Five Star Movement"], "five star movement"),
    (["3 Commando Brigade"], "3 commando brigade"),
    (["Two Marines", "Forty Marines", "two Marines"], "marines"),
    (["Three Eritrean Refugees", "Three Eritrean refugees"], "eritrea refugees"),
    (["One Soldier", "One soldier"], "soldier"),
    (["Six Policemen", "six policemen"], "policemen"),
    (["Velanta's", "velanta"], "velanta"),
])  # fmt: skip
def test_one_actor_has_one_root(names: list[str], root: str) -> None:
    assert {normalised(name) for name in names} == {root}


def test_formations_with_numbers_are_not_one() -> None:
    assert normalised("the 3rd Fleet") != normalised("the 7th Fleet")
    assert normalised("") == "unknown"


@pytest.mark.parametrize(("text", "root"), [
    ("The director of the Lacustrine Fisheries Commission has denied that the organisation will move from Honiara to "
     "Suva.", "lacustrine fisheries commission"),
    ("The Lacustrine Fisheries Commission met on Monday. The commission will move from Honiara to Suva next year.",
     "lacustrine fisheries commission"),
    ("The Nepali Army's Bhairav Engineer Company will deploy from Kathmandu to South Sudan next month.",
     "bhairav engineer company"),
    ("The Bhairav Engineer Company of the Nepali Army has moved from Kathmandu to Malakal. The Bhairav Engineer "
     "Company has 175 engineers.", "bhairav engineer company"),
    ("Ministers approved the transfer of the Velanta Coast Guard headquarters from Manila to Cebu.",
     "velanta coast guard"),
    ("Ansar Allah will transfer its political bureau's external office from Muscat to Baghdad, a source said.",
     "houthis"),
    ("In 2005 civil servants in Myanmar were moved from Yangon to Naypyidaw.", "civil servants"),
    ('Datuk Seri Razlan Hakimi denied it. "Datuk Seri Razlan will move from Kuala Lumpur to London", his lawyer said.',
     "razlan hakimi"),
    ("The secretariat of the Volta Basin Commission is to move from Lomé to Accra next year.",
     "volta basin commission"),
    ("The Karroo Engineer Company of the Nepali Army has arrived in Malakal from Kathmandu.",
     "karroo engineer company"),
    ("The Volta Basin Commission has outgrown its villa. The Volta Basin Commission met in May. About 40 staff will "
     "move from Lomé to Accra.", "volta basin commission"),
    ("Commission members voted on Tuesday. Member governments of the International Cocoa Advisory Committee approved "
     "the transfer of its headquarters from London to Abidjan.", "international cocoa advisory committee"),
    ("Kobowave shareholders back move from Lagos to Kigali", "kobowave"),
    ("South Korea will move its Juba embassy from Juba to Nairobi this week.", "south korea embassy"),
    ("Poland has issued a visa to Azamat Tokbaev, the Kyrgyz opposition politician, who will move to Warsaw from "
     "Istanbul within two weeks, a deputy foreign minister said on Thursday.", "azamat tokbaev"),
    ("Shareholders of Fenwright Photonics met on Thursday. Fenwright will move from Dundee to Eindhoven in March.",
     "fenwright photonics"),
    ("Azamat Tokbaev has a new home. Mr Tokbaev moved from Bishkek to Istanbul in March.", "azamat tokbaev"),
    ("The leaders of Colombia's National Liberation Army (ELN) plan to leave Caracas for Cuba in the coming weeks.",
     "eln"),
    ("Mojtaba Behrami stayed in Qom. Ali Behrami moved from Tehran to Mashhad on Monday.", "ali behrami"),
])  # fmt: skip
def test_the_root_of_who_moves(nlp: Language, text: str, root: str) -> None:
    assert [c.actor.root for c in extract_text(nlp, None, text).location_changes] == [root]


def test_trade_is_nobody_who_moves(nlp: Language) -> None:
    text = "Clove prices jumped as traders shifted orders from Moroni to Zanzibar."
    assert not extract_text(nlp, None, text).location_changes
