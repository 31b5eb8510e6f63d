"""How likely a move is right in its actor and places: logistic regression on the probabilities of its parts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from processors.learned.moves import Hop, LearnedMove

FEATURES = 5


def evidence(move: LearnedMove, hop: Hop) -> list[float]:
    """What the confidence rests on, ``FEATURES`` numbers.

    A constant; the log odds of the event, of its weakest place and of its actor; whether both places are named.
    """
    places = [s.probability for s in (hop.origin, hop.destination) if s]
    return [
        1.0,
        _log_odds(move.probability),
        _log_odds(min(places, default=0.0)),
        _log_odds(hop.actor.probability if hop.actor else 0.0),
        float(len(places) == 2),
    ]


def confidence(weights: Sequence[float], move: LearnedMove, hop: Hop) -> float:
    """The probability, 0 to 1, that actor, origin and destination of this move are what a reader would say."""
    return 1 / (1 + math.exp(-sum(w * x for w, x in zip(weights, evidence(move, hop), strict=True))))


def fit(rows: Sequence[Sequence[float]], right: Sequence[bool], ridge: float = 1.0) -> list[float]:
    """Weights for ``confidence`` from moves known to be right or wrong: penalised likelihood, by Newton's method.

    The constant is not penalised. (Hastie, Tibshirani, Friedman: The Elements of Statistical Learning, 4.4.1.)
    """
    x, y = np.array(rows, dtype=np.float64), np.array(right, dtype=np.float64)
    penalty = ridge * np.diag([0.0] + [1.0] * (x.shape[1] - 1))
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (p - y) + penalty @ weights
        hessian = (x * (p * (1 - p))[:, None]).T @ x + penalty + 1e-6 * np.eye(x.shape[1])
        step = np.linalg.solve(hessian, gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return [round(float(w), 5) for w in weights]


def _log_odds(probability: float) -> float:
    p = min(max(probability, 0.001), 0.999)
    return math.log(p / (1 - p))
