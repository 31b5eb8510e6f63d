"""Phrases that change what is said of a move ("called off", "no truth"): the expressions of ``data/cues.yml``."""

from __future__ import annotations

import functools
import re

from processors.lexicons import DATA, Lexicon, load_lexicon
from stream.errors import ConfigError

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"


class _File(Lexicon):
    report: list[str]
    denied: list[str]
    cancelled: list[str]
    approved: list[str]
    hearsay: list[str]
    future: list[str]
    soon: list[str]
    habit: list[str]
    ages: list[str]


@functools.cache
def _file() -> _File:
    return load_lexicon(DATA / "cues.yml", _File)


@functools.cache
def cue(name: str) -> re.Pattern[str]:
    """One expression for the list ``name``. Raises ``ConfigError`` that names the entry which is no expression."""
    file = _file()
    fill = {"{report}": f"(?:{'|'.join(file.report)})", "{month}": f"(?:{MONTHS})"}
    parts = []
    for entry in getattr(file, name):
        text = entry
        for key, value in fill.items():
            text = text.replace(key, value)
        try:
            re.compile(text)
        except re.error as error:
            raise ConfigError(f"{DATA / 'cues.yml'}: {name}: {entry!r} is no regular expression: {error}") from error
        parts.append(text)
    return re.compile(rf"\b(?:{'|'.join(parts)})\b", re.IGNORECASE)
