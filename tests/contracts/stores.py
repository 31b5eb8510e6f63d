"""The stores under test: how the contract suites open each backend's log, from this process and from others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stream.log import Log
from stream.sqlite import SESSION_SECONDS, SqliteLog


class Store(Protocol):
    """A place that holds one log; picklable, so that a child process opens the same one."""

    def open(self) -> Log:
        """The log, opened anew; its topics and records are those of all who opened this store."""

    def in_production(self) -> Store:
        """The same store with the timing that users get: this one gives up dead members sooner, to be fast."""


@dataclass(frozen=True)
class SqliteStore:
    """A file; ``session`` seconds after its last sign of life a member is dead."""

    path: str
    session: float = 1.0

    def open(self) -> SqliteLog:
        """See ``Store.open``."""
        return SqliteLog(self.path, self.session)

    def in_production(self) -> SqliteStore:
        """See ``Store.in_production``."""
        return SqliteStore(self.path, SESSION_SECONDS)


STORES: dict[str, Callable[[Path], Store]] = {"sqlite": lambda folder: SqliteStore(str(folder / "log.db"))}
"""A backend joins the contract by one line here: a store that is empty, given a folder of the test's own."""
