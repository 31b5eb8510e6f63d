"""What a worker measures (Prometheus) and whether it is well, over HTTP: ``/metrics``, ``/healthz``, ``/readyz``.

Names and units follow Prometheus's conventions: seconds, totals. Labels are stage and topic (as in ``TOPICS``) only, so
that their number stays small.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from stream.errors import ConfigError
from stream.logs import redact
from stream.messages import Article, EnrichedArticle, LocationChange

_SECONDS = (0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)

RECORDS = Counter("newswatch_records", "Records settled, by outcome", ["stage", "topic", "outcome"])
ERRORS = Counter("newswatch_errors", "What made a batch fail or wait, by kind of error", ["stage", "topic", "error"])
HANDLER = Histogram("newswatch_handler_seconds", "The handler's work on a batch", ["stage", "topic"], buckets=_SECONDS)
BATCH = Histogram("newswatch_batch_seconds", "From a batch's poll to its commit", ["stage", "topic"], buckets=_SECONDS)
LATENCY = Histogram(
    "newswatch_latency_seconds", "From an article's fetch to this stage's commit", ["stage", "topic"], buckets=_SECONDS
)
LAG = Gauge("newswatch_lag", "Records that the stage's group has yet to commit; overdue feeds", ["stage", "topic"])
POLLS = Counter("newswatch_polls", "Polls of feeds, by outcome", ["outcome"])

HEALTHY_SECONDS = 300.0
"""A worker whose loop has not come round for so long hangs; as long as the log lets it keep its partitions."""
READY_SECONDS = 30.0
"""A worker that could not read the log for so long is not ready."""


def fetched(message: object) -> datetime | None:
    """When the article behind ``message`` was fetched."""
    if isinstance(message, EnrichedArticle):
        return message.article.fetched
    return message.fetched if isinstance(message, Article | LocationChange) else None


class Health:
    """When the loop last came round, and when the log last answered; monotonic seconds."""

    def __init__(self) -> None:
        self._round = self._read = time.monotonic()
        self._read_ever = False
        self._waits: Mapping[str, Mapping[int, str]] = {}

    def came_round(self, *, read: bool, waits: Mapping[str, Mapping[int, str]] | None = None) -> None:
        """The loop came round; ``read`` says that the log answered, ``waits`` by topic and partition what waits why."""
        self._waits = waits or {}
        self._round = time.monotonic()
        if read:
            self._read, self._read_ever = self._round, True

    def is_healthy(self) -> bool:
        """Whether the loop still turns."""
        return time.monotonic() - self._round < HEALTHY_SECONDS

    def is_ready(self) -> bool:
        """Whether it turns and the log answers."""
        return self.is_healthy() and self._read_ever and time.monotonic() - self._read < READY_SECONDS

    def said(self) -> str:
        """A line for each partition that stands still; the worker is ready all the same, for its other partitions."""
        return "".join(
            redact(f"waits: topic {topic}, partition {partition}: {reason}\n")
            for topic, partitions in self._waits.items()
            for partition, reason in partitions.items()
        )


class MetricsServer:
    """Serves metrics and health at ``address`` (``HOST:PORT``) from a thread. Raises ``ConfigError`` when it cannot."""

    def __init__(self, address: str, health: Health) -> None:
        host, _, port = address.rpartition(":")
        try:
            self._server = ThreadingHTTPServer((host, int(port)), _handler(health))
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(f"metrics_address: cannot listen on {address!r}: {error}; give HOST:PORT") from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            elif self.path in ("/healthz", "/readyz"):
                well = health.is_healthy() if self.path == "/healthz" else health.is_ready()
                body = ("ok\n" if well else "no\n") + health.said()
                self._answer(200 if well else 503, "text/plain; charset=utf-8", body.encode())
            else:
                self._answer(404, "text/plain", b"/metrics, /healthz, /readyz\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet: a scrape every few seconds is no news."""

    return Handler
