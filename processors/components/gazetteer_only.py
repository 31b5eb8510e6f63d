"""Places and well-known organisations by name alone, in any language: what is read where there is no English model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import regex  # type: ignore[import-untyped, unused-ignore]
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from processors.components.model import Organisation, PlaceMention, inputs, register_extensions
from processors.gazetteer import Toponym
from processors.names import names

PLACE_LABELS = frozenset({"GPE", "LOC", "FAC"})

_LONGEST_NAME, _LONGEST_UNSPACED = 5, 9  # tokens of a name: words, or letters of a script without blanks

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_TOKEN = regex.compile(rf"[{_UNSPACED}]\p{{M}}*|(?:(?![{_UNSPACED}])[\p{{L}}\p{{N}}\p{{M}}_])+|\s+|.", regex.DOTALL)
_WORD_END = regex.compile(r"[\p{L}\p{N}\p{M}]$")
_UNSPACED_LETTER = regex.compile(rf"[{_UNSPACED}]")


class Tokens:
    """A tokenizer for every script: words between blanks, single letters where a script writes none."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab

    def __call__(self, text: str) -> Doc:
        words: list[str] = []
        spaces: list[bool] = []
        for word in _TOKEN.findall(text):
            if word[0] == " " and spaces and not spaces[-1]:
                spaces[-1] = True
                word = word[1:]
            if word:
                words.append(word)
                spaces.append(False)
        return Doc(self._vocab, words=words, spaces=spaces)


@Language.factory(
    "newswatch_gazetteer",
    assigns=["doc._.places", "doc._.actors", "doc._.location_changes", "doc._.rejected", "doc.ents"],
    default_config={"language": None},
)
def make_gazetteer_only(nlp: Language, name: str, language: str | None) -> GazetteerOnly:  # noqa: ARG001 (spaCy's names)
    """The factory. ``language``: ISO 639-1 code of the texts, by default that of the pipeline."""
    return GazetteerOnly(language or str(nlp.lang))


class GazetteerOnly:
    """Sets ``Doc._.places`` and ``Doc._.actors``, and adds both to ``Doc.ents`` where the model found nothing. Tells no
    location changes of its own."""

    def __init__(self, language: str) -> None:
        register_extensions()
        self._names = names(language)

    def __call__(self, doc: Doc) -> Doc:
        actors = list(_longest(doc, self._names.organisation))
        taken = {i for start, end, _ in actors for i in range(start, end)}
        places = [p for p in self._places(doc) if not taken & set(range(p.start, p.end))]
        doc._.actors = {i: organisation for start, end, organisation in actors for i in range(start, end)}
        doc._.places = places
        doc._.location_changes = doc._.location_changes or []
        doc._.rejected = doc._.rejected or []
        doc.set_ents(_entities(doc, self._labelled(doc, actors, places)))
        return doc

    def _places(self, doc: Doc) -> list[PlaceMention]:
        """The places in reading order, each with the meaning that the others speak for."""
        others = {i for e in doc.ents if e.label_ not in PLACE_LABELS for i in range(e.start, e.end)}
        spans = {(s, e): found for s, e, found in _longest(doc, self._meanings) if not others & set(range(s, e))}
        for entity in doc.ents:
            known = any(s < entity.end and e > entity.start for s, e in spans)
            if entity.label_ in PLACE_LABELS and not known and not entity.text.isspace():
                spans[entity.start, entity.end] = self._names.meanings(entity.text, sure=True)
        weights = _countries(spans.values(), inputs(doc).country)
        return [_mention(start, end, found, weights) for (start, end), found in sorted(spans.items())]

    def _meanings(self, text: str) -> list[Toponym]:
        return [] if text[0].islower() else self._names.meanings(text)

    def _labelled(
        self, doc: Doc, actors: Iterable[Mention[Organisation]], places: Iterable[PlaceMention]
    ) -> Iterator[Span]:
        for start, end, _ in actors:
            yield Span(doc, start, end, "PERSON" if self._names.is_leader(doc[start:end].text) else "ORG")
        for p in places:
            settled = p.toponym is None or p.toponym.kind in {"country", "region", "city"}
            yield Span(doc, p.start, p.end, "GPE" if settled else "LOC")


Found = TypeVar("Found")
Mention = tuple[int, int, Found]
"""Tokens from, tokens to (exclusive), and what they name."""


def _longest(doc: Doc, look: Callable[[str], Found | None]) -> Iterator[Mention[Found]]:
    """What ``look`` finds, from left to right, of names that begin at one word the longest."""
    i = 0
    while i < len(doc):
        found = _at(doc, i, look) if doc[i].text[0].isalpha() else None
        if found:
            yield found
        i = found[1] if found else i + 1


def _at(doc: Doc, i: int, look: Callable[[str], Found | None]) -> Mention[Found] | None:
    most = _LONGEST_UNSPACED if _UNSPACED_LETTER.match(doc[i].text) else _LONGEST_NAME
    for end in range(min(i + most, len(doc)), i, -1):
        text = doc[i:end].text
        if _WORD_END.search(text) and "\n" not in text and (found := look(text)):
            return i, end, found
    return None


def _countries(meanings: Iterable[Sequence[Toponym]], source: str | None) -> dict[str | None, float]:
    """What speaks for each country: being named, and a little the outlet's own."""
    weights: dict[str | None, float] = {source: 0.3} if source else {}
    for found in meanings:
        if found and found[0].kind == "country":
            weights[found[0].country] = 2.0
    return weights


def _mention(start: int, end: int, meanings: Sequence[Toponym], weights: dict[str | None, float]) -> PlaceMention:
    best = max(meanings, key=lambda t: t.prior + _CONTEXT * weights.get(t.country, 0.0), default=None)
    return PlaceMention(start, end, best, country=best.country if best else None)


_CONTEXT = 1.6  # as in the gazetteer


def _entities(doc: Doc, ours: Iterable[Span]) -> list[Span]:
    """The model's entities and those of ours that overlap none."""
    kept = list(doc.ents)
    taken = {i for e in kept for i in range(e.start, e.end)}
    for span in ours:
        if not taken & set(range(span.start, span.end)):
            kept.append(span)
            taken |= set(range(span.start, span.end))
    return sorted(kept, key=lambda e: e.start)
