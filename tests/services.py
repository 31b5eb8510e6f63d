"""Real servers for the tests: found or started once a test run, on loopback.

A server is looked for in this order: at the URL that the environment names (``NEWSWATCH_TEST_KAFKA``,
``NEWSWATCH_TEST_ELASTICSEARCH``), in a Docker engine (testcontainers), and as Maven artifacts run by Java, which are
kept in the user's cache folder. Where there is none the test is skipped with one line that says what is missing; with
``CI`` set that is a failure. Each server has a module of its own, ``tests/service_*.py``.

``python -m tests.services`` starts them for a person and prints the settings to use.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Protocol

import pytest

JAVA_OPTIONS: list[str] = []
"""What the servers' Java gets besides; in tests it compiles quickly rather than well (``tests/conftest.py``)."""

READY_SECONDS = 300.0  # on a machine that is busy

PREFIX = "NEWSWATCH_TEST_"
NAMED = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
"""Servers that run already. Taken out of the environment: there newswatch takes every ``NEWSWATCH_*`` for a setting."""


class Server(Protocol):
    """A server that tests talk to."""

    url: str
    """As a setting has it: ``kafka://127.0.0.1:9092``, ``http://127.0.0.1:9200``."""
    ours: bool
    """Whether this test run started it and so may stop and kill it; for one that others run the methods do nothing."""

    def start(self) -> None:
        """Start it (again), with the data that it had; returns when it answers."""

    def stop(self) -> None:
        """Let it end in order."""

    def kill(self) -> None:
        """End it without a word (SIGKILL)."""


class ForeignServer:
    """A server that is not this test run's to stop: of the environment, or shared by all tests until the run ends."""

    ours = False

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> None:
        """See ``Server.start``: it runs already."""

    def stop(self) -> None:
        """See ``Server.stop``: not ours to do."""

    def kill(self) -> None:
        """See ``Server.kill``: not ours to do."""


class ProcessServer:
    """A server that is a process of ours. ``ready`` says whether it answers; its output goes to ``folder/server.log``.

    It is ended when the test run ends.
    """

    ours = True

    def __init__(
        self,
        url: str,
        command: Sequence[str],
        folder: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url
        self.folder = folder
        self._command = list(command)
        self._ready = ready
        self._environment = None if environment is None else dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        atexit.register(self.kill)

    def start(self) -> None:
        """See ``Server.start``."""
        output = self.folder / "server.log"
        with output.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,  # Ctrl-C is for the tests
            )  # fmt: skip
        # ends the server when this process ends in whatever way: then the guard's standard input does
        guard = ["sh", "-c", "read _; kill -9 $0", str(self._process.pid)]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                tail = output.read_text(errors="replace")[-3000:]
                self.kill()
                raise RuntimeError(f"{self.url} {'ended' if ended else 'does not answer'}; its last output:\n{tail}")
            time.sleep(0.2)

    def stop(self) -> None:
        """See ``Server.stop``."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """See ``Server.kill``."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(how)
            self._process.wait(60)
            self._process = None
        if self._guard is not None:
            self._guard.kill()  # before its input ends: the server's number may be another's soon
            self._guard.communicate()
            self._guard = None


def missing(what: str) -> NoReturn:
    """Skip the test with this line, or fail it in CI, where nothing may be missing."""
    if os.environ.get("CI"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


@functools.cache
def docker_runs() -> bool:
    """Whether a Docker engine answers the ``docker`` command."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, timeout=20, check=False).returncode == 0


def java_and_maven() -> bool:
    """Whether servers can be started from Maven artifacts."""
    return shutil.which("java") is not None and shutil.which("mvn") is not None


def cache() -> Path:
    """Where downloads are kept between test runs."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "newswatch-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cached(name: str, fetch: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache, filled by ``fetch`` when it is not there yet; whole or not at all."""
    home = cache()
    folder = home / name
    if not folder.exists():
        making = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=home))
        try:
            fetch(making)
            with suppress(OSError):  # another test run was faster
                making.rename(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return folder


def maven(*arguments: str) -> None:
    """Run Maven quietly; a failure skips the test with the last line of what Maven said."""
    run = subprocess.run(["mvn", "-q", "-B", *arguments], capture_output=True, text=True, check=False)
    if run.returncode:
        said = [line for line in (run.stdout + run.stderr).splitlines() if line.strip()]
        missing(f"Maven cannot fetch the test servers (is its repository reachable?): {(said or ['no output'])[0]}")


def free_ports(count: int) -> list[int]:
    """So many different ports of loopback that nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def scratch(name: str) -> Path:
    """A folder for a server's data, gone with the test run."""
    folder = Path(tempfile.mkdtemp(prefix=f"newswatch-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def main() -> None:
    """Start every server, print the settings to use, and run until Ctrl-C."""
    from tests.service_elastic import elasticsearch
    from tests.service_kafka import kafka

    servers = {"NEWSWATCH_LOG_URL": kafka(), "NEWSWATCH_INDEX_URL": elasticsearch()}
    print("# servers for trying things out; their data is gone when this ends (Ctrl-C)")
    for setting, server in servers.items():
        print(f"export {setting}={server.url}")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    main()
