"""Charts, as Kibana's Lens keeps them: columns of a question (count, top values, over time), and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from newswatch.kibana.objects import Reference, View

Json = dict[str, Any]

LAYER = "layer"
REFERENCE = f"indexpattern-datasource-layer-{LAYER}"
"""The name of a chart's reference to its data view."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that lives in a dashboard: its attributes hold its own reference, the dashboard's repeats it."""

    title: str
    attributes: Json
    view: View

    @property
    def reference(self) -> Reference:
        """To the data view."""
        return self.view.reference(REFERENCE)


def count(label: str, query: str = "") -> Json:
    """How many documents; those that ``query`` matches."""
    return _metric("count", "___records___", "number", label, query)


def unique(view: View, path: str, label: str, query: str = "") -> Json:
    """How many different values."""
    return _metric("unique_count", view.counted(path), "number", label, query)


def highest(view: View, path: str, label: str) -> Json:
    """The highest number."""
    return _metric("max", view.of_type(path, "number"), "number", label)


def total(view: View, path: str, label: str) -> Json:
    """The numbers added up."""
    return _metric("sum", view.of_type(path, "number"), "number", label)


def _metric(operation: str, field: str, type_: str, label: str, query: str = "") -> Json:
    column: Json = {
        "operationType": operation, "sourceField": field, "dataType": type_, "label": label, "customLabel": True,
        "isBucketed": False, "scale": "ratio", "params": {} if operation == "max" else {"emptyAsNull": False},
    }  # fmt: skip
    return {**column, "filter": {"query": query, "language": "kuery"}} if query else column


def top(view: View, path: str, label: str, *, by: str, size: int = 10, other: bool = False) -> Json:
    """The most frequent values, by the column ``by``; ``other``: and the rest as one."""
    return {
        "operationType": "terms", "sourceField": view.counted(path), "dataType": view.type_of(path), "label": label,
        "customLabel": True, "isBucketed": True, "scale": "ordinal",
        "params": {
            "size": size, "orderBy": {"type": "column", "columnId": by}, "orderDirection": "desc",
            "otherBucket": other, "missingBucket": False, "parentFormat": {"id": "terms"},
            "include": [], "exclude": [], "includeIsRegex": False, "excludeIsRegex": False,
        },
    }  # fmt: skip


def over_time(view: View, label: str = "Time") -> Json:
    """The kind's time, in steps that fit the range."""
    return {
        "operationType": "date_histogram", "sourceField": view.of_type(view.time, "date"), "dataType": "date",
        "label": label, "customLabel": True, "isBucketed": True, "scale": "interval",
        "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
    }  # fmt: skip


def number(view: View, title: str, column: Json, query: str = "") -> Chart:
    """One number, large."""
    return _chart(view, title, "lnsMetric", {"metric": column}, {"metricAccessor": "metric"}, query)


def table(view: View, title: str, columns: Mapping[str, Json], query: str = "") -> Chart:
    """A table: a row for each combination of the bucketed columns, which come first."""
    shown = [{"columnId": name} for name in columns]
    return _chart(view, title, "lnsDatatable", columns, {"columns": shown}, query)


def bars(
    view: View,
    title: str,
    columns: Mapping[str, Json],
    *,
    x: str,
    split: str | None = None,
    query: str = "",
    series: Literal["bar_stacked", "bar_horizontal_stacked"] = "bar_stacked",
) -> Chart:
    """Bars along the column ``x``, stacked by the column ``split``; the columns that are left are drawn."""
    drawn = [name for name in columns if name not in {x, split}]
    layer = {"layerId": LAYER, "layerType": "data", "seriesType": series, "xAccessor": x, "accessors": drawn}
    visualization = {
        "legend": {"isVisible": split is not None, "position": "right"}, "valueLabels": "hide",
        "fittingFunction": "None", "preferredSeriesType": series,
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
        "layers": [{**layer, "splitAccessor": split} if split else layer],
    }  # fmt: skip
    return _chart(view, title, "lnsXY", columns, visualization, query, of_layers=True)


def _chart(
    view: View, title: str, type_: str, columns: Mapping[str, Json], visualization: Json, query: str,
    *, of_layers: bool = False,
) -> Chart:  # fmt: skip
    """The attributes of a chart. The order of ``columns`` is that of the grouping: the first splits first."""
    layer = {"columns": dict(columns), "columnOrder": list(columns), "incompleteColumns": {}}
    own = {} if of_layers else {"layerId": LAYER, "layerType": "data"}
    attributes = {
        "title": title,
        "visualizationType": type_,
        "type": "lens",
        "references": [{"name": REFERENCE, "type": "index-pattern", "id": view.id}],
        "state": {
            "visualization": {**own, **visualization},
            "query": {"query": query, "language": "kuery"},
            "filters": [],
            "datasourceStates": {"formBased": {"layers": {LAYER: layer}}},
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }
    return Chart(title, attributes, view)
