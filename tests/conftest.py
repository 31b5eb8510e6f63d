"""For all tests: the addresses of servers are taken out of the environment before anything reads settings, and logging
that a test set up goes with it; servers start quickly; hypothesis knows no limit of time, which a busy machine
oversteps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

import tests.services

tests.services.JAVA_OPTIONS.append("-XX:TieredStopAtLevel=1")  # the servers live for minutes: a quick start counts
settings.register_profile("newswatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("newswatch")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """What ``configure_logging`` set up writes to the stderr of its test, which is closed behind it."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
