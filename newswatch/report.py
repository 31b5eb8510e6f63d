"""Documents as people read them: one paragraph each for lists, a page for one alert or relocation."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from indexer.index import Document, Kind
from newswatch.whereabouts import Sighting
from stream.messages import Delivery

ARROW = "→"
WIDTH = 80
"""Columns of a case and of a whole alert: every terminal has them."""
AGAINST = ("denied", "cancelled")
"""The statuses that speak against a move."""
_MINUTE = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d)")

BY_NAME = "gazetteer_"
"""Before the language in the name of the model of an article for whose language there is none."""


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
    name = document.get("model", {}).get("name", "")
    told += f"  [{name.removeprefix(BY_NAME)}: only names are read]" if name.startswith(BY_NAME) else ""
    head = f"{_minute(document['published'])}  {document['source']['name']}: {document['title']}{told}"
    return f"{head}\n    {document['url']}"


def location_change(document: Document) -> str:
    """A statement with the time and place of its article."""
    head = f"{_minute(document['published'])}  {statement(document)}"
    return f"{head}\n    {document['source']['name']}, {document['url']}"


def statement(document: Document) -> str:
    """The move with status, who says so, and the sentence."""
    marks = [document["status"], _kind(document), f"confidence {document['confidence']:.2f}"]
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
    """One alert whole: rule and query, what it says, where each sentence that it rests on can be read."""
    lines = [
        wrapped(document["title"]),
        f"  id        {document['id']}",
        _labelled("rule", f"{document['rule']} ({document['rule_name']}): {document['query']}"),
        f"  severity  {document['severity']}",
        f"  raised    {_minute(document['created'])} UTC",
        f"  about     {document['subject']['kind'].replace('-', ' ')} {document['subject']['id']}",
        wrapped(f"  {'held back: ' + document['held_back'] if document.get('held_back') else 'to be sent'}"),
        "",
        *(wrapped(line, "  ", "    ") for line in document["text"].splitlines()),
    ]
    if document.get("evidence"):
        lines.append("")
    for evidence in document.get("evidence", ()):
        sentence = " ".join(evidence["sentence"].split())
        lines += [] if sentence in document["text"] else [wrapped(f"“{sentence}”", "  ")]
        lines += [f"  {evidence['source']}, {_minute(evidence['published'])}", f"    {evidence['url']}"]
    return "\n".join(lines)


def delivery(one: Delivery) -> str:
    """What became of an alert for one target, in a line."""
    how = {"waiting": "waits for", "delivered": "delivered to", "given_up": "NOT DELIVERED to"}[one.state]
    why = f": {one.reason}" if one.reason else ""
    return f"\n  {one.at:%Y-%m-%d %H:%M}  {how} {one.target}{why}"


def relocation_line(document: Document) -> str:
    """A relocation in a few lines: what it is, by how many sources, and how it came there."""
    told = f"{_minute(document['last_seen'])}  {move(document)}  [{', '.join(_marks(document))}]  ({document['id']})"
    turns = [h for h in document.get("history", ()) if h["kind"] not in ("corroborated", "disputed")]
    steps = f" {ARROW} ".join(f"{h['after']} {h['when'][5:10]}" for h in turns)
    by = f"{_voices(document)}{'; ' + steps if steps else ''}"
    return f"{wrapped(told, '', '    ')}\n{wrapped(by, '    ')}"


def relocation_in_short(document: Document) -> str:
    """A relocation in two lines of at most ``WIDTH`` columns: what it is, where it stands, its id."""
    marks = f"{document['status']} {_kind(document)}, {_voices(document)}"
    return "\n".join([wrapped(move(document)), wrapped(f"{marks}  ({document['id'][:8]})", "    ")])


def relocation(document: Document) -> str:
    """A relocation as a story: where it stands, what contradicts it, who said what when."""
    head = [wrapped(move(document)), f"  id        {document['id']}"]
    if document.get("merged_into"):
        return "\n".join([*head, _labelled("merged", _voices(document))])
    lines = [
        *head,
        _labelled("status", f"{_state(document)}{_confidence(document)}"),
        _labelled("sources", f"{_voices(document)}: {_outlets(document)}"),
        f"  told      {_minute(document['first_seen'])} to {_minute(document['last_seen'])}",
    ]
    lines += _settled(document)
    lines += [_labelled("but", text) for text in _contradictions(document)]
    for entry in _timeline(document):
        lines += ["", *entry]
    left = document["statement_count"] - len(document.get("statements", ()))
    return "\n".join([*lines, *([f"\n  and {left} more statements"] if left > 0 else [])])


def _settled(document: Document) -> list[str]:
    """That it was disputed and is no longer; of one that is ``_state`` tells."""
    begun = [h["when"] for h in document.get("history", ()) if h["kind"] == "disputed"]
    return [f"  disputed  {_minute(min(begun))}, settled since"] if begun and not document.get("disputed") else []


def _timeline(document: Document) -> list[list[str]]:
    """Who said what and what changed with it, by time; what another case's statement changed here stands alone."""
    statements = document.get("statements", ())
    turns: dict[str, list[Mapping[str, Any]]] = {}
    for turn in document.get("history", ()):
        turns.setdefault(turn["statement"], []).append(turn)
    voices = {said["outlet"] for said in statements if said.get("independent")}
    told = [
        (said["published"], _told(said, [_turn(t) for t in turns.pop(said["id"], [])], voices)) for said in statements
    ]
    left = [turn for of_one in turns.values() for turn in of_one]
    alone = [(t["when"], [wrapped(f"{_minute(t['when'])}  ** {_turn(t)}{_by_another(t)}", "  ", "    ")]) for t in left]
    return [lines for _, lines in sorted([*told, *alone], key=lambda entry: datetime.fromisoformat(entry[0]))]


def case(document: Document) -> str:
    """A relocation in a few lines of at most ``WIDTH`` columns: where it stands and since when, by how many, the best
    sentence of each side."""
    lines = [wrapped(f"{move(document)}  ({document['id'][:8]})"), _labelled("status", _state(document))]
    lines.append(_labelled("sources", f"{_voices(document)}: {_outlets(document)}"))
    lines += [_labelled("but", text) for text in _contradictions(document)]
    for said in _best(document):
        lines.append(wrapped(f"“{' '.join(said['sentence'].split())}”", "  ", "   "))
        lines.append(wrapped(f"{said['source']}, {_minute(said['published'])}", "     "))
    return "\n".join(lines)


def wrapped(text: str, first: str = "", later: str | None = None) -> str:
    """The text in lines of at most ``WIDTH`` columns, where words allow it, indented with ``first``, then ``later``."""
    following = first + "  " if later is None else later
    filled = textwrap.fill(
        _MINUTE.sub("\\1\\0\\2", text), WIDTH, initial_indent=first, subsequent_indent=following,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return filled.replace("\0", " ")  # day and hour stay on one line


def whereabouts(actor: str, at: datetime, found: Sequence[Sighting]) -> str:
    """Where an actor is said to be: the last corroborated place, then all, the latest first."""
    sure = next((s for s in found if s.corroborated), None)
    last = f"{place(sure.place)} ({_how(sure)}, {sure.at:%Y-%m-%d %H:%M})" if sure else "none, nothing is corroborated"
    lines = [wrapped(f"{actor}, by {at:%Y-%m-%d %H:%M} UTC; last corroborated place: {last}")]
    for s in found:
        marks = [_count(s.independent_sources), f"confidence {s.confidence:.2f}", *(["DISPUTED"] if s.disputed else [])]
        lines.append(wrapped(f"{s.at:%Y-%m-%d %H:%M}  {place(s.place)}, {_how(s)}"))
        lines.append(wrapped(f"{s.actor}  [{', '.join(marks)}]  ({s.relocation})", "    "))
        lines += [wrapped(f"but {text}", "    ") for text in s.contradictions]
    return "\n".join(lines)


def _how(sighting: Sighting) -> str:
    """``leaving for Baghdad (IQ)``; ``staying, not moving to Baghdad (IQ)``."""
    if sighting.elsewhere is None:
        return sighting.how
    return f"{sighting.how}{' for' if sighting.how == 'leaving' else ', not moving to'} {place(sighting.elsewhere)}"


def _labelled(label: str, text: str) -> str:
    return wrapped(text, f"  {label:<10}", " " * 12)


def _state(document: Document) -> str:
    """``denied relocation since 2026-03-04 12:00; before: planned 2026-03-01 09:30``, and since when it is disputed."""
    history = document.get("history", ())
    turns = [h for h in history if h["kind"] not in ("corroborated", "disputed")]
    now = f"{'withdrawn' if document.get('withdrawn') else document['status']} {_kind(document)}"
    if not turns:
        return f"{now}{', background' if document.get('background') else ''}, told {_minute(document['first_seen'])}"
    since = f"{now} since {_minute(turns[-1]['when'])}"
    disputes = [h["when"] for h in history if h["kind"] == "disputed"]
    if document.get("disputed"):
        since += f", DISPUTED since {_minute(max(disputes, default=turns[-1]['when']))}"
    earlier = [f"{h['after']} {_minute(h['when'])}" for h in turns[:-1]]
    if not earlier and turns[-1].get("before"):  # of a withdrawn one the history tells the end only
        earlier = [f"{turns[-1]['before']} {_minute(document['first_seen'])}"]
    return f"{since}; before: {', '.join(earlier)}" if earlier else since


def _confidence(document: Document) -> str:
    return "" if document.get("withdrawn") else f"; confidence {document['confidence']:.2f}"


def _kind(document: Document) -> str:
    return str(document["kind"]).replace("_", " ")


def _contradictions(document: Document) -> list[str]:
    """Who denies it, and other destinations with the ids of the relocations that tell them."""
    found = document.get("contradictions", ())
    return [f"{c['text']} ({c['relocation']})" if c.get("relocation") else str(c["text"]) for c in found]


def _outlets(document: Document) -> str:
    """Who says so: the independent ones, those that copy them, those against it, those that took it back."""
    named: dict[str, dict[str, None]] = {"for": {}, "copies": {}, "against": {}, "taken back": {}}
    for said in document.get("statements", ()):
        side = "against" if said["status"] in AGAINST else "for" if said.get("independent") else "copies"
        if not said.get("background"):
            named["taken back" if said.get("withdrawn") else side][said["source"]] = None
    copies = ", ".join(source for source in named["copies"] if source not in named["for"])
    if not named["for"] and not copies and named["against"]:
        return ", ".join(named["against"])  # they are counted as such right before
    parts = {
        "": ", ".join(named["for"]),
        "copied by ": copies,
        "against it: ": ", ".join(named["against"]),
        "taken back by ": ", ".join(named["taken back"]),
    }
    return "; ".join(f"{how}{outlets}" for how, outlets in parts.items() if outlets)


def _worth(said: Mapping[str, Any], now: str) -> tuple[bool, bool, float, str]:
    """What makes one statement a better quote: it says what is so now, copies nobody, was read surely, is late."""
    return said["status"] == now, bool(said.get("independent")), said["confidence"], said["published"]


def _best(document: Document) -> list[Mapping[str, Any]]:
    """The best statement for the move and the best against it; first the one that says what is so now."""
    living = [s for s in document.get("statements", ()) if bool(s.get("withdrawn")) == bool(document.get("withdrawn"))]
    best: dict[bool, Mapping[str, Any]] = {}
    for said in sorted(living, key=lambda s: _worth(s, document["status"])):
        best[said["status"] in AGAINST] = said
    now = document["status"] in AGAINST
    return [best[side] for side in (now, not now) if side in best]


def _marks(document: Document) -> list[str]:
    marks = [f"{document['status']} {_kind(document)}", f"confidence {document['confidence']:.2f}"]
    if document.get("merged_into"):
        return [*marks, "MERGED"]
    return marks + [name.upper() for name in ("disputed", "withdrawn", "background") if document.get(name)]


def worker(document: Document) -> str:
    """A worker on one of its topics: when it was last heard of, and where it stands."""
    ended = ", ended" if document.get("ended") else ""
    return f"{_minute(document['at'])}  {document['worker']}: {document['topic']}, {document['lag']} to do{ended}"


def feed(document: Document) -> str:
    """A feed: when it was last polled, and what is wrong with it."""
    failing = f"\n    failing: {document['error']}" if document.get("error") else ""
    return f"{_minute(document['last_polled'])}  {document['url']}{failing}"


def dead_letter(document: Document) -> str:
    """A dead letter: when and where it was given up, and why."""
    again = f"  (given back {_minute(document['retried'])})" if document.get("retried") else ""
    place = f"{document['stage']}: {document['topic']}/{document['partition']}@{document['offset']}"
    return f"{_minute(document['at'])}  {place}{again}  ({document['id']})\n    {document['error']}"


def _voices(document: Document) -> str:
    """By how many independent sources it is told, on each side, and in how many statements."""
    count = document["statement_count"]
    statements = f"{count} statement{'' if count == 1 else 's'}"
    if document.get("merged_into"):
        return f"its statements are told by {document['merged_into']} now"
    if document.get("withdrawn"):
        return f"nobody says so any more, {statements} before"
    if document.get("background"):
        return f"told only as background, in {statements}"
    sides = [said["status"] in AGAINST for said in document.get("statements", ()) if said.get("independent")]
    against = sides.count(True)
    if not against:
        return f"{_count(document['independent_sources'])} in {statements}"
    told = f"{_count(document['independent_sources'])} for it, {against}" if False in sides else _count(against)
    return f"{told} against it, in {statements}"


def _count(sources: int) -> str:
    return f"{sources} independent source{'' if sources == 1 else 's'}"


def _turn(turn: Mapping[str, Any]) -> str:
    if turn["kind"] == "corroborated":
        return f"{turn['after']} independent sources"
    if turn["kind"] == "disputed":
        return "DISPUTED"
    if turn["kind"] == "withdrawn":
        return f"withdrawn {_minute(turn['when'])}"
    return f"{turn['before']} {ARROW} {turn['after']}" if turn.get("before") else f"appears as {turn['after']}"


def _by_another(turn: Mapping[str, Any]) -> str:
    return ": another destination is told" if turn["kind"] == "disputed" else ""


def _told(said: Mapping[str, Any], turns: Sequence[str], voices: Collection[str]) -> list[str]:
    marks = [said["status"]]
    if said.get("independent"):
        marks.append("independent")
    elif not (said.get("withdrawn") or said.get("background")):
        marks.append("again" if said["outlet"] in voices else "copy")
    marks += [name.upper() for name in ("withdrawn", "background") if said.get(name)]
    changed = f"  ** {', '.join(turns)}" if turns else ""
    by = f", said by {said['attribution']}" if said.get("attribution") else ""
    return [
        wrapped(f"{_minute(said['published'])}  {said['source']}  [{', '.join(marks)}]{by}{changed}", "  ", "    "),
        wrapped(f"“{' '.join(said['sentence'].split())}”", "    ", "     "),
        f"    {said['url']}",
    ]


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


LINES: dict[Kind, Callable[[Document], str]] = {
    "articles": article,
    "location-changes": location_change,
    "relocations": relocation_line,
    "alerts": alert_line,
    "workers": worker,
    "feeds": feed,
    "dead-letters": dead_letter,
}
