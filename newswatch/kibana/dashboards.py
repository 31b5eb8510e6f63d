"""What analysts look at in Kibana: the dashboards Moves and News with their maps, and saved searches."""

from __future__ import annotations

from collections.abc import Sequence

from newswatch.kibana.charts import bars, count, number, over_time, table, top, unique
from newswatch.kibana.layout import Control, Dashboard
from newswatch.kibana.maps import arcs, points, saved_map
from newswatch.kibana.objects import Place, SavedObject, View
from newswatch.kibana.searches import saved_search

DASHBOARDS = ("Moves", "News", "Operations")
_BLUE, _ORANGE = "#006BB4", "#D6610A"
_STANDING = "NOT withdrawn: true"
"""What its publisher took back, or another relocation tells now, is not shown."""


def links(place: Place) -> str:
    """From one dashboard to the others."""
    return " · ".join(f"[{name}](#/view/{place.id(name.lower())})" for name in DASHBOARDS)


def moves(place: Place) -> Sequence[SavedObject]:
    """Moves: where who goes. All of it reads relocations, so that every control works on every panel."""
    view = View(place, "relocations")
    drawn = saved_map(place.id("moves-map"), "newswatch: moves on the map", "From origin to destination.", [
        arcs(view, "arcs", "Origin to destination", "origin.location", "destination.location", _BLUE, _STANDING),
        points(view, "destinations", "Destinations", "destination.location",
               ("actor.name", "origin.name", "destination.name", "kind", "status", "independent_sources", "last_seen"),
               _ORANGE, _STANDING),
    ])  # fmt: skip
    latest = saved_search(
        view, "latest-moves", "newswatch: latest moves",
        "Each move with what was said of it: the sentences, and where they can be read.",
        ("actor.name", "origin.name", "destination.name", "kind", "status", "confidence", "independent_sources",
         "statements.sentence", "statements.url"), _STANDING,
    )  # fmt: skip
    d = Dashboard(place.id("moves"), "newswatch: Moves", "Who is moving where.", "now-30d")
    d.controls(
        "small",
        Control(view, "actor.name", "Actor"), Control(view, "origin.country", "From country"),
        Control(view, "destination.country", "To country"), Control(view, "kind", "Kind"),
        Control(view, "status", "Status"), Control(view, "statements.source", "Source"),
        Control(view, "confidence", "Confidence", 0.05), Control(view, "independent_sources", "Independent sources", 1),
    )  # fmt: skip
    d.row(4, (48, f"**newswatch · Moves** · {links(place)}\n\nOne row is one move of one actor as all outlets tell it, "
                  "by when it was last told of; what was taken back is hidden."))  # fmt: skip
    d.row(6, (12, number(view, "Moves", count("moves"), _STANDING)),
          (12, number(view, "Actors", unique(view, "actor.root", "actors"), _STANDING)),
          (12, number(view, "Said by two sources or more", count("moves"),
                      f"independent_sources >= 2 AND {_STANDING}")),
          (12, number(view, "Disputed or denied", count("moves"),
                      f"(disputed: true OR status: denied) AND {_STANDING}")))  # fmt: skip
    by_count = {"order": count("moves")}
    d.row(22, (30, drawn),
          (18, bars(view, "Moves by status", {"status": top(view, "status", "Status", by="order", size=8),
                                              "time": over_time(view), **by_count},
                    x="time", split="status", query=_STANDING)))  # fmt: skip
    d.row(14, *((16, table(view, title, {"value": top(view, path, label, by="order", size=20), **by_count}, _STANDING))
                for title, path, label in (("Top actors", "actor.name", "Actor"),
                                           ("Top origins", "origin.name", "From"),
                                           ("Top destinations", "destination.name", "To"))))  # fmt: skip
    d.row(20, (48, latest))
    return [drawn, latest, d.saved()]


def news(place: Place) -> Sequence[SavedObject]:
    """News: what the outlets write, of whom and of where."""
    view = View(place, "articles")
    drawn = saved_map(place.id("news-map"), "newswatch: places in the news", "Each article at the places it names.", [
        points(view, "places", "Places of articles", "places.location",
               ("title", "source.name", "places.name", "published", "url"), _BLUE),
    ])  # fmt: skip
    latest = saved_search(
        view, "latest-articles", "newswatch: latest articles", "The newest articles, with links.",
        ("title", "source.name", "language", "places.name", "location_changes.actor.name", "url"),
    )  # fmt: skip
    d = Dashboard(place.id("news"), "newswatch: News", "What the outlets write, of whom and of where.", "now-7d")
    d.controls(
        "small",
        Control(view, "source.name", "Source"), Control(view, "source.country", "Country of the source"),
        Control(view, "language", "Language"), Control(view, "entities.name", "Person or organisation"),
        Control(view, "places.country", "Country in the text"),
    )  # fmt: skip
    d.row(4, (48, f"**newswatch · News** · {links(place)}\n\nArticles by when they were published."))
    d.row(6, (12, number(view, "Articles", count("articles"))),
          (12, number(view, "Sources", unique(view, "source.id", "sources"))),
          (12, number(view, "Countries in the news", unique(view, "places.country", "countries"))),
          (12, number(view, "Articles that tell of a move", count("articles"), "location_changes.id: *")))  # fmt: skip
    order = {"order": count("articles")}
    d.row(14, *((24, bars(view, title, {"value": top(view, path, label, by="order", other=True),
                                        "time": over_time(view), **order}, x="time", split="value"))
                for title, path, label in (("Articles by source", "source.name", "Source"),
                                           ("Articles by language", "language", "Language"))))  # fmt: skip
    d.row(20, (12, table(view, "Persons and organisations",
                         {"value": top(view, "entities.name", "Name", by="order", size=30), **order})),
          (24, drawn),
          (12, table(view, "Places", {"value": top(view, "places.name", "Place", by="order", size=30),
                                      **order})))  # fmt: skip
    d.row(20, (48, latest))
    return [drawn, latest, d.saved()]


def others(place: Place) -> Sequence[SavedObject]:
    """Searches for Discover alone."""
    return [
        saved_search(
            View(place, "location-changes"), "statements", "newswatch: what articles say of moves",
            "One row is one article's statement; those that the publisher took back are hidden.",
            ("actor.name", "origin.name", "destination.name", "kind", "status", "confidence", "attribution",
             "evidence.sentence", "source.name", "url"), _STANDING,
        ),
        saved_search(
            View(place, "alerts"), "alerts-raised", "newswatch: alerts",
            "Alerts with what they rest on; held_back says why one is not sent.",
            ("severity", "title", "rule_name", "evidence.sentence", "held_back", "links"),
        ),
    ]  # fmt: skip
