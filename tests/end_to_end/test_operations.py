"""What an operator looks at while ``newswatch run`` works: status, metrics, trace, dead letters; and Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime

from newswatch.demo.formats import render
from newswatch.demo.world import load_world
from newswatch.wiring import STAGES
from tests.end_to_end.conftest import Home, Server


def until(condition: Callable[[], bool], what: str, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.3)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def free_ports(count: int) -> int:
    """The first of ``count`` ports in a row that nobody listens on."""
    for first in range(21_000, 40_000, 10):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for n, s in enumerate(sockets):
                s.bind(("127.0.0.1", first + n))
        except OSError:
            continue
        else:
            return first
        finally:
            for s in sockets:
                s.close()
    raise AssertionError("no free ports")


def test_a_running_tree_can_be_watched_and_drains_on_ctrl_c(home: Home, server: Server) -> None:
    world = load_world()
    _, server.pages["feed"] = render(world["gulf-courier"], 1, datetime.now(UTC), world)
    port = free_ports(len(STAGES))
    home.write(
        "newswatch.toml",
        f'metrics_address = "127.0.0.1:{port}"\n[ingest]\nallow_networks = ["127.0.0.0/8"]\n',
    )
    home.ok("feeds", "add", server.url("feed"), "--publisher", "gulfcourier.example")
    with (home.folder / "run.log").open("wb") as log:
        running = subprocess.Popen(
            home.command("run"), cwd=home.folder, env=home.environment, stdin=subprocess.DEVNULL, stderr=log
        )
    try:
        for n in range(len(STAGES)):
            until(lambda n=n: answers(f"http://127.0.0.1:{port + n}/readyz"), f"stage {n} to be ready")  # type: ignore[misc]

        def rows() -> list[dict[str, object]]:
            return [json.loads(line) for line in home.ok("status", "--json").splitlines()]

        until(lambda: len(home("search", "hamas", "--json").stdout.splitlines()) >= 1, "the article to be indexed")
        until(lambda: all(len(r["workers"]) == 1 for r in rows() if "stage" in r), "a heartbeat of each stage")  # type: ignore[arg-type]
        until(lambda: all(r["lag"] == 0 for r in rows() if "stage" in r), "no lag")
        assert [r["stage"] for r in rows() if "stage" in r] == [s.name for s in STAGES.values() for _ in s.sources]
        assert "1 feeds, 0 not polled yet, 0 failing" in home.ok("status")
    finally:
        running.send_signal(signal.SIGINT)
        code = running.wait(60)
    assert code == 0
    assert not any(answers(f"http://127.0.0.1:{port + n}/healthz") for n in range(len(STAGES)))
    assert all(not json.loads(line).get("workers") for line in home.ok("status", "--json").splitlines())

    traced = home.ok("trace", "https://www.gulfcourier.example/news/hamas-leaders-baghdad")
    for said in ("published version", "location change", "Doha → Baghdad", "transition", "relocation", "is searchable",
                 "this article is one of its independent sources"):  # fmt: skip
        assert said in traced
    assert home.ok("dead-letters", "list") == ""
    assert home("trace", "https://www.gulfcourier.example/news/never-there").returncode == 1
