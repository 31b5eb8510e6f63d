"""Stopping: signals that come in the middle of each other never leave a process waiting for itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

from newswatch.stopping import StopFlag

WAITS = (
    "from newswatch.stopping import stop_on_signals\n"
    "stop = stop_on_signals(); print('ready', flush=True)\n"
    "while not stop.wait(0.001): pass\n"
    "[stop.wait(0.0) for _ in range(20_000)]\n"
)


def test_a_storm_of_signals_ends_a_process_and_never_hangs_it() -> None:
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE)
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        for _ in range(300):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        try:
            # one that comes while the interpreter takes itself down finds no handler any more, and nothing under way
            assert process.wait(60) in (0, -signal.SIGTERM)
        finally:
            process.kill()
            process.stdout.close()


def test_a_wait_ends_when_the_flag_is_set_or_the_time_is_up() -> None:
    stop = StopFlag()
    began = time.monotonic()
    assert stop.wait(0.1) is False
    assert 0.1 <= time.monotonic() - began < 5
    threading.Timer(0.1, stop.set).start()
    assert stop.wait() is True
    assert stop.is_set()
    assert stop.wait(10) is True
