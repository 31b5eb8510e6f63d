"""How far a replay is, for people: a bar with articles a second and the time left on a terminal, else log lines."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from newswatch.flow import Behind

logger = structlog.get_logger()

LOG_EVERY_SECONDS = 5.0
WINDOW = 60
"""Looks over which the rate is measured."""


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` articles (about: offsets, which have gaps) are enriched; ``behind``: the first stage that
    has yet to pass what was in the log a moment ago."""

    done: int
    total: int
    behind: Behind | None


class Rate:
    """Articles a second, over the last looks."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque(maxlen=WINDOW)

    def add(self, now: float, done: int) -> float:
        """The rate as of this look."""
        self._looks.append((now, done))
        (then, before), (last, after) = self._looks[0], self._looks[-1]
        return (after - before) / (last - then) if last > then else 0.0


def time_left(progress: Progress, rate: float) -> timedelta | None:
    """How long it takes at this rate; None when nothing moves."""
    return timedelta(seconds=round((progress.total - progress.done) / rate)) if rate > 0 else None


@contextmanager
def shown(name: str) -> Iterator[Callable[[Progress], None]]:
    """Something to call with each progress of the generation ``name``."""
    rate = Rate()
    if not sys.stderr.isatty():
        yield _logged(name, rate)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(f"replay into {name}", total=None, told="")

        def show(progress: Progress) -> None:
            told = _told(progress, rate.add(time.monotonic(), progress.done))
            bars.update(task, total=progress.total, completed=progress.done, told=told)

        yield show


def _told(progress: Progress, rate: float) -> str:
    left = time_left(progress, rate)
    if progress.done >= progress.total:
        waits = progress.behind
        return f"{waits.stage}: {waits.left} of {waits.topic} left" if waits else "up to date"
    return f"{rate:.1f} articles/s, {left if left is not None else 'unknown time'} left"


def _logged(name: str, rate: Rate) -> Callable[[Progress], None]:
    following = 0.0
    last = -1

    def show(progress: Progress) -> None:
        nonlocal following, last
        now = time.monotonic()
        each = rate.add(now, progress.done)
        if now >= following and progress.done != last:
            following, last = now + LOG_EVERY_SECONDS, progress.done
            left = time_left(progress, each)
            logger.info(
                "replay", into=name, articles=f"{progress.done}/{progress.total}", per_second=round(each, 1),
                left=str(left) if left is not None else "unknown",
            )  # fmt: skip

    return show
