"""The last component: candidates, joined, with their background marked, as ``Doc._.location_changes``."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from processors.components.candidates import propose
from processors.components.context import is_background, resolve_time
from processors.components.merging import merged
from processors.components.model import Move, inputs, register_extensions
from processors.components.whereabouts import with_origin


@Language.factory(
    "newswatch_location_changes", assigns=["doc._.location_changes", "doc._.rejected"],
    requires=["doc._.places", "doc._.actors", "doc._.datelines", "doc.ents", "token.dep", "token.lemma"],
)  # fmt: skip
def make_location_changes(nlp: Language, name: str) -> LocationChanges:  # noqa: ARG001 (spaCy passes both)
    """The factory."""
    return LocationChanges()


class LocationChanges:
    """Sets ``Doc._.location_changes`` (``Move``) and ``Doc._.rejected`` (triggers that tell none, with the reason)."""

    def __init__(self) -> None:
        register_extensions()

    def __call__(self, doc: Doc) -> Doc:
        doc._.rejected = []
        doc._.location_changes = [_placed_in_time(doc, with_origin(doc, m)) for m in merged(doc, propose(doc))]
        return doc


def _placed_in_time(doc: Doc, move: Move) -> Move:
    if move.when is None:
        return move
    text, published = doc[move.when[0] : move.when[1]].text, inputs(doc).published
    start, _ = resolve_time(text, published, move.status in {"planned", "approved", "conditional"})
    return move.but(background=move.status == "completed" and is_background(text, start, published))
