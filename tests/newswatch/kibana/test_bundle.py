"""The Kibana bundle: nothing in it is broken, it is what lies in deploy/kibana, and its marks tell what changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newswatch.kibana import bundle as made
from newswatch.kibana.bundle import NUMBER, Mark, bundle, mark_of
from newswatch.kibana.charts import highest, over_time, top, unique
from newswatch.kibana.maps import arcs
from newswatch.kibana.objects import Place, View, ndjson
from newswatch.kibana.searches import saved_search
from tests.newswatch.kibana.check import faults

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "deploy" / "kibana" / "newswatch.ndjson"
Json = dict[str, Any]
DEFAULT = Place()


def lines(place: Place = DEFAULT) -> list[Json]:
    return [json.loads(line) for line in ndjson(bundle(place)).splitlines()]


@pytest.mark.parametrize("place", [Place(), Place("nw2", "desk")], ids=["default", "another prefix and space"])
def test_nothing_is_broken(place: Place) -> None:
    *objects, details = lines(place)
    assert faults(objects, place.prefix) == []
    assert details == {
        "excludedObjects": [], "excludedObjectsCount": 0, "exportedCount": len(objects),
        "missingRefCount": 0, "missingReferences": [],
    }  # fmt: skip
    titles = {o["attributes"]["title"] for o in objects if o["type"] == "dashboard"}
    assert titles == {"newswatch: Moves", "newswatch: News", "newswatch: Operations"}


def test_the_shipped_bundle_is_what_the_code_makes() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == ndjson(bundle(Place())), (
        "deploy/kibana/newswatch.ndjson is stale: raise NUMBER in newswatch/kibana/bundle.py and run: make docs"
    )


def test_a_space_and_a_prefix_have_ids_of_their_own() -> None:
    places = (Place(), Place("newswatch", "desk"), Place("other"), Place("other", "desk"))
    ids = [{o.key for o in bundle(place)} for place in places]
    assert len(set.union(*ids)) == sum(map(len, ids))


# -- the check finds what Kibana would not


def panels(o: Json) -> list[Json]:
    return json.loads(o["attributes"]["panelsJSON"])  # type: ignore[no-any-return]


def with_panels(o: Json, change: Callable[[list[Json]], None]) -> None:
    found = panels(o)
    change(found)
    o["attributes"]["panelsJSON"] = json.dumps(found)


def chart(found: list[Json]) -> Json:
    return next(p for p in found if p["type"] == "lens")["embeddableConfig"]["attributes"]  # type: ignore[no-any-return]


def layer(found: list[Json]) -> Json:
    return chart(found)["state"]["datasourceStates"]["formBased"]["layers"]["layer"]  # type: ignore[no-any-return]


def with_layers(o: Json, **source: str) -> None:
    found = json.loads(o["attributes"]["layerListJSON"])
    found[1]["sourceDescriptor"] |= source
    o["attributes"]["layerListJSON"] = json.dumps(found)


def with_control(o: Json, id_: str, field: str) -> None:
    found = json.loads(o["attributes"]["controlGroupInput"]["panelsJSON"])
    found[id_]["explicitInput"]["fieldName"] = field
    o["attributes"]["controlGroupInput"]["panelsJSON"] = json.dumps(found)


BREAKS: dict[str, tuple[str, Callable[[Json], object], str]] = {
    "a map without its reference": ("map", lambda o: o["references"].pop(), "references are not"),
    "a map of words": ("map", lambda o: with_layers(o, sourceGeoField="actor.name"), "is text, not geo_point"),
    "panels that are no JSON": ("dashboard", lambda o: o["attributes"].update(panelsJSON="["), "not JSON"),
    "a column that is not there": ("search", lambda o: o["attributes"]["columns"].append("x.y"), "x.y is not in"),
    "an unknown attribute": ("search", lambda o: o["attributes"].update(hits=0), "hits"),
    "a reference to nothing": ("search", lambda o: o["references"][0].update(id="gone"), "no index-pattern gone"),
    "a too new shape": ("search", lambda o: o.update(typeMigrationVersion="10.5.0"), "newer than Kibana 8.12"),
    "another time field": ("index-pattern", lambda o: o["attributes"].update(timeFieldName="title"), "not date"),
    "a panel beside the grid": (
        "dashboard", lambda o: with_panels(o, lambda p: p[0]["gridData"].update(x=1)), "is misplaced",
    ),
    "a chart without a reference of its own": (
        "dashboard", lambda o: with_panels(o, lambda p: chart(p).update(references=[])), "is missing",
    ),
    "a chart of an analysed field": (
        "dashboard",
        lambda o: with_panels(o, lambda p: layer(p)["columns"]["metric"].update(
            operationType="unique_count", sourceField="actor.name")),
        "is text, not keyword",
    ),
    "a query on a field that is not there": (
        "dashboard",
        lambda o: with_panels(o, lambda p: chart(p)["state"]["query"].update(query="nosuch: true")),
        "nosuch is not in",
    ),
    "a list of analysed words": ("dashboard", lambda o: with_control(o, "c1", "actor.name"), "is text, not"),
    "a slider of words": ("dashboard", lambda o: with_control(o, "c7", "kind"), "is keyword, not"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_the_check_finds(name: str) -> None:
    type_, damage, told = BREAKS[name]
    *objects, _ = lines()
    damage(next(o for o in objects if o["type"] == type_ and not o["id"].endswith("statements")))
    assert any(told in fault for fault in faults(objects)), faults(objects)


@pytest.mark.parametrize(
    "build",
    [
        lambda v: v.shown("actor.nmae"),
        lambda v: unique(v, "confidence", "x"),
        lambda v: top(v, "statements.sentence", "x", by="order"),
        lambda v: highest(v, "status", "x"),
        lambda v: arcs(v, "a", "a", "origin.location", "destination.name", "#000000"),
        lambda v: saved_search(v, "a", "a", "a", ["destination.location.lat"]),
    ],
)
def test_a_field_that_cannot_be_meant_is_not_even_built(build: Callable[[View], object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        build(View(Place(), "relocations"))


def test_the_time_of_a_chart_is_that_of_its_kind() -> None:
    assert over_time(View(Place(), "alerts"))["sourceField"] == "created"


# -- marks


def marks(place: Place = DEFAULT) -> dict[str, Mark]:
    return {o.id: mark for o in bundle(place) if (mark := mark_of(o.attributes))}


def test_every_object_but_a_data_view_is_marked() -> None:
    described = {o.id for o in bundle(Place()) if o.type != "index-pattern"}
    assert marks().keys() == described
    assert {m.bundle for m in marks().values()} == {NUMBER}


def test_a_mark_that_a_person_wrote_over_is_none() -> None:
    assert mark_of({"description": "Ours now."}) is None
    assert mark_of({}) is None
    assert mark_of({"description": f"Ours. {Mark(7, 'a' * 12)}"}) == Mark(7, "a" * 12)


def test_a_changed_data_view_changes_the_marks_of_who_refers_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = marks()
    real = View.saved

    def changed(self: View) -> Any:
        o = real(self)
        if self.kind == "articles":
            o.attributes["sourceFilters"] = "[]"
        return o

    monkeypatch.setattr(View, "saved", changed)
    after = marks()
    assert {id_ for id_ in before if before[id_] != after[id_]} == {
        "newswatch-latest-articles", "newswatch-news-map", "newswatch-news",
    }  # fmt: skip


def test_the_bundle_is_the_same_each_time() -> None:
    assert ndjson(made.bundle(Place())) == ndjson(made.bundle(Place()))
