"""Passages to training examples, and the corpus itself."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.learned.extractor import TOKENIZER
from processors.learned.labels import BEGIN, INSIDE, OUTSIDE, ROLES, STATUSES
from processors.learned.pieces import WordPieces
from training.data import FIELDS, Passage, batches, by_trigger, example, find, load, look_alikes
from training.renaming import rename

ROOT = Path(__file__).parents[2]
PIECES = WordPieces.load(ROOT / "processors" / "data" / TOKENIZER)
FILES = sorted((ROOT / "corpus" / "train").glob("*.jsonl"))
DEVELOPMENT = ROOT / "corpus" / "relocations-dev.jsonl"

PASSAGE: Passage = {
    "id": "x",
    "text": "Staff of the Oslo office left Lima for Quito on Friday. In Lima, nobody left a note.",
    "events": [{
        "actor": "Staff of the Oslo office", "actor_alt": [], "actor_type": "group",
        "origin": "Lima", "origin_country": "PE",
        "destination": "Quito", "destination_country": "EC", "kind": "relocation", "status": "completed",
        "trigger": "left",
        "date_text": "Friday", "attribution": None,
    }],
    "tags": [],
}  # fmt: skip


def test_the_corpus_keeps_its_guide() -> None:
    command = [sys.executable, str(ROOT / "corpus" / "check_gold.py"), *map(str, FILES), str(DEVELOPMENT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:]


def test_no_development_passage_is_trained_on() -> None:
    trained, kept = load(FILES), load([DEVELOPMENT])
    assert len(trained) == 2640
    assert len(kept) == 150
    assert not {p["text"] for p in trained} & {p["text"] for p in kept}
    assert not {p["id"] for p in trained} & {p["id"] for p in kept}


def test_every_annotated_span_is_whole_words() -> None:
    for passage in load(FILES):
        words = PIECES.words(passage["text"])
        for event in passage["events"]:
            for field in (*FIELDS.values(), "trigger"):
                if event[field]:
                    inside = words.within(*find(passage["text"], event[field]))
                    assert passage["text"][words.starts[inside[0]] : words.ends[inside[-1]]] == event[field]


def test_of_like_spans_the_nearest_at_word_borders_counts() -> None:
    assert find("Niger, Nigeria, Niger", "Niger") == (0, 5)
    assert find("Niger, Nigeria, Niger", "Niger", near=15) == (16, 21)
    assert by_trigger(PASSAGE).keys() == {(25, 29)}


def test_an_example_has_its_tags_and_its_look_alike() -> None:
    tagged = example(PASSAGE, PIECES, look_alikes([PASSAGE]))
    words = [PASSAGE["text"][a:b] for a, b in zip(tagged.words.starts, tagged.words.ends, strict=True)]
    assert [w for w, tag in zip(words, tagged.triggers, strict=True) if tag != OUTSIDE] == ["left"]
    gold, false = tagged.questions
    assert (gold.event, STATUSES[gold.status]) == (1, "completed")
    assert (false.event, [words[i] for i in false.marked]) == (0, ["left"])
    assert gold.roles is not None
    actor = gold.roles[:, ROLES.index("actor")]
    assert list(actor[:5]) == [BEGIN, INSIDE, INSIDE, INSIDE, INSIDE]
    origin = gold.roles[:, ROLES.index("origin")]
    assert [i for i, tag in enumerate(origin) if tag] == [words.index("Lima")]


@settings(deadline=None)  # the first call reads the gazetteer
@given(st.integers(0, 10_000))
def test_a_renamed_passage_still_holds_its_spans(seed: int) -> None:
    renamed = rename(PASSAGE, random.Random(seed))
    (event,) = renamed["events"]
    assert event["origin"] != "Lima" or event["destination"] != "Quito"
    for field in (*FIELDS.values(), "trigger"):
        assert event[field] is None or event[field] in renamed["text"]
    assert "Oslo" in renamed["text"]


@given(st.lists(st.integers(1, 220), max_size=80), st.integers(220, 2000))
def test_batches_hold_each_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = list(batches(lengths, budget, [0.0] * len(lengths)))
    assert sorted(i for g in groups for i in g) == list(range(len(lengths)))
    assert all(max(lengths[i] for i in g) * len(g) <= budget for g in groups)
