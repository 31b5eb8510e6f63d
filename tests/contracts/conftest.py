"""Fixtures of the contract suites: a store of each backend, its log, and children on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stream.log import Log
from tests.contracts.processes import Child
from tests.contracts.stores import STORES, Store


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    made = STORES[request.param](tmp_path)
    yield made
    made.discard()


@pytest.fixture
def open_store(store: Store) -> Iterator[Callable[[], Log]]:
    """Opens the store, as often as wanted; what was opened is closed after the test."""
    logs: list[Log] = []

    def open_one() -> Log:
        logs.append(store.open())
        return logs[-1]

    yield open_one
    for log in logs:
        log.close()


@pytest.fixture
def log(open_store: Callable[[], Log]) -> Log:
    """The store's log, opened once."""
    return open_store()


@pytest.fixture
def spawn(store: Store) -> Iterator[Callable[..., Child]]:
    """Starts children on the store (or on the one given); those that still run are killed after the test."""
    children: list[Child] = []

    def start(on: Store = store) -> Child:
        children.append(Child(on))
        return children[-1]

    yield start
    for child in children:
        child.kill()
