"""Sentence borders that the parser must keep: after the title and between paragraphs, and none inside a sentence; and
the borders that punctuation alone gives, for what is done before a text is parsed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from spacy.attrs import SENT_START
from spacy.language import Language
from spacy.tokens import Doc

from processors.components.model import inputs, register_extensions


@Language.factory("newswatch_sentences", assigns=["token.is_sent_start"])
def make_sentences(nlp: Language, name: str) -> Sentences:  # noqa: ARG001 (spaCy passes both)
    """The factory; belongs behind the datelines and before the parser."""
    return Sentences()


class Sentences:
    """Marks the first token after the title, after every paragraph's end and after what is too long for a sentence, and
    as no beginning each that follows neither a stop nor a line's end: the parser cuts names there ("Terra | Verde")."""

    def __init__(self) -> None:
        register_extensions()

    def __call__(self, doc: Doc) -> Doc:
        mark(doc, certain(doc, [t.text for t in doc], [t.idx for t in doc]))
        return doc


def certain(doc: Doc, words: Sequence[str], offsets: Sequence[int]) -> list[int]:
    """The borders in a text of these words that are certain (see ``borders``)."""
    known = doc.to_array([SENT_START]).astype(np.int64).reshape(-1).tolist()
    ends = {end for _, end in doc._.datelines or ()}
    return borders(words, offsets, known, inputs(doc).title_end, ends)


def mark(doc: Doc, marks: Sequence[int]) -> None:
    """Set the borders: 1 a sentence starts at the token, -1 none does, 0 unknown."""
    if marks:
        grid: Any = np.array(marks, dtype=np.int64).astype(np.uint64).reshape(-1, 1)
        doc.from_array([SENT_START], grid)


def borders(
    words: Sequence[str], offsets: Sequence[int], known: Sequence[int], title_end: int, datelines: set[int]
) -> list[int]:
    """What is certain of each token: 1 a sentence starts there, -1 none does, 0 the parser decides.

    ``offsets``: of the words' first characters; ``known``: what is certain already; ``datelines``: where they end.
    """
    marks = list(known)
    last, after_gap, start, ends = "", True, 0, datelines
    for i, word in enumerate(words):
        at, space = offsets[i], word.isspace()
        if not (after_gap or marks[i] or last[-1:] in _MAY_END):
            marks[i] = -1
        if ends and at >= min(ends) and any(at <= end <= at + len(word) for end in ends):
            marks[i] = 1
            ends = {end for end in ends if end > at}
        ends_part = i - start >= LONGEST
        if space and "\n" in word:
            ends_part |= at <= title_end < at + len(word) or word.count("\n") > 1 or last in _ENDS
        if ends_part and i + 1 < len(marks):
            marks[i + 1] = 1
        if ends_part or word in _STOPS:
            start = i
        if not space:
            last = word[-1]
        after_gap = space
    return marks


def units(words: Sequence[str], offsets: Sequence[int], marks: Sequence[int]) -> list[int]:
    """Where sentences start by punctuation alone, within what is certain (see ``borders``): 0 first, if anywhere."""
    starts, stopped, end = [0] if words else [], False, 0
    for i, word in enumerate(words):
        if i and (marks[i] == 1 or (stopped and marks[i] == 0 and _begins(word, offsets[i] > end))):
            starts.append(i)
            stopped = False
        end = offsets[i] + (0 if word.isspace() else len(word))
        if word in _FULL_STOPS:
            stopped = True
        elif word not in _CLOSERS and not word.isspace():
            stopped = False
    return starts


def with_units(marks: Sequence[int], starts: Sequence[int]) -> list[int]:
    """The borders with these starts of sentences among them."""
    found = list(marks)
    for i in starts:
        found[i] = 1
    return found


def _begins(word: str, spaced: bool) -> bool:
    """``spaced``: whether white space stands before it: of straight quotation marks only that tells which they are."""
    return word[0].isupper() or word[0].isdigit() or word[0] in _OPENERS or (spaced and word[0] in _QUOTES)


LONGEST = 250
"""Tokens after which a sentence ends whether or not it does: nobody writes longer ones, and much here takes time with
the square of a sentence's length."""

_STOPS = frozenset({".", "!", "?"})
_FULL_STOPS = _STOPS | {"…", "..."}
_CLOSERS = frozenset({'"', "”", "’", "'", ")", "]", "''"})
_OPENERS, _QUOTES = frozenset("“‘(["), frozenset("\"'")
_MAY_END = frozenset('.!?:;…"”’)]-–—•|')
_ENDS = frozenset('.!?:"”’')
