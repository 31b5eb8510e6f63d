"""The language that a feed declares, as ISO 639-1."""

from __future__ import annotations

import re

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
