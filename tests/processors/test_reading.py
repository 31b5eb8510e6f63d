"""The text as the model reads it, and datelines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language

from processors.components.datelines import datelines
from processors.components.reading import headline_case, readable, truecased
from processors.readings import Reading, docs, pieces


@given(st.text(max_size=80), st.text(max_size=200))
def test_every_character_stays_in_its_place(title: str, body: str) -> None:
    text = f"{title}\n{body}" if title else body
    assert len(readable(title, body)) == len(text)


def test_headline_case_is_undone_except_for_names() -> None:
    assert headline_case("Rebel Chief to Quit Juba for Addis Ababa")
    assert not headline_case("Rebel chief to quit Juba for Addis Ababa")
    assert truecased("Rebel Chief to Quit Juba for Addis Ababa", "") == "Rebel chief to quit Juba for Addis Ababa"


def test_a_sentence_case_title_is_left_alone() -> None:
    assert truecased("Hamas plans to leave Qatar", "") == "Hamas plans to leave Qatar"


@pytest.mark.parametrize(
    ("text", "dateline"),
    [
        ("DOHA (Reuters) - Officials met.", "DOHA (Reuters) - "),
        ("KYIV, March 3 - Authorities moved.", "KYIV, March 3 - "),
        ("ADRE, Chad - More than 4,000 people fled.", "ADRE, Chad - "),
        ("PORT SUDAN — The army said.", "PORT SUDAN — "),
        ("Officials in Doha met - at last.", None),
        ("Doha is hot.", None),
    ],
)
def test_datelines(text: str, dateline: str | None) -> None:
    assert [text[s:e] for s, e in datelines(text, 0)] == ([dateline] if dateline else [])


def test_a_dateline_after_the_title() -> None:
    text = "Rebels leave\nJUBA - The rebels left."
    assert [text[s:e] for s, e in datelines(text, len("Rebels leave"))] == ["JUBA - "]


def test_a_name_goes_on_behind_hyphens(nlp: Language) -> None:
    doc = nlp("Campers were evacuated from Argelès-sur-Mer to Perpignan; others took the Kyiv-to-Warsaw train.")
    assert [p.span(doc).text for p in doc._.places] == ["Argelès-sur-Mer", "Perpignan", "Kyiv", "Warsaw"]


def test_a_small_place_of_whose_country_nothing_else_speaks_is_less_sure(nlp: Language) -> None:
    doc = nlp("The New Zealand frigate Te Kaha left Devonport for Suva in Fiji on Saturday.")
    assert {p.span(doc).text: p.unsupported > 0 for p in doc._.places} == {
        "New Zealand": False, "Devonport": True, "Suva": False, "Fiji": False,
    }  # fmt: skip


def test_no_sentence_begins_inside_a_name(nlp: Language) -> None:
    reading = Reading("Aid group moves office out of Goma", "Terra Verde will move its regional office to Kigali.")
    (doc,) = nlp.pipe(docs(nlp, [(text, inputs) for _, text, inputs in pieces(reading)]))
    assert [s.text.split()[0] for s in doc.sents] == ["Aid", "Terra"]
