"""The language of an article: what the feed list says, what the feed declares, else what the text looks like."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

ENOUGH_LETTERS = 30
"""Fewer letters are not classified: a short headline of names looks like any language."""

_READ = 2_000  # characters; more do not change the answer
_LEAST_CONFIDENCE = 0.5

# What feeds write instead of ISO 639-1
_ALIASES = {
    "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt", "rus": "ru",
    "ara": "ar", "zho": "zh", "chi": "zh", "jpn": "ja", "ukr": "uk", "tur": "tr", "fas": "fa", "per": "fa", "heb": "he",
    "iw": "he", "in": "id", "ji": "yi", "english": "en", "german": "de", "deutsch": "de", "french": "fr",
    "spanish": "es",
}  # fmt: skip


def declared(tag: str | None) -> str | None:
    """The ISO 639-1 code in a declared language (``en-GB``, ``en_US``, ``eng``); None where there is none."""
    primary = re.split(r"[-_;, ]", (tag or "").strip().lower(), maxsplit=1)[0]
    primary = _ALIASES.get(primary, primary)
    return primary if re.fullmatch(r"[a-z]{2}", primary) else None


def detect(text: str) -> str | None:
    """The language that ``text`` looks like by py3langid; None for too little text or an unsure answer."""
    text = text[:_READ]
    letters = sum(c.isalpha() for c in text)
    # a letter of Chinese, Japanese or Korean says as much as several of an alphabet
    letters += 3 * sum("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" for c in text)
    if letters < ENOUGH_LETTERS:
        return None
    code, confidence = _identifier().classify(text)
    return str(code) if confidence >= _LEAST_CONFIDENCE and len(code) == 2 else None


@cache
def _identifier() -> Any:
    """Loaded at the first need: half a second."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)  # type: ignore[no-untyped-call]
