"""The spaCy pipeline of the extraction: any English model plus the registered components of newswatch."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from spacy.language import Language

from processors.components import actors, datelines, gazetteer_only, grammar, location_changes, places, sentences
from processors.lexicons import DATA, lexicons_hash
from stream.errors import ConfigError
from stream.messages import Model

FACTORIES = {
    "newswatch_datelines": datelines.make_datelines,
    "newswatch_sentences": sentences.make_sentences,
    "newswatch_grammar": grammar.make_grammar,
    "newswatch_places": places.make_places,
    "newswatch_actors": actors.make_actors,
    "newswatch_location_changes": location_changes.make_location_changes,
    "newswatch_gazetteer": gazetteer_only.make_gazetteer_only,
}
"""The components by the name of their factory."""

ENGLISH_PIPELINE = tuple(n for n in FACTORIES if n not in {"newswatch_gazetteer", "newswatch_grammar"})
"""Those that any English pipeline may have behind its own, in their order; the first two go before the parser."""

_OF_GRAMMAR = ("tok2vec", "tagger", "morphologizer", "parser", "attribute_ruler", "lemmatizer")
"""The components of spaCy's models that ``newswatch_grammar`` lets run where they are needed."""

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
    frugal = _names_alone(nlp)
    for name in ENGLISH_PIPELINE:
        if name == "newswatch_sentences" and frugal:
            _with_economy(nlp)
        elif name in _BEFORE_PARSER:
            nlp.add_pipe(name, before=None if frugal else "parser")
        else:
            nlp.add_pipe(name, config={"model": str(learned)} if name == "newswatch_location_changes" else {})
    return nlp


def _names_alone(nlp: Language) -> bool:
    """Whether the entity recogniser needs nothing of the others (that of ``en_core_web_trf`` shares a transformer), and
    nobody added a component that may need theirs."""
    if not set(nlp.pipe_names) <= {"ner", *_OF_GRAMMAR}:
        return False
    recogniser: Any = nlp.get_pipe("ner")
    return not any(node.name.endswith("listener") for node in recogniser.model.walk())


def _with_economy(nlp: Language) -> None:
    """Put ``newswatch_grammar`` in the place of the model's own components, which it lets run where they are needed."""
    grammar = [name for name in nlp.pipe_names if name in _OF_GRAMMAR]
    for name in ("ner", *grammar):
        nlp.disable_pipe(name)
    nlp.add_pipe("newswatch_grammar", config={"names": ["ner"], "grammar": grammar})


def load_spacy(model: str, setting: str) -> Language:
    """The spaCy pipeline ``model`` as it is. Raises ``ConfigError`` that names ``setting`` when it is not installed."""
    import spacy
    from thinc.api import NumpyOps, get_current_ops, use_ops

    # numpy's BLAS multiplies three times as fast as the one that spaCy brings; both give the same but for rounding
    on_cpu = isinstance(get_current_ops(), NumpyOps)
    try:
        with use_ops("numpy", use_blis=False) if on_cpu else nullcontext():
            return spacy.load(model)
    except OSError as error:
        message = f"{setting}: {model!r} is not installed; pip install {model}, or set another model"
        raise ConfigError(message) from error


def model_info(nlp: Language) -> Model:
    """The pipeline's name and version and the hash over all lexicons."""
    return Model(
        name=f"{nlp.meta['lang']}_{nlp.meta['name']}", version=str(nlp.meta["version"]), lexicons=lexicons_hash()
    )
