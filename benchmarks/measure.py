"""Median of three runs, ours and the baseline's in turn, with CPU seconds and the load of the shared machine."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RUNS = 3
Work = Callable[[], int]
"""Does the work once and returns how many things it did."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Things a second of wall time, and CPU microseconds a thing; medians."""

    rate: float
    cpu_us: float


def compare(
    title: str,
    unit: str,
    ours: Work,
    name: str,
    baseline: Work,
    *,
    at_least: float | None = None,
    rate: float | None = None,
) -> None:
    """Print both speeds and their ratio; ``at_least`` is the ratio, ``rate`` the speed that was asked for."""
    runs = [(_run(ours), _run(baseline)) for _ in range(RUNS)]
    a, b = (_median([r[i] for r in runs]) for i in (0, 1))
    ratio = a.rate / b.rate
    asked = _asked("", ratio, at_least) + _asked(f" {unit}/s", a.rate, rate)
    print(f"{title}")
    print(f"  newswatch   {a.rate:>12,.0f} {unit}/s  {a.cpu_us:>9,.1f} µs CPU each")
    print(f"  {name:<11} {b.rate:>12,.0f} {unit}/s  {b.cpu_us:>9,.1f} µs CPU each")
    print(f"  ratio {ratio:.2f} (median of {RUNS}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores){asked}\n")


def _asked(unit: str, value: float, at_least: float | None) -> str:
    if at_least is None:
        return ""
    return f"; asked ≥ {at_least:,g}{unit}: {'reached' if value >= at_least else 'MISSED'}"


def resident_mb() -> float:
    """The memory that this process has in RAM now, in megabytes (Linux: /proc/self/statm)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _run(work: Work) -> Speed:
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    return Speed(done / (time.perf_counter() - wall), (time.process_time() - cpu) / done * 1e6)


def _median(speeds: list[Speed]) -> Speed:
    return Speed(statistics.median(s.rate for s in speeds), statistics.median(s.cpu_us for s in speeds))
