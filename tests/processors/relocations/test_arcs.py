"""What fusion makes of the story arcs of ``corpus/arcs`` where each article is read as a person reads it: all that is
expected, so that a story which comes out wrong in ``tests/end_to_end/test_arcs.py`` was not read right."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final
from urllib.parse import urlsplit

import pycountry
import pytest

from ingest.fingerprint import simhash
from processors.relocations import fuse
from stream.ids import article_version, digest, statement_id
from stream.messages import Actor, Evidence, LocationChange, Place, Relocation, Source, Status, Superseded
from tests.end_to_end.arcs import Arc, compare, load_arcs

PLANNED: Final = "planned"
DENIED: Final = "denied"
CANCELLED: Final = "cancelled"
ONGOING: Final = "ongoing"
APPROVED: Final = "approved"
DONE: Final = "completed"
SAME: list[tuple[Status, int]] = [(PLANNED, 0)]
READ: dict[str, list[tuple[Status, int]]] = {
    "vestmar-headquarters": [(PLANNED, 0), (PLANNED, 0), (PLANNED, 0), (DONE, 0)],
    "wfp-ten-copies": SAME * 10,
    "canadian-embassy": [*SAME * 4, (DONE, 0)],
    "arriaga-denial": [*SAME * 3, (DENIED, 0), (DENIED, 0)],
    "zaravan-brigade": [(PLANNED, 0), (PLANNED, 0), (DENIED, 0), (DONE, 0), (DONE, 0)],
    "biathlon-correction": [(PLANNED, 0), (PLANNED, 1), (PLANNED, 1), (PLANNED, 1), (DONE, 1)],
    "darfur-council-rivals": [(PLANNED, 0), (PLANNED, 1), (PLANNED, 0), (PLANNED, 1), (PLANNED, 0)],
    "frigate-cancelled": [(PLANNED, 0), (PLANNED, 0), (PLANNED, 0), (CANCELLED, 0), (CANCELLED, 0)],
    "eritrean-refugees": [*SAME * 3, (DONE, 0), (DONE, 0)],
    "islamic-jihad-bureau": [(PLANNED, 0), (PLANNED, 0), (ONGOING, 0), (DONE, 0), (DONE, 0)],
    "fenwright-headquarters": [*SAME * 3, (APPROVED, 0), (DONE, 0)],
    "houthi-bureau": [*SAME * 2, (ONGOING, 0), (DONE, 0)],
    "fisheries-secretariat-denial": [*SAME * 3, (DENIED, 0), (DENIED, 0)],
    "razlan-flight": [*SAME * 2, (DENIED, 0), (DONE, 0), (DONE, 0)],
    "slovenia-not-slovakia": [(PLANNED, 0), (PLANNED, 1), (PLANNED, 1), (ONGOING, 1), (DONE, 1)],
    "comoros-rivals": [(PLANNED, 0), (PLANNED, 1), (PLANNED, 0), (PLANNED, 1), (PLANNED, 0)],
    "coast-guard-cebu": [*SAME * 2, (APPROVED, 0), (CANCELLED, 0), (CANCELLED, 0)],
    "bhairav-engineers": [*SAME * 4, (DONE, 0), (PLANNED, 0)],
}
"""Of each article of the story the status, and which of the expected relocations it tells."""
ARCS = [arc for arc in load_arcs() if arc.name in READ]
COUNTRIES_ONLY = {"arc09-a1", "arc09-a2", "arc12-a1", "arc18-a1", "arc18-a2", "arc18-a3"}


@pytest.mark.parametrize("arc", ARCS, ids=lambda arc: arc.name)
def test_a_story_that_is_read_right_comes_out_right(arc: Arc) -> None:
    found = told(arc)
    compared, others = compare(arc, [r.model_dump(mode="json") for r in found])
    assert [c.wrong for c in compared] == [{}] * len(compared)
    assert not others


@pytest.mark.parametrize("arc", ARCS, ids=lambda arc: arc.name)
def test_its_history_has_the_turns_of_the_story(arc: Arc) -> None:
    history = {
        r.id: [kind for kind, _ in groupby(t.kind for t in r.history)] for r in told(arc) if not r.withdrawn
    }  # fmt: skip
    expected = [e["transitions"] for e in arc.expected if e["status"] != "withdrawn"]
    for one, turns in zip(history.values(), expected, strict=True):
        assert [k for k in one if k != "corroborated"] == [k for k in turns if k != "corroborated"]
        assert ("corroborated" in one) == ("corroborated" in turns)


def told(arc: Arc) -> list[Relocation]:
    """The relocations, in the order of the expected ones."""
    story = [a for a in arc.articles if not a["noise"]]
    said = [
        _statement(article, status, arc.expected[which])
        for article, (status, which) in zip(story, READ[arc.name], strict=True)
    ]
    updates = [
        Superseded(article_id=digest("article", a["url"]), version=article_version(a["fetched"], own=True))
        for a in story
        if a["revision"] > 1
    ]
    roots = list(dict.fromkeys(e["actor"] for e in arc.expected))
    return [r for root in roots for r in fuse([s for s in said if s.actor.root == root], updates)]


def _statement(article: dict[str, Any], status: Status, move: dict[str, Any]) -> LocationChange:
    cities = article["id"] not in COUNTRIES_ONLY
    off, to = (_place(move[side], city=cities) for side in ("from", "to"))
    article_id = digest("article", article["url"])
    outlet = (urlsplit(article["url"]).hostname or "").removeprefix("www.")
    name = move["actor"]
    return LocationChange(
        id=statement_id(article_id, name, off, to, move["kind"], 0), article_id=article_id,
        version=article_version(article["fetched"], own=True),
        actor=Actor(text=name, name=name, id=None, type="group", root=name), origin=off, destination=to,
        kind=move["kind"], status=status, trigger="move", evidence=Evidence(sentence="It moves.", start=0, end=9),
        confidence=0.8, background=False, published=article["published"], fetched=article["fetched"],
        origin_of_article="live", source=Source(id=outlet, name=article["outlet"]), url=article["url"],
        title=article["headline"], fingerprint=simhash(article["text"]),
    )  # fmt: skip


def _place(named: dict[str, str], *, city: bool) -> Place:
    country = pycountry.countries.lookup(named["country"]).alpha_2
    name = named["city" if city else "country"]
    return Place(text=name, name=name, country=country, kind="city" if city else "country")
