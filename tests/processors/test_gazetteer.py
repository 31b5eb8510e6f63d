"""The gazetteer: what names mean, alone and in context."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.cities import Cities, compile_cities, fold
from processors.gazetteer import Context, gazetteer


@pytest.mark.parametrize(
    ("name", "kind", "country"),
    [
        ("Baghdad", "city", "IQ"), ("the Hague", "city", "NL"), ("Georgia", "country", "GE"), ("U.S.", "country", "US"),
        ("the Gaza Strip", "region", "PS"), ("Crimea", "region", "UA"), ("the Red Sea", "sea", None),
        ("Kiev", "city", "UA"),
        ("N'Djamena", "city", "TD"), ("Texas", "region", "US"), ("al-Tanf", "base", "SY"), ("Myanmar", "country", "MM"),
        ("Singapore", "country", "SG"), ("Yayladagi", "city", "TR"), ("Bhasan Char", "region", "BD"),
    ],
)  # fmt: skip
def test_the_likeliest_meaning(name: str, kind: str, country: str | None) -> None:
    meaning = gazetteer().resolve(name)
    assert meaning is not None
    assert (meaning.kind, meaning.country) == (kind, country)


def test_the_passage_decides_between_namesakes() -> None:
    names = gazetteer()
    assert names.resolve("Tripoli", Context({"LB": 2.0}), within="LB").country == "LB"  # type: ignore[union-attr]
    assert names.resolve("Georgia", Context({"US": 2.0})).country == "US"  # type: ignore[union-attr]
    assert names.resolve("Brest", Context({"FR": 2.0})).country == "FR"  # type: ignore[union-attr]


def test_places_carry_coordinates_and_ids() -> None:
    doha = gazetteer().capital("QA")
    assert doha is not None
    assert doha.name == "Doha"
    assert doha.geonames_id == 290030
    assert doha.lat == pytest.approx(25.29, abs=0.01)


def test_nonsense_means_nothing() -> None:
    assert gazetteer().resolve("Xyzzyville") is None
    assert gazetteer().resolve("") is None


@given(st.text(max_size=40))
def test_fold_is_idempotent(name: str) -> None:
    assert fold(fold(name)) == fold(name)


def test_fold_flattens_diacritics_and_hyphens() -> None:
    assert fold("Yayladağı") == "yayladagi"
    assert fold("Mazar-i-Sharif") == "mazar i sharif"


def test_the_compiled_file_is_whole_and_read_only(tmp_path: Path) -> None:
    file = tmp_path / "cities.db"
    compile_cities(file, inhabitants=15000)
    cities = Cities(file)
    assert cities.named("doha")[0].country == "QA"
    assert [f.name for f in tmp_path.iterdir()] == ["cities.db"]
    with pytest.raises(sqlite3.OperationalError):
        cities._db.execute("DELETE FROM cities")
    cities._db.close()
