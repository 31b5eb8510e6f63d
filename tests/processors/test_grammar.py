"""Reading with economy: grammar only where a move may be told, the same alone and among others."""

from __future__ import annotations

import pytest
from spacy.language import Language
from spacy.tokens import Doc

from processors.components.model import Inputs
from processors.readings import BATCH, BATCH_CHARACTERS, Reading, batches, read

MOVE = "Two of the movement's leaders left Doha for Baghdad on Monday, two regional officials said."
FILLER = "The committee met for the third time and agreed on the wording of a paper about school meals. "


def annotations(doc: Doc) -> list[tuple[object, ...]]:
    return [(t.text, t.pos_, t.tag_, t.dep_, t.head.i, t.lemma_, t.ent_type_, t.is_sent_start) for t in doc]


def test_the_filler_is_not_parsed_and_the_move_is(nlp: Language) -> None:
    doc = nlp(FILLER * 8 + MOVE + " " + FILLER * 8)
    verb = next(t for t in doc if t.text == "left")
    assert (verb.pos_, verb.lemma_) == ("VERB", "leave")
    assert [t.text for t in verb.children if t.dep_ == "nsubj"] == ["Two"]
    assert doc[1].pos == 0
    assert [doc[a:b].text for a, b in doc._.wanted] == [MOVE]
    assert len(doc._.location_changes) == 1


def test_sentences_hold_all_words_and_heads_stay_inside(nlp: Language) -> None:
    doc = nlp(FILLER * 8 + MOVE + " He spoke. " + FILLER * 3 + MOVE)
    sents = list(doc.sents)
    assert [t.i for s in sents for t in s] == list(range(len(doc)))
    assert all(s.start <= t.head.i < s.end for s in sents for t in s)


def test_a_parsed_sentence_is_parsed_as_in_any_pipeline(nlp: Language) -> None:
    plain = {name: nlp.get_pipe(name) for name in ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer")}
    text = "The ministers can't stay in Doha. They'll fly to Baghdad on Monday."
    whole = nlp.make_doc(text)
    for component in plain.values():
        whole = component(whole)
    ours = nlp(text)
    assert [(t.text, t.tag_, t.dep_, t.head.i, t.lemma_) for t in ours] == [
        (t.text, t.tag_, t.dep_, t.head.i, t.lemma_) for t in whole
    ]


def test_neighbours_in_a_batch_change_nothing(nlp: Language) -> None:
    texts = [FILLER * 5 + MOVE, "", MOVE, FILLER, "They met in Oslo. " * 40 + MOVE + " " + FILLER]
    together = [annotations(doc) for doc in nlp.pipe(texts)]
    assert together == [annotations(nlp(text)) for text in texts]


def test_the_title_is_read_always(nlp: Language) -> None:
    doc = nlp.make_doc("School meals\n" + FILLER * 9)
    doc._.inputs = Inputs(title_end=len("School meals"))
    doc = nlp(doc)
    assert doc[0].pos_
    assert not doc[-3].pos


def test_what_a_pronoun_stands_for_is_parsed_too(nlp: Language) -> None:
    doc = nlp(FILLER * 8 + "President Omar Diallo slept. It rained. He then flew from Doha to Baghdad. " + FILLER * 8)
    assert next(t for t in doc if t.text == "Diallo").pos_ == "PROPN"
    (move,) = doc._.location_changes
    assert doc[move.actor.head].text == "Diallo"


@pytest.mark.parametrize("sizes", [[], [1] * 150, [BATCH_CHARACTERS + 1] * 3, [BATCH_CHARACTERS // 2, 1, 10] * 5])
def test_batches_are_bounded_in_pieces_and_in_characters(sizes: list[int]) -> None:
    found = list(batches(sizes, lambda n: n))
    assert [n for batch in found for n in batch] == sizes
    assert all(len(b) <= BATCH and (len(b) == 1 or sum(b) <= BATCH_CHARACTERS) for b in found)


def test_long_and_short_texts_together_give_what_each_gives_alone(nlp: Language) -> None:
    readings = [Reading("Leaders leave Doha", FILLER * 4 + MOVE), Reading(None, MOVE), Reading(None, FILLER * 30)]
    assert [f.statements for f in read(nlp, readings)] == [read(nlp, [r])[0].statements for r in readings]
