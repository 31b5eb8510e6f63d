"""Which of the model's and the rules' readings stand."""

from __future__ import annotations

import pytest

from processors.components.choosing import ALONE, ORIGIN_ALONE, agree, least
from processors.components.model import ActorMention, Move, PlaceMention, Trigger
from processors.gazetteer import gazetteer


def place(name: str) -> PlaceMention:
    toponym = gazetteer().resolve(name)
    assert toponym is not None
    return PlaceMention(0, 1, toponym, country=toponym.country)


def move(origin: str | None, destination: str | None, token: int = 3) -> Move:
    trigger = Trigger(token, token + 1, "move", "verb", "either", "none", "none", "none", "visit", False, False)
    return Move(
        trigger, ActorMention(0, 1, 0, "person"), place(origin) if origin else None,
        place(destination) if destination else None, "visit", "completed", 0.9, (0, 9),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("Doha", "Baghdad"), ("Doha", "Baghdad"), True),
        (("Qatar", "Iraq"), ("Doha", "Baghdad"), True),
        ((None, "Baghdad"), ("Doha", "Baghdad"), True),
        (("Doha", None), (None, "Baghdad"), False),
        (("Doha", "Tehran"), ("Doha", "Baghdad"), False),
    ],
)
def test_readings_agree_by_their_places(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    assert agree(move(*one), move(*other)) is same


def test_readings_far_apart_are_two() -> None:
    assert not agree(move("Doha", "Baghdad"), move("Doha", "Baghdad", token=400))


def test_what_the_rules_confirm_needs_less_and_what_they_doubt_more() -> None:
    told = move("Doha", "Baghdad")
    assert least(told, agreed=True) < least(told, agreed=False) == ALONE
    assert least(move("Doha", None), agreed=False) == ORIGIN_ALONE
