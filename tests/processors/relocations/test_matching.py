"""What is one move and what is not: kinds, regions, copies."""

from __future__ import annotations

import pytest

from processors.relocations import fuse
from stream.messages import KindOfMove, LocationChange, Place
from tests.processors.relocations.told import ROOT, told


def destinations(*said: LocationChange) -> list[str | None]:
    """Of each relocation, in the order of their openers."""
    return [r.destination.name if r.destination else None for r in fuse(said)]


@pytest.mark.parametrize("kind", ["deployment", "transfer", "displacement"])
def test_the_same_actor_from_the_same_place_to_the_same_is_one_move_of_whatever_kind(kind: KindOfMove) -> None:
    assert len(fuse([told("a", 0), told("b", 1, kind=kind)])) == 1
    assert len(fuse([told("a", 0), told("b", 1, kind=kind, origin=None)])) == 2, "an open place proves nothing"
    assert len(fuse([told("a", 0), told("b", 1, kind=kind, destination="Erbil")])) == 2


def test_an_organisations_troops_are_not_its_office() -> None:
    assert len(fuse([told("a", 0, kind="office_move"), told("b", 1, kind="deployment", name="The Council's men")])) == 2


def test_persons_of_one_organisation_are_two_but_one_person_has_many_names() -> None:
    leaders = [_person(told("a", 0), "Ali Haddad"), _person(told("b", 1), "Omar Nasser")]
    assert len(fuse(leaders)) == 2
    ship = [_person(told("a", 0), "Frigate Te Kaha", of=None), _person(told("b", 1), "HMNZS Te Kaha", of=None)]
    assert len(fuse(ship)) == 1


def test_a_move_is_told_of_whom_the_first_names_who_has_a_name_for_them() -> None:
    words = ["its headquarters", "Fenwright", "The company"]
    said = [_person(told("abc"[day], day), name, of=None) for day, name in enumerate(words)]
    assert [r.actor.text for r in fuse(said)] == ["Fenwright"]
    assert [r.actor.text for r in fuse(said[:1])] == ["its headquarters"]


def test_a_place_of_no_gazetteer_is_one_wherever_it_was_guessed_to_lie() -> None:
    known, guessed = (Place(text="Bay", name="Subic Quay", country=c, kind="other") for c in ("PH", "AU"))
    said = [
        told("a", 0).model_copy(update={"destination": known}),
        told("b", 1).model_copy(update={"destination": guessed}),
    ]
    assert len(fuse(said)) == 1


def test_a_region_told_first_is_narrowed_to_its_town() -> None:
    region = Place(text="Cebu", name="Cebu", country="IQ", admin1="07", kind="region")
    said = [told("a", 0).model_copy(update={"destination": region}), told("b", 1)]
    assert destinations(*said) == ["Baghdad"]


def _person(said: LocationChange, name: str, of: str | None = ROOT) -> LocationChange:
    return said.model_copy(
        update={"actor": said.actor.model_copy(update={"text": name, "name": name, "id": of, "type": "person"})}
    )


def test_a_visit_is_no_move_but_where_the_words_tell_a_departure() -> None:
    assert len(fuse([told("a", 0), told("b", 1, kind="visit", trigger="travel")])) == 2
    assert len(fuse([told("a", 0), told("b", 1, kind="visit", trigger="leave")])) == 1
    assert len(fuse([told("a", 0), told("b", 1, kind="visit", trigger="leave", origin=None)])) == 2


def test_a_region_of_several_countries_leaves_open_which_of_them() -> None:
    assert destinations(told("a", 0, destination="the Gulf"), told("b", 1, destination="Iraq")) == ["Iraq"]
    assert destinations(told("a", 0), told("b", 1, destination="the Gulf")) == ["Baghdad"]
    later = told("c", 2, destination="Ankara")
    assert destinations(told("a", 0, destination="the Gulf"), told("b", 1), later) == ["Baghdad", "Ankara"]


@pytest.mark.parametrize(("bits", "sources"), [(0, 1), (16, 1), (17, 2)])
def test_a_text_that_is_near_another_is_no_source_of_its_own(bits: int, sources: int) -> None:
    copy = told("b", 0.1, text=(1 << 40) - 1 ^ (1 << bits) - 1)
    (one,) = fuse([told("a", 0, text=(1 << 40) - 1), copy])
    assert one.independent_sources == sources


WIRE = "The agency will move its bureau for the region from Doha to Baghdad by the end of January, it told staff today."
CHANGED = "The agency is to move its bureau for the region from Doha to Baghdad by the end of January, it told staff."


@pytest.mark.parametrize(
    ("bits", "sentence", "sources"),
    [(24, CHANGED, 1), (25, CHANGED, 2), (24, "They leave Doha.", 2), (24, WIRE[:60], 2)],
)
def test_a_text_far_cut_is_known_by_the_sentence_that_it_kept(bits: int, sentence: str, sources: int) -> None:
    wire, other = told("a", 0, text=(1 << 40) - 1), told("b", 0.1, text=(1 << 40) - 1 ^ (1 << bits) - 1)
    said = [
        s.model_copy(update={"evidence": s.evidence.model_copy(update={"sentence": words})})
        for s, words in ((wire, WIRE), (other, sentence))
    ]
    (one,) = fuse(said)
    assert one.independent_sources == sources
