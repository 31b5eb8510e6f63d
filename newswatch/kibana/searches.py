"""Saved searches: tables of the newest documents, for dashboards and for Discover."""

from __future__ import annotations

from collections.abc import Sequence

from newswatch.kibana.objects import SEARCHED, SavedObject, View, search_source


def saved_search(
    view: View, name: str, title: str, description: str, columns: Sequence[str], query: str = ""
) -> SavedObject:
    """The documents that ``query`` (Kibana's query language) matches, newest first."""
    attributes = {
        "title": title,
        "description": description,
        "columns": [view.shown(path) for path in columns],
        "sort": [[view.time, "desc"]],
        "grid": {},
        "hideChart": True,
        "isTextBasedQuery": False,
        "timeRestore": False,
        "rowHeight": 3,
        "kibanaSavedObjectMeta": {"searchSourceJSON": search_source(query, index=True)},
    }
    return SavedObject("search", view.place.id(name), attributes, (view.reference(SEARCHED),))
