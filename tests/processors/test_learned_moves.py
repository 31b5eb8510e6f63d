"""What is made of the learned model's spans, and what happens where its files are missing."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.language import Language

from processors.components.learned_moves import one_list, whole_names
from processors.components.location_changes import LocationChanges
from processors.components.places import Places
from processors.extract import extract_text
from processors.learned.moves import Span
from stream.errors import ConfigError


def spans(text: str, *names: str) -> list[Span]:
    return [Span(text.index(n), text.index(n) + len(n), 0.9 - i / 10) for i, n in enumerate(names)]


def test_a_name_that_was_cut_is_put_together() -> None:
    text = "They flew from San Pedro Sula to Miami."
    assert [s.of(text) for s in whole_names(text, spans(text, "San", "Pedro Sula", "Miami"))] == [
        "San Pedro Sula", "Miami",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names", "kept"),
    [
        ("The minister and the ambassador left.", ("minister", "ambassador"), ["minister", "ambassador"]),
        ("Ali, Omar and Hassan left.", ("Ali", "Omar", "Hassan"), ["Ali", "Omar", "Hassan"]),
        ("The group said that its leaders left.", ("The group", "its leaders"), ["The group"]),
        ("Nobody left.", (), []),
    ],
)
def test_of_several_actors_only_a_list_is_several(text: str, names: tuple[str, ...], kept: list[str]) -> None:
    assert [s.of(text) for s in one_list(text, spans(text, *names))] == kept


@pytest.mark.parametrize(
    ("text", "name", "country"),
    [
        ("They went to Punta del Este, in Uruguay.", "Punta del Este", "UY"),
        ("Soldiers left Camp Novo Selo in Kosovo.", "Camp Novo Selo", "XK"),
        ("She drove to a hospital in Cairo.", "hospital in Cairo", "EG"),
        ("Doctors in Kenya drove to Xyzzyville.", "Xyzzyville", "KE"),
    ],
)
def test_a_span_of_the_model_is_placed(nlp: Language, text: str, name: str, country: str) -> None:
    with nlp.select_pipes(disable=["newswatch_location_changes"]):
        doc = nlp(text)
    start = text.index(name)
    span = doc.char_span(start, start + len(name))
    assert span is not None
    assert Places().place_in(doc, span.start, span.end).country == country


def test_without_the_model_there_is_one_line_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"moves\.onnx: no such file") as caught:
        LocationChanges(spacy.blank("en"), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_move_deep_in_a_long_article(nlp: Language) -> None:
    filler = "The committee met for the third time and agreed on the wording of a paper about school meals. "
    text = filler * 60 + "\nThe rebels' leaders left Doha for Algiers on Monday. " + filler * 60
    found = extract_text(nlp, "Talks", text).location_changes
    assert [(m.origin and m.origin.name, m.destination and m.destination.name) for m in found] == [("Doha", "Algiers")]
