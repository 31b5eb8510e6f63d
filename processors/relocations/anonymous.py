"""Words for an actor that say of nobody who it is: "about 180 staff", "its headquarters", "we"; pure."""

from __future__ import annotations

import re
from functools import lru_cache

from spacy.lang.en.stop_words import STOP_WORDS

from processors.lexicons import word_lists

SPEAKERS = frozenset(["i", "we", "us", "me"])
"""Of whom a sentence tells only who heard it said."""

_WORD = re.compile(r"[^\W\d_][\w'’.-]*")
_GENITIVE = re.compile(r"['’]s?$")


@lru_cache(1 << 14)
def anonymous(words: str) -> bool:
    """Whether there is no name in the words: none is written large but perhaps the first, with
    which a sentence may begin, and that is an ordinary word then."""
    found: list[str] = _WORD.findall(words)
    if not found:
        return True
    first, rest = _GENITIVE.sub("", found[0]), found[1:]
    if any(word[0].isupper() for word in rest):
        return False
    if not words.lstrip().startswith(first) or first[0].islower():
        return not any(c.isupper() for c in first)  # a number before it; "eBay"
    if first.isupper() and len(first) > 1:
        return False  # "US troops", "WHO staff"
    lower, lists = first.lower(), word_lists("nouns")
    people = lower.endswith("s") or any(lower in lists[kind] for kind in ("person", "group", "military"))
    if words == first and lower not in SPEAKERS | STOP_WORDS and not people:
        return False  # "Oracle", "Shell": alone and without an article it is a name
    return lower in word_lists("common")["lower"] | SPEAKERS
