"""Documents as people read them: one paragraph each for lists, a page for one alert."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

from indexer.index import Document, Kind

ARROW = "→"


def place(value: dict[str, Any] | None) -> str:
    """``Doha (QA)``; the country's name alone where only it is known; ``?`` for nothing."""
    if not value:
        return "?"
    name = value.get("text") or value["name"]
    country = value.get("country")
    return f"{name} ({country})" if country and value.get("kind") != "country" else str(name)


def move(document: Document) -> str:
    """``Hamas's leaders: Doha (QA) → Baghdad (IQ)``."""
    return f"{document['actor']['name']}: {place(document.get('origin'))} {ARROW} {place(document.get('destination'))}"


def article(document: Document) -> str:
    """An article in two lines: when, outlet, title; address."""
    moves = document.get("location_changes") or []
    told = f"  [{len(moves)} move{'s' if len(moves) > 1 else ''}]" if moves else ""
    head = f"{_minute(document['published'])}  {document['source']['name']}: {document['title']}{told}"
    return f"{head}\n    {document['url']}"


def location_change(document: Document) -> str:
    """A statement with the time and place of its article."""
    head = f"{_minute(document['published'])}  {statement(document)}"
    return f"{head}\n    {document['source']['name']}, {document['url']}"


def statement(document: Document) -> str:
    """The move with status, who says so, and the sentence."""
    marks = [document["status"], document["kind"].replace("_", " "), f"confidence {document['confidence']:.2f}"]
    marks += ["background"] if document.get("background") else []
    marks += ["WITHDRAWN by its publisher"] if document.get("withdrawn") else []
    said = f"\n    said by: {document['attribution']}" if document.get("attribution") else ""
    sentence = " ".join(document["evidence"]["sentence"].split())
    return f"{move(document)}  [{', '.join(marks)}]{said}\n    “{sentence}”"


def alert_line(document: Document) -> str:
    """An alert in a line or two, with the reason when it was held back."""
    held = f"\n    held back: {document['held_back']}" if document.get("held_back") else ""
    return f"{_minute(document['created'])}  [{document['severity']}] {document['title']}  ({document['id']}){held}"


def alert(document: Document) -> str:
    """One alert whole: rule and query, what it says, every sentence it rests on, links."""
    lines = [
        f"{document['title']}",
        f"  id        {document['id']}",
        f"  rule      {document['rule']} ({document['rule_name']}): {document['query']}",
        f"  severity  {document['severity']}",
        f"  raised    {_minute(document['created'])}",
        f"  {'held back: ' + document['held_back'] if document.get('held_back') else 'to be sent'}",
        "",
        textwrap.indent(document["text"], "  "),
    ]
    for evidence in document.get("evidence", ()):
        lines += ["", f"  “{' '.join(evidence['sentence'].split())}”"]
        lines += [f"    {evidence['source']}, {_minute(evidence['published'])}, {evidence['url']}"]
    return "\n".join(lines)


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


LINES: dict[Kind, Callable[[Document], str]] = {
    "articles": article,
    "location-changes": location_change,
    "alerts": alert_line,
}
