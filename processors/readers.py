"""Which pipeline reads which language: the English one, those of the settings, else names by the gazetteer alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from spacy.language import Language

from processors.components.gazetteer_only import Tokens
from processors.pipeline import load_spacy, model_info
from processors.readings import Findings, Reading, read
from stream.errors import ConfigError
from stream.language import detect
from stream.messages import Model

ENGLISH, UNKNOWN = "en", "und"
"""ISO 639 codes; ``und`` is a text of some script that is not English's, in no language that could be told."""

BY_NAME = "gazetteer"
"""What begins the model's name where there was none: "gazetteer_de"."""


class Readers:
    """Reads texts of any language. One object serves one thread."""

    def __init__(self, english: Language, others: Mapping[str, Language] | None = None) -> None:
        """``others``: pipelines of other languages (see ``load_others``), by ISO 639-1 code."""
        self._pipelines = {**(others or {}), ENGLISH: english}
        self._models = {language: model_info(nlp) for language, nlp in self._pipelines.items()}

    def read(self, readings: Sequence[Reading], languages: Sequence[str]) -> list[Findings]:
        """The findings of each text in its language, in order."""
        found: dict[int, Findings] = {}
        for language in dict.fromkeys(languages):
            here = [i for i, other in enumerate(languages) if other == language]
            found.update(zip(here, read(self._pipeline(language), [readings[i] for i in here]), strict=True))
        return [found[i] for i in range(len(readings))]

    def model(self, language: str) -> Model:
        """What reads a language."""
        self._pipeline(language)
        return self._models[language]

    def _pipeline(self, language: str) -> Language:
        if language not in self._pipelines:
            self._pipelines[language] = nlp = by_name(language)
            self._models[language] = model_info(nlp).model_copy(update={"name": f"{BY_NAME}_{language}"})
        return self._pipelines[language]


def by_name(language: str) -> Language:
    """A pipeline without any model: places and well-known organisations by the names they have in ``language``."""
    import spacy

    nlp = spacy.blank("xx")
    nlp.tokenizer = Tokens(nlp.vocab)
    nlp.add_pipe("newswatch_gazetteer", config={"language": language})
    return nlp


def load_others(pipelines: Mapping[str, str]) -> dict[str, Language]:
    """The spaCy pipelines by language, with what the gazetteer adds to their entities.

    Raises ``ConfigError`` when one is not installed, or is given for English (that is ``spacy_model``).
    """
    loaded = {}
    for language, model in pipelines.items():
        setting = f"enrich.pipelines: {language}"
        if language == ENGLISH:
            raise ConfigError(f"{setting}: the English pipeline is set by spacy_model; leave en out here")
        if not re.fullmatch(r"[a-z]{2,3}", language):
            raise ConfigError(f"{setting}: not an ISO 639-1 code of two letters, such as de")
        nlp = loaded[language] = load_spacy(model, setting)
        if not {"newswatch_places", "newswatch_gazetteer"} & set(nlp.pipe_names):
            nlp.add_pipe("newswatch_gazetteer", config={"language": language}, last=True)
    return loaded


def language_of(declared: str | None, text: str) -> str:
    """The language of a text as it is read: what is declared, else what it looks like, else English.

    What is declared English and is mostly in other letters is not: an outlet's feed has one language, its articles may
    have many.
    """
    known = (declared or "").lower().split("-")[0] or None
    if known not in {None, ENGLISH}:
        return str(known)
    foreign = _in_other_letters(text)
    if known == ENGLISH and not foreign:
        return ENGLISH
    return detect(text) or (_by_letters(text) if foreign else ENGLISH)


def _in_other_letters(text: str) -> bool:
    letters = [c for c in text[:_LOOKED_AT] if c.isalpha()]
    return len(letters) > 2 * sum(c < _AFTER_LATIN for c in letters)


def _by_letters(text: str) -> str:
    """The language that alone writes in the text's letters, as far as newspapers go."""
    return next((code for code, letters in _ALPHABETS if letters.search(text)), UNKNOWN)


_ALPHABETS = tuple(
    (code, re.compile(f"[{letters}]"))
    for code, letters in (
        ("ja", "\u3040-\u30ff"), ("ko", "\uac00-\ud7a3"), ("zh", "\u4e00-\u9fff"), ("he", "\u05d0-\u05ea"),
        ("el", "\u0370-\u03ff"), ("th", "\u0e00-\u0e7f"), ("hy", "\u0530-\u058f"), ("ka", "\u10a0-\u10ff"),
    )
)  # fmt: skip
_LOOKED_AT, _AFTER_LATIN = 2_000, "\u0250"
