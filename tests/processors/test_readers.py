"""Languages: which pipeline reads which text, and what is found by name alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language

from processors.components.gazetteer_only import Tokens
from processors.extract import extract_in
from processors.names import names
from processors.readers import Readers, by_name, language_of, load_others
from processors.readings import Reading
from stream.errors import ConfigError

STORIES = {
    "ar": ("تخطط قيادة حركة حماس لمغادرة قطر إلى العراق، حسب ما قالت مصادر في بغداد.", ["QA", "IQ", "IQ"], "hamas"),
    "de": ("Die Führung der Hisbollah will von Beirut nach Großbritannien, hieß es in Bagdads Zentrum.",
           ["LB", "GB", "IQ"], "hezbollah"),
    "es": ("Los talibanes viajan de Catar a Ciudad de México.", ["QA", "MX"], "taliban"),
    "fa": ("رهبران حماس قصد دارند قطر را به مقصد عراق ترک کنند.", ["QA", "IQ"], "hamas"),
    "fr": ("L'Organisation des Nations unies quitte Le Caire pour la Corée du Sud.", ["EG", "KR"], "united-nations"),
    "he": ("הנהגת חמאס מתכננת לעזוב את קטאר לעיראק, אמרו מקורות בבגדאד.", ["QA", "IQ", "IQ"], "hamas"),
    "hi": ("नेता कतर छोड़कर इराक जाने की योजना बना रहे हैं, बगदाद में सूत्रों ने कहा।", ["QA", "IQ", "IQ"], None),
    "ja": ("ハマスの指導部はカタールを離れイラクに移る計画だ。", ["QA", "IQ"], "hamas"),
    "ko": ("하마스 지도부가 카타르를 떠나 이라크로 이동할 계획이라고 전했다.", ["QA", "IQ"], "hamas"),
    "pl": ("Przywódcy Hamasu planują przenieść się do Iraku, podały źródła w Moskwie.", ["IQ", "RU"], "hamas"),
    "ru": ("Руководство ХАМАС планирует переехать из Катара в Ирак, сообщили в Москве.", ["QA", "IQ", "RU"], "hamas"),
    "uk": ("Керівництво ХАМАС переїде з Катару до Іраку, повідомили в Києві.", ["QA", "IQ", "UA"], "hamas"),
    "zh": ("哈马斯领导人计划离开卡塔尔前往伊拉克，巴格达消息人士说。", ["QA", "IQ", "IQ"], "hamas"),
}  # fmt: skip


@pytest.fixture(scope="module")
def readers(nlp: Language) -> Readers:
    return Readers(nlp)


@pytest.mark.parametrize("language", STORIES)
def test_places_and_watched_actors_in(readers: Readers, language: str) -> None:
    text, countries, root = STORIES[language]
    found = extract_in(readers, [Reading(None, text)], [language])[0]
    assert [p.country for p in found.places] == countries
    assert {e.id for e in found.entities if e.id} == ({root} if root else set())
    assert all(text[m.start : m.end] == m.text for m in (*found.entities, *found.places))
    assert (found.location_changes, readers.model(language).name) == ((), f"gazetteer_{language}")


@pytest.mark.parametrize("language", [lang for lang in STORIES if lang != "fa"])
def test_the_language_is_detected(language: str) -> None:
    text = STORIES[language][0]
    assert language_of(None, text + text) == language


def test_what_is_declared_counts_unless_the_letters_say_otherwise() -> None:
    arabic = STORIES["ar"][0]
    assert language_of("de-AT", "Hamas") == "de"
    assert language_of("en-GB", STORIES["de"][0]) == "en"
    assert language_of("en", arabic) == "ar"
    assert language_of("en", "هو") == "und"
    assert language_of(None, "Hamas leaders left Doha") == "en"
    assert language_of(None, "") == "en"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Das Essen in der Halle war gut."), ("fr", "Nice comme les Tours d'Orange"), ("es", "UN HOMBRE"),
        ("de", "wer die Ware kauft"), ("pt", "EU, NO BRASIL"), ("th", "กล่าวว่า"), ("it", "il prato e la massa"),
    ],
)  # fmt: skip
def test_ordinary_words_are_no_names(readers: Readers, language: str, text: str) -> None:
    found = extract_in(readers, [Reading(None, text)], [language])[0]
    assert [p.text for p in found.places if p.text not in {"BRASIL"}] == []
    assert [e.text for e in found.entities if e.id] == []


def test_the_passage_decides_between_namesakes() -> None:
    nlp = by_name("fr")
    assert [p.country for p in nlp("Tripoli, au Liban").doc._.places] == ["LB", "LB"]
    assert [p.country for p in nlp("Tripoli, en Libye").doc._.places] == ["LY", "LY"]


def test_a_leader_is_a_person() -> None:
    doc = by_name("de")("Ismail Haniyeh lebte in Doha.")
    assert [(e.text, e.label_) for e in doc.ents] == [("Ismail Haniyeh", "PERSON"), ("Doha", "GPE")]


TOKENS = Tokens(spacy.blank("xx").vocab)


@given(st.text(max_size=200))
@settings(deadline=None)
def test_tokens_keep_the_text(text: str) -> None:
    assert TOKENS(text).text == text


def test_a_pipeline_of_the_settings_reads_its_language(nlp: Language, tmp_path: Path) -> None:
    german = spacy.blank("de")
    rules = german.add_pipe("entity_ruler")
    rules.add_patterns([  # type: ignore[attr-defined]
        {"label": "LOC", "pattern": "Bad Xyz"}, {"label": "PER", "pattern": "Annalena Baerbock"},
    ])  # fmt: skip
    german.to_disk(tmp_path / "german")
    readers = Readers(nlp, load_others({"de": str(tmp_path / "german")}))
    text = "Annalena Baerbock reist mit der Hamas von Bad Xyz nach Bagdad."
    found = extract_in(readers, [Reading(None, text, datetime(2026, 1, 1, tzinfo=UTC))], ["de"])[0]
    assert [(e.text, e.label) for e in found.entities] == [
        ("Annalena Baerbock", "PER"), ("Hamas", "ORG"), ("Bad Xyz", "LOC"), ("Bagdad", "GPE"),
    ]  # fmt: skip
    assert [(p.text, p.country) for p in found.places] == [("Bad Xyz", None), ("Bagdad", "IQ")]
    assert readers.model("de").name == "de_pipeline"


@pytest.mark.parametrize(
    ("pipelines", "said"),
    [
        ({"de": "de_none"}, "enrich.pipelines: de: 'de_none' is not installed; pip install de_none, or set another"),
        ({"en": "en_core_web_trf"}, "enrich.pipelines: en: the English pipeline is set by spacy_model"),
        ({"German": "de_core_news_sm"}, "enrich.pipelines: German: not an ISO 639-1 code"),
    ],
)  # fmt: skip
def test_a_wrong_pipeline_is_one_line_with_the_fix(pipelines: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_others(pipelines)


def test_every_name_of_the_lexicon_is_found() -> None:
    import yaml

    from processors.lexicons import DATA

    known = yaml.safe_load((DATA / "languages.yml").read_text(encoding="utf-8"))["languages"]
    for language, grammar in known.items():
        there = names(language)
        for root, spelt in grammar.get("actors", {}).items():
            assert {o.root if (o := there.organisation(name)) else None for name in spelt} == {root}, (language, root)
        for code, spelt in {**grammar.get("countries", {}), **grammar.get("cities", {})}.items():
            for name in spelt:
                assert there.meanings(name)[0].country == str(code), (language, name)
