"""The stages as separate workers on Kafka and Elasticsearch end with what the embedded mode ends with."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newswatch.demo.server import FeedServer
from newswatch.demo.world import INSTALMENTS, load_world
from newswatch.wiring import STAGES
from stream.settings import PREFIX
from tests.contracts.index_stores import ElasticIndexStore
from tests.contracts.stores import KafkaStore
from tests.end_to_end import chaos
from tests.end_to_end.newsroom import FREE, FREE_IN_CASES, Newsroom
from tests.service_elastic import elasticsearch
from tests.service_kafka import kafka

PATIENCE = 240.0  # seconds
TWICE = ("enrich", "index")
"""Stages of which two workers share the partitions."""
KINDS = ("articles", "location-changes", "relocations", "alerts")


class Workers(Newsroom):
    """The same newsroom without a supervisor: ``setup`` once, then each stage as a worker of its own."""

    def start(self) -> None:
        """See ``Newsroom.start``."""
        assert self._newswatch("setup").wait(PATIENCE) == 0, self.said()
        self._workers = [self._newswatch(stage) for stage in (*STAGES, *TWICE)]

    def is_up(self) -> bool:
        """See ``Newsroom.is_up``: none of them has ended."""
        return all(worker.poll() is None for worker in self._workers)

    def stop(self) -> int:
        """See ``Newsroom.stop``."""
        for worker in self._workers:
            worker.terminate()
        return max(_ended(worker) for worker in self._workers)


def _ended(worker: subprocess.Popen[bytes]) -> int:
    code = worker.wait(60)
    return code if code >= 0 else 128 - code


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs, and this process, know only the settings that they are given here."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)


def test_both_modes_give_the_same_articles_location_changes_relocations_and_alerts(tmp_path: Path) -> None:
    name = f"modes-{secrets.token_hex(3)}"
    log, index = KafkaStore(kafka().url, f"{name}."), ElasticIndexStore(elasticsearch().url, name)
    settings = {"log_url": log.url, "index_url": index.url, "topic_prefix": log.prefix}
    dotted = {"elasticsearch.prefix": name, "elasticsearch.replicas": 0}
    servers = "\n".join(f"{setting} = {json.dumps(value)}" for setting, value in {**settings, **dotted}.items())
    world = load_world()
    start = datetime.now(UTC) - timedelta(minutes=20)  # as in test_chaos_run: no age in hours changes meanwhile
    try:
        with FeedServer(world, start) as server:
            with Newsroom(tmp_path / "embedded", world, server) as embedded:
                _play(embedded, server)
            with Workers(tmp_path / "workers", world, server, servers) as workers:
                _play(workers, server)
        _compare(embedded, workers)
    finally:
        log.discard()
        index.remove()


def _compare(embedded: Newsroom, workers: Newsroom) -> None:
    """Id by id and field by field; what may differ is in ``FREE``."""
    one, two = embedded.outcome(), workers.outcome()
    steps = one.cases().keys() ^ two.cases().keys()
    assert set(one.cases().values()) == set(two.cases().values())
    differences = one.settled(steps).differences(two.settled(steps))
    assert not differences, "\n".join([*differences[:50], f"may differ: {', '.join([*FREE, *FREE_IN_CASES])}"])
    counts = Counter(kind for kind, _ in one.documents)
    print(f"{len(steps)} of {len(one.cases() | two.cases())} alerts about cases in one run only;", end=" ")
    print(", ".join(f"{counts[kind]} {kind}" for kind in KINDS), "are the same in both")
    assert all(counts[kind] for kind in KINDS)
    assert (one.dead_letters, two.dead_letters) == (0, 0)
    for topic in ("articles", "enriched"):
        assert len(workers.appended(topic)) == len(embedded.appended(topic))
    raised = Counter((r.key, (r.value or b"").find(b'"held_back":null') < 0) for r in workers.appended("alerts"))
    assert set(raised.values()) == {1}, "an alert came twice"
    assert {key for key, _ in raised} == {id_ for kind, id_ in two.documents if kind == "alerts"}


def _play(room: Newsroom, server: FeedServer) -> None:
    """Serve one instalment after the other and wait for the end."""
    for instalment in INSTALMENTS:
        server.instalment = instalment
        chaos.wait(
            lambda: room.holds(instalment),  # noqa: B023
            PATIENCE, f"instalment {instalment} in the log", keep=lambda: _check_up(room), look=0.5,
        )  # fmt: skip
        chaos.wait(room.is_through, PATIENCE, "the end of all stages", keep=lambda: _check_up(room), look=0.5)
    assert room.stop() == 0, room.said()
    assert not room.leftovers()


def _check_up(room: Newsroom) -> None:
    if isinstance(room, Workers):
        assert room.is_up(), room.said()
