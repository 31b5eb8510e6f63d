"""The process tree of ``newswatch run``: one child a stage, restarted with back-off, drained on SIGTERM.

The supervisor works on nothing itself. Each child is ``newswatch STAGE`` with the supervisor's pipe as standard
input: when the supervisor dies in whatever way, the pipe ends and the children drain.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

import structlog

logger = structlog.get_logger()

DRAIN_SECONDS = 30.0
MAX_BACKOFF = 60.0
STEADY_SECONDS = 30.0  # a child that ran for so long starts anew with the shortest back-off


def backoff(failures: int) -> float:
    """Seconds to wait before restart number ``failures`` (1, 2, …) in a row: 0.5, 1, 2, … up to ``MAX_BACKOFF``."""
    return min(MAX_BACKOFF, 0.5 * 2.0 ** min(failures - 1, 10))


def end(process: subprocess.Popen[bytes], seconds: float = DRAIN_SECONDS) -> bool:
    """Wait for a process that was told to stop; True when it drained, False when it had to be killed."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


@dataclass(slots=True)
class Child:
    """A stage's process, and what is known of its failures."""

    stage: str
    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    restart_at: float = field(default=0.0)
    starts: int = 0
    usage_error: bool = False


class Supervisor:
    """Keeps ``newswatch STAGE`` running for each of ``stages``.

    ``options`` are passed before the stage's name; ``environment`` is the children's (default: ours). ``killed`` names
    the stages that did not drain in time.
    """

    def __init__(
        self, stages: Sequence[str], options: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        self._children = [Child(stage, (*options, stage, "--supervised")) for stage in stages]
        self._environment = environment
        self.killed: list[str] = []

    def start(self) -> None:
        """Start every child."""
        for child in self._children:
            self._start(child)

    def check(self) -> None:
        """Restart what died, when its back-off is over; call often."""
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._bury(child, child.process.returncode, now)
            if child.process is None and now >= child.restart_at and not child.usage_error:
                self._start(child)

    def refused(self) -> list[str]:
        """The stages that ended with exit code 2 (wrong configuration, said on stderr): no restart would help."""
        return [c.stage for c in self._children if c.usage_error]

    def pids(self) -> dict[str, int]:
        """The process ids of the stages that are running."""
        return {c.stage: c.process.pid for c in self._children if c.process is not None}

    def stop(self) -> None:
        """Drain all children, for at most ``DRAIN_SECONDS``; those that need longer are killed."""
        running = [c for c in self._children if c.process is not None and c.process.poll() is None]
        for child in running:
            assert child.process is not None
            child.process.terminate()
        deadline = time.monotonic() + DRAIN_SECONDS
        for child in running:
            assert child.process is not None
            if not end(child.process, max(0.1, deadline - time.monotonic())):
                self.killed.append(child.stage)
                logger.warning("stage did not drain in time and was killed; its batch comes again", stage=child.stage)
        for child in self._children:
            if child.process is not None and child.process.stdin is not None:
                child.process.stdin.close()

    def run(self, stop: Event) -> None:
        """Keep all stages running until ``stop`` or until one is refused for its configuration; then drain."""
        self.start()
        try:
            while not stop.wait(0.2) and not self.refused():
                self.check()
        finally:
            self.stop()

    def _start(self, child: Child) -> None:
        # a session of its own: Ctrl-C reaches the supervisor alone, which drains the children in order
        child.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "newswatch", *child.arguments],  # -P: no code from the current folder
            stdin=subprocess.PIPE, start_new_session=True, env=self._environment,
        )  # fmt: skip
        child.started = time.monotonic()
        child.starts += 1
        logger.info("stage started", stage=child.stage, pid=child.process.pid)

    def _bury(self, child: Child, code: int, now: float) -> None:
        if child.process is not None and child.process.stdin is not None:
            child.process.stdin.close()
        child.process = None
        if code == 2 and child.starts == 1 and now - child.started < STEADY_SECONDS:
            child.usage_error = True  # what it was started with is wrong; what breaks later may be mended again
            return
        child.failures = 1 if now - child.started > STEADY_SECONDS else child.failures + 1
        wait = backoff(child.failures)
        child.restart_at = now + wait
        logger.error("stage died and is restarted", stage=child.stage, exit=code, restart_in=f"{wait:g} s")
