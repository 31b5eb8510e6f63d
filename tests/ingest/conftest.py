"""Fixtures: a real HTTP server on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ingest.server import FeedServer, serve


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server without pages."""
    with serve() as feeds:
        yield feeds
