"""Logistic regression with a ridge, by Newton's method (Hastie, Tibshirani, Friedman: The Elements of Statistical
Learning, 4.4.1 and 3.4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

RIDGE = 10.0
"""The penalty, for columns of mean 0 and variance 1."""


def fit(columns: Mapping[str, Sequence[float]], true: Sequence[bool], worth: Sequence[float]) -> dict[str, float]:
    """The weights of the columns and of the ``constant``, which is not penalised; a row counts as its ``worth``."""
    raw = np.array(list(columns.values()), dtype=np.float64).T
    y, w = np.array(true, dtype=np.float64), np.array(worth, dtype=np.float64)
    mean, spread = raw.mean(axis=0), raw.std(axis=0)
    spread[spread < 1e-9] = np.inf  # a column that is always the same has weight 0
    x = np.hstack([np.ones((len(y), 1)), (raw - mean) / spread])
    penalty = RIDGE * np.diag([0.0] + [1.0] * raw.shape[1])
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (w * (p - y)) + penalty @ weights
        hessian = (x * (w * p * (1 - p))[:, None]).T @ x + penalty + 1e-9 * np.eye(x.shape[1])
        step = np.linalg.solve(hessian, gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    slopes = weights[1:] / spread
    constant = float(weights[0] - slopes @ mean)
    return {"constant": round(constant, 4), **{n: round(float(s), 4) for n, s in zip(columns, slopes, strict=True)}}
