"""``run --once``: poll every feed once, then wait until nothing is left anywhere in the flow."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event

import structlog

from newswatch.supervisor import Supervisor, end
from newswatch.wiring import STAGES, connect_log, names
from stream.errors import ConfigError, NewswatchError
from stream.log import Log, lag
from stream.settings import Settings

logger = structlog.get_logger()

STALLED_SECONDS = 120.0  # without any progress; a partition that waits for good must not make --once wait for good
LOOK_SECONDS = 0.2
LOG_EVERY_SECONDS = 5.0
PROCESSORS = tuple(name for name in STAGES if name != "ingest")


@dataclass(frozen=True, slots=True)
class StageProgress:
    """Where a stage stands on one of its topics: records appended, and those it has yet to commit."""

    stage: str
    topic: str
    appended: int
    left: int


def measure(log: Log, settings: Settings) -> list[StageProgress]:
    """Every stage but ingest, in the order of the flow: when none has anything left, nothing more will come.

    Each stage publishes and commits in one transaction, and the stages are looked at in the order of the flow, so
    what one has committed is seen as the next one's work.
    """
    topics = names(settings, log)
    found = []
    for stage in PROCESSORS:
        for source in STAGES[stage].sources:
            topic = topics.topic(source)
            left = lag(log, topic, topics.group(stage, source))
            found.append(StageProgress(stage, source, sum(b.end for b in log.bounds(topic).values()), left))
    return found


Show = Callable[[Sequence[StageProgress]], None]


class LogProgress:
    """Shows it as a log line now and then."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, seen: Sequence[StageProgress]) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + LOG_EVERY_SECONDS
            logger.info("progress", **{f"{s.stage}.{s.topic}": f"{s.appended - s.left}/{s.appended}" for s in seen})


class BarProgress:
    """Shows it as progress bars on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True)
        )
        self._tasks: dict[str, int] = {}
        self._bars.start()

    def __call__(self, seen: Sequence[StageProgress]) -> None:
        for s in seen:
            name = f"{s.stage:<7} {s.topic}"
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=None)
            self._bars.update(self._tasks[name], total=s.appended, completed=s.appended - s.left)  # type: ignore[arg-type]

    def stop(self) -> None:
        """Leave the bars as they are."""
        self._bars.stop()


def progress() -> BarProgress | LogProgress:
    """Bars on a terminal, log lines otherwise."""
    return BarProgress() if sys.stderr.isatty() else LogProgress()


def run_once(settings: Settings, stop: Event, arguments: Sequence[str]) -> None:
    """Start the processing stages, poll every feed once, wait for the end, drain. Raises when the work failed."""
    supervisor = Supervisor(PROCESSORS, arguments)
    show = progress()
    log = connect_log(settings)
    supervisor.start()
    try:
        poll_once(supervisor, stop, arguments)
        wait_until_done(log, settings, supervisor, stop, show)
    finally:
        if isinstance(show, BarProgress):
            show.stop()
        supervisor.stop()
        log.close()
    if supervisor.killed:
        raise NewswatchError(
            f"stage {', '.join(supervisor.killed)} did not drain in time and was killed; nothing is lost"
        )


def poll_once(
    supervisor: Supervisor, stop: Event, arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> None:
    """Run ``newswatch ingest --once`` to its end while the supervisor keeps the other stages running."""
    polling = subprocess.Popen(
        [sys.executable, "-P", "-m", "newswatch", *arguments, "ingest", "--once", "--supervised"],
        stdin=subprocess.PIPE, start_new_session=True, env=environment,
    )  # fmt: skip
    try:
        while polling.poll() is None:
            supervisor.check()
            if stop.wait(LOOK_SECONDS):
                polling.terminate()
                end(polling)
                raise NewswatchError("interrupted while polling; nothing is lost, run it again to go on")
    finally:
        if polling.stdin:
            polling.stdin.close()
    if polling.returncode:
        raise NewswatchError(f"ingest --once ended with exit code {polling.returncode}: see the lines above")


def wait_until_done(log: Log, settings: Settings, supervisor: Supervisor, stop: Event, show: Show) -> None:
    """Wait until no stage has anything left, or nothing but alerts whose targets do not take them (one line says so).

    Raises ``NewswatchError`` when nothing moves for two minutes.
    """
    before: list[StageProgress] = []
    moved = time.monotonic()
    while True:
        supervisor.check()
        if refused := supervisor.refused():
            raise ConfigError(f"stage {', '.join(refused)} was refused for its configuration: see the line above")
        seen = measure(log, settings)
        show(seen)
        if not any(s.left for s in seen):
            return
        if seen != before:
            before, moved = seen, time.monotonic()
        elif (waiting := _only_deliveries(seen)) and time.monotonic() - moved > _target_patience(settings):
            logger.warning(
                "targets do not take their alerts: newswatch notify or the next run sends what waits",
                records=waiting, since=f"{time.monotonic() - moved:.0f} s",
            )  # fmt: skip
            return
        elif time.monotonic() - moved > STALLED_SECONDS:
            stuck = ", ".join(f"{s.stage} ({s.left} of {s.topic} left)" for s in seen if s.left)
            raise NewswatchError(f"no progress for {STALLED_SECONDS:.0f} s: {stuck}; see the log lines above")
        if stop.wait(LOOK_SECONDS):
            raise NewswatchError("interrupted before the end; nothing is lost, run it again to go on")


def _only_deliveries(seen: Sequence[StageProgress]) -> int:
    """How many records of ``deliveries`` are left, from the first that waits; 0 where other work is left."""
    left = {s.topic: s.left for s in seen if s.left}
    return left["deliveries"] if left.keys() == {"deliveries"} else 0


def _target_patience(settings: Settings) -> float:
    """Seconds without a delivery that tell a target which is down from one that is slow: two attempts and a pause."""
    return 2 * settings.notify.timeout.total_seconds() + 1.0
