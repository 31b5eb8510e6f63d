"""Relocations: one evolving case of an actor's move instead of forty articles.

``fuse`` is the whole of it as a pure function of the set of statements of one actor root. The stage does the same as
statements arrive (``processors/fuse_stage.py``), and gets the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from processors.relocations.announcing import Announcing, announce
from processors.relocations.root import Root, Walked
from processors.relocations.statement import Statement, compact
from processors.relocations.telling import identifier, relocation_id, said_by, tell
from stream.messages import LocationChange, Relocation, Superseded

__all__ = [
    "Announcing", "Root", "Statement", "Walked", "announce", "compact", "fuse", "identifier", "newest", "relocation_id",
    "said_by", "superseding", "tell",
]  # fmt: skip


def fuse(statements: Iterable[LocationChange], superseded: Iterable[Superseded] = ()) -> list[Relocation]:
    """The relocations that the statements of one actor root tell of, in the order of their openers.

    In whatever order, however often and in however many revisions the statements come. All are of version 0 and have
    nothing announced.
    """
    standing: dict[str, Statement] = {}
    for change in statements:
        statement = compact(change)
        standing[statement.id] = newest(standing.get(statement.id), statement)
    updates: dict[str, set[int]] = {}
    for update in superseded:
        updates.setdefault(update.article_id, set()).add(update.version)
    for statement in standing.values():
        statement.superseded = superseding(statement, updates.get(statement.article_id, ()))
    root = Root()
    root.add(standing.values())
    root.walk()
    return [tell(case) for case in root.cases]


def newest(known: Statement | None, other: Statement) -> Statement:
    """Which of two revisions of a statement stands: the higher version; of one version, whatever the order, the same
    one (two versions of the extraction may have read it)."""
    if known is None:
        return other
    return max(known, other, key=lambda s: (s.version, s.row()))


def superseding(statement: Statement, versions: Iterable[int]) -> int:
    """The first of the article's updates (their versions) that no longer says it; 0: none."""
    return min((v for v in versions if v > statement.version), default=0)
