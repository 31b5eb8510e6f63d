"""The name in what the model takes for an actor together with what is said of it: "the Comoros, Saïd Mlaili"."""

from __future__ import annotations

from spacy.tokens import Doc, Span

from processors.components.phrases import is_someone
from processors.lexicons import word_lists


def named_alone(doc: Doc, start: int, end: int) -> tuple[int, int]:
    """Of "the Comoros, Saïd Mlaili", what is said of a person and its name, the name."""
    commas = [i for i in range(start, end) if doc[i].text == ","]
    if len(commas) != 1 or any(t.lower_ in {"and", "or", "&"} for t in doc[start:end]):
        return start, end
    name = doc[commas[0] + 1 : end]
    person = all(t.ent_type_ == "PERSON" for t in name) or (_said_of_one(doc, start) and _large(doc, name))
    return (name.start, end) if len(name) > 1 and person else (start, end)


def _said_of_one(doc: Doc, start: int) -> bool:
    """Whether the words before ``start`` say what a person is: "the deposed president of"."""
    before = [t.lemma_.lower() for t in doc[max(0, start - 3) : start]]
    return "of" in before and any(word in word_lists("nouns")["person"] for word in before)


def _large(doc: Doc, name: Span) -> bool:
    places = {i for p in doc._.places or () for i in range(p.start, p.end)}
    return all(t.text[0].isupper() and t.i not in places for t in name)


def owning(doc: Doc, start: int, end: int) -> tuple[int, int]:
    """Of "the new address of the Coast Guard", whose noun is nobody, the organisation."""
    head = doc[start:end].root if end > start else None
    if head is None or head.pos_ != "NOUN" or head.i + 1 >= end or head.nbor(1).lower_ != "of" or is_someone(head):
        return start, end
    return next(
        ((e.start, e.end) for e in doc.ents if e.label_ == "ORG" and head.i < e.start < e.end <= end), (start, end)
    )
