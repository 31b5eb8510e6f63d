"""How much longer things take on this machine just now: what a test may wait must grow with it."""

from __future__ import annotations

import os


def busy() -> float:
    """How many processes want each core, by the load of the last minute; at least 1."""
    return max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))
