"""Text to word pieces and words: what the encoder reads, with the characters that each word covers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

Ints = NDArray[np.int64]

CLS, SEP, PAD = 101, 102, 0
"""Ids of the special pieces in the vocabulary of BERT (uncased)."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text as words, each a run of word pieces; punctuation marks are words of their own."""

    starts: Ints
    """First character of each word in the text."""
    ends: Ints
    """Character after the last of each word."""
    first: Ints
    """Index of each word's first piece, and at the end the number of pieces."""
    ids: Ints
    """The pieces of the text, without the special ones."""

    def __len__(self) -> int:
        return len(self.starts)

    def within(self, start: int, end: int) -> range:
        """The words that lie inside the characters ``start`` to ``end``."""
        low = int(np.searchsorted(self.starts, start, side="left"))
        high = int(np.searchsorted(self.ends, end, side="right"))
        return range(low, max(low, high))

    def pieces(self, words: range) -> int:
        """How many pieces these words take."""
        return int(self.first[words.stop] - self.first[words.start])

    def wrapped(self, words: range) -> list[int]:
        """The ids of these words between the special pieces, as the encoder wants them."""
        return [CLS, *self.ids[self.first[words.start] : self.first[words.stop]].tolist(), SEP]

    def heads(self, words: range) -> Ints:
        """Where in ``wrapped(words)`` each of these words has its first piece."""
        return np.asarray(self.first[words.start : words.stop] - self.first[words.start] + 1)

    def marks(self, words: range, marked: range) -> list[int]:
        """One number a piece of ``wrapped(words)``: 1 on the pieces of ``marked``, a range inside ``words``."""
        base = int(self.first[words.start]) - 1
        low, high = int(self.first[marked.start]) - base, int(self.first[marked.stop]) - base
        return [int(low <= i < high) for i in range(self.pieces(words) + 2)]


class WordPieces:
    """The tokenizer of the encoder. One object may serve many threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @classmethod
    def load(cls, file: Path) -> Self:
        """The tokenizer in ``file`` (the JSON of Hugging Face's tokenizers)."""
        return cls(Tokenizer.from_file(str(file)))

    def words(self, text: str) -> Words:
        """The words of ``text``. Characters that the tokenizer drops (controls, spaces) belong to no word."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if not encoding.ids:
            nothing = np.zeros(0, dtype=np.int64)
            return Words(nothing, nothing, np.zeros(1, dtype=np.int64), nothing)
        offsets = np.array(encoding.offsets, dtype=np.int64)
        of_word = np.array(encoding.word_ids, dtype=np.int64)
        change = np.flatnonzero(np.diff(of_word)) + 1
        first = np.concatenate(([0], change))
        last = np.concatenate((change, [len(of_word)])) - 1
        return Words(
            offsets[first, 0], offsets[last, 1], np.concatenate((first, [len(of_word)])),
            np.array(encoding.ids, dtype=np.int64),
        )  # fmt: skip
