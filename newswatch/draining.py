"""Ending a generation that is live no more: all that was fetched before has gone through it, so its workers may go."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import structlog

from newswatch.flow import Flow
from stream.generations import Generations
from stream.lineage import GRACE
from stream.log import Log
from stream.topics import Names

logger = structlog.get_logger()

LOOK_SECONDS = 1.0
SETTLED = timedelta(seconds=20)
"""What was appended so long ago can be read: a transaction ends within 10 s, and clocks may differ by as much."""
STAGES = ("enrich", "fuse", "alert")
"""Its index set is written no more."""


class Drain:
    """Steps beside the workers of an old generation in the alert stage, the last to end; any number of them may run.

    Whatever counts as of before the hand-over was appended to ``articles`` within ``GRACE`` after it. When what is
    there then has gone through, it publishes that the generation has drained.
    """

    def __init__(self, log: Log, names: Names) -> None:
        self._log = log
        self._names = names
        self._generations = Generations(log, names)
        self._look_at = 0.0
        self._flow: Flow | None = None

    def step(self, timeout: float) -> int:  # noqa: ARG002 (looking takes no time)
        """See ``stream.worker.Steps``. Raises ``LogError``."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            self._look()
        return 0

    def close(self) -> None:
        """See ``stream.worker.Steps``: nothing is held."""

    def _look(self) -> None:
        mine = self._generations.read().get(self._names.generation)
        if mine is None or mine.live_until is None or mine.drained is not None:
            return
        if datetime.now(UTC) < mine.live_until + GRACE + SETTLED:
            return
        self._flow = self._flow or Flow(self._log, self._names, STAGES)
        if self._flow.look() is None:
            self._generations.publish(mine.model_copy(update={"drained": datetime.now(UTC)}))
            logger.info("all alerts of before the promotion are raised", generation=mine.id)
