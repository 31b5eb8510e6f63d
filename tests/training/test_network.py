"""The network learns, alike from one seed, and its export decides as it does; needs the extra [train]."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra [train] is not installed")

from processors.learned.extractor import TOKENIZER, LearnedExtractor  # noqa: E402
from processors.learned.pieces import WordPieces  # noqa: E402
from tests.training.test_data import PASSAGE, ROOT  # noqa: E402
from training.data import example  # noqa: E402
from training.export import export  # noqa: E402
from training.model import MoveModel  # noqa: E402
from training.train import Recipe, Row, collate, train  # noqa: E402

TINY = {
    "hidden_size": 48, "hidden_dropout_prob": 0.0, "vocab_size": 30522, "max_position_embeddings": 512,
    "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2,
}  # fmt: skip
NOTHING = {"id": "y", "text": "Nobody left anything in Lima or in Quito.", "events": [], "tags": []}


def tiny(epochs: int) -> MoveModel:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    pieces = WordPieces.load(ROOT / "processors" / "data" / TOKENIZER)
    recipe = Recipe(epochs=epochs, renamed=0, joined=0, rate=5e-3, head_rate=5e-3)
    return train(MoveModel(TINY), [PASSAGE, NOTHING], pieces, recipe, lambda _: None)


def test_one_seed_gives_one_model() -> None:
    first, second = tiny(3).state_dict(), tiny(3).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_exported_model_finds_what_it_was_taught(tmp_path: Path) -> None:
    pieces = WordPieces.load(ROOT / "processors" / "data" / TOKENIZER)
    tagged = example(PASSAGE, pieces, frozenset())
    rows = [Row(tagged, None), *(Row(tagged, q) for q in tagged.questions)]
    export(tiny(60), ROOT / "processors" / "data" / TOKENIZER, tmp_path, [collate(rows)[0]], lambda _: None)
    extractor = LearnedExtractor(tmp_path, 0.4)
    (move,) = extractor.extract(PASSAGE["text"])
    assert [s.of(PASSAGE["text"]) for s in (*move.actors, *move.origins, *move.destinations)] == [
        "Staff of the Oslo office", "Lima", "Quito",
    ]  # fmt: skip
