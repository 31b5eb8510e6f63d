"""The supervisor: restarts what died with back-off, gives up on wrong configuration, leaves nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from newswatch.supervisor import MAX_BACKOFF, Supervisor, backoff
from newswatch.wiring import set_up
from stream.settings import load_settings


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "newswatch.toml"
    (tmp_path / "rules").mkdir()
    file.write_text(f'data_dir = "{tmp_path}/data"\nrules_dir = "{tmp_path}/rules"\n', encoding="utf-8")
    set_up(load_settings(file))
    return file


def test_back_off_doubles_up_to_a_minute() -> None:
    assert [backoff(n) for n in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert backoff(50) == MAX_BACKOFF


def test_a_killed_stage_is_started_again_and_all_drain(config: Path) -> None:
    supervisor = Supervisor(("alert",), ("--config", str(config)))
    supervisor.start()
    try:
        first = supervisor.pids()["alert"]
        os.kill(first, signal.SIGKILL)

        def again() -> bool:
            supervisor.check()
            return supervisor.pids().get("alert", first) != first

        until(again)
        second = supervisor.pids()["alert"]
    finally:
        supervisor.stop()
    assert supervisor.killed == []
    assert not alive(first)
    assert not alive(second)


def test_a_stage_refused_for_its_configuration_is_not_restarted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "newswatch.toml"
    file.write_text("partitions = 0\n", encoding="utf-8")
    supervisor = Supervisor(("alert",), ("--config", str(file)))
    supervisor.start()

    def refused() -> bool:
        supervisor.check()
        return supervisor.refused() == ["alert"]

    until(refused)
    supervisor.stop()
    assert "partitions" in capfd.readouterr().err


def test_a_first_start_that_ran_for_long_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newswatch.supervisor.STEADY_SECONDS", 0.1)
    file = tmp_path / "newswatch.toml"
    file.write_text("partitions = 0\n", encoding="utf-8")  # ends with 2, like what breaks while it runs
    supervisor = Supervisor(("alert",), ("--config", str(file)))
    supervisor.start()
    try:
        first = supervisor.pids()["alert"]

        def again() -> bool:
            supervisor.check()
            return supervisor.pids().get("alert", first) != first

        until(again)
        assert supervisor.refused() == []
    finally:
        supervisor.stop()


def test_children_drain_when_the_supervisor_is_killed(config: Path) -> None:
    script = (
        "import time; from newswatch.supervisor import Supervisor; from stream.logs import configure_logging\n"
        "configure_logging('error')\n"
        f"s = Supervisor(('alert', 'index'), ('--config', {str(config)!r})); s.start()\n"
        "print(*s.pids().values(), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    time.sleep(1.0)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not any(alive(pid) for pid in pids))


def test_what_breaks_while_it_runs_is_waited_for_rather_than_given_up(config: Path, tmp_path: Path) -> None:
    supervisor = Supervisor(("alert",), ("--config", str(config)))
    supervisor.start()
    try:
        time.sleep(1.0)
        (tmp_path / "rules" / "r.yml").write_text("- id: [broken\n", encoding="utf-8")
        first = supervisor.pids()["alert"]
        os.kill(first, signal.SIGKILL)
        ended = set()

        def refused_twice() -> bool:
            supervisor.check()
            ended.update(supervisor.pids().values())
            return len(ended - {first}) >= 2

        until(refused_twice, 40.0)
        assert supervisor.refused() == []
    finally:
        supervisor.stop()
