"""What was extracted from one text, on a terminal: the text with coloured spans, and the moves as a table."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from processors.components.reading import readable
from processors.extract import Extraction
from stream.messages import LocationChange, Place

STYLES = {
    "place": "green", "dateline": "dim green", "metonym": "dim green", "entity": "cyan", "actor": "bold yellow",
    "origin": "bold red", "destination": "bold green", "trigger": "bold magenta", "source": "italic blue",
    "rejected": "strike dim",
}  # fmt: skip
Mark = tuple[int, int, str]
"""Characters from, to (exclusive), and the key of the style."""


def show(console: Console, found: Extraction, explain: bool) -> None:
    """Print the text, what its colours mean, and the table of moves."""
    console.print(Group(coloured(found, explain), "", _legend(explain), "", _moves(found)))


def coloured(found: Extraction, explain: bool) -> Text:
    """The text without control characters, which could steer the terminal, with a style on everything found."""
    text = Text(readable("", found.text).replace("\t", " "))
    for start, end, style in marks(found, explain):
        text.stylize(STYLES[style], start, end)
    return text


def marks(found: Extraction, explain: bool) -> Iterator[Mark]:
    """What to colour; later ones lie over earlier ones."""
    for entity in found.entities:
        yield entity.start, entity.end, "entity"
    for place in found.places:
        if place.start is not None and place.end is not None:
            yield place.start, place.end, "place" if place.role == "mentioned" else place.role
    for rejected in found.rejected if explain else ():
        yield rejected.start, rejected.end, "rejected"
    for change in found.location_changes:
        yield from _of_move(found.text, change)


def _of_move(text: str, change: LocationChange) -> Iterator[Mark]:
    """The parts of a move: those without offsets where they stand in the evidence first."""
    sentence = change.evidence
    for said, style in ((change.attribution, "source"), (change.actor.text, "actor"), (change.trigger, "trigger")):
        at = text.find(said, sentence.start, sentence.end) if said else -1
        if said and at >= 0:
            yield at, at + len(said), style
    for place, style in ((change.origin, "origin"), (change.destination, "destination")):
        if place is not None and place.start is not None and place.end is not None:
            yield place.start, place.end, style


def _legend(explain: bool) -> Text:
    names = [n for n in STYLES if n not in {"dateline", "metonym"} and (explain or n != "rejected")]
    return Text("  ").join(Text(name, STYLES[name]) for name in names)


def _moves(found: Extraction) -> RenderableType:
    if not found.location_changes:
        return Text("No location changes.")
    table = Table(title=f"Location changes: {len(found.location_changes)}", title_justify="left")
    for heading in ("actor", "from", "to", "kind", "status", "said by"):
        table.add_column(heading, overflow="fold")
    table.add_column("confidence", justify="right")
    for c in found.location_changes:
        status = f"{c.status}, background" if c.background else c.status
        cells = (c.actor.name, _place(c.origin), _place(c.destination), c.kind.replace("_", " "), status,
                 c.attribution or "", f"{c.confidence:.2f}")  # fmt: skip
        table.add_row(*(Text(readable("", cell)) for cell in cells))
    return table


def _place(place: Place | None) -> str:
    if place is None:
        return ""
    return f"{place.text or place.name} ({place.country})" if place.country and place.kind != "country" else place.name
