"""Fine-tuning: epochs over freshly augmented examples, one loss for all heads, and the mean of the late weights."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from processors.learned.labels import ROLES
from processors.learned.pieces import PAD, WordPieces
from training.data import IGNORED, Example, Passage, Question, batches, example, look_alikes
from training.model import MoveModel
from training.renaming import rename


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the model is trained; the defaults made the one that ships."""

    epochs: int = 8
    seed: int = 0
    budget: int = 1024
    """Padded word pieces a batch."""
    rate: float = 2e-4
    head_rate: float = 1e-3
    warm_up: float = 0.08
    """Share of the steps during which the rate rises; then it falls to nothing along a cosine."""
    renamed: float = 0.5
    """Share of the passages that an epoch sees under other place names."""
    joined: float = 0.08
    """Share of the passages that an epoch sees with another one before or after them, as in an article."""
    visits: int = 2
    """How often an epoch takes up a passage with events , anew renamed: roles are slow to learn."""
    triggers: float = 0.5
    """Share of these visits that also read for triggers, which is learned sooner."""
    look_alikes: float = 0.35
    """Share of these visits that also ask about a word that is a trigger elsewhere and none here."""
    mean: float = 0.995
    """Decay of the running mean of the weights, which is the model in the end."""


@dataclass(frozen=True, slots=True)
class Row:
    """One reading of a passage: for its triggers (``question`` None), or for one trigger's roles and classes."""

    example: Example
    question: Question | None


LONGEST = 220
"""Word pieces of a row; the few rows beyond lose their last words."""


def train(
    model: MoveModel, passages: Sequence[Passage], pieces: WordPieces, recipe: Recipe, say: Callable[[str], None]
) -> MoveModel:
    """Train ``model`` in place on the passages; its weights in the end are their running mean over the last steps."""
    torch.manual_seed(recipe.seed)
    rnd = random.Random(recipe.seed)
    suspects = look_alikes(passages)
    model.encoder.words.requires_grad_(False)  # 11 M numbers that 2,000 passages cannot improve
    optimiser = torch.optim.AdamW(_groups(model, recipe), weight_decay=0.01, fused=True)
    plan = [_batches(passages, pieces, suspects, recipe, rnd) for _ in range(recipe.epochs)]
    total, step, began = sum(map(len, plan)), 0, time.monotonic()
    mean = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    model.train()
    for epoch, epoch_batches in enumerate(plan):
        sums = np.zeros(6)
        for rows in epoch_batches:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * _rate(step / total, recipe.warm_up)
            sums += _step(model, optimiser, rows)
            _average(mean, model, min(recipe.mean, (step + 1) / (step + 10)))
            step += 1
        losses = " ".join(f"{x:.3f}" for x in sums / len(epoch_batches))
        spent = time.monotonic() - began
        say(f"epoch {epoch + 1} of {recipe.epochs}: {len(epoch_batches)} batches, losses {losses}, {spent:.0f} s")
    model.load_state_dict(mean, strict=False)
    return model.eval()


def _groups(model: MoveModel, recipe: Recipe) -> list[dict[str, Any]]:
    encoder = [p for name, p in model.named_parameters() if name.startswith("encoder.") and p.requires_grad]
    heads = [p for name, p in model.named_parameters() if not name.startswith("encoder.")]
    return [{"params": encoder, "peak": recipe.rate, "lr": 0.0}, {"params": heads, "peak": recipe.head_rate, "lr": 0.0}]


def _rate(done: float, warm_up: float) -> float:
    if done < warm_up:
        return done / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def _average(mean: dict[str, Tensor], model: MoveModel, decay: float) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in mean:
                mean[name].lerp_(parameter, 1 - decay)


def _batches(
    passages: Sequence[Passage], pieces: WordPieces, suspects: frozenset[str], recipe: Recipe, rnd: random.Random
) -> list[list[Row]]:
    visited = [p for p in passages for _ in range(recipe.visits if p["events"] else 1)]
    rows = [row for p in visited for row in _rows(_varied(p, passages, recipe, rnd), pieces, suspects, recipe, rnd)]
    lengths = [min(LONGEST, len(row.example.words.ids) + 2) for row in rows]
    groups = list(batches(lengths, recipe.budget, [rnd.random() * 12 for _ in rows]))
    rnd.shuffle(groups)
    return [[rows[i] for i in group] for group in groups]


def _varied(passage: Passage, others: Sequence[Passage], recipe: Recipe, rnd: random.Random) -> Passage:
    if rnd.random() < recipe.joined:
        other = rnd.choice(others)
        a, b = (passage, other) if rnd.random() < 0.5 else (other, passage)
        if other is not passage and len(a["text"]) + len(b["text"]) < 700:
            passage = {"text": a["text"] + rnd.choice(" \n") + b["text"], "events": [*a["events"], *b["events"]]}
    return rename(passage, rnd) if rnd.random() < recipe.renamed else passage


def _rows(
    passage: Passage, pieces: WordPieces, suspects: frozenset[str], recipe: Recipe, rnd: random.Random
) -> Iterator[Row]:
    tagged = example(passage, pieces, suspects)
    if rnd.random() < recipe.triggers:
        yield Row(tagged, None)
    false = [q for q in tagged.questions if not q.event]
    if false and rnd.random() < recipe.look_alikes:
        yield Row(tagged, rnd.choice(false))
    for question in tagged.questions:
        if question.event:
            yield Row(tagged, _jittered(question, rnd))


def _jittered(question: Question, rnd: random.Random) -> Question:
    """A trigger found may lack a word that the annotated one has: now and then it does in training."""
    marked = question.marked
    if len(marked) > 1 and rnd.random() < 0.15:
        keep = rnd.choice((range(marked.start + 1, marked.stop), range(marked.start, marked.stop - 1)))
        return replace(question, marked=keep)
    return question


def _step(model: MoveModel, optimiser: torch.optim.Optimizer, rows: Sequence[Row]) -> np.ndarray:
    inputs, targets = collate(rows)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_fast_bfloat16()):
        outputs = model(*inputs)
    losses = _losses([o.float() for o in outputs], targets)
    optimiser.zero_grad()
    (losses * _WEIGHTS).sum().backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_((p for p in model.parameters() if p.requires_grad), 1.0)
    optimiser.step()
    return losses.detach().numpy()


_WEIGHTS = torch.tensor([1.0, 20.0, 0.5, 0.7, 0.3, 0.15])
"""Of the losses of the heads, in the order of the graph's outputs.

That of the roles is a mean over words and five roles, nearly all of them outside: with less weight the classes, which
are easily learned by heart, drown it, and origin and destination are not told apart.
"""


def _fast_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and "avx512_bf16" in _cpu_flags()


def _cpu_flags() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next((line for line in info if line.startswith("flags")), "")
    except OSError:
        return ""


def _losses(outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    trigger_weights = torch.tensor([1.0, 2.0, 2.0])
    losses = []
    for i, (logits, target) in enumerate(zip(outputs, targets, strict=True)):
        flat = functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), target.reshape(-1), trigger_weights if i == 0 else None,
            ignore_index=IGNORED, reduction="sum",
        )  # fmt: skip
        losses.append(flat / (target != IGNORED).sum().clamp(min=1))
    return torch.stack(losses)


def collate(rows: Sequence[Row]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The rows as the graph's inputs and, in the order of its outputs, the right answers (or ``IGNORED``)."""
    length = min(LONGEST, max(len(row.example.words.ids) + 2 for row in rows))
    ids = np.full((len(rows), length), PAD, dtype=np.int64)
    attention, marks = np.zeros_like(ids), np.zeros_like(ids)
    trigger = np.full_like(ids, IGNORED)
    roles = np.full((*ids.shape, len(ROLES)), IGNORED, dtype=np.int64)
    classes = np.full((4, len(rows)), IGNORED, dtype=np.int64)
    for i, row in enumerate(rows):
        words, question = row.example.words, row.question
        whole = range(len(words))
        wrapped = words.wrapped(whole)[:length]
        ids[i, : len(wrapped)], attention[i, : len(wrapped)] = wrapped, 1
        heads = words.heads(whole)
        heads = heads[heads < length]
        if question is None:
            trigger[i, heads] = row.example.triggers[: len(heads)]
            continue
        marks[i, : len(wrapped)] = words.marks(whole, question.marked)[:length]
        classes[:, i] = question.event, question.status, question.kind, question.actor_type
        if question.roles is not None:
            roles[i, heads] = question.roles[: len(heads)]
    inputs = tuple(map(torch.from_numpy, (ids, attention, marks)))
    return inputs, (torch.from_numpy(trigger), torch.from_numpy(roles), *torch.from_numpy(classes))
