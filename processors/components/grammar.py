"""Reading with economy: names in every sentence, grammar only where a move may be told and in what it refers to.

The parser and what goes with it take half of the time of a spaCy pipeline, and nearly all sentences of the news tell no
move. ``newswatch_grammar`` lets the model's own components run: those that find names on every text, those of grammar
on the sentences that ``gate`` lets through and on their neighbours where they may be needed: what a pronoun stands for
is told before it, who says so sometimes behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np
from spacy.attrs import DEP, HEAD, LEMMA, MORPH, NORM, POS, SENT_START, TAG
from spacy.language import Language
from spacy.tokens import Doc

from processors.components.context import SAME_MOVE
from processors.components.coreference import PRONOUNS
from processors.components.gate import passes
from processors.components.model import inputs, register_extensions
from processors.components.sentences import certain, mark, units, with_units
from processors.lexicons import word_lists

_ATTRIBUTES = [HEAD, DEP, TAG, POS, MORPH, LEMMA]

SHORT = 110
"""Tokens of a text that is read whole if any of its sentences may tell a move: no longer than a window of the model."""


@Language.factory(
    "newswatch_grammar",
    assigns=["doc.ents", "doc.sents", "token.dep", "token.head", "token.lemma", "token.pos", "token.tag", "token.morph",
             "doc._.wanted"],
    default_config={"names": ["ner"], "grammar": ["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"]},
)  # fmt: skip
def make_grammar(nlp: Language, name: str, names: list[str], grammar: list[str]) -> Grammar:  # noqa: ARG001 (spaCy's)
    """The factory. ``names``, ``grammar``: components of the pipeline, disabled there, that find either."""
    return Grammar(nlp, names, grammar)


class Grammar:
    """Sets entities and sentences of every text; tags, heads and lemmas only where a move may be told, and there
    ``Doc._.wanted``: the ranges of tokens whose sentences may tell one."""

    def __init__(self, nlp: Language, names: Sequence[str], grammar: Sequence[str]) -> None:
        register_extensions()
        self._nlp, self._names, self._grammar = nlp, tuple(names), tuple(grammar)

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Many Docs, in order."""
        waiting = iter(stream)
        while batch := list(islice(waiting, batch_size)):
            yield from self._read(batch)

    def _read(self, docs: list[Doc]) -> list[Doc]:
        laid = [_laid(doc) for doc in docs]
        for doc, text in zip(docs, laid, strict=True):
            mark(doc, with_units(text.marks, text.starts))
        docs = self._through(self._names, docs)
        parts = [_part(doc, text) for doc, text in zip(docs, laid, strict=True)]
        parsed = iter(
            self._through(self._grammar, [_copied(d, t, p) for d, t, p in zip(docs, laid, parts, strict=True) if p])
        )
        for doc, text, part in zip(docs, laid, parts, strict=True):
            _write(doc, text, part, next(parsed) if part else None)
        return docs

    def _through(self, names: Sequence[str], docs: list[Doc]) -> list[Doc]:
        for name in names:
            component: Any = self._nlp.get_pipe(name)
            if hasattr(component, "pipe"):
                docs = list(component.pipe(docs, batch_size=max(1, len(docs))))
            else:
                docs = [component(doc) for doc in docs]
        return docs


@dataclass(frozen=True, slots=True)
class _Laid:
    """A text's words, what is certain of its sentences' borders, and where they start by punctuation."""

    words: list[str]
    marks: list[int]
    starts: list[int]

    def ranges(self) -> list[range]:
        """The sentences."""
        return [range(a, b) for a, b in pairwise([*self.starts, len(self.words)])]


def _laid(doc: Doc) -> _Laid:
    words, offsets = [t.text for t in doc], [t.idx for t in doc]
    marks = certain(doc, words, offsets)
    return _Laid(words, marks, units(words, offsets, marks))


def _part(doc: Doc, text: _Laid) -> list[range]:
    """The sentences that are to be parsed; ``Doc._.wanted`` is set to those that may tell a move."""
    sentences = text.ranges()
    chosen = wanted(doc, text.words, text.starts, sentences)
    if chosen and len(text.words) <= SHORT:
        chosen = set(range(len(sentences)))
    doc._.wanted = [(sentences[i].start, sentences[i].stop) for i in sorted(chosen)]
    needed = set(chosen).union(*(_needed(text.words, sentences, i) for i in chosen))
    return [sentences[i] for i in sorted(needed)]


def wanted(doc: Doc, words: Sequence[str], starts: Sequence[int], sentences: Sequence[range]) -> set[int]:
    """The numbers of the sentences that may tell a move; those of the title always."""
    passed = passes(words, [t.ent_type_ for t in doc], starts)
    title_end = inputs(doc).title_end
    return {i for i, s in enumerate(sentences) if passed[i] or doc[s.start].idx < title_end}


def _needed(words: Sequence[str], sentences: Sequence[range], i: int) -> set[int]:
    """The neighbours that sentence ``i`` may refer to: one before it, three and the next where it has a pronoun or a
    description; and those of the next two that speak of "the move" again."""
    own = {words[k].lower() for k in sentences[i]}
    refers = not own.isdisjoint(PRONOUNS | word_lists("nouns")["description"])
    found = set(range(max(0, i - (3 if refers else 1)), i))
    for k in range(i + 1, min(i + 3, len(sentences))):
        if (refers and k == i + 1) or any(words[w].lower() in SAME_MOVE for w in sentences[k]):
            found.add(k)
    return found


def _copied(doc: Doc, text: _Laid, part: Sequence[range]) -> Doc:
    """A text of these sentences alone, for the parser."""
    tokens = [i for sentence in part for i in sentence]
    copy = Doc(doc.vocab, words=[text.words[i] for i in tokens], spaces=[bool(doc[i].whitespace_) for i in tokens])
    starts = np.array([text.marks[i] for i in tokens], dtype=np.int64)
    last = -1
    at = 0
    for sentence in part:
        if sentence.start != last:
            starts[at] = 1  # it does not go on from what stands before it in the copy
        last, at = sentence.stop, at + len(sentence)
    norms = doc.to_array([NORM])[tokens]  # those of the tokenizer's exceptions, which the words alone do not give
    grid: Any = np.stack([starts.astype(np.uint64), norms], axis=1)
    return copy.from_array([SENT_START, NORM], grid)


def _write(doc: Doc, text: _Laid, part: Sequence[range], parsed: Doc | None) -> None:
    """Set the grammar of the parsed sentences; every other is a row of words under its first."""
    if not text.words:
        return
    grid: Any = np.zeros((len(doc), len(_ATTRIBUTES)), dtype=np.uint64)
    strings = doc.vocab.strings
    first = np.repeat(text.starts, np.diff([*text.starts, len(doc)]))
    grid[:, 0] = (first - np.arange(len(doc))).astype(np.int64).astype(np.uint64)
    grid[:, 1] = strings.add("dep")
    grid[text.starts, 1] = strings.add("ROOT")
    if parsed is not None:
        grid[[i for sentence in part for i in sentence]] = parsed.to_array(_ATTRIBUTES)
    doc.from_array(_ATTRIBUTES, grid)
