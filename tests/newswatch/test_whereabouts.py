"""Where an actor is said to be: the place, by how many independent sources, as it stood at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from indexer.documents import relocation_document
from newswatch import report
from newswatch.whereabouts import Sighting, sightings
from processors.relocations import fuse
from stream.messages import LocationChange
from tests.processors.relocations.told import told

START = datetime(2026, 3, 1, tzinfo=UTC)
LATER = START + timedelta(days=30)


def seen(*said: LocationChange, days: float = 30) -> list[Sighting]:
    """What is known after so many days of what was said."""
    documents: list[dict[str, Any]] = [relocation_document(r) for r in fuse(said)]
    return sightings(documents, START + timedelta(days=days))


PLANNED = (told("herald", 0, "planned"), told("gazette", 1, "planned"))


def test_who_is_to_leave_is_where_the_move_starts() -> None:
    (found,) = seen(*PLANNED)
    assert (found.place["name"], found.how, found.independent_sources) == ("Doha", "leaving", 2)
    assert found.elsewhere
    assert found.elsewhere["name"] == "Baghdad"
    assert found.corroborated


def test_an_arrival_counts_only_those_who_say_that_it_is_done() -> None:
    done = told("gazette", 2, "completed", confidence=0.9)
    (found,) = seen(*PLANNED, done)
    assert (found.place["name"], found.how, found.independent_sources) == ("Baghdad", "arrived", 1)
    assert found.elsewhere is None
    assert not found.corroborated
    (sure,) = seen(*PLANNED, done, told("herald", 3, "completed", confidence=0.9))
    assert sure.corroborated


def test_a_denial_leaves_the_actor_where_it_was() -> None:
    (found,) = seen(*PLANNED, told("ministry", 2, "denied"))
    assert (found.place["name"], found.how, found.independent_sources) == ("Doha", "staying", 3)
    assert "Doha (QA), staying, not moving to Baghdad (IQ)" in report.whereabouts("council", LATER, [found])


def test_two_destinations_at_once_do_not_contest_where_the_actor_is() -> None:
    found = seen(*PLANNED, told("ministry", 2, "planned", destination="Ankara"))
    assert [s.disputed for s in found] == [True, True]
    assert [s.independent_sources for s in found] == [1, 2], "the rival has one source only"
    assert [s.corroborated for s in found] == [True, True]


def test_two_who_tell_of_different_ways_to_go_corroborate_where_it_is() -> None:
    found = seen(told("herald", 0), told("ministry", 2, destination="Ankara"))
    assert [(s.place["name"], s.corroborated) for s in found] == [("Doha", True), ("Doha", False)]
    again = seen(told("herald", 0), told("herald", 2, destination="Ankara"))
    assert not any(s.corroborated for s in again), "one outlet"


def test_what_came_later_is_not_known_yet() -> None:
    (found,) = seen(*PLANNED, told("ministry", 2, "denied"), days=0.5)
    assert (found.how, found.independent_sources) == ("leaving", 1)
    assert not seen(*PLANNED, days=-1)
