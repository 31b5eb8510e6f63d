"""The last component: the learned model's moves and the rules', joined, as ``Doc._.location_changes``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from processors.components.actors import Actors
from processors.components.candidates import propose
from processors.components.certainty import Certainty, certainty
from processors.components.choosing import ALONE, chosen
from processors.components.context import (
    is_background,
    is_duration,
    past_year,
    remembered,
    resolve_time,
    told_from_another,
)
from processors.components.itineraries import brought_here
from processors.components.journeys import united
from processors.components.learned_moves import LearnedMoves
from processors.components.merging import merged
from processors.components.model import Move, inputs, register_extensions, reject
from processors.components.places import Places
from processors.components.provenance import with_own_places
from processors.components.seats import holds
from processors.components.signs import signs
from processors.components.status import after_all
from processors.components.whereabouts import with_origin
from processors.learned.moves import LearnedMove
from processors.lexicons import DATA


@Language.factory(
    "newswatch_location_changes", assigns=["doc._.location_changes", "doc._.rejected"],
    requires=["doc.ents", "token.dep", "token.lemma"], default_config={"model": None},
)  # fmt: skip
def make_location_changes(nlp: Language, name: str, model: str | None) -> LocationChanges:  # noqa: ARG001 (spaCy passes both)
    """The factory. ``model``: another folder of model files than the one that ships."""
    return LocationChanges(nlp, Path(model) if model else DATA)


class LocationChanges:
    """Sets ``Doc._.location_changes`` (``Move``) and ``Doc._.rejected`` (triggers that tell none, with the reason).

    Places and actors are found here where no component before has."""

    def __init__(self, nlp: Language, model: Path) -> None:
        """Raises ``ConfigError`` where the folder ``model`` does not hold the learned model."""
        register_extensions()
        self._before: dict[str, Callable[[Doc], Doc]] = {"places": Places(), "actors": Actors(nlp)}
        self._learned = LearnedMoves(model)
        self.certainty: Certainty | None = certainty()
        """None: every move is told, however unlikely."""

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Many Docs, in order; the model reads those of a batch together."""
        waiting = iter(stream)
        while docs := list(islice(waiting, batch_size)):
            rules = [self._proposed(doc) for doc in docs]
            told = self._learned.find(docs, rules, ALONE)
            for doc, proposed, found in zip(docs, rules, told, strict=True):
                yield self._decided(doc, proposed, found)

    def _complete(self, doc: Doc) -> None:
        for extension, component in self._before.items():
            if doc._.get(extension) is None:
                component(doc)

    def _proposed(self, doc: Doc) -> list[Move]:
        self._complete(doc)
        doc._.rejected = []
        return propose(doc)

    def _decided(self, doc: Doc, rules: Sequence[Move], found: list[LearnedMove]) -> Doc:
        told = chosen(doc, rules, self._learned.tellings(doc, found, rules))
        told = [brought_here(doc, with_own_places(doc, _called_off(doc, m), told)) for m in told]
        moves = merged(doc, [_out_of_town(m) for m in told])
        doc._.location_changes = united(doc, [_placed_in_time(doc, m) for m in self._sure(doc, moves)])
        return doc

    def _sure(self, doc: Doc, moves: Sequence[Move]) -> Iterator[Move]:
        """The moves with their origin from elsewhere and their confidence, without those that are too unlikely."""
        placed = [with_origin(doc, m) for m in moves]
        if self.certainty is None:
            yield from placed
            return
        for move in placed:
            found = signs(doc, move, placed)
            if (there := self.certainty.told(found)) >= self.certainty.least:
                yield move.but(confidence=round(self.certainty.confidence(found), 2))
            else:
                reject(doc, move.trigger, f"too unlikely: probability {there:.2f}")


def _called_off(doc: Doc, move: Move) -> Move:
    """Who will not go "after all" was to go: that is no denial."""
    over = move.status == "denied" and after_all(doc, move.trigger)
    return move.but(status="cancelled") if over else move


def _out_of_town(move: Move) -> Move:
    """No way leads from a town to its own country: that says where they sit, "its embassy in X"."""
    return move.but(destination=None) if holds(move.destination, move.origin) else move


def _placed_in_time(doc: Doc, move: Move) -> Move:
    if move.when is None:
        return move.but(background=remembered(doc, move))
    text, published = doc[move.when[0] : move.when[1]].text, inputs(doc).published
    start, _ = resolve_time(text, published, move.status in {"planned", "approved", "conditional"})
    no_time = start is None or is_duration(text) or told_from_another(text)
    year = past_year(doc, move.trigger) if move.status == "completed" else None
    if year is not None and (no_time or year[0] <= move.when[0] < year[1]):
        text = doc[year[0] : year[1]].text
    return move.but(background=is_background(text, start, published))
