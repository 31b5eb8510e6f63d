"""Documents as people read them: one paragraph each for lists, a page for one alert or relocation."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from indexer.index import Document, Kind
from newswatch.whereabouts import Sighting
from stream.messages import Delivery

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


def delivery(one: Delivery) -> str:
    """What became of an alert for one target, in a line."""
    how = {"waiting": "waits for", "delivered": "delivered to", "given_up": "NOT DELIVERED to"}[one.state]
    why = f": {one.reason}" if one.reason else ""
    return f"\n  {one.at:%Y-%m-%d %H:%M}  {how} {one.target}{why}"


def relocation_line(document: Document) -> str:
    """A relocation in two lines: what it is, by how many sources, and how it came there."""
    head = f"{_minute(document['last_seen'])}  {move(document)}  [{', '.join(_marks(document))}]  ({document['id']})"
    turns = [h for h in document.get("history", ()) if h["kind"] not in ("corroborated", "disputed")]
    steps = f" {ARROW} ".join(f"{h['after']} {h['when'][5:10]}" for h in turns)
    return f"{head}\n    {_voices(document)}{'; ' + steps if steps else ''}"


def relocation(document: Document) -> str:
    """A relocation as a story: where it stands, what contradicts it, who said what when."""
    lines = [
        move(document),
        f"  id        {document['id']}",
        f"  status    {', '.join(_marks(document))}",
        f"  sources   {_voices(document)}",
        f"  told      {_minute(document['first_seen'])} to {_minute(document['last_seen'])}",
    ]
    if document.get("merged_into"):
        lines.append(f"  MERGED    its statements are told by {document['merged_into']} now")
    lines += [f"  but       {c['text']}" for c in document.get("contradictions", ())]
    turns: dict[str, list[str]] = {}
    for turn in document.get("history", ()):
        turns.setdefault(turn["statement"], []).append(_turn(turn))
    for said in document.get("statements", ()):
        lines += ["", *_told(said, turns.pop(said["id"], []))]
    left = document["statement_count"] - len(document.get("statements", ()))
    return "\n".join([*lines, *([f"\n  and {left} more statements"] if left > 0 else [])])


def whereabouts(actor: str, at: datetime, found: Sequence[Sighting]) -> str:
    """Where an actor is said to be: the last corroborated place, then all, the latest first."""
    if not found:
        return f"no relocation puts {actor} anywhere by {at:%Y-%m-%d %H:%M}"
    sure = next((s for s in found if s.corroborated), None)
    last = f"{place(sure.place)} ({sure.how}, {sure.at:%Y-%m-%d})" if sure else "none, nothing is corroborated"
    lines = [f"{actor}, by {at:%Y-%m-%d %H:%M} UTC; last corroborated place: {last}"]
    for s in found:
        marks = [s.how, _count(s.independent_sources), f"confidence {s.confidence:.2f}"]
        marks += ["DISPUTED"] if s.disputed else []
        lines.append(f"{s.at:%Y-%m-%d %H:%M}  {place(s.place)}  {s.actor}  [{', '.join(marks)}]  ({s.relocation})")
        lines += [f"    but {text}" for text in s.contradictions]
    return "\n".join(lines)


def _marks(document: Document) -> list[str]:
    marks = [document["status"], document["kind"].replace("_", " "), f"confidence {document['confidence']:.2f}"]
    return marks + [name.upper() for name in ("disputed", "withdrawn", "background") if document.get(name)]


def _voices(document: Document) -> str:
    count = document["statement_count"]
    return f"{_count(document['independent_sources'])} in {count} statement{'' if count == 1 else 's'}"


def _count(sources: int) -> str:
    return f"{sources} independent source{'' if sources == 1 else 's'}"


def _turn(turn: Mapping[str, Any]) -> str:
    if turn["kind"] == "corroborated":
        return f"{turn['after']} independent sources"
    if turn["kind"] == "disputed":
        return "DISPUTED"
    return f"{turn['before']} {ARROW} {turn['after']}" if turn.get("before") else f"appears as {turn['after']}"


def _told(said: Mapping[str, Any], turns: Sequence[str]) -> list[str]:
    marks = [said["status"]]
    marks += ["independent"] if said.get("independent") else []
    marks += [name.upper() for name in ("withdrawn", "background") if said.get(name)]
    changed = f"  ** {', '.join(turns)}" if turns else ""
    by = f", said by {said['attribution']}" if said.get("attribution") else ""
    return [
        f"  {_minute(said['published'])}  {said['source']}  [{', '.join(marks)}]{by}{changed}",
        f"    “{' '.join(said['sentence'].split())}”",
        f"    {said['url']}",
    ]


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


LINES: dict[Kind, Callable[[Document], str]] = {
    "articles": article,
    "location-changes": location_change,
    "relocations": relocation_line,
    "alerts": alert_line,
}
