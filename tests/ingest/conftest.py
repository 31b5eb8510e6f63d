"""Fixtures: a real HTTP server on loopback, an embedded log, what is logged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from stream.log import Log, open_log
from tests.ingest.server import FeedServer, serve
from tests.ingest.worker import NAMES, PARTITIONS


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server without pages."""
    with serve() as feeds:
        yield feeds


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    log = open_log(url)
    log.create_topics(NAMES.described(), PARTITIONS)
    log.close()
    return url


@pytest.fixture
def log(url: str) -> Iterator[Log]:
    log = open_log(url)
    yield log
    log.close()


@pytest.fixture
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as events:
        yield events
