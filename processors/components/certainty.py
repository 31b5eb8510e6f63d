"""How sure a move is: two logistic regressions on what the model and the rules said of it.

``there`` is the probability that the text tells this move at all; one below ``least`` is not told. ``right`` is the
confidence shown: that actor, origin and destination are what a reader would say. The weights are fitted by
``python -m training`` on passages that the model which read them had not learned from.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from spacy.tokens import Doc

from processors.components.model import Move
from processors.components.seats import marked
from processors.lexicons import DATA, Lexicon, load_lexicon

FEATURES = (
    "constant", "event", "weakest_place", "actor", "status", "rules_alone", "agreed", "rules",
    "both_places", "unknown_places", "unsupported_places", "origin_unmarked", "origin_far", "origin_from_elsewhere",
    "pronoun", "office",
)  # fmt: skip


class Certainty(Lexicon):
    """``data/certainty.yml``: the weights of the features, in their order."""

    there: dict[str, float]
    right: dict[str, float]
    least: float


@functools.cache
def certainty() -> Certainty:
    """The weights that ship. Raises ``ConfigError``, as ``load_lexicon`` does."""
    return load_lexicon(DATA / "certainty.yml", Certainty)


def features(doc: Doc, move: Move) -> list[float]:
    """What speaks for and against a move, in the order of ``FEATURES``; probabilities as log odds."""
    signals = move.signals
    learned = signals.event > 0
    places = [p for p in (move.origin, move.destination) if p is not None]
    return [
        1.0,
        _log_odds(signals.event) if learned else 0.0,
        _log_odds(signals.weakest_place) if learned else 0.0,
        _log_odds(signals.actor) if learned else 0.0,
        _log_odds(signals.status) if learned else 0.0,
        float(not learned),
        float(learned and signals.rules > 0),
        signals.rules,
        float(len(places) == 2),
        float(sum(p.toponym is None for p in places)),
        float(sum(p.unsupported for p in places)),
        float(move.origin is not None and not marked(doc, move.origin)),
        float(move.origin is not None and not move.sentence[0] <= move.origin.start < move.sentence[1]),
        float(signals.origin_from_elsewhere),
        float(move.actor.pronoun),
        float(move.kind == "office_move"),
    ]


def probability(weights: Sequence[float], row: Sequence[float]) -> float:
    """The logistic function of the weighted sum."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, sum(w * x for w, x in zip(weights, row, strict=True))))))


def judged(doc: Doc, move: Move) -> tuple[float, float]:
    """The probabilities that the move is told at all, and that it is right."""
    row, known = features(doc, move), certainty()
    return (
        probability([known.there.get(name, 0.0) for name in FEATURES], row),
        probability([known.right.get(name, 0.0) for name in FEATURES], row),
    )


def _log_odds(p: float) -> float:
    p = min(max(p, 0.001), 0.999)
    return math.log(p / (1 - p))
