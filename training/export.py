"""The trained network as one ONNX file with weights of 8 bits, and its tokenizer beside it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from processors.learned.extractor import MODEL, TOKENIZER
from processors.learned.labels import INPUTS, OUTPUTS, signature
from training.model import MoveModel

OPSET = 17

MAX_BYTES = 30_000_000

LEAST_AGREEMENT = {"in 32 bits": 0.9999, "in 8 bits": 0.98}
"""Share of the decisions (largest logits) on passages that an exported graph and the model have in common."""

Inputs = tuple[Tensor, ...]


class ByteEmbedding(nn.Module):
    """An embedding of 8 bits with a scale a row; one scale for all rows would err four times as much."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
        self.register_buffer("scale", scale)
        self.register_buffer("table", (weight / scale).round().to(torch.int8))

    def forward(self, ids: Tensor) -> Tensor:
        """The rows of ``ids`` as 32-bit floats."""
        return self.get_buffer("table")[ids].to(torch.float32) * self.get_buffer("scale")[ids]


def export(
    model: MoveModel, tokenizer: Path, folder: Path, examples: Sequence[Inputs], say: Callable[[str], None]
) -> None:
    """Write the model's two files to ``folder`` and say how far the graph's decisions on ``examples`` are the model's.

    Raises ``SystemExit`` where they are not, or the file is too big.
    """
    model.eval()
    with torch.no_grad():
        expected = [[output.numpy() for output in model(*e)] for e in examples]
    words = model.encoder.words
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "plain.onnx"
        _trace(model, examples[0], plain)
        _check("in 32 bits", plain, examples, expected, say)
        model.encoder.words = ByteEmbedding(words.get_parameter("weight").detach())
        _trace(model, examples[0], plain)
        model.encoder.words = words
        quantize_dynamic(
            plain, folder / MODEL, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8,
            nodes_to_exclude=[n.name for n in onnx.load(plain).graph.node if "/encoder/" not in n.name],
        )  # fmt: skip
    annotate(folder / MODEL)
    _check("in 8 bits", folder / MODEL, examples, expected, say)
    _write_tokenizer(tokenizer, folder / TOKENIZER)
    size = (folder / MODEL).stat().st_size
    say(f"{folder / MODEL}: {size / 1e6:.1f} MB")
    if size > MAX_BYTES:
        raise SystemExit(f"{folder / MODEL} is over {MAX_BYTES / 1e6:.0f} MB")


def annotate(file: Path) -> None:
    """Write into a model file the labels it was made for."""
    graph = onnx.load(file)
    onnx.helper.set_model_props(graph, {"labels": signature()})
    onnx.save(graph, file)


def _trace(model: MoveModel, example: Inputs, file: Path) -> None:
    axes = {name: {0: "batch", 1: "pieces"} for name in (*INPUTS, "trigger", "roles")}
    axes |= {name: {0: "batch"} for name in OUTPUTS if name not in axes}
    torch.onnx.export(
        model, example, str(file), input_names=list(INPUTS), output_names=list(OUTPUTS), dynamic_axes=axes,
        opset_version=OPSET, dynamo=False,
    )  # fmt: skip


def _check(
    what: str,
    file: Path,
    examples: Sequence[Inputs],
    expected: Sequence[Sequence[np.ndarray]],
    say: Callable[[str], None],
) -> None:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    same, total = 0, 0
    for example, right in zip(examples, expected, strict=True):
        feed = {name: value.numpy() for name, value in zip(INPUTS, example, strict=True)}
        used = feed["attention"].astype(bool)
        for got, want in zip(session.run(list(OUTPUTS), feed), right, strict=True):
            agree = got.argmax(-1) == want.argmax(-1)
            agree = agree[used] if agree.ndim > 1 else agree
            same += int(agree.sum())
            total += agree.size
    say(f"exported {what}: {same / total:.4f} of {total} decisions are the model's")
    if same < LEAST_AGREEMENT[what] * total:
        raise SystemExit(f"the graph {what} does not decide as the model does; the export is broken")


def _write_tokenizer(source: Path, target: Path) -> None:
    """The tokenizer without the cuts and fillings that its makers set."""
    settings = json.loads(source.read_text(encoding="utf-8"))
    settings["truncation"] = settings["padding"] = None
    target.write_text(json.dumps(settings, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
