"""A case as a person reads it: its dispute and how that ended, one side only, a withdrawal."""

from __future__ import annotations

from indexer.documents import relocation_document
from newswatch import report
from processors.relocations import fuse
from stream.messages import LocationChange, Superseded
from tests.processors.relocations.told import told, update


def shown(*said: LocationChange, updates: tuple[Superseded, ...] = ()) -> list[str]:
    """Each relocation as ``newswatch relocations show`` tells it, spaces made one."""
    return [" ".join(report.relocation(relocation_document(r)).split()) for r in fuse(said, updates)]


PLAN, RIVAL = told("courier", 0), told("levant", 1, destination="Ankara")


def test_a_dispute_is_told_on_both_sides_while_it_lasts() -> None:
    for story, outlet, place in zip(
        shown(PLAN, RIVAL), ("Levant", "Courier"), ("Ankara, TR", "Baghdad, IQ"), strict=True
    ):
        assert "status planned relocation since 2026-03-0" in story
        assert ", DISPUTED since 2026-03-02 00:00; confidence 0.56" in story
        assert f"but {outlet}: to {place} instead (" in story
    assert "2026-03-02 00:00 ** DISPUTED: another destination is told" in shown(PLAN, RIVAL)[0]


def test_that_a_dispute_was_settled_is_told() -> None:
    story, denied = shown(PLAN, RIVAL, told("meridian", 2, "denied", destination="Ankara"))
    assert "disputed 2026-03-02 00:00, settled since" in story
    assert "status planned relocation since 2026-03-01 00:00; confidence 0.80" in story
    assert "sources 1 independent source for it, 1 against it, in 2 statements: Levant; against it: Meridian" in denied
    assert "settled" not in shown(PLAN)[0]


def test_a_copy_and_a_repetition_are_told_apart() -> None:
    (story,) = shown(told("courier", 0, text=7), told("levant", 1, text=7), told("courier", 2))
    assert "Courier [planned, independent]" in story
    assert "Levant [planned, copy]" in story
    assert "Courier [planned, again]" in story


def test_who_is_against_it_is_named_once_where_nobody_is_for_it() -> None:
    (story,) = shown(told("ministry", 0, "denied"))
    assert "1 independent source against it, in 1 statement: Ministry told" in story


def test_what_was_taken_back_is_no_plan_any_more() -> None:
    (story,) = shown(told("courier", 0, article="one"), updates=(update("one", 0, 0.5),))
    assert "status withdrawn relocation since 2026-03-01 12:05; before: planned 2026-03-01 00:00 sources" in story
    assert "[planned, WITHDRAWN] ** withdrawn 2026-03-01 12:05" in story
