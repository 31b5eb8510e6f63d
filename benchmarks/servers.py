"""Real servers for benchmarks: those that the tests find or start. Where there are none a benchmark is left out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.services import Server


def url_of(find: Callable[[], Server], what: str) -> str | None:
    """The server's URL; None, and a line that says what is missing, where there can be none."""
    try:
        return find().url
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        print(f"{what}: left out: {error.msg}\n")
        return None
