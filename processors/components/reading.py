"""The text as the model reads it: same length and offsets, but without control characters and Headline Case."""

from __future__ import annotations

import re

from processors.gazetteer import gazetteer
from processors.lexicons import word_lists

_WORD = re.compile(r"[^\W\d_][\w'’.-]*")
_SMALL = frozenset(
    [
        "a",
        "an",
        "and",
        "as",
        "at",
        "but",
        "by",
        "for",
        "in",
        "of",
        "on",
        "or",
        "out",
        "over",
        "the",
        "to",
        "up",
        "via",
        "with",
        "from",
        "into",
        "off",
        "after",
        "amid",
        "is",
        "are",
    ]
)


def readable(title: str, body: str) -> str:
    """``title`` newline ``body`` (only ``body`` where there is no title) with every character in its place."""
    head = truecased(title, body)
    text = f"{head}\n{body}" if title else body
    return _ENDLESS.sub(_broken, _CONTROL.sub(" ", text))


_ENDLESS, _WORD_ROOM, _NO_TEXT = re.compile(r"\S{200,}"), 100, 1_000


def _broken(match: re.Match[str]) -> str:
    """A run without white space that is no word any more, a blank at every hundredth place: spaCy's tokenizer takes
    time with the square of its length (a minute for 20,000 dots). One of a page is no text (an image in base64)."""
    run = match.group()
    if len(run) >= _NO_TEXT:
        return " " * len(run)
    return " ".join(run[i : i + _WORD_ROOM - 1] for i in range(0, len(run), _WORD_ROOM)).ljust(len(run))


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\u00a0\ud800-\udfff]")


def headline_case(title: str) -> bool:
    """Whether nearly every longer word of the title has a capital."""
    words = [w for w in _WORD.findall(title) if w.lower() not in _SMALL]
    return len(words) >= 4 and sum(w[0].isupper() for w in words) >= 0.85 * len(words)


def truecased(title: str, body: str) -> str:
    """The title with ordinary words in lower case where it is In Headline Style; else as it is."""
    if not headline_case(title):
        return title
    lower = {w for w in _WORD.findall(body) if w[0].islower()}
    upper = {m.group() for m in _WORD.finditer(body) if m.group()[0].isupper() and not _starts(body, m.start())}
    common = word_lists("common")["lower"]

    def case(match: re.Match[str]) -> str:
        word = match.group()
        small = word.lower()
        if len(small) != len(word) or not word[1:].islower():
            return word
        if word in upper or (gazetteer().special(word) and small not in common):
            return word
        known = any(form in common or form in lower for form in _forms(small))
        return small if known and (match.start() or small in _SMALL) else word

    return _WORD.sub(case, title)


def _forms(word: str) -> set[str]:
    """The word and what it may be a form of: "abandons", "quits", "fleeing", "relocated"."""
    bare = word.removesuffix("'s").removesuffix("’s")
    return {bare, bare.removesuffix("s"), bare.removesuffix("es"), bare.removesuffix("ed"), bare.removesuffix("d"),
            bare.removesuffix("ing"), bare.removesuffix("ing") + "e", bare.removesuffix("s") + "ed"}  # fmt: skip


def _starts(text: str, at: int) -> bool:
    """Whether a sentence starts at ``at``."""
    before = text[:at].rstrip(" \"“‘'(")
    return not before or before[-1] in ".!?:\n"
