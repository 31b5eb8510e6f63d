"""A copy of a live index on SQLite, as it was at one moment."""

from __future__ import annotations

from pathlib import Path

from indexer.sqlite import FILE
from stream.sqlite_copy import Show, copy_file


def copy_index(source: str, target: Path, show: Show) -> None:
    """Copy the index at ``source``; see ``stream.sqlite_copy.copy_file``."""
    copy_file(FILE, source, target, show)
