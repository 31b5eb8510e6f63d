"""Maps: a base map, and layers of documents by their places, or of arcs from one place to another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from newswatch.kibana.objects import Reference, SavedObject, View

Json = dict[str, Any]

MOST = 10_000
"""So many documents are drawn at most: what Elasticsearch gives in one answer."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer over the base map, with the data view that it reads."""

    view: View
    description: Json


def points(view: View, name: str, label: str, path: str, tooltip: Sequence[str], colour: str, query: str = "") -> Layer:
    """Each document where its field ``path`` says; ``tooltip``: the fields shown beside it."""
    source = {
        "type": "ES_SEARCH", "geoField": view.of_type(path, "geo"), "scalingType": "LIMIT", "limit": MOST,
        "filterByMapBounds": True, "tooltipProperties": [view.shown(field) for field in tooltip],
        "sortField": view.time, "sortOrder": "desc", "topHitsSplitField": "", "topHitsSize": 1,
    }  # fmt: skip
    style = {
        "fillColor": _fixed(color=colour), "lineColor": _fixed(color="#FFFFFF"), "lineWidth": _fixed(size=1),
        "iconSize": _fixed(size=6),
    }  # fmt: skip
    return Layer(view, _layer(name, label, source, style, query))


def arcs(view: View, name: str, label: str, origin: str, destination: str, colour: str, query: str = "") -> Layer:
    """From one place to the other, the wider the more documents say so."""
    source = {
        "type": "ES_PEW_PEW", "sourceGeoField": view.of_type(origin, "geo"),
        "destGeoField": view.of_type(destination, "geo"), "metrics": [{"type": "count"}],
    }  # fmt: skip
    by_count = {"field": {"name": "doc_count", "origin": "source"}, "minSize": 1, "maxSize": 8,
                "fieldMetaOptions": {"isEnabled": True, "sigma": 3}}  # fmt: skip
    style = {"lineColor": _fixed(color=colour), "lineWidth": {"type": "DYNAMIC", "options": by_count}}
    return Layer(view, _layer(name, label, source, style, query))


def _fixed(**options: Any) -> Json:
    return {"type": "STATIC", "options": options}


def _layer(name: str, label: str, source: Json, style: Json, query: str) -> Json:
    return {
        "id": name, "label": label, "type": "GEOJSON_VECTOR", "visible": True, "alpha": 0.75, "minZoom": 0,
        "maxZoom": 24, "includeInFitToBounds": True, "joins": [], "query": {"query": query, "language": "kuery"},
        "sourceDescriptor": {
            "id": f"{name}-source", "applyGlobalQuery": True, "applyGlobalTime": True, "applyForceRefresh": True,
            **source,
        },
        "style": {"type": "VECTOR", "properties": style, "isTimeAware": True},
    }  # fmt: skip


_BASE: Json = {
    "id": "base", "label": None, "type": "EMS_VECTOR_TILE", "visible": True, "alpha": 1, "minZoom": 0, "maxZoom": 24,
    "includeInFitToBounds": True,
    "sourceDescriptor": {"type": "EMS_TMS", "isAutoSelect": True, "lightModeDefault": "road_map_desaturated"},
    "style": {"type": "EMS_VECTOR_TILE", "color": ""},
}  # fmt: skip


def saved_map(id_: str, title: str, description: str, layers: Sequence[Layer]) -> SavedObject:
    """A map of the whole world, drawn for the last 30 days where no dashboard says otherwise."""
    drawn: list[Json] = [_BASE]
    references: list[Reference] = []
    for place, layer in enumerate(layers, start=1):
        name = f"layer_{place}_source_index_pattern"
        source = {**layer.description["sourceDescriptor"], "indexPatternRefName": name}
        drawn.append({**layer.description, "sourceDescriptor": source})
        references.append(layer.view.reference(name))
    state = {
        "zoom": 1.7, "center": {"lon": 20, "lat": 25}, "timeFilters": {"from": "now-30d", "to": "now"},
        "refreshConfig": {"isPaused": True, "interval": 0}, "query": {"query": "", "language": "kuery"}, "filters": [],
        "settings": {"autoFitToDataBounds": False},
    }  # fmt: skip
    attributes = {
        "title": title, "description": description, "layerListJSON": json.dumps(drawn),
        "mapStateJSON": json.dumps(state),
        "uiStateJSON": json.dumps({"isLayerTOCOpen": True, "openTOCDetails": []}),
    }  # fmt: skip
    return SavedObject("map", id_, attributes, tuple(references))
