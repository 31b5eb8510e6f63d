"""The learned extractor: whole words, whole names, windows that lose nothing, and the model that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.learned import windows
from processors.learned.decode import runs, spans, whole
from processors.learned.extractor import MODEL, TOKENIZER, LearnedExtractor, Passage, batches
from processors.learned.moves import Hop, LearnedMove, Span, hops, without_repeats
from processors.learned.pieces import WordPieces
from stream.errors import ConfigError

DATA = Path(__file__).parents[2] / "processors" / "data"
PIECES = WordPieces.load(DATA / TOKENIZER)

NEWS = "Two of the movement's leaders left Doha for Baghdad on Monday, two regional officials said."
TEXTS = st.text(max_size=300) | st.lists(
    st.sampled_from([*NEWS.split(), "Port-au-Prince", "🙂", "\n", "'", "a.b"])
).map(" ".join)


@pytest.fixture(scope="module")
def extractor() -> LearnedExtractor:
    if not (DATA / MODEL).exists():
        pytest.skip("no model is shipped yet; python -m training makes one")
    return LearnedExtractor(DATA, 0.5)


def test_the_model_is_small(extractor: LearnedExtractor) -> None:
    assert (DATA / MODEL).stat().st_size + (DATA / TOKENIZER).stat().st_size <= 30_000_000


def test_a_move_with_all_its_parts(extractor: LearnedExtractor) -> None:
    (move,) = extractor.extract(NEWS)
    assert move.trigger.of(NEWS) == "left"
    assert [a.of(NEWS) for a in move.actors] == ["Two of the movement's leaders"]
    assert [o.of(NEWS) for o in move.origins] == ["Doha"]
    assert [d.of(NEWS) for d in move.destinations] == ["Baghdad"]
    assert move.attribution is not None
    assert "regional officials" in move.attribution.of(NEWS)
    assert move.date is not None
    assert "Monday" in move.date.of(NEWS)
    assert move.status == "completed"
    assert move.probability > 0.8


@pytest.mark.parametrize(
    "text",
    ["", " ", "\x00\x01", "Shares in London fell by 3 per cent on Tuesday.", "The prime minister spoke in Ottawa."],
)
def test_nothing_where_nobody_moves(extractor: LearnedExtractor, text: str) -> None:
    assert extractor.extract(text) == []


def test_a_move_deep_in_a_long_article_is_found_where_it_stands(extractor: LearnedExtractor) -> None:
    filler = "The committee met for the third time and agreed on the wording of a paper about school meals. "
    text = filler * 40 + NEWS + " " + filler * 40
    assert [m.trigger.start for m in extractor.extract(text)] == [text.index("left Doha")]


def test_many_texts_at_once_give_what_each_gives_alone(extractor: LearnedExtractor) -> None:
    texts = [NEWS, "", "The embassy will move from Tel Aviv to Jerusalem in May, the ministry said.", NEWS + " " + NEWS]
    together = extractor.extract_many([Passage(t) for t in texts])
    assert [[m.trigger.start for m in moves] for moves in together] == [
        [m.trigger.start for m in extractor.extract(t)] for t in texts
    ]


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_offsets_point_at_words_of_any_text(extractor: LearnedExtractor, text: str) -> None:
    eager = extractor
    eager.threshold, kept = 0.0, eager.threshold
    try:
        for move in eager.extract(text):
            for span in (move.trigger, *move.actors, *move.origins, *move.destinations):
                assert 0 <= span.start < span.end <= len(text)
                assert span.of(text).strip() == span.of(text)
                assert 0 <= span.probability <= 1.0001
    finally:
        eager.threshold = kept


def test_a_folder_without_a_model_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="python -m training"):
        LearnedExtractor(tmp_path, 0.5)


@given(TEXTS)
def test_words_are_in_order_and_never_overlap(text: str) -> None:
    words = PIECES.words(text)
    assert (words.starts < words.ends).all()
    assert (words.starts[1:] >= words.ends[:-1]).all()
    assert len(words.first) == len(words) + 1


@given(TEXTS, st.integers(3, 60), st.integers(0, 2))
def test_windows_hold_every_word_and_no_more_than_they_may(text: str, most: int, overlap: int) -> None:
    words = PIECES.words(text)
    parts = windows.units(words, windows.sentences(text), most)
    assert [i for part in parts for i in part] == list(range(len(words)))
    found = windows.windows(words, parts, most, overlap)
    assert {i for w in found for i in w} == set(range(len(words)))
    for w in [*found, *(windows.around(words, parts, i, most) for i in range(len(words)))]:
        assert words.pieces(w) <= most or len(w) == 1
    assert all(i in windows.around(words, parts, i, most) for i in range(len(words)))


@given(TEXTS, st.integers(3, 60), st.data())
def test_windows_of_what_is_wanted_hold_all_of_it(text: str, most: int, data: st.DataObject) -> None:
    words = PIECES.words(text)
    parts = windows.units(words, windows.sentences(text), most)
    wanted = data.draw(st.lists(st.booleans(), min_size=len(parts), max_size=len(parts)))
    found = windows.of_wanted(words, parts, wanted, most)
    assert {i for part, yes in zip(parts, wanted, strict=True) if yes for i in part} <= {i for w in found for i in w}
    assert all(words.pieces(w) <= most or len(w) == 1 for w in found)
    assert bool(found) == any(wanted)


def test_only_what_is_wanted_is_read(extractor: LearnedExtractor) -> None:
    text = NEWS + " " + "The committee met for the third time. " * 30 + NEWS
    assert [len(extractor.extract_many([Passage(text, None, w)])[0]) for w in ([], [(0, len(NEWS))])] == [0, 1]
    assert extractor.extract_many([Passage(text)], lambda *_: False) == [[]]


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 2000))
def test_batches_hold_each_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = batches(lengths, budget)
    assert sorted(i for g in groups for i in g) == list(range(len(lengths)))
    assert all(len(g) == 1 or max(lengths[i] for i in g) * len(g) <= budget for g in groups)


@pytest.mark.parametrize(
    ("text", "cut", "name"),
    [
        ("to Port-au-Prince by sea", "Port-au", "Port-au-Prince"),
        ("the London-based group", "London", "London"),
        ("The Doha-Based Group", "Doha", "Doha"),
        ("left N'Djamena again", "Djamena", "N'Djamena"),
        ("Qatar's capital", "Qatar", "Qatar"),
        ("the envoys' return", "envoys", "envoys"),
        ("in Guinea-Bissau's north", "Guinea", "Guinea-Bissau"),
        ("to Washington, D.C. today", "Washington, D.C.", "Washington, D.C."),
        ("went to (Paris).", "(Paris).", "Paris"),
        ("Report 1003\n\nTroops of the 5th Brigade", "1003\n\nTroops of the 5th Brigade", "Troops of the 5th Brigade"),
    ],
)
def test_a_span_ends_where_the_name_ends(text: str, cut: str, name: str) -> None:
    start = text.index(cut)
    low, high = whole(text, start, start + len(cut))
    assert text[low:high] == name


def test_tags_to_spans() -> None:
    text = "Ahmed and Omar left Doha"
    words = PIECES.words(text)
    tags = np.full((len(words), 3), 0.01, dtype=np.float32)
    tags[:, 0] = 0.98
    tags[[0, 2]] = (0.1, 0.85, 0.05)
    assert runs(tags, 0.5) == [range(1), range(2, 3)]
    found = spans(text, words, 0, tags, 0.5, 0.3)
    assert [(s.of(text), round(s.probability, 2)) for s in found] == [("Ahmed", 0.9), ("Omar", 0.9)]


def made(actors: str, origins: str, destinations: str, at: int = 0, probability: float = 0.9) -> LearnedMove:
    """A move whose spans are single letters of the text ``ABC…``."""
    a, o, d = (
        tuple(Span(ord(c) - 65, ord(c) - 64, 0.9) for c in letters) for letters in (actors, origins, destinations)
    )
    return LearnedMove(
        Span(at, at + 1, 0.9), a, o, d, None, None, "completed", 0.9, "visit", 0.9, "person", probability
    )  # fmt: skip


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(
    ("actors", "origins", "destinations", "expected"),
    [
        ("A", "D", "G", "ADG"),
        ("AB", "D", "G", "ADG BDG"),
        ("A", "DG", "GH", "ADG AGH"),
        ("AB", "D", "GH", "ADG BDH"),
        ("AB", "DE", "G", "ADG BEG"),
        ("A", "", "GH", "A-G A-H"),
        ("", "D", "", "-D-"),
    ],
)
def test_several_actors_and_places_are_several_moves(
    actors: str, origins: str, destinations: str, expected: str
) -> None:
    def letter(span: Span | None) -> str:
        return span.of(LETTERS) if span else "-"

    found: list[Hop] = hops(made(actors, origins, destinations))
    assert " ".join(letter(h.actor) + letter(h.origin) + letter(h.destination) for h in found) == expected


def test_two_triggers_of_one_event_are_one_move() -> None:
    full, part, other = made("A", "D", "G", 10, 0.7), made("A", "", "G", 12, 0.9), made("A", "G", "D", 14)
    assert without_repeats(LETTERS, [part, full, other]) == [full, other]
