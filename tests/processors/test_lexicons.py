"""Lexicons: every file of the package is valid, and a wrong one is refused with its line."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from processors.components.actors import organisations
from processors.components.cues import cue
from processors.components.triggers import departures, entries
from processors.lexicons import DATA, Lexicon, lexicons_hash, load_lexicon, word_lists
from stream.errors import ConfigError


class _Entry(Lexicon):
    name: str
    size: int


class _File(Lexicon):
    things: list[_Entry]


def test_a_wrong_value_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "things.yml"
    file.write_text("things:\n  - {name: one, size: 1}\n  - name: two\n    size: large\n")
    with pytest.raises(ConfigError, match=rf"{file}:4: things.1.size: "):
        load_lexicon(file, _File)


def test_an_unknown_name_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "things.yml"
    file.write_text("things:\n  - {name: one, size: 1}\n  - {name: two, size: 2, colour: red}\n")
    with pytest.raises(ConfigError, match=rf"{file}:3: things.1.colour: "):
        load_lexicon(file, _File)


def test_broken_yaml_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "things.yml"
    file.write_text("things: [1, 2")
    with pytest.raises(ConfigError, match=f"{file}: not valid YAML"):
        load_lexicon(file, _File)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_lexicon(tmp_path / "none.yml", _File)


def test_norway_is_no_boolean() -> None:
    assert "norwegian" in {w.lower() for w in word_lists("demonyms")["NO"]}


def test_every_departure_is_a_trigger() -> None:
    known = {lemma for _, lemma in entries()}
    assert departures() <= known, f"no such trigger: {sorted(departures() - known)}"


def test_aliases_of_organisations_are_unique_and_named() -> None:
    assert organisations()["Hizbollah"].root == "hezbollah"
    assert organisations()["Ismail Haniyeh"].root == "hamas"
    assert len({o.root for o in organisations().values()}) > 50


def test_the_hash_covers_the_lexicons() -> None:
    assert len(lexicons_hash()) == 16
    names = "actors common cues demonyms nouns places placewords status triggers"
    assert {f.stem for f in DATA.glob("*.yml")} >= set(names.split())


def test_every_cue_is_an_expression() -> None:
    for name in ("denied", "cancelled", "approved", "hearsay", "future", "soon", "habit"):
        assert cue(name).pattern
    assert cue("denied").search("The ministry dismissed the reports as nonsense.")
    assert cue("cancelled").search("The visit was called off.")
    assert not cue("cancelled").search("The visit began.")


def test_every_addition_has_its_reason() -> None:
    """Of a place beside it (bases, camps and the like above them all), of a list of words above it."""
    section = ""
    for line in (DATA / "places.yml").read_text(encoding="utf-8").splitlines():
        if line[:1].isalpha():
            section = line.partition(":")[0]
            assert "#" in line, line
        if line.startswith("    - ") and section in {"cities", "regions"}:
            assert "  # " in line, line
    for name in ("nouns", "kinds", "placewords", "status", "cues"):
        lines = (DATA / f"{name}.yml").read_text(encoding="utf-8").splitlines()
        depth = "" if name == "cues" else "  "
        for before, line in pairwise(lines):
            if re.match(rf"{depth}[a-z_]+:", line) and line != "lists:":
                assert before.strip().startswith("# "), line
