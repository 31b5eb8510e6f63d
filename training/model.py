"""The network: one BERT-like encoder that reads a passage once for triggers and once more for each trigger.

A trigger is marked by BERT's second token type (Devlin et al. 2019, "Pre-training of Deep Bidirectional Transformers"),
so that both readings share all weights. Written out here, and not taken from a library, so that the exported graph
is small and plain.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from processors.learned.labels import ACTOR_TYPES, KINDS, ROLES, STATUSES


class Layer(nn.Module):
    """Self-attention and feed-forward, each with its residual and normalised afterwards."""

    def __init__(self, width: int, inner: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.mixed = nn.Linear(width, width)
        self.norm_mixed = nn.LayerNorm(width, eps=1e-12)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm_down = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """The layer's output; ``bias`` is added to the scores of attention (very negative on the filling)."""
        batch, length, width = x.shape
        shape = (batch, length, self.heads, width // self.heads)
        q, k, v = (f(x).view(shape).transpose(1, 2) for f in (self.query, self.key, self.value))
        scores = torch.matmul(q, k.transpose(2, 3)) * (width // self.heads) ** -0.5 + bias
        context = torch.matmul(torch.softmax(scores, -1), v).transpose(1, 2).reshape(batch, length, width)
        x = self.norm_mixed(x + functional.dropout(self.mixed(context), self.dropout, self.training))
        inner = self.down(functional.gelu(self.up(x)))
        x = self.norm_down(x + functional.dropout(inner, self.dropout, self.training))
        return x


class Encoder(nn.Module):
    """Word pieces to vectors, shape (batch, pieces, width)."""

    def __init__(self, config: dict[str, int | float]) -> None:
        super().__init__()
        width, self.dropout = int(config["hidden_size"]), float(config["hidden_dropout_prob"])
        self.width = width
        self.words: nn.Module = nn.Embedding(int(config["vocab_size"]), width)
        self.positions = nn.Embedding(int(config["max_position_embeddings"]), width)
        self.types = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        inner, heads = int(config["intermediate_size"]), int(config["num_attention_heads"])
        self.layers = nn.ModuleList(
            Layer(width, inner, heads, self.dropout) for _ in range(int(config["num_hidden_layers"]))
        )

    def forward(self, ids: Tensor, attention: Tensor, marks: Tensor) -> Tensor:
        """The states of the last layer. All inputs have the shape (batch, pieces)."""
        positions = torch.arange(ids.shape[1], device=ids.device).unsqueeze(0)
        x = self.norm(self.words(ids) + self.positions(positions) + self.types(marks))
        x = functional.dropout(x, self.dropout, self.training)
        bias = (1.0 - attention.to(x.dtype))[:, None, None, :] * -10000.0
        for layer in self.layers:
            x = layer(x, bias)
        return x


class MoveModel(nn.Module):
    """The encoder with a head for each question; outputs are logits, in the order of ``processors.learned.labels``."""

    def __init__(self, config: dict[str, int | float]) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        width = self.encoder.width
        self.trigger = nn.Linear(width, 3)
        self.roles = nn.Linear(width, len(ROLES) * 3)
        self.event, self.status = nn.Linear(2 * width, 2), nn.Linear(2 * width, len(STATUSES))
        self.kind, self.actor_type = nn.Linear(2 * width, len(KINDS)), nn.Linear(2 * width, len(ACTOR_TYPES))

    def forward(self, ids: Tensor, attention: Tensor, marks: Tensor) -> tuple[Tensor, ...]:
        """The logits named in ``OUTPUTS``."""
        states = functional.dropout(self.encoder(ids, attention, marks), 0.1, self.training)
        weights = marks.to(states.dtype).unsqueeze(-1)
        marked = (states * weights).sum(1) / weights.sum(1).clamp(min=1.0)
        about = torch.cat([states[:, 0], marked], -1)
        roles = self.roles(states).unflatten(-1, (len(ROLES), 3))
        return (
            self.trigger(states),
            roles,
            self.event(about),
            self.status(about),
            self.kind(about),
            self.actor_type(about),
        )


_PARTS = {
    "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
    "mixed": "attention.output.dense", "norm_mixed": "attention.output.LayerNorm",
    "up": "intermediate.dense", "down": "output.dense", "norm_down": "output.LayerNorm",
}  # fmt: skip


def pretrained(folder: Path) -> MoveModel:
    """A model with new heads and the encoder of the BERT in ``folder`` (its config.json and model.safetensors)."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = MoveModel(config)
    stored = load_file(folder / "model.safetensors")
    ours = {
        "words.weight": stored["embeddings.word_embeddings.weight"],
        "positions.weight": stored["embeddings.position_embeddings.weight"],
        "types.weight": stored["embeddings.token_type_embeddings.weight"],
    }
    names = {"norm": "embeddings.LayerNorm"}
    for i in range(len(model.encoder.layers)):
        names |= {f"layers.{i}.{a}": f"encoder.layer.{i}.{b}" for a, b in _PARTS.items()}
    ours |= {f"{a}.{end}": stored[f"{b}.{end}"] for a, b in names.items() for end in ("weight", "bias")}
    model.encoder.load_state_dict(ours)
    return model
