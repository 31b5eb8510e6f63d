"""How sure a move is: the weights that ship, and their fit."""

from __future__ import annotations

from processors.components.certainty import FEATURES, certainty, probability
from training.certainty import fit


def test_the_weights_that_ship_are_those_of_the_features() -> None:
    known = certainty()
    assert tuple(known.there) == tuple(known.right) == FEATURES
    assert 0 < known.least < 1


def test_the_surer_the_signals_the_surer_the_move() -> None:
    rows = [[1.0, float(i % 5), 0.0] for i in range(200)]
    weights = fit(rows, [i % 5 >= 2 for i in range(200)])
    assert probability(weights, [1.0, 4.0, 0.0]) > 0.9 > 0.2 > probability(weights, [1.0, 0.0, 0.0])
    assert weights[2] == 0
