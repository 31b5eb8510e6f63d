"""Metrics, health and heartbeats of a worker, over HTTP and on the topic ``workers``."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from threading import Event

import pytest

from stream.errors import ConfigError, LogError
from stream.log import partition_of
from stream.messages import Heartbeat, Superseded, decode, encode
from stream.metrics import Health, MetricsServer
from stream.reporting import Reporter
from stream.sqlite import SqliteLog
from stream.stage import Done, Incoming, Outcome
from stream.table import Table
from stream.topics import Names
from stream.worker import Worker, run_workers

NAMES = Names()


def get(server: MetricsServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def server(health: Health) -> Iterator[MetricsServer]:
    running = MetricsServer("127.0.0.1:0", health)
    yield running
    running.close()


def test_a_worker_is_ready_once_the_log_has_answered(
    server: MetricsServer, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (get(server, "/healthz")[0], get(server, "/readyz")[0]) == (200, 503)
    health.came_round(read=True)
    assert (get(server, "/healthz")[0], get(server, "/readyz")[0]) == (200, 200)
    monkeypatch.setattr("stream.metrics.READY_SECONDS", -1.0)
    health.came_round(read=False)
    assert (get(server, "/healthz")[0], get(server, "/readyz")[0]) == (200, 503)
    monkeypatch.setattr("stream.metrics.HEALTHY_SECONDS", -1.0)
    assert get(server, "/healthz")[0] == 503
    assert get(server, "/elsewhere")[0] == 404


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:99999", "203.0.113.1:80"])
def test_an_address_that_cannot_be_listened_on_is_one_line(address: str, health: Health) -> None:
    with pytest.raises(ConfigError, match="metrics_address: cannot listen on"):
        MetricsServer(address, health)


class StopWhenDone:
    """Handles records, and stops the loop after ``left`` of them."""

    def __init__(self, left: int, stop: Event) -> None:
        self.left = left
        self.stop = stop

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        self.left -= len(batch)
        if self.left <= 0:
            self.stop.set()
        return [Done()] * len(batch)


def test_a_worker_reports_what_it_did_and_takes_its_heartbeat_back(
    log: SqliteLog, server: MetricsServer, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.reporting.EVERY_SECONDS", 0.0)
    log.create_topics(NAMES.described(), 2)
    topic, workers = NAMES.topic("location-changes"), NAMES.topic("workers")
    with log.transaction() as tx:
        for n in range(5):
            tx.publish(topic, n % 2, str(n), encode(Superseded(article_id=str(n), version=1)))
        tx.publish(topic, 0, "broken", b"not json")
    stop = Event()
    worker = Worker(log, NAMES, "measured", "location-changes", StopWhenDone(5, stop))
    run_workers([worker], stop, Reporter(log, NAMES, "measured", [worker], health))

    beats = [
        decode(record.value)
        for partition in range(2)
        for record in log.read(workers, partition, 0, 100)
        if record.value is not None
    ]
    last = beats[-1]
    assert isinstance(last, Heartbeat)
    assert (last.stage, last.standings[0].topic, last.standings[0].lag) == ("measured", "location-changes", 0)
    assert (last.standings[0].done, last.standings[0].rejected) == (5, 1)
    assert last.standings[0].partitions == (0, 1)
    table = Table(log, workers, Heartbeat)
    table.refresh(partition_of(last.id, 2))
    assert table.get(partition_of(last.id, 2), last.id) is None

    text = get(server, "/metrics")[1]
    counted = dict(re.findall(r'newswatch_records_total\{outcome="(\w+)",stage="measured",[^}]*\} ([\d.]+)', text))
    assert counted == {"done": "5.0", "rejected": "1.0"}
    assert re.search(r'newswatch_lag\{stage="measured",topic="location-changes"\} 0\.0', text)
    assert re.search(r'newswatch_batch_seconds_count\{stage="measured"', text)


def test_an_unreadable_log_makes_a_worker_unready_but_not_dead(log: SqliteLog, health: Health) -> None:
    reporter = Reporter(log, NAMES, "measured", [], health)
    reporter.came_round(LogError("gone"))
    assert health.is_healthy()
    assert not health.is_ready()
