"""Long texts cut into windows of whole sentences, so that the encoder never reads more than it was trained on."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import numpy as np

from processors.learned.pieces import Words

_SENTENCE_END = re.compile(r"[.!?]['’”\")\]]*\s+(?=[\"“‘'(\[]?[A-Z0-9])|\n+")


def sentences(text: str) -> list[tuple[int, int]]:
    """Sentences of a text as character offsets, by punctuation alone: for callers that have none of their own."""
    cuts = [0, *(m.end() for m in _SENTENCE_END.finditer(text)), len(text)]
    return [(a, b) for a, b in itertools.pairwise(cuts) if a < b]


def units(words: Words, bounds: Sequence[tuple[int, int]], most: int) -> list[range]:
    """The sentences as ranges of words; one of more than ``most`` pieces is cut, and no word is left out."""
    starts = [int(np.searchsorted(words.starts, start, side="left")) for start, _ in bounds]
    cuts = sorted({0, *starts, len(words)})
    found: list[range] = []
    for low, high in itertools.pairwise(cuts):
        while low < high:
            room = int(words.first[low]) + most
            stop = min(high, max(low + 1, int(np.searchsorted(words.first, room, side="right")) - 1))
            found.append(range(low, stop))
            low = stop
    return found


def windows(words: Words, parts: Sequence[range], most: int, overlap: int) -> list[range]:
    """Windows of at most ``most`` pieces over all ``parts``; ``overlap`` parts are shared with the one before."""
    found: list[range] = []
    first = 0
    while first < len(parts):
        stop = first + 1
        while stop < len(parts) and words.pieces(range(parts[first].start, parts[stop].stop)) <= most:
            stop += 1
        found.append(range(parts[first].start, parts[stop - 1].stop))
        if stop == len(parts):
            break
        first = max(first + 1, stop - overlap)
    return found


def of_wanted(words: Words, parts: Sequence[range], wanted: Sequence[bool], most: int) -> list[range]:
    """Windows of at most ``most`` pieces that hold every wanted part: each run of them, cut where it is longer; the
    whole text where it holds all of it."""
    if any(wanted) and words.pieces(range(parts[0].start, parts[-1].stop)) <= most:
        return [range(parts[0].start, parts[-1].stop)]
    found: list[range] = []
    for part, yes, before in zip(parts, wanted, [False, *wanted], strict=False):
        if yes and before and words.pieces(range(found[-1].start, part.stop)) <= most:
            found[-1] = range(found[-1].start, part.stop)
        elif yes:
            found.append(part)
    return found


def around(words: Words, parts: Sequence[range], word: int, most: int) -> range:
    """The window of at most ``most`` pieces with ``word`` in its middle: its sentence, then neighbours by turns.

    The sentence before is taken first: it names whom a pronoun means, and the place that is left.
    """
    middle = next(i for i, part in enumerate(parts) if word < part.stop)
    low = high = middle
    grown = True
    while grown:
        grown = False
        if low > 0 and words.pieces(range(parts[low - 1].start, parts[high].stop)) <= most:
            low, grown = low - 1, True
        if high + 1 < len(parts) and words.pieces(range(parts[low].start, parts[high + 1].stop)) <= most:
            high, grown = high + 1, True
    return range(parts[low].start, parts[high].stop)
