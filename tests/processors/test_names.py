"""One mover, many phrases: what an article calls differently comes to one actor; who only travels along stays apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from spacy.language import Language

from processors.components.context import past_year
from processors.components.roots import normalised
from processors.components.triggers import find_triggers
from processors.extract import extract_text

PUBLISHED = datetime(2026, 10, 1, tzinfo=UTC)


def roots(nlp: Language, title: str | None, body: str) -> list[str]:
    return [c.actor.root for c in extract_text(nlp, title, body, PUBLISHED).location_changes]


@pytest.mark.parametrize(("title", "body", "root"), [
    (None, "Shares of Torvald Shipping fell. The company, which is moving its captains and its crews from Oslo to "
     "Malta, said nothing.", "torvald shipping"),
    ("Belgium to move embassy to Doha", "Belgium will move its embassy from Manama to Doha in May, the foreign "
     "ministry said.", "belgium embassy"),
    ("Corvane opens new head office in Zagreb", "Corvane Robotics has moved its headquarters from Graz to Zagreb, the "
     "robot maker said on Monday.", "corvane robotics"),
    ("Sudanese leave Aswan for Khartoum", "About 300 Sudanese refugees left Aswan for Khartoum on Monday.",
     "sudan refugees"),
    (None, "The Pacific Herring Fisheries Board met on Monday. The PHFB will move from Seattle to Vancouver in June, "
     "members said.", "pacific herring fisheries board"),
    (None, "Merrow Bank will move about 90 employees from Dublin to Lisbon next year, the bank said.", "merrow bank"),
    (None, "Shareholders of Dalmore Foods voted on Friday. They approved the relocation of the grocery group's "
     "headquarters from Leeds to Bristol.", "dalmore foods"),
    (None, "One of Iceland's largest shipping companies will move its head office from Reykjavik to Copenhagen by "
     "June, a letter shows. Norrsund tells its shareholders in the letter that a lease has been signed.", "norrsund"),
    ("Norrsund opens its headquarters", "Norrsund moved its headquarters to Copenhagen on Monday, five weeks after "
     "the lease ran out. Sigrun Aldis, the chief executive, said that the move from Reykjavik had been completed "
     "over the weekend.", "norrsund"),
    (None, "The ELN broke its silence on Monday. Members of the guerrilla group's Central Command will move from "
     "Caracas to Havana, a source said.", "eln"),
    ("Refugees to leave island", "The plan concerns Somali refugees. The refugees will be moved from Lamu to Kakuma in "
     "May, the agency said.", "somalia refugees"),
    ("Chad orders embassy out of Benghazi", "The Estonian embassy in Libya has moved from Benghazi to Tunis. All nine "
     "members of the mission left Benghazi for Tunis on Friday.", "estonia embassy"),
    ("Hauliers wait", "A villa has found a tenant. The Belgian embassy to Libya is to relocate there from Tripoli "
     "later this month, an agent said.", "belgium embassy"),
])  # fmt: skip
def test_each_phrase_for_the_mover_has_its_root(nlp: Language, title: str | None, body: str, root: str) -> None:
    assert roots(nlp, title, body) == [root]


@pytest.mark.parametrize(("body", "expected"), [
    ("President Idriss Kamara flew from Freetown to Lagos on Monday. His wife flew from Freetown to Lagos on Tuesday.",
     2),
    ("General Omar Bashari fled from Khartoum to Cairo on Monday. Hundreds of residents fled Khartoum for Cairo the "
     "same day.", 2),
    ("Chipmaker Orvalo has shifted its headquarters from Leuven to Gdansk. About 200 research staff will follow from "
     "Leuven to Gdansk by the end of June.", 2),
    ("Leaders of the Azawad Front left Kidal for Algiers on Sunday. The leaders of the Macina Brigade left Kidal for "
     "Algiers on Monday.", 2),
])  # fmt: skip
def test_two_movers_on_one_way_stay_two(nlp: Language, body: str, expected: int) -> None:
    found = roots(nlp, None, body)
    assert len(set(found)) == len(found) == expected


def test_a_bank_is_no_union_of_states(nlp: Language) -> None:
    body = (
        "Tervo Bank has clients all over the European Union, and shareholders of Tervo Bank like it. The bank's "
        "technology team will relocate from London to Warsaw, a memorandum says."
    )
    assert roots(nlp, None, body) == ["tervo bank"]


@pytest.mark.parametrize(("name", "root"), [
    ("Varga Technologies", "varga"), ("Lindqvist Holdings plc", "lindqvist"), ("Varga", "varga"),
    ("Contact Group", "contact group"), ("the Swiss Group", "switzerland group"),
    ("Bhairav Engineer Company", "bhairav engineer company"),
])  # fmt: skip
def test_a_firm_is_called_without_its_legal_form(name: str, root: str) -> None:
    assert normalised(name) == root


def test_the_year_of_what_is_history_is_that_of_its_own_verb(nlp: Language) -> None:
    doc = nlp("Ahmed Jabari, who fled Basra in March 2019, will move from London to Doha next week, his lawyer said.")
    years = {doc[t.token].text: past_year(doc, t) for t in find_triggers(doc)}
    assert years["fled"] is not None
    assert "2019" in doc[slice(*years["fled"])].text
    assert years["move"] is None


@pytest.mark.parametrize(("body", "kind"), [
    ("A crowd that filled the hall heard Bakyt Osmonov on Wednesday evening in his first public appearance since he "
     "moved to Warsaw from Istanbul last week.", "relocation"),
    ("The leaders of the Macina Brigade will leave Mopti for Algiers in May, officials said.", "relocation"),
])  # fmt: skip
def test_who_moves_for_good_neither_visits_nor_is_deployed(nlp: Language, body: str, kind: str) -> None:
    assert [c.kind for c in extract_text(nlp, None, body).location_changes] == [kind]
