"""For all tests: the addresses of servers are taken out of the environment before anything reads settings, and logging
that a test set up goes with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

import tests.services  # noqa: F401


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """What ``configure_logging`` set up writes to the stderr of its test, which is closed behind it."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
