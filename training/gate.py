"""The weights of ``processors.components.gate``: a logistic regression on sentences of the training passages.

``python -m training.gate [--print]`` fits on corpus/train, chooses the bound by cross-validation over its files, and
prints the recall on the annotated moves of the development set and of the fresh rounds, which it never learns from.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc

from processors.components import gate
from processors.components.model import register_extensions
from processors.components.sentences import certain, mark, units, with_units
from processors.lexicons import DATA
from processors.pipeline import load_spacy
from processors.readings import Reading, docs, pieces
from stream.settings import Settings
from training.data import Passage, load

ROOT = Path(__file__).parents[1]

RECALL = 0.985
"""Of the moves of passages that a trial was not fitted on; the bound is the highest that keeps it."""

ALWAYS = 99.0
"""The weight of what passes whatever else a sentence has."""

SEEN = 2
"""Sentences that a feature must be seen in."""

RIDGE, STEPS, RATE = 1.0, 200, 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence: what the gate sees of it, and the moves (numbers within the sample) that it tells."""

    features: frozenset[str]
    moves: frozenset[int]
    first: bool
    """Whether it begins its text."""


def sample(nlp: Language, passages: Sequence[Passage]) -> list[list[Unit]]:
    """The sentences of each passage. ``nlp`` finds names."""
    register_extensions()
    made = [next(pieces(Reading(None, p["text"]))) for p in passages]
    result, moves = [], 0
    for doc, passage in zip(_named(nlp, made), passages, strict=True):
        result.append(_units(doc, passage, moves))
        moves += len(passage["events"])
    return result


def _named(nlp: Language, made: Sequence[Any]) -> list[Doc]:
    found = list(docs(nlp, [(text, inputs) for _, text, inputs in made]))
    for doc in found:
        words, offsets = [t.text for t in doc], [t.idx for t in doc]
        marks = certain(doc, words, offsets)
        doc.user_data["starts"] = units(words, offsets, marks)
        mark(doc, with_units(marks, doc.user_data["starts"]))
    return list(nlp.get_pipe("ner").pipe(found, batch_size=64))  # type: ignore[attr-defined]


def _units(doc: Doc, passage: Passage, moves: int) -> list[Unit]:
    words, labels = [t.text for t in doc], [t.ent_type_ for t in doc]
    starts: list[int] = doc.user_data["starts"]
    where = {moves + n: trigger_at(passage["text"], event) for n, event in enumerate(passage["events"])}
    found = []
    for a, b in zip(starts, [*starts[1:], len(doc)], strict=True):
        low, high = doc[a].idx, doc[b - 1].idx + len(doc[b - 1])
        told = frozenset(n for n, at in where.items() if low <= at < high)
        found.append(Unit(frozenset(gate.features(words[a:b], labels[a:b])), told, a == 0))
    return found


def trigger_at(text: str, event: dict[str, Any]) -> int:
    """Where a move's trigger stands: of several places with its words the one nearest to the move's own names."""
    trigger = event.get("trigger") or event.get("destination") or event.get("origin") or ""
    found = [m.start() for m in re.finditer(re.escape(trigger), text)]
    named = [text.find(event[side]) for side in ("origin", "destination", "actor") if event.get(side)]
    return min(found, key=lambda at: sum(abs(at - n) for n in named if n >= 0), default=0)


def fit(units_: Sequence[Unit]) -> dict[str, float]:
    """Weights by feature, the constant as ``""``: logistic regression with a ridge, by Adam on all at once."""
    seen = Counter(f for u in units_ for f in u.features)
    names = sorted(f for f, n in seen.items() if n >= SEEN and f != gate.ROUTE)
    column = {f: i for i, f in enumerate(names)}
    rows = [[column[f] for f in sorted(u.features) if f in column] + [len(names)] for u in units_]
    w = _fitted(rows, np.array([bool(u.moves) for u in units_], dtype=np.float64), len(names) + 1)
    return {"": float(w[-1]), **{f: float(w[i]) for f, i in column.items()}, gate.ROUTE: ALWAYS}


def _fitted(rows: Sequence[Sequence[int]], y: Floats, size: int) -> Floats:
    """Weights by column; ``rows``: the columns that each sentence has, the last one, the constant, always."""
    columns = np.array([i for row in rows for i in row])
    lengths = np.array([len(row) for row in rows])
    begins = np.cumsum(lengths) - lengths
    w, m, v = np.zeros(size), np.zeros(size), np.zeros(size)
    penalty = np.full(size, RIDGE / len(y))
    penalty[-1] = 0
    for step in range(1, STEPS + 1):
        p = 1 / (1 + np.exp(-np.add.reduceat(w[columns], begins)))
        gradient = np.bincount(columns, np.repeat((p - y) / len(y), lengths), size) + penalty * w
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        w -= RATE * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    return w


def scored(weights: dict[str, float], unit: Unit) -> float:
    """The sum that the gate compares with its bound."""
    return weights[""] + sum(weights.get(f, 0.0) for f in unit.features)


def move_scores(weights: dict[str, float], texts: Sequence[Sequence[Unit]]) -> dict[int, float]:
    """Of each move the score of its sentence."""
    return {move: scored(weights, unit) for text in texts for unit in text for move in unit.moves}


def recall(texts: Sequence[Sequence[Unit]]) -> float:
    """The share of the moves that the gate that ships lets through."""
    known = gate.weights()
    scores = move_scores({"": 0.0, **known.weights}, texts).values()
    return sum(s >= known.least for s in scores) / max(1, len(scores))


def passing(weights: dict[str, float], texts: Sequence[Sequence[Unit]], least: float) -> float:
    """The share of sentences that pass."""
    all_units = [u for text in texts for u in text]
    return sum(scored(weights, u) >= least for u in all_units) / len(all_units)


def main() -> None:
    """Fit, choose the bound, print, and write ``data/gate.yml``."""
    parser = argparse.ArgumentParser(prog="python -m training.gate", description=__doc__)
    parser.add_argument("--print", action="store_true", help="write nothing")
    args = parser.parse_args()
    nlp = load_spacy(Settings().spacy_model, "spacy_model")
    corpus = ROOT / "corpus"
    files = [sample(nlp, load([f])) for f in sorted((corpus / "train").glob("*.jsonl"))]
    held: list[float] = []
    for k in range(FOLDS):
        rest = [u for i, texts in enumerate(files) if i % FOLDS != k for text in texts for u in text]
        trial = fit(rest)
        held += [s for i, texts in enumerate(files) if i % FOLDS == k for s in move_scores(trial, texts).values()]
    least = float(np.quantile(held, 1 - RECALL))
    weights = fit([u for texts in files for text in texts for u in text])
    print(f"bound {least:.3f}: {RECALL} of {len(held)} moves of training passages held out")
    for name, file in [("development set", corpus / "relocations-dev.jsonl"),
                       *((f.stem, f) for f in sorted((corpus / "fresh").glob("*.jsonl")))]:  # fmt: skip
        texts = sample(nlp, load([file]))
        scores = list(move_scores(weights, texts).values())
        print(f"{name}: recall {np.mean([s >= least for s in scores]):.4f} of {len(scores)} moves, "
              f"{passing(weights, texts, least):.2f} of the sentences pass")  # fmt: skip
    if not args.print:
        write(DATA / "gate.yml", weights, least)


FOLDS = 3


def write(file: Path, weights: dict[str, float], least: float) -> None:
    """The file that ships; the constant goes into the bound."""
    kept = {f: round(w, 3) for f, w in sorted(weights.items()) if f and abs(w) >= LEAST_WEIGHT}
    text = yaml.safe_dump({"least": round(least - weights[""], 3), "weights": kept}, allow_unicode=True)
    file.write_text(f"# Made by python -m training.gate: see processors/components/gate.py.\n{text}", encoding="utf-8")


LEAST_WEIGHT = 0.05

if __name__ == "__main__":
    main()
