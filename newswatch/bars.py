"""The progress of a backfill on a terminal: a bar for each archive, by the bytes of its file that were read."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ingest.backfill import Standing


@contextmanager
def bar(console: Console) -> Iterator[Callable[[Standing], None]]:
    """Inside the block what is logged appears above the bars; the function that it gives moves them."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        # rich has put itself in front of stderr; log lines must go through it, or they tear the bars
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        try:
            yield _Bars(progress)
        finally:
            structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, tuple[TaskID, float, int]] = {}

    def __call__(self, standing: Standing) -> None:
        archive, state = standing.archive, standing.state
        published = state.published if state else 0
        if archive.id not in self._tasks:
            task = self._progress.add_task(archive.name[:40], total=max(1, archive.size), told="")
            self._tasks[archive.id] = (task, time.monotonic(), published)
        task, began, before = self._tasks[archive.id]
        rate = (published - before) / max(0.5, time.monotonic() - began)
        told = standing.waits or f"{published:,} articles, {rate:,.0f}/s"
        read = archive.size if state and state.finished else state.position.read if state else 0
        self._progress.update(task, completed=read, told=told)
