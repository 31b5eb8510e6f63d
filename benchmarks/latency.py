"""From the fetch of an article until it is searchable and alerted, at a steady 20 articles/s of 150 words."""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from benchmarks.extraction import articles
from benchmarks.servers import url_of
from newswatch.wiring import connect_index, connect_log, names
from stream.log import Log
from stream.messages import Alert, decode
from stream.settings import PREFIX, Settings, load_settings
from tests.service_elastic import elasticsearch
from tests.service_kafka import kafka

RATE, WORDS, PUBLISHERS = 20, 150, 4
WARM_SECONDS, SECONDS, LEFT_SECONDS = 90.0, 30.0, 30.0
"""At most until the first article is alerted; measured; at most until the last one is."""
LOOK_SECONDS, LOOKED_AT = 0.1, 5 * RATE
"""So often, and at so many of the newest articles, is looked."""
RULE = "- {id: all, name: All of them, target: articles, query: 'title:bench', severity: low}\n"


def run() -> None:
    """Print both modes."""
    _measure("SQLite", "", 2.0)
    log, index = url_of(kafka, "latency on Kafka"), url_of(elasticsearch, "latency on Elasticsearch")
    if log and index:
        name = f"bench-{secrets.token_hex(3)}"
        servers = {"log_url": log, "index_url": index, "topic_prefix": f"{name}.",
                   "elasticsearch.prefix": name, "elasticsearch.replicas": 0}  # fmt: skip
        lines = "".join(f"{setting} = {json.dumps(value)}\n" for setting, value in servers.items())
        _measure("Kafka and Elasticsearch", lines, 5.0)


def _measure(mode: str, servers: str, at_most: float) -> None:
    with tempfile.TemporaryDirectory(prefix="newswatch-bench-") as folder, Feeds() as feeds:
        settings = load_settings(_configure(Path(folder), feeds, servers))
        with _newswatch(Path(folder)):
            seen = _watch(settings, feeds)
    print(f"fetch → searchable and alerted, {RATE} articles/s of {WORDS} words, {mode}")
    for what, waits in seen.items():
        p95 = statistics.quantiles(waits, n=20)[-1]
        print(f"  {what:<11} median {statistics.median(waits):.2f} s, p95 {p95:.2f} s of {len(waits)} articles;"
              f" asked < {at_most:g} s: {'reached' if p95 < at_most else 'MISSED'}")  # fmt: skip
    print(f"  (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)\n")


class Feeds:
    """So many feeds on loopback, in which together ``RATE`` articles a second appear from ``begin`` on."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._bodies = [" ".join(a.body.split()[:WORDS]) for a in articles()]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def urls(self) -> list[str]:
        """Where they are."""
        return [f"http://127.0.0.1:{self._server.server_address[1]}/{n}" for n in range(PUBLISHERS)]

    def begin(self) -> None:
        """The clock starts."""
        self._began = time.monotonic()

    def _render(self, publisher: int) -> bytes:
        out = 1 + int((time.monotonic() - self._began) * RATE) if self._began is not None else 1
        mine = [n for n in range(max(0, out - 20 * RATE), out) if n % PUBLISHERS == publisher]
        now = datetime.now(UTC)
        items = [
            {"id": str(n), "url": f"https://p{publisher}.example/{n}", "title": f"Bench {n}",
             "content_text": self._bodies[n % len(self._bodies)], "date_published": now.isoformat()}
            for n in reversed(mine)
        ]  # fmt: skip
        return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Bench", "items": items}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        feeds = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = feeds._render(int(self.path.strip("/")))
                self.send_response(200)
                self.send_header("Content-Type", "application/feed+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def __enter__(self) -> Feeds:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _configure(folder: Path, feeds: Feeds, servers: str) -> Path:
    listed = [{"url": url, "publisher": f"p{n}.example"} for n, url in enumerate(feeds.urls())]
    (folder / "feeds.yml").write_text(yaml.safe_dump(listed), encoding="utf-8")
    (folder / "rules").mkdir()
    (folder / "rules" / "all.yml").write_text(RULE, encoding="utf-8")
    paths = {"data_dir": "data", "feeds_file": "feeds.yml", "rules_dir": "rules"}
    lines = "".join(f"{name} = {json.dumps(str(folder / path))}\n" for name, path in paths.items())
    ingest = '[ingest]\nallow_networks = ["127.0.0.0/8"]\nmin_interval = "1s"\nmax_interval = "1s"\n'
    config = folder / "newswatch.toml"
    config.write_text(f'{servers}{lines}log_level = "error"\n{ingest}', encoding="utf-8")
    return config


@contextmanager
def _newswatch(folder: Path) -> Iterator[None]:
    """``newswatch run``: each stage a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "newswatch", "--config", str(folder / "newswatch.toml"), "run"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _watch(settings: Settings, feeds: Feeds) -> dict[str, list[float]]:
    """Seconds from each article's fetch until a search showed it and until its alert was in the log."""
    topic = names(settings).topic("alerts")
    _await_setup(settings)
    with closing(connect_index(settings)) as index, closing(connect_log(settings)) as log:
        alerts = _Alerts(log, topic)
        _until(lambda: bool(alerts.read()), WARM_SECONDS, "the first alert")
        feeds.begin()
        fetched: dict[str, datetime] = {}
        shown: dict[str, datetime] = {}
        began = time.monotonic()
        wanted = int(RATE * SECONDS)
        while time.monotonic() - began < SECONDS + LEFT_SECONDS:
            hits = index.search("articles", limit=LOOKED_AT).hits
            now = datetime.now(UTC)
            for hit in hits:
                shown.setdefault(hit.id, now)
                fetched.setdefault(hit.id, datetime.fromisoformat(hit.document["fetched"]))
            alerts.read()
            if len(shown) >= wanted and len(alerts.raised) >= wanted:
                break
            time.sleep(LOOK_SECONDS)
    measured = [i for i in shown if i in alerts.raised]
    if len(measured) < wanted:
        print(f"only {len(measured)} of {wanted} articles came through in {SECONDS + LEFT_SECONDS:.0f} s: MISSED")
    return {
        "searchable": [(shown[i] - fetched[i]).total_seconds() for i in measured],
        "alerted": [(alerts.raised[i] - fetched[i]).total_seconds() for i in measured],
    }


class _Alerts:
    """When the alert on each article was appended to the log, by the log's own clock."""

    def __init__(self, log: Log, topic: str) -> None:
        self._log, self._topic = log, topic
        self._next = dict.fromkeys(range(log.partitions(topic)), 0)
        self.raised: dict[str, datetime] = {}

    def read(self) -> dict[str, datetime]:
        """All so far."""
        for partition in self._next:
            for record in self._log.read(self._topic, partition, self._next[partition], 1_000):
                self._next[partition] = record.offset + 1
                message = decode(record.value) if record.value else None
                if isinstance(message, Alert):
                    self.raised.setdefault(message.subject.id, record.timestamp)
        return self.raised


def _await_setup(settings: Settings) -> None:
    """``newswatch run`` has made the topics and the index."""

    def there() -> bool:
        try:
            with closing(connect_log(settings)) as log, closing(connect_index(settings)) as index:
                log.partitions(names(settings).topic("alerts"))
                index.search("alerts", limit=1)
        except Exception:  # noqa: BLE001 (not there yet, in many ways)
            return False
        return True

    _until(there, WARM_SECONDS, "the setup")


def _until(what: Callable[[], bool], seconds: float, name: str) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name}: waited in vain for {seconds:.0f} s")
        time.sleep(LOOK_SECONDS)
