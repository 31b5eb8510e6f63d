"""Serves the demo's feeds on loopback, one instalment after the other, with ETag and 304 as a real server does."""

from __future__ import annotations

import hashlib
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from newswatch.demo.formats import render
from newswatch.demo.world import Outlet


class FeedServer:
    """``with FeedServer(world, start) as server``: ``server.url(feed)``; set ``server.instalment`` to move on."""

    def __init__(self, world: dict[str, Outlet], start: datetime) -> None:
        self.instalment = 1
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(world, start))
        self._thread = threading.Thread(target=self._server.serve_forever, name="feeds", daemon=True)

    def url(self, feed: str) -> str:
        """Where the feed of this id is served."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{feed}"

    def __enter__(self) -> FeedServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self, world: dict[str, Outlet], start: datetime) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outlet = world.get(self.path.strip("/"))
                if outlet is None:
                    self.send_error(404)
                    return
                content_type, body = render(outlet, server.instalment, start, world)
                etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                if self.headers.get("If-None-Match") == etag:
                    self.send_response(304)
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", etag)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet: the stages log what matters."""

        return Handler
