"""Passages of the corpus to training examples: word tags of triggers, of roles given a trigger, and classes."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from processors.learned.labels import ACTOR_TYPES, BEGIN, INSIDE, KINDS, OUTSIDE, ROLES, STATUSES
from processors.learned.pieces import Ints, WordPieces, Words

Passage = dict[str, Any]
"""A line of the corpus (see corpus/GUIDE.md)."""

FIELDS = {
    "actor": "actor",
    "origin": "origin",
    "destination": "destination",
    "attribution": "attribution",
    "date": "date_text",
}
"""Roles to the fields of an event."""

IGNORED = -100
"""A label that takes no part in the loss (PyTorch's convention)."""


@dataclass(frozen=True, slots=True)
class Question:
    """A trigger that the model is asked about: gold, or a look-alike (``event`` 0) of which nothing else is asked."""

    marked: range
    event: int
    roles: Ints | None = None
    status: int = IGNORED
    kind: int = IGNORED
    actor_type: int = IGNORED


@dataclass(frozen=True, slots=True)
class Example:
    """One passage, tagged: ``triggers`` has a tag a word, a question's ``roles`` the shape (words, roles)."""

    words: Words
    triggers: Ints
    questions: tuple[Question, ...]


def load(files: Iterable[Path]) -> list[Passage]:
    """The passages of JSON Lines files, in order."""
    return [json.loads(line) for f in files for line in f.read_text(encoding="utf-8").splitlines() if line.strip()]


def find(text: str, span: str, near: int | None = None) -> tuple[int, int]:
    """Where ``span`` stands in ``text``: at word borders if anywhere, and of several places the nearest to ``near``."""
    exact = [m.start() for m in re.finditer(rf"(?<!\w){re.escape(span)}(?!\w)", text)]
    hits = exact or [m.start() for m in re.finditer(re.escape(span), text)]
    start = hits[0] if near is None else min(hits, key=lambda hit: abs(hit - near))
    return start, start + len(span)


def by_trigger(passage: Passage) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """The events of a passage by the characters of their trigger; of several like triggers the nearest to the place."""
    text = passage["text"]
    groups: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for event in passage["events"]:
        place = event.get("destination") or event.get("origin")
        near = find(text, place)[0] if place else None
        groups.setdefault(find(text, event["trigger"], near), []).append(event)
    return groups


def look_alikes(passages: Sequence[Passage]) -> frozenset[str]:
    """The words, in lower case, that stand in a trigger at least each tenth time that they occur in these passages."""
    inside = Counter(w for p in passages for e in p["events"] for w in _letters(e["trigger"]))
    everywhere = Counter(w for p in passages for w in _letters(p["text"]))
    return frozenset(w for w, n in inside.items() if len(w) > 3 and n >= everywhere[w] / 10)


def _letters(text: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[^\W\d_]+", text)]


def example(passage: Passage, pieces: WordPieces, suspects: frozenset[str]) -> Example:
    """The passage as an example; each word of ``suspects`` outside a trigger becomes a question answered "no event"."""
    text = passage["text"]
    words = pieces.words(text)
    triggers = np.full(len(words), OUTSIDE, dtype=np.int64)
    questions = []
    for (start, end), events in by_trigger(passage).items():
        marked = words.within(start, end)
        if not marked:
            continue
        _tag(triggers, marked)
        first = events[0]
        questions.append(Question(
            marked, 1, _roles(text, words, start, events), STATUSES.index(first["status"]), KINDS.index(first["kind"]),
            ACTOR_TYPES.index(first["actor_type"]),
        ))  # fmt: skip
    questions.extend(
        Question(range(i, i + 1), 0)
        for i in range(len(words))
        if triggers[i] == OUTSIDE and text[words.starts[i] : words.ends[i]].lower() in suspects
    )
    return Example(words, triggers, tuple(questions))


def _roles(text: str, words: Words, near: int, events: Sequence[dict[str, Any]]) -> Ints:
    tags = np.full((len(words), len(ROLES)), OUTSIDE, dtype=np.int64)
    for event in events:
        for column, role in enumerate(ROLES):
            span = event.get(FIELDS[role])
            if span:
                _tag(tags[:, column], words.within(*find(text, span, near)))
    return tags


def _tag(tags: Ints, span: range) -> None:
    for i in span:
        tags[i] = BEGIN if i == span.start else INSIDE


def batches(lengths: Sequence[int], budget: int, noise: Sequence[float]) -> Iterator[list[int]]:
    """Indexes grouped by length (plus ``noise``, so that groups vary) with at most ``budget`` padded pieces each."""
    batch: list[int] = []
    longest = 0
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i] + noise[i]):
        longest = max(longest, lengths[i])
        if batch and longest * (len(batch) + 1) > budget:
            yield batch
            batch, longest = [], lengths[i]
        batch.append(i)
    if batch:
        yield batch
