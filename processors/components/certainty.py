"""How sure a move is: logistic regressions on what the model and the rules said of it, one for each of its parts.

``there`` is the probability that the text tells this move at all; one below ``least`` is not told. The others are that,
if it does, actor, origin and destination are what a reader would say. The confidence shown is that all of it is so: the
product, moved by ``shift`` so that from 0.8 on nearly all are right. The weights are fitted by
``python -m training.certainty`` on passages that the model which read them had not learned from.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

from processors.components.signs import log_odds
from processors.lexicons import DATA, Lexicon, load_lexicon

Weights = Mapping[str, float]
"""Of the signs of a part, and of the ``constant``."""


class Certainty(Lexicon):
    """``data/certainty.yml``."""

    there: dict[str, float]
    actor: dict[str, float]
    origin: dict[str, float]
    destination: dict[str, float]
    shift: float
    least: float
    fitted_on: dict[str, tuple[int, int]]
    """Of each file the moves told, however unlikely, and those of them that were right."""

    def told(self, found: Mapping[str, float]) -> float:
        """The probability that a move of these signs is told at all."""
        return probability(self.there, found)

    def confidence(self, found: Mapping[str, float]) -> float:
        """How sure it is that a move of these signs is told, by this actor, from there to there."""
        return _logistic(log_odds(self.told(found) * self.parts(found)) + self.shift)

    def parts(self, found: Mapping[str, float]) -> float:
        """The probability that actor, origin and destination are right where the move is told."""
        return math.prod(probability(weights, found) for weights in (self.actor, self.origin, self.destination))


@functools.cache
def certainty() -> Certainty:
    """The weights that ship. Raises ``ConfigError``, as ``load_lexicon`` does."""
    return load_lexicon(DATA / "certainty.yml", Certainty)


def probability(weights: Weights, found: Mapping[str, float]) -> float:
    """The logistic function of the weighted sum of the signs."""
    return _logistic(sum(w * (1.0 if name == "constant" else found[name]) for name, w in weights.items()))


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))
