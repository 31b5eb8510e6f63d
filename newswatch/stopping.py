"""How a process is told to stop: by SIGTERM or Ctrl-C, or by the end of the supervisor that started it."""

from __future__ import annotations

import os
import signal
import threading
import time

STEP_SECONDS = 0.05


class StopFlag(threading.Event):
    """An event that a signal handler may set.

    The handler runs in the main thread between any two of its instructions, also inside ``Event.wait`` or inside
    ``Event.set`` called by the signal before: with ``Event``'s lock held, it would wait for itself. So there is no
    lock here: a flag, and short sleeps.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stopped = False

    def set(self) -> None:
        """See ``Event.set``."""
        self._stopped = True

    def is_set(self) -> bool:
        """See ``Event.is_set``."""
        return self._stopped

    def wait(self, timeout: float | None = None) -> bool:
        """See ``Event.wait``."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._stopped and (deadline is None or time.monotonic() < deadline):
            time.sleep(STEP_SECONDS if deadline is None else max(0.0, min(STEP_SECONDS, deadline - time.monotonic())))
        return self._stopped


def stop_on_signals() -> StopFlag:
    """A flag that SIGTERM or Ctrl-C sets: finish the batch, commit, leave."""
    stop = StopFlag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def stop_with_parent(stop: StopFlag) -> None:
    """Set ``stop`` when standard input ends: a supervisor that was killed leaves no stage behind."""

    def watch() -> None:
        while os.read(0, 4096):  # not sys.stdin: its lock, held here, would break the interpreter's shutdown
            pass
        stop.set()

    threading.Thread(target=watch, name="parent", daemon=True).start()
