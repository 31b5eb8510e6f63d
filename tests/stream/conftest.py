"""Fixtures of the stream's tests: real logs in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stream.sqlite import SqliteLog


@pytest.fixture
def open_log(tmp_path: Path) -> Iterator[Callable[..., SqliteLog]]:
    """Opens the test's log, as often as wanted; members that stop are dead after ``session`` seconds."""
    logs: list[SqliteLog] = []

    def open_one(session: float = 1.0) -> SqliteLog:
        logs.append(SqliteLog(str(tmp_path / "log.db"), session))
        return logs[-1]

    yield open_one
    for log in logs:
        log.close()


@pytest.fixture
def log(open_log: Callable[..., SqliteLog]) -> SqliteLog:
    """The test's log, opened once."""
    return open_log()
