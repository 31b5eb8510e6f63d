"""The pipeline: which components it has, what it says of itself, and what it refuses."""

from __future__ import annotations

import pytest
from spacy.language import Language

from processors.pipeline import FACTORIES, load_pipeline, model_info
from stream.errors import ConfigError


def test_the_components_in_their_order(nlp: Language) -> None:
    assert nlp.pipe_names == [
        "newswatch_datelines", "newswatch_grammar", "newswatch_places", "newswatch_actors",
        "newswatch_location_changes",
    ]  # fmt: skip
    assert set(nlp.disabled) >= {"tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "ner"}


def test_each_factory_is_registered_and_declares_what_it_assigns() -> None:
    for name in FACTORIES:
        assert Language.get_factory_meta(name).assigns


def test_nothing_required_is_missing(nlp: Language) -> None:
    analysis = nlp.analyze_pipes()
    assert analysis is not None
    problems = analysis["problems"]
    ours = {name: missing for name, missing in problems.items() if name in FACTORIES and missing}
    assert not ours


def test_a_missing_model_is_one_line_with_the_fix() -> None:
    with pytest.raises(
        ConfigError, match="spacy_model: 'en_nothing_here' is not installed; pip install en_nothing_here"
    ):
        load_pipeline("en_nothing_here")


def test_the_model_says_what_it_is(nlp: Language) -> None:
    info = model_info(nlp)
    assert info.name.startswith("en_core_web_sm")
    assert info.version
    assert len(info.lexicons) == 16
