"""Relocations: one evolving case of an actor's move instead of forty articles.

``fuse`` is the whole of it as a pure function of the set of statements of one actor root. The stage does the same as
statements arrive (``processors/fuse_stage.py``), and gets the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from processors.relocations.revisions import newest, superseding
from processors.relocations.root import Root
from processors.relocations.statement import Statement, compact
from processors.relocations.telling import tell
from stream.messages import LocationChange, Relocation, Superseded, Takedown


def fuse(
    statements: Iterable[LocationChange], superseded: Iterable[Superseded] = (), takedowns: Iterable[Takedown] = ()
) -> list[Relocation]:
    """The relocations that the statements of one actor root tell of, in the order of their openers.

    In whatever order, however often and in however many revisions the statements come; without those of articles that
    were taken down. All are of version 0 and have nothing announced.
    """
    gone = {takedown.article_id for takedown in takedowns}
    standing: dict[str, Statement] = {}
    for change in (c for c in statements if c.article_id not in gone):
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
