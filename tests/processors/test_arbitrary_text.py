"""Any text can be read: whatever is in it, offsets point at what they say, and the time grows with the length."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language

from processors.components.reading import readable
from processors.components.sentences import LONGEST
from processors.extract import Extraction, extract_text
from processors.readings import PIECE, Reading, pieces

_PARTS = st.sampled_from(
    ["👨\u200d👩\u200d👧", "Hamas leaders", "left", "Doha", "for", "Baghdad", ".", "\n", "\n\n", "\r\n", "\t", "😀",
     "غادر القادة", "הם עזבו", "\x00", "\x1b[31m", "\u200f", "\u202e", "\ufeff", "\u2028", "é", "ﬁ", "İstanbul", "’s",
     "…", "—", "(((", "DOHA (Reuters) -", "U.S.", "x" * 300, "." * 1_100, "哈马斯", "\u0301\u0302", "from", "to"]
)  # fmt: skip
_TEXTS = st.one_of(st.text(max_size=200), st.lists(_PARTS, max_size=40).map("".join))


def offsets_hold(found: Extraction) -> bool:
    """Whether everything that was found stands in the text where it says."""
    text = found.text
    spans = [(m.text, m.start, m.end) for m in (*found.entities, *found.places)]
    spans += [(r.trigger, r.start, r.end) for r in found.rejected]
    for change in found.location_changes:
        spans.append((change.evidence.sentence, change.evidence.start, change.evidence.end))
        spans += [(p.text, p.start, p.end) for p in (change.origin, change.destination) if p and p.start is not None]
        said = [change.actor.text, change.trigger, change.attribution, change.reason, change.when and change.when.text]
        assert all(words in text for words in said if words)
    return all(text[start:end] == said for said, start, end in spans)


@given(title=st.one_of(st.none(), _TEXTS), body=_TEXTS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_offsets_hold_for_any_text(nlp: Language, title: str | None, body: str) -> None:
    found = extract_text(nlp, title, body)
    assert found.text == (body if title is None else f"{title}\n{body}")
    assert offsets_hold(found)


@given(title=_TEXTS, body=st.text(alphabet="x .\n\x00😀é", max_size=1_000))
@settings(deadline=None)
def test_what_the_model_reads_has_the_length_of_the_text(title: str, body: str) -> None:
    assert len(readable(title, body)) == len(f"{title}\n{body}" if title else body)


@given(st.lists(_PARTS, max_size=40).map("".join), st.integers(1, 200))
@settings(deadline=None)
def test_the_pieces_of_a_text_are_the_text(part: str, times: int) -> None:
    reading = Reading("Title", part * times)
    cut = list(pieces(reading))
    assert "".join(text for _, text, _ in cut) == readable("Title", reading.body)
    assert all(len(text) <= PIECE for _, text, _ in cut)
    assert [offset for offset, _, _ in cut] == [sum(len(t) for _, t, _ in cut[:i]) for i in range(len(cut))]


STRANGE = {
    "one giant line": "The envoy left Doha for Baghdad. ",
    "no sentence ends": "Hamas leaders left Doha for Baghdad and ",
    "only punctuation": "?!.,;:—()[]…\"'",
    "one word": "x",
    "emoji": "😀🚀👨‍👩‍👧‍👦🇶🇦",
    "right to left": "غادر قادة حماس الدوحة إلى بغداد ",
    "NUL": "\x00a",
    "only white space": " \n\t\u2028",
    "names": "Baghdad Tehran Doha ",
    "combining marks": "a\u0301\u0302",
}


@pytest.mark.parametrize("name", STRANGE)
def test_time_grows_with_the_length(nlp: Language, name: str) -> None:
    """Thrice the text takes about thrice as long: what took the square of it would take nine times as long."""
    short, long = (STRANGE[name] * (size // len(STRANGE[name]) + 1) for size in (1_900, 5_700))
    extract_text(nlp, "Title", short)
    took = []
    for body in (short, long):
        begun = time.process_time()
        assert offsets_hold(extract_text(nlp, "Title", body))
        took.append(time.process_time() - begun)
    assert took[1] < 6 * took[0] + 0.5, took


def test_a_megabyte_of_one_line_without_an_end(nlp: Language) -> None:
    found = extract_text(nlp, None, "x" * 1_000_000 + " Hamas leaders left Doha for Baghdad.")
    assert offsets_hold(found)
    assert [c.evidence.end for c in found.location_changes] == [len(found.text)]


def test_a_sentence_without_an_end_is_cut(nlp: Language) -> None:
    doc = nlp("and they walked and they sang " * 100)
    assert max(len(s) for s in doc.sents) <= LONGEST + 1


def test_sport_far_away_is_no_veto(nlp: Language) -> None:
    sport = "The striker scored a goal in the league match for his club. " * 3
    other = "The weather was fine and nothing happened at all that day. " * 40
    assert not extract_text(nlp, None, f"{sport}The envoy left Doha for Baghdad.").location_changes
    assert extract_text(nlp, None, f"{sport}{other}The envoy left Doha for Baghdad.").location_changes
