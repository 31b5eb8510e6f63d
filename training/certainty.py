"""The weights of ``processors.components.certainty``, from what the whole extraction says of passages that the model
it uses never learned from. (Logistic regression with a ridge: Hastie, Tibshirani, Friedman: The Elements of Statistical
Learning, 4.4.1.)"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from spacy.language import Language

from processors.components.certainty import FEATURES, features, probability
from processors.pipeline import load_pipeline
from processors.readings import Reading, docs, pieces, statement
from training.data import Passage
from training.evaluate import scorer

LEASTS = [x / 20 for x in range(2, 14)]
"""Bounds tried for the probability below which a move is not told."""

INVENTED_COSTS = 0.3
"""How much of a share of negatives with an event one gives for as much event F1 when the bound is chosen."""


WRONG_COSTS = 1.5
"""A move that is wrong counts as so many that are right when confidence is fitted: it errs on the safe side."""

RIDGE = 1.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A move that the extraction told: its features, whether it is there, and whether actor and places are right."""

    row: list[float]
    there: bool
    right: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """Passages that a model read without having learned from them, and what it told of each."""

    passages: Sequence[Passage]
    judged: Sequence[Sequence[Judged]]

    def moves(self) -> list[Judged]:
        """All that were told."""
        return [j for each in self.judged for j in each]


def pipeline(model: str, folder: Path) -> Language:
    """The whole extraction with the learned model of ``folder``, telling every move however unlikely."""
    nlp = load_pipeline(model, folder)
    nlp.get_pipe("newswatch_location_changes").least = 0.0  # type: ignore[attr-defined]
    return nlp


def judge(nlp: Language, passages: Sequence[Passage]) -> Sample:
    """The passages with the moves told of each, compared with the annotated ones one to one, as score.py does."""
    work = [(p, Reading(None, p["text"])) for p in passages]
    made = [piece for _, reading in work for piece in list(pieces(reading))[:1]]
    result = []
    read = nlp.pipe(docs(nlp, [(text, inputs) for _, text, inputs in made]), batch_size=64)
    for (passage, reading), doc in zip(work, read, strict=True):
        moves = list(doc._.location_changes)
        told = [_plain(statement(doc, m, 0, reading)) for m in moves]
        _, errors = scorer().score([passage], {passage["id"]: told})
        invented = {id(p) for _, what, p in errors if what == "invented"}
        wrong = {id(e["predicted"]) for _, what, e in errors if what.startswith("wrong") and what != "wrong status"}
        result.append([Judged(features(doc, m), id(t) not in invented, id(t) not in invented | wrong)
                       for m, t in zip(moves, told, strict=True)])  # fmt: skip
    return Sample(passages, result)


def _plain(said: Any) -> dict[str, Any]:
    return {
        "actor": said.actor.model_dump(), "kind": said.kind, "status": said.status,
        **{side: place.model_dump() if (place := getattr(said, side)) else None for side in ("origin", "destination")},
    }  # fmt: skip


def fit(rows: Sequence[Sequence[float]], true: Sequence[bool]) -> list[float]:
    """Weights of a logistic regression, by Newton's method; the constant, the first column, is not penalised."""
    x, y = np.array(rows, dtype=np.float64), np.array(true, dtype=np.float64)
    penalty = RIDGE * np.diag([0.0] + [1.0] * (x.shape[1] - 1))
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (p - y) + penalty @ weights
        hessian = (x * (p * (1 - p))[:, None]).T @ x + penalty + 1e-6 * np.eye(x.shape[1])
        step = np.linalg.solve(hessian, gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return [round(float(w), 4) for w in weights]


def fitted(hard: Sample, usual: Sample) -> dict[str, Any]:
    """What ``data/certainty.yml`` holds.

    ``hard``: training passages, read by a trial model; they tell what is no move. ``usual``: passages and articles as
    they come in the news, read by the model that ships; only these tell how often it is right.
    """
    both = Sample([*hard.passages, *usual.passages], [*hard.judged, *usual.judged])
    there = fit([j.row for j in both.moves()], [j.there for j in both.moves()])
    right = fit([j.row for j in usual.moves()], [j.right for j in usual.moves()])
    right[0] = round(right[0] - math.log(WRONG_COSTS), 4)
    return {
        "there": dict(zip(FEATURES, there, strict=True)), "right": dict(zip(FEATURES, right, strict=True)),
        "least": max(LEASTS, key=lambda least: _worth(both, there, least)),
    }  # fmt: skip


def _worth(sample: Sample, weights: list[float], least: float) -> float:
    kept = [[j for j in each if probability(weights, j.row) >= least] for each in sample.judged]
    gold, found = sum(len(p["events"]) for p in sample.passages), sum(map(len, kept))
    hits = sum(j.there for each in kept for j in each)
    empty = [each for p, each in zip(sample.passages, kept, strict=True) if not p["events"]]
    return 2 * hits / max(1, gold + found) - INVENTED_COSTS * sum(map(bool, empty)) / max(1, len(empty))


def table(sample: Sample, known: dict[str, Any]) -> list[tuple[float, int, float]]:
    """For each least confidence: it, how many of the moves told reach it, and the share of them that is right."""
    there, right = (list(known[name].values()) for name in ("there", "right"))
    moves = [j for j in sample.moves() if probability(there, j.row) >= known["least"]]
    sure = [(probability(right, j.row), j.right) for j in moves]
    reach = [(least, [ok for p, ok in sure if p >= least]) for least in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)]
    return [(least, len(oks), sum(oks) / max(1, len(oks))) for least, oks in reach]


def write(file: Path, known: dict[str, Any]) -> None:
    """The file that ships."""
    text = yaml.safe_dump(known, sort_keys=False)
    file.write_text(f"# Made by python -m training: see processors/components/certainty.py.\n{text}", encoding="utf-8")
