"""What the end-to-end tests share: the command as a process, and a loopback server of feeds."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[2].parent / "shared"


class Server:
    """Serves ``pages`` (path → body, or (status, body)) on loopback; ``requests`` counts the answers by path."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | tuple[int, bytes]] = {}
        self.requests: dict[str, int] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = outer.pages.get(self.path.lstrip("/"), (404, b"not here"))
                status, body = page if isinstance(page, tuple) else (200, page)
                outer.requests[self.path.lstrip("/")] = outer.requests.get(self.path.lstrip("/"), 0) + 1
                self.send_response(status)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


class Home:
    """A user's folder with a settings file; ``home("search", "x")`` runs the command there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("NEWSWATCH_")}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "newswatch", *arguments]

    def __call__(
        self, *arguments: str, text: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env={**self.environment, **environment},
            input=text if text is not None else "", capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def ok(self, *arguments: str, text: str | None = None, **environment: str) -> str:
        """Run the command, which must succeed; its standard output."""
        done = self(*arguments, text=text, **environment)
        assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.write("newswatch.toml", '[ingest]\nallow_networks = ["127.0.0.0/8"]\n')
    return found
