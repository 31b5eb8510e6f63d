"""The learned extractor at run time: onnxruntime and the tokenizer around the pure steps of this package."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from processors.learned import windows
from processors.learned.decode import Floats, likeliest, runs, softmax, spans
from processors.learned.labels import ACTOR_TYPES, INPUTS, KINDS, OUTPUTS, OUTSIDE, ROLES, STATUSES, Role, signature
from processors.learned.moves import LearnedMove, Span, without_repeats
from processors.learned.pieces import PAD, Ints, WordPieces, Words
from stream.errors import ConfigError

MODEL, TOKENIZER = "moves.onnx", "moves-tokenizer.json"
"""The two files of a model folder."""

WINDOW = 96
"""Word pieces of a window: nearly all passages of training are shorter."""

OVERLAP = 1
"""Sentences that a window shares with the one before it."""

BATCH = 1
"""Padded word pieces that the network reads at once: one window. In 8 bits the activations are scaled over all that is
read together, so that an article would say other things beside other neighbours; one by one is no slower."""

CANDIDATE = 0.2
"""A word is asked about as a trigger from this probability on; the second reading has the last word."""

EDGE = 0.25
"""A span begun by a likelier word goes on over its neighbours from this probability on: names are not cut in two."""

IN_SPAN, FAINT_SPAN = 0.5, 0.25
"""Probability from which a word is in a span; where no place or no actor reaches it, the best from the second on is."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text and, where the caller knows them, its sentences as character offsets."""

    text: str
    sentences: Sequence[tuple[int, int]] | None = None
    wanted: Sequence[tuple[int, int]] | None = None
    """Where moves are looked for, as character offsets; None: everywhere."""


_SPARED = "optimization.disable_specified_optimizers", "SkipLayerNormFusion"
"""onnxruntime's one step for a sum and its normalisation takes three times as long as the two of them."""

_FIRST = ("trigger",)
_SECOND = tuple(name for name in OUTPUTS if name not in _FIRST)
"""What is asked of the network at each reading."""

Asked = Callable[[int, int, float], bool]
"""Whether to ask about a trigger: the passage's number, the trigger's first character, and its probability."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One window to be read: of text number ``text`` the words ``words``; ``marked`` is the trigger asked about."""

    text: int
    words: range
    marked: range | None = None


@dataclass(frozen=True, slots=True)
class _Prepared:
    words: Words
    parts: list[range]
    wanted: list[bool] | None
    """Of each part; None: all."""


class LearnedExtractor:
    """Reads location changes out of texts. One object serves one thread; it keeps nothing between calls."""

    def __init__(self, folder: Path, threshold: float) -> None:
        """Load the model in ``folder``. ``threshold``: the least probability of a move.

        Raises ``ConfigError`` where the files are missing or made for other labels.
        """
        for name in (MODEL, TOKENIZER):
            if not (folder / name).is_file():
                raise ConfigError(f"{folder / name}: no such file; make it with python -m training")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry(*_SPARED)
        self._session = onnxruntime.InferenceSession(
            str(folder / MODEL), sess_options=options, providers=["CPUExecutionProvider"]
        )
        known = self._session.get_modelmeta().custom_metadata_map
        if known.get("labels") != signature():
            raise ConfigError(
                f"{folder / MODEL}: made for other labels than this version's; make it anew with python -m training"
            )
        self.threshold = threshold
        self._pieces = WordPieces.load(folder / TOKENIZER)

    def extract(self, text: str, sentences: Sequence[tuple[int, int]] | None = None) -> list[LearnedMove]:
        """The moves that ``text`` tells, in reading order; all offsets are characters of ``text``."""
        return self.extract_many([Passage(text, sentences)])[0]

    def extract_many(self, passages: Sequence[Passage], asked: Asked | None = None) -> list[list[LearnedMove]]:
        """The moves of each passage, in order; ``asked`` spares the second reading of triggers that cannot matter."""
        prepared = [self._prepare(p) for p in passages]
        questions = [
            (n, trigger, probability)
            for n, tags in enumerate(self._triggers(prepared))
            for trigger, probability in triggers(tags)
            if asked is None or asked(n, int(prepared[n].words.starts[trigger.start]), probability)
        ]
        reads = [
            _Read(n, windows.around(p.words, p.parts, trigger.start, WINDOW), trigger)
            for n, trigger, _ in questions
            for p in (prepared[n],)
        ]
        found: list[list[LearnedMove]] = [[] for _ in passages]
        answers = self._run(prepared, reads, _SECOND)
        for (n, _, probability), read, answer in zip(questions, reads, answers, strict=True):
            move = decoded(
                passages[n].text, prepared[n].words, read.words, read.marked or range(0), probability, answer
            )
            if move and move.probability >= self.threshold:
                found[n].append(move)
        return [without_repeats(p.text, moves) for p, moves in zip(passages, found, strict=True)]

    def _prepare(self, passage: Passage) -> _Prepared:
        words = self._pieces.words(passage.text)
        bounds = windows.sentences(passage.text) if passage.sentences is None else passage.sentences
        parts = windows.units(words, bounds, WINDOW)
        if passage.wanted is None:
            return _Prepared(words, parts, None)
        ranges = [words.within(start, end) for start, end in passage.wanted]
        return _Prepared(words, parts, [any(r.start < p.stop and p.start < r.stop for r in ranges) for p in parts])

    def _triggers(self, prepared: Sequence[_Prepared]) -> list[Floats]:
        """Of each text the probabilities of its words' trigger tags, the mean over the windows that a word is in."""
        reads = [_Read(n, window) for n, p in enumerate(prepared) for window in _windows(p)]
        sums: list[Floats] = [np.zeros((len(p.words), 3), dtype=np.float32) for p in prepared]
        times = [np.zeros((len(p.words), 1), dtype=np.float32) for p in prepared]
        for read, answer in zip(reads, self._run(prepared, reads, _FIRST), strict=True):
            here = slice(read.words.start, read.words.stop)
            sums[read.text][here] += softmax(answer["trigger"])
            times[read.text][here] += 1
        for text, read_times in zip(sums, times, strict=True):
            text[read_times[:, 0] == 0, OUTSIDE] = 1
        return [np.asarray(s / np.maximum(t, 1), dtype=np.float32) for s, t in zip(sums, times, strict=True)]

    def _run(
        self, prepared: Sequence[_Prepared], reads: Sequence[_Read], wanted: Sequence[str]
    ) -> list[dict[str, Floats]]:
        """The logits ``wanted`` for each window, in order; those of pieces only at the first piece of each word."""
        lengths = [prepared[r.text].words.pieces(r.words) + 2 for r in reads]
        answers: list[dict[str, Floats]] = [{} for _ in reads]
        for group in batches(lengths, BATCH):
            inputs = _inputs([(prepared[reads[i].text].words, reads[i]) for i in group], max(lengths[i] for i in group))
            outputs = dict(zip(wanted, self._session.run(wanted, inputs), strict=True))
            for row, i in enumerate(group):
                heads = prepared[reads[i].text].words.heads(reads[i].words)
                answers[i] = {
                    name: value[row, heads] if name in ("trigger", "roles") else value[row]
                    for name, value in outputs.items()
                }
        return answers


def _windows(text: _Prepared) -> list[range]:
    if text.wanted is None:
        return windows.windows(text.words, text.parts, WINDOW, OVERLAP)
    return windows.of_wanted(text.words, text.parts, text.wanted, WINDOW)


def _inputs(rows: Sequence[tuple[Words, _Read]], length: int) -> dict[str, Ints]:
    ids = np.full((len(rows), length), PAD, dtype=np.int64)
    attention, marks = np.zeros_like(ids), np.zeros_like(ids)
    for i, (words, read) in enumerate(rows):
        wrapped = words.wrapped(read.words)
        ids[i, : len(wrapped)], attention[i, : len(wrapped)] = wrapped, 1
        if read.marked is not None:
            marks[i, : len(wrapped)] = words.marks(read.words, read.marked)
    return dict(zip(INPUTS, (ids, attention, marks), strict=True))


def batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indexes, the short ones first, in groups of at most ``budget`` padded pieces (or of one)."""
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if groups and lengths[i] * (len(groups[-1]) + 1) <= budget:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def triggers(tags: Floats) -> list[tuple[range, float]]:
    """The words that may be triggers, each with the probability of its likeliest word."""
    return [(r, float(1 - tags[r.start : r.stop, OUTSIDE].min())) for r in runs(tags, CANDIDATE)]


def decoded(
    text: str, words: Words, window: range, trigger: range, first: float, answer: dict[str, Floats]
) -> LearnedMove | None:
    """The move that the second reading makes of a trigger, None without any place; ``first``: the first reading's."""
    tags = softmax(answer["roles"])
    role = {name: tags[:, column] for column, name in enumerate(ROLES)}
    found: dict[Role, list[Span]] = {
        name: spans(text, words, window.start, role[name], IN_SPAN, EDGE) for name in ROLES
    }
    if not found["origin"] and not found["destination"]:
        faint: list[tuple[Role, Span | None]] = [
            (side, likeliest(text, words, window.start, role[side], FAINT_SPAN)) for side in ("origin", "destination")
        ]
        best = max(((s.probability, side, s) for side, s in faint if s), default=None)
        if best is None:
            return None
        found[best[1]] = [best[2]]
    if not found["actor"]:
        actor = likeliest(text, words, window.start, role["actor"], FAINT_SPAN)
        found["actor"] = [actor] if actor else []
    start, end = int(words.starts[trigger.start]), int(words.ends[trigger.stop - 1])
    status, kind, actor_type = (softmax(answer[name]) for name in ("status", "kind", "actor_type"))
    return LearnedMove(
        Span(start, end, first), tuple(found["actor"]), tuple(found["origin"]), tuple(found["destination"]),
        _nearest(found["attribution"], start), _nearest(found["date"], start),
        STATUSES[int(status.argmax())], float(status.max()), KINDS[int(kind.argmax())], float(kind.max()),
        ACTOR_TYPES[int(actor_type.argmax())], math.sqrt(first * float(softmax(answer["event"])[1])),
        (_other(text, words, window.start, role["actor"], found["actor"]),
         _other(text, words, window.start, role["origin"], found["origin"])),
    )  # fmt: skip


def _other(text: str, words: Words, base: int, tags: Floats, spans: Sequence[Span]) -> float:
    """The probability of the likeliest word in a role that its spans do not name, here or elsewhere."""
    named = {word for s in spans for word in s.of(text).casefold().split()}
    inside = 1 - tags[:, OUTSIDE]
    for i in np.argsort(-inside).tolist():
        start, end = int(words.starts[base + i]), int(words.ends[base + i])
        said = text[start:end].casefold() in named or any(s.start <= start < s.end for s in spans)
        if text[start].isalnum() and not said:
            return float(inside[i])
    return 0.0


def _nearest(found: Sequence[Span], position: int) -> Span | None:
    return min(found, key=lambda s: (abs(s.start - position), s.start), default=None)
