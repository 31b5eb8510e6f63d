"""What a word is, for every backend: ``words`` cuts a text into tokens, ``fold`` makes a whole value comparable."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from operator import and_

import regex  # type: ignore[import-untyped, unused-ignore]

MAX_UNITS = 255
"""A word is cut at this many UTF-16 units: the longest token that Elasticsearch's tokenizers leave whole."""

MAX_VALUE = 8_000
"""A folded whole value is cut at this many characters: at 4 bytes each still under Lucene's 32,766 bytes a term."""

VERSION = 2
"""Raise it whenever ``words`` or ``fold`` gives another result for any text: stored tokens are then made anew."""

_SEGMENT = regex.compile(r"(?:\b|(?<='))\w(?:\B.)*", regex.WORD | regex.DOTALL)
"""A word of UAX #29 (``regex.WORD``: its boundaries), from its first letter, digit or underscore on. The library sees
no boundary between an apostrophe and a vowel behind it: a word that opens a quotation begins there all the same."""

_ASCII_SEGMENT = re.compile(r"\w+(?:(?:(?<=[a-z])[:.'](?=[a-z])|(?<=\d)[,;.'](?=\d))\w+)*", re.ASCII)
"""The same in a text that is lower-case ASCII, three times as fast."""

_SHORT = 64
"""Characters: names and keywords up to here come again and again, and are cut and folded once."""

_CJK = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\u30FC]")
_CHARACTER = regex.compile(rf"{_CJK.pattern}\p{{M}}*|(?:(?!{_CJK.pattern}).)+", regex.DOTALL)
_CONTENT = regex.compile(r"[\p{L}\p{N}]")
_IGNORED = regex.compile(r"[\p{Cf}\p{VS}]", regex.V1)
_CONTROL = regex.compile(r"[\p{Cc}\s]+")

_LETTERS = str.maketrans(
    {
        "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n", "æ": "ae", "œ": "oe", "þ": "th",
        "ə": "e", "’": "'", "‘": "'", "ʼ": "'", "ʻ": "'", "ʾ": "'", "ʿ": "'", "ʹ": "'", "`": "'", "´": "'",
    }
)  # fmt: skip
"""Letters with a stroke and the like, which Unicode does not decompose, and the apostrophe's many shapes."""


_MAYBE_MARK = re.compile("[^\x00-\u02ff]")


def _is_diacritic(char: str) -> bool:
    """Marks above, below and through letters, Hebrew and Arabic points. Vowel signs of Indic scripts, Thai vowels and
    the Japanese voicing marks have other combining classes: they make another word and stay."""
    kind = unicodedata.combining(char)
    return kind >= 200 or kind == 1 or 10 <= kind <= 35


def _normal(text: str) -> str:
    """The text in lower case (full case folding: ß is ss), compatibility forms unified, diacritics folded."""
    if text.isascii():
        return text.lower().replace("`", "'")
    text = _IGNORED.sub("", text.replace("\u200b", " "))  # the zero-width space is a border, other such joins
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    text = _MAYBE_MARK.sub(lambda m: "" if _is_diacritic(m[0]) else m[0], text).translate(_LETTERS)
    return unicodedata.normalize("NFC", text)


def _cut(word: str) -> str:
    """The first ``MAX_UNITS`` UTF-16 units; a character of two units is never halved."""
    if len(word) * 2 <= MAX_UNITS:
        return word
    return word.encode("utf-16-le")[: MAX_UNITS * 2].decode("utf-16-le", errors="ignore")


def _pieces(segment: str) -> list[str]:
    """The segment without a possessive ending, cut into single characters where it is Chinese or Japanese."""
    word = segment.removesuffix("'s")
    pieces = [word] if word.isascii() or not _CJK.search(word) else _CHARACTER.findall(word)
    return [_cut(p) for p in pieces if _CONTENT.search(p)]


def words(text: str) -> list[str]:
    """The words of ``text`` in order, as all backends compare them.

    Words are those of Unicode's UAX #29, in lower case, diacritics folded, a possessive ``'s`` dropped; each Chinese
    or Japanese character is a word of its own; each is cut at 255 UTF-16 units. Punctuation, symbols and emoji are
    no words. A word holds no white space, so the words joined by spaces can be split again.
    """
    return list(_short_words(text)) if len(text) <= _SHORT else _words(text)


def _words(text: str) -> list[str]:
    normal = _normal(text)
    found: list[str] = (_ASCII_SEGMENT if normal.isascii() else _SEGMENT).findall(normal)
    # nearly all are as they are to be, nothing in them to drop, to cut or to part: the others are found without a loop
    plain = map(and_, map(str.isalnum, found), map(str.isascii, found))
    odd = [i for i, is_plain in enumerate(plain) if not is_plain]
    if max(map(len, found), default=0) > MAX_UNITS:
        odd = sorted({*odd, *(i for i, s in enumerate(found) if len(s) > MAX_UNITS)})
    for i in reversed(odd):
        found[i : i + 1] = _pieces(found[i])
    return found


@lru_cache(maxsize=1 << 14)
def _short_words(text: str) -> tuple[str, ...]:
    return tuple(_words(text))


def fold(value: str) -> str:
    """A whole value as keywords are compared: in lower case, diacritics folded, white space and control characters
    as single spaces, none at the ends, at most ``MAX_VALUE`` characters; empty means no value."""
    return _short_fold(value) if len(value) <= _SHORT else _fold(value)


def _fold(value: str) -> str:
    spaced: str = _CONTROL.sub(" ", _normal(value))
    return spaced.strip()[:MAX_VALUE].rstrip()


_short_fold = lru_cache(maxsize=1 << 14)(_fold)
