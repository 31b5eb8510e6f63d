"""Scores by the corpus's own scorer: the model's moves with their places resolved by the gazetteer, nothing else added.

``python -m training.evaluate FILE… [--model FOLDER] [--threshold P] [--sweep]``
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from processors.gazetteer import EMPTY, Context, Toponym, gazetteer
from processors.learned.confidence import evidence, fit
from processors.learned.extractor import LearnedExtractor
from processors.learned.extractor import Passage as Text
from processors.learned.moves import LearnedMove, Span, hops
from training.data import Passage, load

ROOT = Path(__file__).parents[1]


@functools.cache
def scorer() -> Any:
    """The module corpus/score.py."""
    spec = importlib.util.spec_from_file_location("corpus_score", ROOT / "corpus" / "score.py")
    if spec is None or spec.loader is None:
        raise SystemExit("corpus/score.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def predictions(extractor: LearnedExtractor, passages: Sequence[Passage]) -> dict[str, list[tuple[LearnedMove, str]]]:
    """The moves of each passage, by its id, with the text that their offsets count in."""
    found = extractor.extract_many([Text(p["text"]) for p in passages])
    return {p["id"]: [(m, p["text"]) for m in moves] for p, moves in zip(passages, found, strict=True)}


def changes(moves: Sequence[tuple[LearnedMove, str]], threshold: float) -> list[dict[str, Any]]:
    """The moves of one passage from ``threshold`` on as the scorer reads them, places with their countries."""
    kept = [(m, text) for m, text in moves if m.probability >= threshold]
    context = Context(dict(Counter(
        t.country for m, text in kept for s in (*m.origins, *m.destinations) if (t := resolve(s.of(text))) and t.country
    )))  # fmt: skip
    return [
        {
            "actor": {"text": hop.actor.of(text)} if hop.actor else None,
            "origin": _place(hop.origin, text, context), "destination": _place(hop.destination, text, context),
            "kind": m.kind, "status": m.status, "probability": m.probability,
        }
        for m, text in kept for hop in hops(m)
    ]  # fmt: skip


def _place(span: Span | None, text: str, context: Context) -> dict[str, Any] | None:
    if span is None:
        return None
    meaning = resolve(span.of(text), context)
    return {"text": span.of(text), "country": meaning.country if meaning else None}


def resolve(name: str, context: Context = EMPTY) -> Toponym | None:
    """The place that a phrase names: itself, else its longest part that is a place, the last of several."""
    words = name.split()
    known = gazetteer()
    for size in range(len(words), 0, -1):
        for start in range(len(words) - size, -1, -1):
            part = " ".join(words[start : start + size]).strip(",'’")
            if size < len(words) and not part[:1].isupper():
                continue
            meaning = known.resolve(part, context)
            if meaning:
                return meaning
    return None


def figures(
    passages: Sequence[Passage], found: dict[str, list[tuple[LearnedMove, str]]], threshold: float
) -> dict[str, Any]:
    """What corpus/score.py says of the moves from ``threshold`` on."""
    result: dict[str, Any] = scorer().score(passages, {i: changes(m, threshold) for i, m in found.items()})[0]
    return result


def fitted_confidence(
    passages: Sequence[Passage], found: dict[str, list[tuple[LearnedMove, str]]], threshold: float
) -> list[float]:
    """Weights of the confidence, learned from the moves found in passages that the model did not train on."""
    rows, right = [], []
    for passage in passages:
        moves = [(m, text) for m, text in found[passage["id"]] if m.probability >= threshold]
        said = changes(moves, threshold)
        for (move, hop), change in zip(((m, h) for m, _ in moves for h in hops(m)), said, strict=True):
            rows.append(evidence(move, hop))
            right.append(any(is_right(change, gold) for gold in passage["events"]))
    return fit(rows, right)


def is_right(change: dict[str, Any], gold: dict[str, Any]) -> bool:
    """Whether actor, origin and destination are those of an annotated event."""
    rules = scorer()
    return bool(
        rules.actor_right(change, gold) and all(rules.side_right(change, gold, s) for s in ("origin", "destination"))
    )


def calibration(
    extractor: LearnedExtractor, passages: Sequence[Passage], found: dict[str, list[tuple[LearnedMove, str]]]
) -> list[tuple[float, int, float]]:
    """For each least confidence: it, how many moves reach it, and the share of them that is right."""
    pairs = []
    for passage in passages:
        moves = found[passage["id"]]
        said = changes(moves, 0.0)
        for (move, hop), change in zip(((m, h) for m, _ in moves for h in hops(m)), said, strict=True):
            pairs.append((extractor.confidence(move, hop), any(is_right(change, g) for g in passage["events"])))
    table = []
    for least in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9):
        reach = [right for sure, right in pairs if sure >= least]
        table.append((least, len(reach), sum(reach) / max(1, len(reach))))
    return table


def best_threshold(passages: Sequence[Passage], found: dict[str, list[tuple[LearnedMove, str]]]) -> float:
    """The least probability at which ``whole`` F1, less half the share of negatives hit, is highest."""

    def worth(threshold: float) -> float:
        f = figures(passages, found, threshold)
        return float(f["whole"]["f1"] - f["negatives_rate"] / 2)

    return max((t / 20 for t in range(4, 20)), key=worth)


def line(f: dict[str, Any]) -> str:
    """The figures in one line."""
    parts = [
        f"{name} {f[name]['f1']:.3f} (P {f[name]['p']:.2f} R {f[name]['r']:.2f})"
        for name in ("event", "places", "whole")
    ]
    on = " ".join(f"{k} {v:.2f}" for k, v in f["on_matched"].items())
    return f"{' · '.join(parts)} · negatives {f['negatives_with_an_event']} · on matched: {on}"


def main() -> None:
    """Read the arguments, extract, print."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, default=ROOT / "processors" / "data")
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--sweep", action="store_true", help="figures at every threshold")
    parser.add_argument("--predictions", type=Path, help="write what the scorer reads, one object a line")
    args = parser.parse_args()
    passages = load(args.files)
    chosen = LearnedExtractor(args.model).threshold if args.threshold is None else args.threshold
    extractor = LearnedExtractor(args.model, 0.0 if args.sweep else chosen)
    began = time.process_time()
    found = predictions(extractor, passages)
    spent = (time.process_time() - began) / len(passages) * 1000
    print(f"{len(passages)} passages, {spent:.1f} ms of processor time each")
    for threshold in [t / 20 for t in range(4, 20)] if args.sweep else [chosen]:
        print(f"{threshold:.2f}: {line(figures(passages, found, threshold))}")
    if args.predictions:
        rows = [{"id": i, "location_changes": changes(m, chosen)} for i, m in found.items()]
        args.predictions.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
