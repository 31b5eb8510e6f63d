"""The weights of ``processors.components.certainty``, from what the whole extraction says of passages that the model
it uses never learned from.

``python -m training.certainty`` fits them with the model that ships, says how they hold on each round when they are
fitted without it, and writes ``certainty.yml``; ``--check`` only says whether that is what ships.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from spacy.language import Language

from processors.components.certainty import Certainty
from processors.components.signs import PARTS, log_odds, signs
from processors.lexicons import DATA, load_lexicon
from processors.pipeline import load_pipeline
from processors.readings import Reading, docs, pieces, statement
from stream.settings import Settings
from training.data import Passage, load
from training.evaluate import ROOT, scorer
from training.logistic import fit

ROUNDS = tuple(f"round-{n}" for n in range(1, 9))
"""Rounds of corpus/fresh that the weights are fitted on: later ones test them."""

DENSE = ("dense-a", "dense-b")
"""Files of corpus/train that the model that ships never learned from (``training.__main__.LEFT_OUT``)."""

DENSE_WEIGHT = 0.5
"""What a move of ``DENSE`` weighs: they are harder than news."""

SURE, SHARE = 0.8, 0.955
"""From the confidence ``SURE`` on at least this share of the moves of the rounds is right, each round read with weights
that were fitted without it."""

LEASTS = [x / 20 for x in range(11, 14)]
"""Bounds tried for the probability below which a move is not told: surer than even odds."""

INVENTED_COSTS = 1.0
"""How much of a share of negatives with an event one gives for as much event F1 when the bound is chosen."""

TOLERANCE = 0.02
"""What two fits may differ by, in confidence: the model says a little other numbers on another machine."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A move that the extraction told, its signs, and what of it is right; of one that is not there only that."""

    signs: Mapping[str, float]
    right: Mapping[str, bool]
    """By part (see ``PARTS``)."""

    @property
    def whole(self) -> bool:
        """Whether it is there, and actor and places are right."""
        return len(self.right) == len(PARTS) and all(self.right.values())


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of passages that a model read without having learned from them, and what it told of each."""

    name: str
    passages: Sequence[Passage]
    judged: Sequence[Sequence[Judged]]

    @property
    def group(self) -> str:
        """What is held out together: the passages and articles of a round."""
        return self.name.removesuffix("-passages").removesuffix("-articles")

    def moves(self) -> list[Judged]:
        """All that were told."""
        return [j for each in self.judged for j in each]


def pipeline(model: str, folder: Path) -> Language:
    """The whole extraction with the learned model of ``folder``, telling every move however unlikely."""
    nlp = load_pipeline(model, folder)
    nlp.get_pipe("newswatch_location_changes").certainty = None  # type: ignore[attr-defined]
    return nlp


def judge(nlp: Language, file: Path) -> Sample:
    """The passages with the moves told of each, compared with the annotated ones one to one, as score.py does."""
    passages = load([file])
    work = [(p, Reading(None, p["text"])) for p in passages]
    made = [piece for _, reading in work for piece in list(pieces(reading))[:1]]
    result = []
    read = nlp.pipe(docs(nlp, [(text, inputs) for _, text, inputs in made]), batch_size=64)
    for (passage, reading), doc in zip(work, read, strict=True):
        moves = list(doc._.location_changes)
        right = _right(passage, [_plain(statement(doc, m, 0, reading)) for m in moves])
        result.append([Judged(signs(doc, m, moves), r) for m, r in zip(moves, right, strict=True)])
    return Sample(file.stem, passages, result)


def _right(passage: Passage, told: Sequence[dict[str, Any]]) -> list[dict[str, bool]]:
    """Of each move told what of it is right, by part."""
    _, errors = scorer().score([passage], {passage["id"]: told})
    wrong = {id(e["predicted"]): e["gold"] for _, what, e in errors if what.startswith("wrong")}
    invented = {id(p) for _, what, p in errors if what == "invented"}
    return [{"there": False} if id(t) in invented else _parts(t, wrong.get(id(t))) for t in told]


def _parts(told: dict[str, Any], gold: dict[str, Any] | None) -> dict[str, bool]:
    if gold is None:
        return dict.fromkeys(PARTS, True)
    sides = {side: scorer().side_right(told, gold, side) for side in ("origin", "destination")}
    return {"there": True, "actor": scorer().actor_right(told, gold), **sides}


def _plain(said: Any) -> dict[str, Any]:
    return {
        "actor": said.actor.model_dump(), "kind": said.kind, "status": said.status,
        **{side: place.model_dump() if (place := getattr(said, side)) else None for side in ("origin", "destination")},
    }  # fmt: skip


def fitted(samples: Sequence[Sample]) -> Certainty:
    """What ``certainty.yml`` holds. ``shift`` and ``least`` are chosen on samples that the weights were fitted without,
    one group after the other."""
    pairs = [(s, weighed([o for o in samples if o.group != s.group])) for s in samples]
    counts = {s.name: (len(s.moves()), sum(j.whole for j in s.moves())) for s in samples}
    return weighed(samples).model_copy(update={
        "shift": _shift(pairs), "least": max(LEASTS, key=lambda least: _worth(pairs, least)), "fitted_on": counts,
    })  # fmt: skip


def weighed(samples: Iterable[Sample]) -> Certainty:
    """The weights of each part, fitted on these samples, with no shift."""
    rows = [(j, DENSE_WEIGHT if s.name in DENSE else 1.0) for s in samples for j in s.moves()]
    parts: dict[str, Any] = {}
    for part, names in PARTS.items():
        known = [(j, worth) for j, worth in rows if part in j.right]
        parts[part] = fit(
            {name: [j.signs[name] for j, _ in known] for name in names}, [j.right[part] for j, _ in known],
            [worth for _, worth in known],
        )  # fmt: skip
    return Certainty(**parts, shift=0.0, least=0.0, fitted_on={})


Pairs = Sequence[tuple[Sample, Certainty]]
"""Samples with weights that were fitted without them."""


def _shift(pairs: Pairs) -> float:
    """What moves the least probability from which on enough of the rounds' moves are right to ``SURE``."""
    sure = [(known.confidence(j.signs), j.whole) for s, known in pairs if s.group in ROUNDS for j in s.moves()]
    sure.sort(reverse=True)
    right, bound = 0, 1.0
    for count, (p, ok) in enumerate(sure, 1):
        right += ok
        if right >= SHARE * count:
            bound = p
    return round(log_odds(SURE) - log_odds(bound), 3)


def _worth(pairs: Pairs, least: float) -> float:
    """Event F1 where moves less likely than ``least`` are not told, less what the invented cost."""
    kept = [(p, [j for j in each if known.told(j.signs) >= least])
            for s, known in pairs for p, each in zip(s.passages, s.judged, strict=True)]  # fmt: skip
    gold, found = sum(len(p["events"]) for p, _ in kept), sum(len(each) for _, each in kept)
    hits = sum(j.right["there"] for _, each in kept for j in each)
    empty = [each for p, each in kept if not p["events"]]
    return 2 * hits / max(1, gold + found) - INVENTED_COSTS * sum(map(bool, empty)) / max(1, len(empty))


def in_line(name: str, pairs: Pairs) -> str:
    """For each least confidence how many of the moves told reach it, and the share of them that is right."""
    sure = [(round(known.confidence(j.signs), 2), j.whole) for sample, known in pairs for j in sample.moves()
            if known.told(j.signs) >= known.least]  # fmt: skip
    reach = [(least, [ok for p, ok in sure if p >= least]) for least in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)]
    return f"{name}: " + " · ".join(f"≥ {least}: {len(oks)}, {sum(oks) / max(1, len(oks)):.2f}" for least, oks in reach)


def read(folder: Path) -> list[Sample]:
    """What the whole extraction, with the model in ``folder``, makes of the passages that the weights are fitted on."""
    nlp = pipeline(Settings().spacy_model, folder)
    rounds = [f for r in ROUNDS for f in sorted((ROOT / "corpus" / "fresh").glob(f"{r}-*.jsonl"))]
    return [judge(nlp, f) for f in (*rounds, *(ROOT / "corpus" / "train" / f"{name}.jsonl" for name in DENSE))]


def held_out(samples: Sequence[Sample]) -> list[tuple[Sample, Certainty]]:
    """The rounds, each with what is fitted without it: weights, shift and bound."""
    known = {group: fitted([s for s in samples if s.group != group]) for group in ROUNDS}
    return [(s, known[s.group]) for s in samples if s.group in known]


def write(file: Path, known: Certainty) -> None:
    """The file that ships."""
    text = yaml.safe_dump(known.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=100)
    file.write_text(f"# Made by python -m training.certainty: see processors/components/certainty.py.\n{text}")


def difference(one: Certainty, other: Certainty, samples: Sequence[Sample]) -> float:
    """By how much two fits differ at most in the confidence of a move."""
    return max(abs(one.confidence(j.signs) - other.confidence(j.signs)) for s in samples for j in s.moves())


def calibrate(folder: Path) -> None:
    """Fit the weights with the model in ``folder``, write them beside it, and print how they hold."""
    samples = read(folder)
    write(folder / "certainty.yml", fitted(samples))
    show(samples)


def show(samples: Sequence[Sample]) -> None:
    """Print how the confidence holds on each round where everything was fitted without it."""
    print("moves that reach a confidence, and the share right in actor and places, fitted without the round:")
    pairs = held_out(samples)
    for group in ROUNDS:
        print(in_line(group, [p for p in pairs if p[0].group == group]))
    print(in_line("all of these", pairs))


def check(folder: Path) -> None:
    """End with exit code 1 where the weights that ship are not those of today's extraction."""
    samples, file = read(folder), DATA / "certainty.yml"
    far = difference(fitted(samples), load_lexicon(file, Certainty), samples)
    if far > TOLERANCE:
        sys.exit(f"{file.name} is not what is fitted today (up to {far:.3f} off): python -m training.certainty")
    print(f"{file.name} is what is fitted today, to {far:.3f}")


def main() -> None:
    """Read the arguments and do it."""
    parser = argparse.ArgumentParser(prog="python -m training.certainty", description="Fit how sure a move is.")
    parser.add_argument("--model", type=Path, default=DATA, help="folder of moves.onnx")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where what ships is another")
    args = parser.parse_args()
    (check if args.check else calibrate)(args.model)


if __name__ == "__main__":
    main()
