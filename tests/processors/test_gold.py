"""Quality on the development passages, so that no change loses it unnoticed; the story that the project began with."""

from __future__ import annotations

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language

from processors.extract import extract_text, extract_texts
from processors.readings import Reading

SHARED = Path(__file__).parents[2].parent / "shared"

EVENT_F1, WHOLE_F1, NEGATIVES_HIT = 0.92, 0.74, 3
"""Floors slightly under what is reached (raise them with every gain), and the most negatives with an event."""


def test_the_development_set_keeps_its_quality(nlp: Language) -> None:
    gold, scorer = SHARED / "gold" / "relocations-dev.jsonl", SHARED / "gold" / "score.py"
    if not gold.exists() or not scorer.exists():
        pytest.skip(f"no development passages in {SHARED / 'gold'}")
    rows = [json.loads(line) for line in gold.read_text(encoding="utf-8").splitlines() if line.strip()]
    found = extract_texts(nlp, [Reading(None, row["text"]) for row in rows])
    predictions = {
        row["id"]: [json.loads(change.model_dump_json()) for change in x.location_changes]
        for row, x in zip(rows, found, strict=True)
    }
    figures, _ = _scorer(scorer).score(rows, predictions)
    assert figures["event"]["f1"] >= EVENT_F1, figures
    assert figures["whole"]["f1"] >= WHOLE_F1, figures
    assert int(figures["negatives_with_an_event"].split("/")[0]) <= NEGATIVES_HIT, figures


def _scorer(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location("gold_score", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_story_of_the_move_to_iraq(nlp: Language) -> None:
    story = SHARED / "stories" / "hamas-to-iraq.txt"
    if not story.exists():
        pytest.skip(f"no story at {story}")
    title, _, body = story.read_text(encoding="utf-8").partition("\n")
    found = extract_text(nlp, title, body, datetime(2024, 6, 24, tzinfo=UTC)).location_changes
    moves = [m for m in found if m.kind == "relocation"]
    assert len(moves) == 1
    move = moves[0]
    assert move.actor.root == "hamas"
    assert move.origin is not None
    assert move.destination is not None
    assert (move.origin.country, move.destination.country) == ("QA", "IQ")
    assert move.status in {"planned", "approved"}
    assert move.attribution
    assert "Iraq" in move.evidence.sentence
    offices = [m for m in found if m.kind == "office_move"]
    assert ("hamas", "Baghdad", "completed") in [
        (m.actor.root, m.destination and m.destination.name, m.status) for m in offices
    ]
    assert len(found) == len(moves) + len(offices) <= 3
