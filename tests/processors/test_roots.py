"""Roots of actors: what articles call differently is one, and what is two stays two."""

from __future__ import annotations

import pytest

from processors.components.roots import normalised


@pytest.mark.parametrize(("names", "root"), [
    (["148 Eritrean refugees", "The 148 Eritrean refugees", "a group of 148 Eritrean refugees", "Eritrean refugees",
      "one of the Eritrean refugees", "the first 60 Eritrean refugees"], "eritrea refugees"),
    (["Canada's embassy", "The Canadian embassy"], "canada embassy"),
    (["the U.S. embassy", "American embassy"], "united states embassy"),
    (["About 1,200 residents", "some two hundred residents", "dozens of residents"], "residents"),
    (["The 4th Brigade"], "4th brigade"),
    (["First Republic Bank"], "first republic bank"),
    (["Velanta's", "velanta"], "velanta"),
])  # fmt: skip
def test_one_actor_has_one_root(names: list[str], root: str) -> None:
    assert {normalised(name) for name in names} == {root}


def test_formations_with_numbers_are_not_one() -> None:
    assert normalised("the 3rd Fleet") != normalised("the 7th Fleet")
    assert normalised("") == "unknown"
