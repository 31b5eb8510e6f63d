"""Waiting for a log that is away: one line when it begins and one when it is over, however long it lasts."""

from __future__ import annotations

from threading import Event

import structlog

from stream.errors import LogError

logger = structlog.get_logger()

MAX_LOG_WAIT = 3.0
"""Seconds between two looks at a log that cannot be read or written: it is soon noticed to be back."""


class Outage:
    """What a loop does whose log does not answer; for one thread."""

    def __init__(self, stop: Event) -> None:
        """``stop`` ends the waiting."""
        self._stop = stop
        self._failures = 0

    def wait(self, error: LogError) -> None:
        """After a failure: until the next look, longer after each of them in a row."""
        self._failures += 1
        (logger.debug if self._failures > 1 else logger.warning)("waiting for the log", reason=str(error))
        self._stop.wait(min(MAX_LOG_WAIT, 2.0 ** min(self._failures - 1, 10)))

    def over(self) -> None:
        """The log answered."""
        if self._failures:
            logger.info("the log answers again")
        self._failures = 0
