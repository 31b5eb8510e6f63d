"""The stores of the index suites: how each backend's index is opened, from this process and from others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from indexer.index import Index
from indexer.sqlite import SqliteIndex


class IndexStore(Protocol):
    """A place that holds one index; picklable, so that a child process opens the same one."""

    def open(self, generation: str = "g1") -> Index:
        """The index, opened anew; not yet set up in an empty store."""


@dataclass(frozen=True)
class SqliteIndexStore:
    """A file."""

    path: str

    def open(self, generation: str = "g1") -> Index:
        """See ``IndexStore.open``."""
        return SqliteIndex(self.path, generation)


INDEX_STORES: dict[str, Callable[[Path], IndexStore]] = {
    "sqlite": lambda folder: SqliteIndexStore(str(folder / "index.db")),
}
"""A backend joins the contract by one line here: an empty store, given a folder of the test's own."""
