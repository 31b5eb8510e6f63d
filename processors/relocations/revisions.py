"""Revisions of a statement: which one stands, and whether a later update of its article took it back; pure."""

from __future__ import annotations

from collections.abc import Iterable

from processors.relocations.statement import Statement


def newest(known: Statement | None, other: Statement) -> Statement:
    """Which of two revisions of a statement stands: the higher version; of one version, whatever the order, the same
    one (two versions of the extraction may have read it). ``known`` where they are alike."""
    if known is None or other.version > known.version:
        return other
    return other if other.version == known.version and other.content() > known.content() else known


def superseding(statement: Statement, versions: Iterable[int]) -> int:
    """The first of the article's updates (their versions) that no longer says it; 0: none."""
    return min((v for v in versions if v > statement.version), default=0)
