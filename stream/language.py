"""The language that a text looks like."""

from __future__ import annotations

from functools import cache
from typing import Any

ENOUGH_LETTERS = 30
"""Fewer letters are not classified: a short headline of names looks like any language."""

_READ = 2_000  # characters; more do not change the answer
_LEAST_CONFIDENCE = 0.5


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
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)  # type: ignore[no-untyped-call]
