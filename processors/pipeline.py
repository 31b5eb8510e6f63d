"""The spaCy pipeline of the extraction: any English model plus the registered components of newswatch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from spacy.language import Language

from processors.components import actors, datelines, gazetteer_only, location_changes, places, sentences
from processors.lexicons import DATA, lexicons_hash
from stream.errors import ConfigError
from stream.messages import Model

FACTORIES = {
    "newswatch_datelines": datelines.make_datelines,
    "newswatch_sentences": sentences.make_sentences,
    "newswatch_places": places.make_places,
    "newswatch_actors": actors.make_actors,
    "newswatch_location_changes": location_changes.make_location_changes,
    "newswatch_gazetteer": gazetteer_only.make_gazetteer_only,
}
"""The components by the name of their factory."""

ENGLISH_PIPELINE = tuple(name for name in FACTORIES if name != "newswatch_gazetteer")
"""Those of the English pipeline, in their order; the first two go before the parser."""


_OUTLET = re.compile(
    r"[A-Z][A-Za-z]+\.(?!(?:He|It|In|We|As|At|On|To|An|By|My|If|So|No|Do|Go|Of|Or|Up|Us|Is|Am|Be|Me)$)"
    r"(?:[A-Z][a-z]|Com|Org|Net|Info|com|org|net)$"
)
"""An outlet named like its domain ("Caliber.Az"), which would otherwise end a sentence in its middle."""

_BEFORE_PARSER = frozenset({"newswatch_datelines", "newswatch_sentences"})


def load_pipeline(model: str, learned: Path = DATA) -> Language:
    """The spaCy pipeline ``model`` with the components of newswatch behind its own.

    ``learned``: the folder of the learned model of location changes.

    Raises ``ConfigError`` when the model is not installed, or has no parser or entity recogniser.
    """
    nlp = load_spacy(model, "spacy_model")
    missing = [name for name in ("parser", "ner") if name not in nlp.pipe_names]
    if missing:
        raise ConfigError(
            f"spacy_model: {model!r} has no {' and no '.join(missing)}; use an English pipeline that has both"
        )
    tokenizer: Any = nlp.tokenizer
    tokenizer.token_match = _OUTLET.match
    for name in ENGLISH_PIPELINE:
        if name in _BEFORE_PARSER:
            nlp.add_pipe(name, before="parser")
        else:
            nlp.add_pipe(name, config={"model": str(learned)} if name == "newswatch_location_changes" else {})
    return nlp


def load_spacy(model: str, setting: str) -> Language:
    """The spaCy pipeline ``model`` as it is. Raises ``ConfigError`` that names ``setting`` when it is not installed."""
    import spacy

    try:
        return spacy.load(model)
    except OSError as error:
        message = f"{setting}: {model!r} is not installed; pip install {model}, or set another model"
        raise ConfigError(message) from error


def model_info(nlp: Language) -> Model:
    """The pipeline's name and version and the hash over all lexicons."""
    return Model(
        name=f"{nlp.meta['lang']}_{nlp.meta['name']}", version=str(nlp.meta["version"]), lexicons=lexicons_hash()
    )
