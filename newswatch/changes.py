"""What two generations say differently: statements and relocations added, lost and changed.

Only what both can know is compared: statements of articles that both hold, relocations all of whose told articles both
hold. What the same article says in the same sentence is one thing although its id differs, for that is made of actor
and places: so a corrected place is a change, not a loss and an addition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from indexer.fields import Kind
from indexer.index import Index, Stored
from indexer.query import everything, parse
from newswatch import report

Json = dict[str, Any]
Change = Literal["added", "lost", "changed"]
COMPARED: tuple[Kind, ...] = ("location-changes", "relocations")
_PAGE = 500
_FREE = {"version", "announced", "model", "merged_into"}
"""May differ without anything being said differently: how often it was written, what was announced, by which model."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is said otherwise; ``before`` and ``after`` are its documents."""

    kind: Kind
    change: Change
    before: Json | None
    after: Json | None

    @property
    def move(self) -> str:
        """The kind of move."""
        document = self.after or self.before or {}
        return str(document.get("kind"))

    @property
    def fields(self) -> list[str]:
        """The fields that differ, where it is in both."""
        if self.before is None or self.after is None:
            return []
        return different(self.before, self.after)


def different(before: Json, after: Json) -> list[str]:
    """The top-level fields that differ in what is said."""
    every = sorted((before.keys() | after.keys()) - _FREE - {"id"})
    return [f for f in every if _said(f, before.get(f)) != _said(f, after.get(f))]


def _said(field: str, value: Any) -> Any:
    if field == "statements" and isinstance(value, list):
        return [{k: v for k, v in one.items() if k not in _FREE} for one in value]
    return value


def differences(kind: Kind, old: Index, new: Index, same: Counter[str] | None = None) -> Iterator[Difference]:
    """How ``new`` differs from ``old``; ``same`` counts what does not, by kind of move. Bounded in memory by the number
    of what was added or lost."""
    lost: list[Json] = []
    for page in _pages(kind, old):
        there = new.get(kind, [hit.id for hit in page])
        lost += [dict(hit.document) for hit in _known(kind, new, [hit for hit in page if hit.id not in there])]
        pairs = [(hit, there[hit.id]) for hit in page if hit.id in there]
        otherwise = [pair for pair in pairs if different(dict(pair[0].document), dict(pair[1].document))]
        told = {h.id for h in _known(kind, new, [one for one, _ in otherwise])}
        told &= {h.id for h in _known(kind, old, [two for _, two in otherwise])}
        for one, two in otherwise:
            if one.id in told:
                yield Difference(kind, "changed", dict(one.document), dict(two.document))
        if same is not None:
            same.update(str(one.document.get("kind")) for one, two in pairs if (one, two) not in otherwise)
    added: list[Json] = []
    for page in _pages(kind, new):
        there = old.get(kind, [hit.id for hit in page])
        added += [dict(h.document) for h in _known(kind, old, [h for h in page if h.id not in there])]
    yield from paired(kind, lost, added)


def paired(kind: Kind, lost: Sequence[Json], added: Sequence[Json]) -> Iterator[Difference]:
    """What was lost and what was added, as one change where it stands in the same sentence of the same article."""
    places: dict[tuple[object, ...], list[Json]] = {}
    for document in added:
        places.setdefault(_place(kind, document), []).append(document)
    for document in lost:
        found = places.get(_place(kind, document))
        if found:
            yield Difference(kind, "changed", document, found.pop(0))
        else:
            yield Difference(kind, "lost", document, None)
    for left in places.values():
        yield from (Difference(kind, "added", None, document) for document in left)


def _place(kind: Kind, document: Json) -> tuple[object, ...]:
    """Where it is said: of a relocation, where it was said first."""
    if kind == "location-changes":
        return document["article_id"], document.get("evidence", {}).get("start")
    first = min(document.get("statements") or [{}], key=lambda s: (s.get("published", ""), s.get("id", "")))
    return first.get("article_id"), first.get("start")


def _pages(kind: Kind, index: Index) -> Iterator[list[Stored]]:
    """All documents, the withdrawn ones, too."""
    for query in (everything(kind), parse("withdrawn:true", kind)):
        cursor = None
        while True:
            page = index.search(kind, query, limit=_PAGE, cursor=cursor)
            yield page.hits
            cursor = page.cursor
            if cursor is None:
                break


def _known(kind: Kind, other: Index, hits: Sequence[Stored]) -> list[Stored]:
    """Those all of whose articles the other index knows; what another relocation tells now is nothing by itself."""
    hits = [hit for hit in hits if "merged_into" not in hit.document]
    wanted = sorted({a for hit in hits for a in _articles(kind, hit)})
    have = other.get("articles", wanted).keys() if wanted else set()
    return [hit for hit in hits if all(a in have for a in _articles(kind, hit))]


def _articles(kind: Kind, hit: Stored) -> list[str]:
    if kind == "location-changes":
        return [str(hit.document["article_id"])]
    return [str(s["article_id"]) for s in hit.document.get("statements", ())]


def told(kind: Kind, found: Iterator[Difference], same: Counter[str], limit: int) -> Iterator[str]:
    """For people: counts by kind of move, then up to ``limit`` examples of each change, side by side. ``same`` is
    counted while ``found`` is read."""
    counts: Counter[tuple[str, Change]] = Counter()
    examples: dict[Change, list[Difference]] = {"changed": [], "lost": [], "added": []}
    for one in found:
        counts[one.move, one.change] += 1
        if len(examples[one.change]) < limit:
            examples[one.change].append(one)
    yield f"== {kind}"
    yield f"{'':<20}{'same':>8}{'changed':>9}{'lost':>8}{'added':>8}"
    for move in sorted(same.keys() | {move for move, _ in counts}):
        row = f"{same[move]:>8}{counts[move, 'changed']:>9}{counts[move, 'lost']:>8}{counts[move, 'added']:>8}"
        yield f"{move:<20}{row}"
    for change, some in examples.items():
        for one in some:
            yield change + (f" ({', '.join(one.fields)})" if one.fields else "")
            for mark, document in (("-", one.before), ("+", one.after)):
                if document is not None:
                    yield f"  {mark} {_shown(kind, document)}"
            yield f"    {_sentence(kind, one.after or one.before or {})}"


def _shown(kind: Kind, document: Json) -> str:
    if kind == "location-changes":
        return report.statement(document).partition("\n")[0]
    marks = ["withdrawn" if document.get("withdrawn") else document["status"], str(document["kind"])]
    return f"{report.move(document)}  [{', '.join(marks)}, {document['independent_sources']} sources]"


def _sentence(kind: Kind, document: Json) -> str:
    if kind == "location-changes":
        return f"“{' '.join(document['evidence']['sentence'].split())}” {document['url']}"
    first = min(document.get("statements") or [{}], key=lambda s: (s.get("published", ""), s.get("id", "")))
    return f"“{' '.join(str(first.get('sentence', '')).split())}” {first.get('url', '')}"
