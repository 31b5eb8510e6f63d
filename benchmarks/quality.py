"""The quality of the extraction on annotated text, and how its confidence holds.

The development set was read while the rules were written, never trained on. Of the fresh rounds the figures here are
today's; those at first sight, before anything was tuned on them, are in corpus/fresh/README.md.
"""

from __future__ import annotations

from processors.components.certainty import certainty
from processors.lexicons import DATA
from processors.pipeline import load_pipeline
from stream.settings import Settings
from training.certainty import ROUNDS, in_line, judge, pipeline, read, show
from training.data import Passage, load
from training.evaluate import ROOT, figures, line, scorer


def run() -> None:
    """Print event, places and whole F1 and the negatives with an event of each set; then confidence and precision."""
    corpus, model = ROOT / "corpus", Settings().spacy_model
    nlp = load_pipeline(model)
    dev = load([corpus / "relocations-dev.jsonl"])
    headlines: list[Passage] = [{**p, "text": scorer().title_case(p["text"])} for p in dev]
    sets = {"development set": dev, "development set In Headline Style": headlines}
    sets |= {f.stem: load([f]) for f in sorted((corpus / "fresh").glob("*.jsonl"))}
    for name, passages in sets.items():
        print(f"{name} ({len(passages)}): {line(figures(nlp, passages))}")
    everything = pipeline(model, DATA)
    later = [f for f in sorted((corpus / "fresh").glob("*.jsonl")) if not f.stem.startswith(ROUNDS)]
    for file in (corpus / "relocations-dev.jsonl", *later):
        print(in_line(f"confidence, {file.stem}", [(judge(everything, file), certainty())]))
    show(read(DATA))
