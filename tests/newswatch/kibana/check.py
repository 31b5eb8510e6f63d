"""Everything in a Kibana bundle that Kibana would take silently although it is broken, checked against the mapping.

An import answers success for a missing reference of a map, for panels that are no JSON, for a chart of a field that
is not there. Here each reference is followed to its data view, each field looked up in the mapping of that view's
index, with the types that the panel needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from indexer.elastic_mapping import mappings, names_of
from indexer.fields import KINDS

Json = dict[str, Any]

NEWEST_TYPES = {"index-pattern": (8, 0, 0), "search": (8, 0, 0), "map": (8, 4, 0), "dashboard": (8, 9, 0)}
"""What Kibana 8.12 knows: it answers 422 to anything newer."""
ATTRIBUTES = {
    "index-pattern": {"title", "name", "timeFieldName", "fields", "fieldAttrs", "fieldFormatMap", "runtimeFieldMap",
                      "sourceFilters"},
    "search": {"title", "description", "columns", "sort", "grid", "hideChart", "isTextBasedQuery", "timeRestore",
               "rowHeight", "kibanaSavedObjectMeta"},
    "map": {"title", "description", "layerListJSON", "mapStateJSON", "uiStateJSON"},
    "dashboard": {"title", "description", "version", "optionsJSON", "panelsJSON", "refreshInterval",
                  "controlGroupInput", "timeFrom", "timeTo", "timeRestore", "kibanaSavedObjectMeta"},
}  # fmt: skip
NUMBERS = {"double", "long"}
OPERATIONS = {
    "date_histogram": {"date"}, "terms": {"keyword", "boolean"} | NUMBERS, "max": NUMBERS, "sum": NUMBERS,
    "unique_count": {"keyword"},
}  # fmt: skip
DATA_TYPES = {"date": {"date"}, "number": NUMBERS, "boolean": {"boolean"}, "string": {"keyword"}}
CONTROLS = {"optionsListControl": {"keyword", "boolean"}, "rangeSliderControl": NUMBERS}
_KQL_FIELD = re.compile(r"([a-z_][\w.]*)\s*(?::|>=|<=|>|<)\s*([^\s()]+)")


def faults(objects: Iterable[Json], prefix: str = "newswatch") -> list[str]:
    """What is wrong with the objects of a bundle (without its last line), a line each."""
    return list(_Check(list(objects), prefix).run())


def flat(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a mapping with its type."""
    for name, one in properties.items():
        if "properties" in one:
            yield from flat(one["properties"], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", one["type"]
        yield from ((f"{prefix}{name}.{sub}", inner["type"]) for sub, inner in one.get("fields", {}).items())


class _Check:
    def __init__(self, objects: list[Json], prefix: str) -> None:
        self.objects = objects
        self.by_key = {(o["type"], o["id"]): o for o in objects}
        self.indices = {names_of(prefix, kind, "g1").live: dict(flat(mappings(kind)["properties"])) for kind in KINDS}

    def run(self) -> Iterator[str]:
        if len(self.by_key) != len(self.objects):
            yield "two objects have the same type and id"
        seen: set[tuple[str, str]] = set()
        for o in self.objects:
            where = f"{o['type']}:{o['id']}"
            try:
                yield from (f"{where}: {fault}" for fault in self.one(o, seen))
            except ValueError as error:
                yield f"{where}: not JSON: {error}"
            except KeyError as error:
                yield f"{where}: {error} is missing"
            seen.add((o["type"], o["id"]))

    def one(self, o: Json, seen: set[tuple[str, str]]) -> Iterator[str]:
        if o["coreMigrationVersion"] != "8.8.0" or o["managed"] is not False:
            yield "the envelope is not as it should be"
        if tuple(map(int, o["typeMigrationVersion"].split("."))) > NEWEST_TYPES[o["type"]]:
            yield "typeMigrationVersion is newer than Kibana 8.12"
        if unknown := set(o["attributes"]) ^ ATTRIBUTES[o["type"]]:
            yield f"attributes {sorted(unknown)}"
        names = [r["name"] for r in o["references"]]
        if len(set(names)) != len(names):
            yield "two references have the same name"
        for r in o["references"]:
            if (r["type"], r["id"]) not in seen:
                yield f"reference {r['name']}: no {r['type']} {r['id']} before it"
        yield from {"index-pattern": self.view, "search": self.search, "map": self.map,
                    "dashboard": self.dashboard}[o["type"]](o)  # fmt: skip

    # -- kinds of objects

    def view(self, o: Json) -> Iterator[str]:
        a = o["attributes"]
        fields = self.indices.get(a["title"])
        if fields is None:
            yield f"no index is called {a['title']}"
            return
        yield from need(fields, a["timeFieldName"], {"date"})
        json.loads(a["fields"]), json.loads(a["fieldAttrs"]), json.loads(a["runtimeFieldMap"])
        for name, how in json.loads(a["fieldFormatMap"]).items():
            yield from need(fields, name, {"keyword"} if how["id"] == "url" else NUMBERS)
        for hidden in json.loads(a["sourceFilters"]):
            if not any(name.startswith(hidden["value"].removesuffix("*")) for name in fields):
                yield f"source filter {hidden['value']} hides nothing"

    def search(self, o: Json) -> Iterator[str]:
        a = o["attributes"]
        source = json.loads(a["kibanaSavedObjectMeta"]["searchSourceJSON"])
        fields = self.fields(o["references"], source["indexRefName"])
        for column in a["columns"]:
            yield from need(fields, column)
        for by, order in a["sort"]:
            yield from need(fields, by, {"date", "keyword"} | NUMBERS)
            if order not in {"asc", "desc"}:
                yield f"sorted {order}"
        yield from self.query(fields, source["query"])

    def map(self, o: Json) -> Iterator[str]:
        a = o["attributes"]
        state = json.loads(a["mapStateJSON"])
        layers = json.loads(a["layerListJSON"])
        json.loads(a["uiStateJSON"])
        if {"zoom", "center", "timeFilters", "settings"} - set(state):
            yield "mapStateJSON is not whole"
        if len({layer["id"] for layer in layers}) != len(layers):
            yield "two layers have the same id"
        wanted = {f"layer_{i}_source_index_pattern" for i, x in enumerate(layers) if x["type"] == "GEOJSON_VECTOR"}
        if wanted != {r["name"] for r in o["references"]}:
            yield f"references are not {sorted(wanted)}"
        for i, layer in enumerate(layers):
            yield from (f"layer {i}: {fault}" for fault in self.layer(o, i, layer))

    def layer(self, o: Json, place: int, layer: Json) -> Iterator[str]:
        source = layer["sourceDescriptor"]
        if source["type"] == "EMS_TMS":
            return
        if source["indexPatternRefName"] != f"layer_{place}_source_index_pattern":
            yield "is not numbered by its place"
        fields = self.fields(o["references"], source["indexPatternRefName"])
        geo = {"ES_SEARCH": ["geoField"], "ES_PEW_PEW": ["sourceGeoField", "destGeoField"]}[source["type"]]
        for name in geo:
            yield from need(fields, source[name], {"geo_point"})
        for name in source.get("tooltipProperties", ()):
            yield from need(fields, name)
        if by := source.get("sortField"):
            yield from need(fields, by, {"date", "keyword"} | NUMBERS)
        for style in layer["style"]["properties"].values():
            if style["type"] == "DYNAMIC" and style["options"]["field"]["name"] != "doc_count":
                yield from need(fields, style["options"]["field"]["name"])
        yield from self.query(fields, layer["query"])

    def dashboard(self, o: Json) -> Iterator[str]:
        a = o["attributes"]
        json.loads(a["optionsJSON"]), json.loads(a["kibanaSavedObjectMeta"]["searchSourceJSON"])
        taken: set[tuple[int, int]] = set()
        used: set[str] = set()
        for panel in json.loads(a["panelsJSON"]):
            yield from (f"panel {panel['panelIndex']}: {fault}" for fault in self.panel(o, panel, taken, used))
        for id_, control in json.loads(a["controlGroupInput"]["panelsJSON"]).items():
            yield from (f"control {id_}: {fault}" for fault in self.control(o, id_, control, used))
        json.loads(a["controlGroupInput"]["ignoreParentSettingsJSON"])
        if left := {r["name"] for r in o["references"]} - used:
            yield f"nothing uses the references {sorted(left)}"

    def panel(self, o: Json, panel: Json, taken: set[tuple[int, int]], used: set[str]) -> Iterator[str]:
        index, g = panel["panelIndex"], panel["gridData"]
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        if g["i"] != index or g["x"] + g["w"] > 48 or cells & taken:
            yield "is misplaced"
        taken |= cells
        config = panel["embeddableConfig"]
        if name := panel.get("panelRefName"):
            used.add(f"{index}:{name}")
            if self.reference(o["references"], f"{index}:{name}")["type"] != panel["type"]:
                yield "its reference is to something else"
        elif panel["type"] == "lens":
            yield from self.chart(o, index, config["attributes"], used)
        elif panel["type"] != "visualization" or config["savedVis"]["type"] != "markdown":
            yield f"is a {panel['type']}"
        elif linked := set(re.findall(r"#/view/([\w-]+)", config["savedVis"]["params"]["markdown"])):
            yield from (f"leads to no dashboard {d}" for d in linked if ("dashboard", d) not in self.by_key)

    def chart(self, o: Json, index: str, a: Json, used: set[str]) -> Iterator[str]:
        state = a["state"]
        drawn = json.dumps(state["visualization"])
        for layer, content in state["datasourceStates"]["formBased"]["layers"].items():
            name = f"indexpattern-datasource-layer-{layer}"
            used.add(f"{index}:{name}")
            if self.reference(o["references"], f"{index}:{name}")["id"] != self.reference(a["references"], name)["id"]:
                yield "its own reference and the dashboard's differ"
            fields = self.fields(a["references"], name)
            if f'"{layer}"' not in drawn:
                yield f"layer {layer} is not drawn"
            yield from columns(content, drawn, fields)
            for column in content["columns"].values():
                yield from self.query(fields, column.get("filter"))
            yield from self.query(fields, state["query"])

    def control(self, o: Json, id_: str, control: Json, used: set[str]) -> Iterator[str]:
        given = control["explicitInput"]
        name = f"controlGroup_{id_}:{control['type'].removesuffix('Control')}DataView"
        used.add(name)
        if given["id"] != id_:
            yield "its id is another"
        yield from need(self.fields(o["references"], name), given["fieldName"], CONTROLS[control["type"]])

    # -- below

    def reference(self, references: list[Json], name: str) -> Json:
        for r in references:
            if r["name"] == name:
                return r
        raise KeyError(f"reference {name}")

    def fields(self, references: list[Json], name: str) -> Mapping[str, str]:
        r = self.reference(references, name)
        if r["type"] != "index-pattern":
            raise KeyError(f"data view at {name}")
        return self.indices[self.by_key[r["type"], r["id"]]["attributes"]["title"]]

    def query(self, fields: Mapping[str, str], query: Json | None) -> Iterator[str]:
        if query is None:
            return
        if query["language"] != "kuery":
            yield f"a query in {query['language']}"
        told = _KQL_FIELD.findall(query["query"])
        if query["query"] and not told:
            yield f"query {query['query']!r} names no field"
        for name, value in told:
            if "now" in value:
                yield from need(fields, name, {"date"})
            elif value == "*":
                yield from need(fields, name)
            elif value in {"true", "false"}:
                yield from need(fields, name, {"boolean"})
            else:
                yield from need(fields, name, NUMBERS if value[0].isdigit() else {"keyword"})


def columns(layer: Json, drawn: str, fields: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the columns of a layer of a chart."""
    if layer["columnOrder"] != list(layer["columns"]) or layer["incompleteColumns"]:
        yield "the order of its columns is not theirs"
    bucketed = [c["isBucketed"] for c in layer["columns"].values()]
    if bucketed != sorted(bucketed, reverse=True):
        yield "a column that counts comes before one that groups"
    for id_, column in layer["columns"].items():
        if f'"{id_}"' not in drawn:
            yield f"column {id_} is not drawn"
        operation = column["operationType"]
        if operation == "count":
            if column["sourceField"] != "___records___":
                yield f"column {id_} counts {column['sourceField']}"
            continue
        yield from need(fields, column["sourceField"], OPERATIONS[operation])
        if operation == "terms" and fields.get(column["sourceField"]) not in DATA_TYPES[column["dataType"]]:
            yield f"column {id_} is no {column['dataType']}"
        by = column["params"].get("orderBy", {})
        if by and (by["type"] != "column" or by["columnId"] not in layer["columns"]):
            yield f"column {id_} is ordered by no column"


def need(fields: Mapping[str, str], name: str, types: set[str] | None = None) -> Iterator[str]:
    """A fault where the field is not there, or of none of the types."""
    if name not in fields:
        yield f"field {name} is not in the mapping"
    elif types is not None and fields[name] not in types:
        yield f"field {name} is {fields[name]}, not {' or '.join(sorted(types))}"
