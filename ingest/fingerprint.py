"""SimHash: a fingerprint of a text in which near copies differ in few bits."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

_WORD = re.compile(r"\w+")
_BYTES = 8
_SHINGLE = 3


def simhash(text: str) -> str:
    """The 64-bit SimHash of ``text`` over its shingles of three words, as 16 hex digits.

    M. S. Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002, as used by G. S. Manku,
    A. Jain and A. Das Sarma, "Detecting near-duplicates for web crawling", WWW 2007: bit *i* is 1 when more
    of the shingles' hashes (here BLAKE2b, each distinct shingle once) have it set than not. No words: all zeros.
    """
    hashes = [hashlib.blake2b(s.encode(), digest_size=_BYTES).digest() for s in _shingles(text)]
    joined = b"".join(hashes)
    value = 0
    for place in range(_BYTES):
        counts = Counter(joined[place::_BYTES])
        for bit in range(7, -1, -1):
            ones = sum(n for byte, n in counts.items() if byte >> bit & 1)
            value = value << 1 | (2 * ones > len(hashes))
    return f"{value:016x}"


def distance(one: str, other: str) -> int:
    """In how many of their 64 bits two fingerprints differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _shingles(text: str) -> set[str]:
    """Runs of three words, lower-case; a text of fewer words is one shingle."""
    words = _WORD.findall(text.casefold())
    if len(words) <= _SHINGLE:
        return {" ".join(words)} if words else set()
    return {" ".join(words[i : i + _SHINGLE]) for i in range(len(words) - _SHINGLE + 1)}
