"""What a word is, and how whole values compare."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.sqlite_tables import SENTINEL, term_of
from indexer.words import _ASCII_SEGMENT, _SEGMENT, MAX_UNITS, MAX_VALUE, fold, words
from tests.indexer.strategies import TEXTS

ANYTHING = TEXTS | st.text(st.characters(codec="utf-8"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("... – 😀 👨‍👩‍👧 _ \x00", []),
        ("The U.S. moved 1,000 troops (3.14%).", ["the", "u.s", "moved", "1,000", "troops", "3.14"]),
        ("can't rock'n'roll 'quoted' s'", ["can't", "rock'n'roll", "quoted", "s"]),
        ("‘All is well’ 'evacuate now' 7'a '90s", ["all", "is", "well", "evacuate", "now", "7", "a", "90s"]),
        ("Iran's Iran’s IRANʼS James' it's", ["iran", "iran", "iran", "james", "it"]),
        ("d’Ivoire d'Ivoire", ["d'ivoire", "d'ivoire"]),
        ("well-known foo_bar a/b", ["well", "known", "foo_bar", "a", "b"]),
        ("www.bbc.co.uk", ["www.bbc.co.uk"]),
        ("Erdoğan Łódź Tromsø Đà Kılıç İstanbul", ["erdogan", "lodz", "tromso", "da", "kilic", "istanbul"]),
        ("e\u0301 \u00e9 ﬁn Ａｂ", ["e", "e", "fin", "ab"]),
        ("Straße STRASSE ΟΔΟΣ οδος", ["strasse", "strasse", "οδοσ", "οδοσ"]),
        ("йод ёж", ["иод", "еж"]),
        ("مُحَمَّد أحمد", ["محمد", "احمد"]),
        ('צה"ל שָׁלוֹם', ['צה"ל', "שלום"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("北京大学 is", ["北", "京", "大", "学", "is"]),
        ("かガｶﾞ シリーズ", ["か", "ガ", "ガ", "シ", "リ", "ー", "ズ"]),
        ("한국어 단어", ["한국어", "단어"]),
        ("so\u00adft zero\u200bwidth a\u200db", ["soft", "zero", "width", "ab"]),
        ("a" * 300 + " b", ["a" * MAX_UNITS, "b"]),
        ("𐐨" * 200, ["𐐨" * 127]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(text=ANYTHING)
@settings(deadline=None)
def test_words_can_be_joined_by_spaces_and_split_again(text: str) -> None:
    for word in words(text):
        assert word
        assert word.split() == [word]
        assert len(word.encode("utf-16-le")) <= 2 * MAX_UNITS
        assert word == word.casefold()


@given(text=st.text(st.sampled_from("aek7_.:',; -\n\x00&")) | st.text(st.characters(codec="ascii")).map(str.lower))
@settings(deadline=None, max_examples=500)
def test_the_quick_way_for_ascii_finds_the_same(text: str) -> None:
    assert _ASCII_SEGMENT.findall(text) == _SEGMENT.findall(text)


@given(text=ANYTHING)
@settings(deadline=None)
def test_case_and_composition_make_no_difference(text: str) -> None:
    assert words(text.casefold()) == words(text)
    assert fold(text.casefold()) == fold(text)
    assert fold(fold(text)) == fold(text)


@given(text=ANYTHING)
@settings(deadline=None)
def test_fts5_terms_are_made_of_what_its_tokenizer_keeps(text: str) -> None:
    for word in words(text):
        term = term_of(word)
        assert all(ord(c) >= 0x80 or c.isalnum() for c in term)
        assert SENTINEL not in term


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  The  National\n", "the national"),
        ("IQ", "iq"),
        ("São Tomé", "sao tome"),
        ("https://X.org/a?b=c", "https://x.org/a?b=c"),
        ("a\x00b", "a b"),
        ("\u0301 \u200d", ""),
        ("x" * 9_000, "x" * MAX_VALUE),
    ],
)
def test_fold(value: str, expected: str) -> None:
    assert fold(value) == expected
