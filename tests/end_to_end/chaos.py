"""What the chaos tests share: their seed, and patience with an end."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

from stream.log import Log

SEED = "CHAOS_SEED"
"""The environment variable that repeats a test's random moments."""


def chance() -> random.Random:
    """The test's source of randomness; its seed is printed, and shown by pytest where the test fails."""
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(1_000_000))
    print(f"{SEED}={seed}")
    return random.Random(seed)


def one_by_one(log: Log, topic: str, group: str) -> bool:
    """Whether the group suspects a record of killing its processes: a death now, at random, would be counted."""
    return any(o.metadata.startswith("record:") for o in log.committed(topic, group).values())


def wait(
    until: Callable[[], bool],
    seconds: float,
    what: str,
    *,
    keep: Callable[[], object] | None = None,
    look: float = 0.01,
) -> None:
    """Look every ``look`` seconds, for at most ``seconds``, whether ``what`` has come; ``keep`` is called meanwhile."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        if keep:
            keep()
        time.sleep(look)
