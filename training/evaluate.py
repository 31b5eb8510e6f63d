"""Scores by the corpus's own scorer, of the whole extraction: the learned model with the rules around it.

``python -m training.evaluate FILE… [--model FOLDER]``
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spacy.language import Language

from processors.extract import extract_texts
from processors.lexicons import DATA
from processors.pipeline import load_pipeline
from processors.readings import Reading
from stream.settings import Settings
from training.data import Passage, load

ROOT = Path(__file__).parents[1]


@functools.cache
def scorer() -> Any:
    """The module corpus/score.py."""
    spec = importlib.util.spec_from_file_location("corpus_score", ROOT / "corpus" / "score.py")
    if spec is None or spec.loader is None:
        raise SystemExit("corpus/score.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figures(nlp: Language, passages: Sequence[Passage]) -> dict[str, Any]:
    """What corpus/score.py says of the location changes that ``nlp`` finds in the passages."""
    found = extract_texts(nlp, [Reading(None, p["text"]) for p in passages])
    told = {
        p["id"]: [c.model_dump(mode="json") for c in x.location_changes] for p, x in zip(passages, found, strict=True)
    }
    result: dict[str, Any] = scorer().score(passages, told)[0]
    return result


def line(f: dict[str, Any]) -> str:
    """The figures in one line."""
    parts = [
        f"{name} {f[name]['f1']:.3f} (P {f[name]['p']:.2f} R {f[name]['r']:.2f})"
        for name in ("event", "places", "whole")
    ]
    on = " ".join(f"{k} {v:.2f}" for k, v in f["on_matched"].items())
    return f"{' · '.join(parts)} · negatives {f['negatives_with_an_event']} · on matched: {on}"


def main() -> None:
    """Read the arguments, extract, print."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, default=DATA, help="folder of moves.onnx")
    args = parser.parse_args()
    nlp = load_pipeline(Settings().spacy_model, args.model)
    for file in args.files:
        passages = load([file])
        print(f"{file.name}, {len(passages)} passages: {line(figures(nlp, passages))}")


if __name__ == "__main__":
    main()
