"""The quality of the extraction on the corpus: the development set, the same In Headline Style, and training passages.

Rules were tuned on the development set (it was read), not on the files ``*-3``: the second figure says more about
text that nobody has seen.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from processors.extract import extract_texts
from processors.pipeline import load_pipeline
from processors.readings import Reading
from stream.settings import Settings

CORPUS = Path(__file__).parents[1] / "corpus"


def run() -> None:
    """Print event, places and whole F1 and the negatives with an event, of each set."""
    scorer, nlp = _scorer(), load_pipeline(Settings().spacy_model)

    def show(name: str, rows: list[dict[str, Any]], texts: list[str]) -> None:
        found = extract_texts(nlp, [Reading(None, text) for text in texts])
        predictions = {
            row["id"]: [c.model_dump(mode="json") for c in x.location_changes]
            for row, x in zip(rows, found, strict=True)
        }
        f, _ = scorer.score(rows, predictions)
        figures = ", ".join(f"{kind} F1 {f[kind]['f1']:.3f}" for kind in ("event", "places", "whole"))
        print(f"{name} ({len(rows)} passages): {figures}; events on {f['negatives_with_an_event']} negatives")

    dev = _rows(CORPUS / "relocations-dev.jsonl")
    show("development set", dev, [row["text"] for row in dev])
    show("development set In Headline Style", dev, [scorer.title_case(row["text"]) for row in dev])
    third = [row for path in sorted((CORPUS / "train").glob("*-3.jsonl")) for row in _rows(path)]
    show("training files *-3", third, [row["text"] for row in third])


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _scorer() -> Any:
    spec = importlib.util.spec_from_file_location("corpus_score", CORPUS / "score.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
