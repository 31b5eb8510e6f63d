"""Sentence borders that the parser must keep: after the title and between paragraphs, and none inside a sentence."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from processors.components.model import inputs, register_extensions


@Language.factory("newswatch_sentences", assigns=["token.is_sent_start"])
def make_sentences(nlp: Language, name: str) -> Sentences:  # noqa: ARG001 (spaCy passes both)
    """The factory; belongs behind the datelines and before the parser."""
    return Sentences()


class Sentences:
    """Marks the first token after the title, after every paragraph's end and after what is too long for a sentence, and
    as no beginning each that follows neither a stop nor a line's end: the parser cuts names there ("Terra | Verde")."""

    def __init__(self) -> None:
        register_extensions()

    def __call__(self, doc: Doc) -> Doc:
        title_end = inputs(doc).title_end
        previous = ""
        start = 0
        ends = {end for _, end in doc._.datelines or ()}
        for token in doc:
            if (
                token.i
                and token.is_sent_start is None
                and previous[-1:] not in _MAY_END
                and not doc[token.i - 1].is_space
            ):
                token.is_sent_start = False
            if any(token.idx <= end < token.idx + len(token) + 1 for end in ends) and token.idx >= min(ends):
                token.is_sent_start = True
                ends = {end for end in ends if end > token.idx}
            gap = token.is_space and "\n" in token.text
            ends_title = gap and token.idx <= title_end < token.idx + len(token)
            paragraph = gap and (token.text.count("\n") > 1 or previous in _ENDS)
            endless = token.i - start >= LONGEST
            if (ends_title or paragraph or endless) and token.i + 1 < len(doc):
                doc[token.i + 1].is_sent_start = True
            if ends_title or paragraph or endless or token.text in _STOPS:
                start = token.i
            if not token.is_space:
                previous = token.text[-1]
        return doc


LONGEST = 250
"""Tokens after which a sentence ends whether or not it does: nobody writes longer ones, and much here takes time with
the square of a sentence's length."""

_STOPS = frozenset({".", "!", "?"})
_MAY_END = frozenset('.!?:;…"”’)]-–—•|')
_ENDS = frozenset('.!?:"”’')
