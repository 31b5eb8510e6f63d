"""A real HTTP server on loopback whose pages a test sets, and which remembers what was asked of it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Network
from typing import Any

from stream.settings import IngestSettings

LOOPBACK = IngestSettings(allow_networks=(IPv4Network("127.0.0.0/8"),))
"""Settings under which the server can be polled."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer. ``work``, when given, writes it in full instead."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    work: Callable[[BaseHTTPRequestHandler], None] | None = None


class FeedServer:
    """``pages`` by path (an ``ETag`` among a page's headers is honoured); ``requests`` as (path, headers)."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.lock = threading.Lock()
        self.port = 0

    def url(self, path: str) -> str:
        """The URL of ``path``."""
        return f"http://127.0.0.1:{self.port}{path}"

    def asked(self, path: str) -> list[dict[str, str]]:
        """The headers (names in lower case) of the requests for ``path``."""
        return [headers for asked, headers in self.requests if asked == path]


class Server(ThreadingHTTPServer):
    """Says nothing of clients that go away."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silence."""


@contextmanager
def serve(tls: ssl.SSLContext | None = None) -> Iterator[FeedServer]:
    """Run a ``FeedServer`` in threads."""
    feeds = FeedServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with feeds.lock:
                feeds.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                feeds.at_once += 1
                feeds.most_at_once = max(feeds.most_at_once, feeds.at_once)
            try:
                self._answer(feeds.pages.get(self.path, Page(b"not here", 404)))
            finally:
                with feeds.lock:
                    feeds.at_once -= 1

        def _answer(self, page: Page) -> None:
            if page.work:
                with suppress(OSError):  # the client may have gone
                    page.work(self)
                self.close_connection = True
                return
            etag = page.headers.get("ETag")
            same = etag is not None and self.headers.get("If-None-Match") == etag
            self.send_response(304 if same else page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            if not same:
                self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            if not same:
                with suppress(OSError):
                    self.wfile.write(page.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Silence."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    feeds.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield feeds
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def rss(*items: str, title: str = "T", link: str = "https://paper.example/") -> bytes:
    """An RSS 2.0 feed of ``items``."""
    channel = f"<title>{title}</title><link>{link}</link>{''.join(items)}"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>{channel}</channel></rss>'.encode()


def item(number: int, text: str = "The embassy moves to another city.", date: str | None = None) -> str:
    """An item with a link of its own."""
    dated = f"<pubDate>{date}</pubDate>" if date else ""
    link = f"https://paper.example/{number}"
    return f"<item><title>Story {number}</title><link>{link}</link>{dated}<description>{text}</description></item>"
