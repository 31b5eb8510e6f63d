"""Which sentences may tell a move: a linear model over their words and names, fast enough to be asked of all of them.

What it lets through is parsed and read by the learned model; the rest never is. It is fitted for recall
(``python -m training.gate``): of the annotated moves of passages that it was not fitted on it passes 99 in 100.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from processors.components.triggers import entries
from processors.gazetteer import gazetteer
from processors.lexicons import DATA, Lexicon, load_lexicon

PLACE, NAME = "PLACE", "NAME"
ROUTE = "#route"
"""Two places, one of them behind "from", and a word of the lexicon of triggers: that always passes."""
_KINDS = {"GPE": PLACE, "LOC": PLACE, "FAC": PLACE, "NORP": "NORP", "PERSON": NAME, "ORG": NAME}
_ENDING = re.compile(r"(?:ations?|ings?|ments?|ed|es|s|e|als?|ures?)$")
_STEM = 3
"""Letters that are left of a word at least."""


class Weights(Lexicon):
    """``data/gate.yml``: the weight of each feature that a sentence has, and the least sum that passes."""

    least: float
    weights: dict[str, float]


@functools.cache
def weights() -> Weights:
    """The weights that ship. Raises ``ConfigError``, as ``load_lexicon`` does."""
    return load_lexicon(DATA / "gate.yml", Weights)


def passes(words: Sequence[str], labels: Sequence[str], starts: Sequence[int]) -> list[bool]:
    """Whether each sentence may tell a move. ``labels``: each word's entity label, ``starts``: of the sentences."""
    known = weights()
    return [score(known.weights, words[a:b], labels[a:b]) >= known.least for a, b in pairwise([*starts, len(words)])]


def score(known: dict[str, float], words: Sequence[str], labels: Sequence[str]) -> float:
    """The sum of the weights of what a sentence has, each feature once."""
    return sum(known.get(feature, 0.0) for feature in features(words, labels))


def features(words: Sequence[str], labels: Sequence[str]) -> set[str]:
    """What the model sees of a sentence: stems, pairs of neighbours, the number of places."""
    tokens = list(_tokens(words, labels))
    found = set(tokens)
    found.update(f"{a} {b}" for a, b in pairwise(tokens))
    if "from PLACE" in found and tokens.count(PLACE) > 1 and not _verbs().isdisjoint(tokens):
        found.add(ROUTE)
    found.add(f"#{min(tokens.count(PLACE), 3)}")
    return found


def _tokens(words: Sequence[str], labels: Sequence[str]) -> Iterator[str]:
    """Stems of words, and one sign for a name of one kind however many words it has."""
    before = ""
    for word, label in zip(words, labels, strict=True):
        sign = _KINDS.get(label) or (PLACE if word[0].isupper() and _is_place(word) else "")
        if sign:
            if sign != before:
                yield sign
        elif word[0].isalpha():
            yield stem(word.lower())
        before = sign


@functools.cache
def _verbs() -> frozenset[str]:
    """The stems of the lexicon's triggers."""
    return frozenset(stem(lemma.partition("_")[0]) for _, lemma in entries())


@functools.lru_cache(maxsize=20_000)
def _is_place(word: str) -> bool:
    return gazetteer().special(word)


@functools.lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without one common ending and a doubled letter before it: one stem for "withdrawing", "withdrawal"."""
    found = _ENDING.sub("", word)
    if len(found) < _STEM:
        return word
    return found[:-1] if len(found) > _STEM and found[-1] == found[-2] and found[-1] not in "sl" else found
