"""A dashboard: panels on a grid of 48 columns, controls above them, and the references that Kibana wants for each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from newswatch.kibana.charts import Chart
from newswatch.kibana.objects import Reference, SavedObject, View, search_source

Json = dict[str, Any]

COLUMNS = 48
_REFRESH_MS = 60_000


@dataclass(frozen=True, slots=True)
class Control:
    """A choice above the panels; ``step`` (of a range of numbers) is how fine it is."""

    view: View
    path: str
    title: str
    step: float | None = None

    @property
    def type(self) -> str:
        """Of the control: a list of values, or a range of numbers."""
        return "optionsListControl" if self.step is None else "rangeSliderControl"


@dataclass(slots=True)
class Dashboard:
    """A dashboard that is being laid out, row by row."""

    id: str
    title: str
    description: str
    since: str
    """The time range it opens with, from then until now."""
    _panels: list[Json] = field(default_factory=list)
    _references: list[Reference] = field(default_factory=list)
    _controls: dict[str, Json] = field(default_factory=dict)
    _y: int = 0

    def row(self, height: int, *panels: tuple[int, Chart | SavedObject | str]) -> None:
        """A row of panels (a text is Markdown), each with its width; together they fill the grid."""
        if sum(width for width, _ in panels) != COLUMNS:
            raise ValueError(f"{self.title}: a row is not {COLUMNS} columns wide")
        x = 0
        for width, what in panels:
            index = f"p{len(self._panels) + 1}"
            place = {"x": x, "y": self._y, "w": width, "h": height, "i": index}
            self._panels.append({"panelIndex": index, "gridData": place, **self._content(index, what)})
            x += width
        self._y += height

    def _content(self, index: str, what: Chart | SavedObject | str) -> Json:
        if isinstance(what, str):
            return {"type": "visualization", "embeddableConfig": _markdown(what)}
        if isinstance(what, Chart):
            own = what.reference
            self._references.append(Reference(f"{index}:{own.name}", own.type, own.id))
            return {"type": "lens", "title": what.title,
                    "embeddableConfig": {"attributes": what.attributes, "enhancements": {}}}  # fmt: skip
        self._references.append(Reference(f"{index}:panel_{index}", what.type, what.id))
        return {"type": what.type, "title": what.attributes["title"], "panelRefName": f"panel_{index}",
                "embeddableConfig": {"enhancements": {}}}  # fmt: skip

    def controls(self, width: Literal["small", "medium"], *controls: Control) -> None:
        """The controls, in this order."""
        for order, control in enumerate(controls):
            id_ = f"c{order + 1}"
            listed = control.step is None
            name = control.view.counted(control.path) if listed else control.view.of_type(control.path, "number")
            own: Json = {"selectedOptions": []} if listed else {"step": control.step}
            self._controls[id_] = {
                "type": control.type, "order": order, "grow": True, "width": width,
                "explicitInput": {"id": id_, "fieldName": name, "title": control.title, "enhancements": {}, **own},
            }  # fmt: skip
            reference = f"controlGroup_{id_}:{control.type.removesuffix('Control')}DataView"
            self._references.append(control.view.reference(reference))

    def saved(self) -> SavedObject:
        """The dashboard as laid out so far."""
        ignored = {"ignoreFilters": False, "ignoreQuery": False, "ignoreTimerange": False, "ignoreValidations": False}
        options = {"useMargins": True, "syncColors": False, "syncCursor": True, "syncTooltips": False,
                   "hidePanelTitles": False}  # fmt: skip
        attributes = {
            "title": self.title, "description": self.description, "version": 1,
            "panelsJSON": json.dumps(self._panels, ensure_ascii=False), "optionsJSON": json.dumps(options),
            "timeRestore": True, "timeFrom": self.since, "timeTo": "now",
            "refreshInterval": {"pause": False, "value": _REFRESH_MS},
            "controlGroupInput": {
                "chainingSystem": "HIERARCHICAL", "controlStyle": "oneLine",
                "ignoreParentSettingsJSON": json.dumps(ignored), "panelsJSON": json.dumps(self._controls),
            },
            "kibanaSavedObjectMeta": {"searchSourceJSON": search_source()},
        }  # fmt: skip
        return SavedObject("dashboard", self.id, attributes, tuple(self._references))


def _markdown(text: str) -> Json:
    return {
        "hidePanelTitles": True,
        "enhancements": {},
        "savedVis": {
            "title": "", "description": "", "type": "markdown",
            "params": {"markdown": text, "fontSize": 12, "openLinksInNewTab": False}, "uiState": {},
            "data": {"aggs": [], "searchSource": {"query": {"query": "", "language": "kuery"}, "filter": []}},
        },
    }  # fmt: skip
