"""The real servers that tests run against: what one is, what the environment names, and what happens without one."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

PREFIX = "NEWSWATCH_TEST_"
NAMED = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
"""Servers that run already. Taken out of the environment: there newswatch takes every ``NEWSWATCH_*`` for a setting."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``url`` is as in the settings; ``environment``: the settings that lead newswatch to it."""

    name: str
    url: str
    environment: dict[str, str] = field(default_factory=dict)


def missing(line: str) -> NoReturn:
    """There can be no server: skip the test with one line that says what to install; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


def cache() -> Path:
    """Where downloads are kept between test runs."""
    home = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(home) if home else Path.home() / ".cache") / "newswatch" / "services"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
