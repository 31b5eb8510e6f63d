"""For all tests: the addresses of servers are taken out of the environment before anything reads settings."""

from __future__ import annotations

import tests.services  # noqa: F401
