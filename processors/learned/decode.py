"""Probabilities of words to spans of characters, whole words only. Pure functions of arrays."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from processors.learned.labels import BEGIN, INSIDE, OUTSIDE
from processors.learned.moves import Span
from processors.learned.pieces import Words

Floats = NDArray[np.float32]

_TAIL = re.compile(r"(?:[-‑–'’]\w+)+")
_LINE = re.compile(r"[^\n]+")
_HEAD = re.compile(r"(?:\w+[-‑–'’])+$")
_COMPOUND = re.compile(
    r"[-‑–](?:based|born|backed|led|bound|run|held|controlled|registered|flagged|owned|made)$", re.IGNORECASE
)
_INITIALS = re.compile(r"(?<!\w)\w\.\w$")
_POSSESSIVE = re.compile(r"['’]s?$", re.IGNORECASE)


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float32)


def grown(tags: Floats, seed: float, edge: float) -> list[range]:
    """The runs of words likelier than ``edge`` to be inside that have one likelier than ``seed`` (hysteresis)."""
    inside = 1 - tags[:, OUTSIDE]
    return [run for run in runs(tags, edge) if inside[run.start : run.stop].max() > seed]


def runs(tags: Floats, threshold: float) -> list[range]:
    """The spans in an array of shape (words, 3): words inside likelier than ``threshold``, cut where one begins."""
    found: list[range] = []
    for i in np.flatnonzero(1 - tags[:, OUTSIDE] > threshold).tolist():
        if found and found[-1].stop == i and tags[i, BEGIN] <= tags[i, INSIDE]:
            found[-1] = range(found[-1].start, i + 1)
        else:
            found.append(range(i, i + 1))
    return found


def spans(text: str, words: Words, base: int, tags: Floats, seed: float, edge: float) -> list[Span]:
    """The spans of characters in ``tags``, whose rows are the words of the text from ``base`` on; each name once.

    Of a name that is found twice only the likelier mention is kept, for one place is one place.
    """
    best: dict[str, Span] = {}
    for run in grown(tags, seed, edge):
        span = _span(text, words, base, run, tags)
        if span is None:
            continue
        name = span.of(text).casefold()
        if name not in best or best[name].probability < span.probability:
            best[name] = span
    return sorted(best.values(), key=lambda s: s.start)


def likeliest(text: str, words: Words, base: int, tags: Floats, at_least: float) -> Span | None:
    """The span around the word that is likeliest to be in one, if it reaches ``at_least``."""
    inside = 1 - tags[:, OUTSIDE]
    if not len(inside) or inside.max() < at_least:
        return None
    top = int(inside.argmax())
    around = next(r for r in runs(tags, float(inside[top]) * 0.6) if top in r)
    return _span(text, words, base, around, tags)


def _span(text: str, words: Words, base: int, run: range, tags: Floats) -> Span | None:
    probability = float(np.mean(1 - tags[run.start : run.stop, OUTSIDE]))
    start, end = whole(text, int(words.starts[base + run.start]), int(words.ends[base + run.stop - 1]))
    return Span(start, end, probability) if start < end else None


def whole(text: str, start: int, end: int) -> tuple[int, int]:
    """The longest line of the span (a headline and the text below it are two), without punctuation at its ends,
    completed where it ends inside a name (Port-au-|Prince, N'|Djamena)."""
    start, end = max(
        ((m.start(), m.end()) for m in _LINE.finditer(text, start, end)), key=_length, default=(start, start)
    )
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    if start >= end:
        return start, start
    head = _HEAD.search(text[max(0, start - 40) : start])
    if head and head.group()[0].isupper() and text[start].isupper():
        start -= len(head.group())
    if _INITIALS.search(text[start:end]) and text.startswith(".", end):
        return start, end + 1
    return start, _completed(text, end)


def _length(span: tuple[int, int]) -> int:
    return span[1] - span[0]


def _completed(text: str, end: int) -> int:
    tail = _TAIL.match(text, end)
    if not tail:
        return end
    rest = tail.group()
    while rest and (match := _COMPOUND.search(rest) or _POSSESSIVE.search(rest)):
        rest = rest[: match.start()]
    return end + len(rest) if any(c.isupper() for c in rest) else end
