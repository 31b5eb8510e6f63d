"""A rolling upgrade: a worker that meets a newer record pauses with one line; the upgraded one beside it goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stream.log import Log, open_log, partition_of
from stream.messages import EnrichedArticle, decode, encode
from stream.topics import Names
from tests.end_to_end.conftest import Home
from tests.services import free_ports
from tests.stream.golden import ARTICLE

NAMES = Names()
PARTITIONS = 2
OTHERS = ["g", "h"]
"""Articles of partition 0; ``a``, ``b`` and ``newer`` are of partition 1."""
UPGRADED = "from newswatch.cli import main; from stream.messages import Article; Article.SCHEMA = 2; main(['enrich'])"
"""The program as it will be when articles have a newer shape."""


def test_an_old_worker_pauses_at_a_newer_record_and_the_upgraded_one_goes_on(home: Home) -> None:
    home.write("newswatch.toml", f"partitions = {PARTITIONS}\n")
    home.ok("setup")
    log = open_log(f"sqlite:///{home.folder}/newswatch-data/log.db")
    _publish(log, "a", "newer", "b", *OTHERS[:1])
    port = free_ports(1)[0]
    try:
        with _worker(home, home.command("enrich"), NEWSWATCH_METRICS_ADDRESS=f"127.0.0.1:{port}") as (old, said):
            _until(lambda: _enriched(log) == [OTHERS[:1], ["a"]], "what comes before it, and the other partition")
            _publish(log, *OTHERS[1:])
            _until(lambda: _enriched(log)[0] == OTHERS, "the other partition to go on")
            wait = "Article has schema_version 2, this newswatch knows 1: upgrade this worker"
            status, ready = _get(f"http://127.0.0.1:{port}/readyz")
            assert (status, ready) == (200, f"ok\nwaits: topic articles, partition 1: {wait}\n")
            _until(lambda: f"waits at partition 1: {wait}" in home.ok("status"), "status to tell of it")
            with _worker(home, [sys.executable, "-c", UPGRADED]) as (new, said_by_new):
                _until(lambda: _is_member(home, new.pid), "the upgraded worker to join")
                old.send_signal(signal.SIGTERM)
                assert old.wait(60) == 0
                _until(lambda: _enriched(log) == [OTHERS, ["a", "newer", "b"]], "the upgraded worker to go on")
                new.send_signal(signal.SIGTERM)
                assert new.wait(60) == 0
        assert [line["reason"] for line in said() if line["level"] == "warning"] == [wait]
        assert not [line for line in said_by_new() if line["level"] != "info"]
        assert _enriched(log) == [OTHERS, ["a", "newer", "b"]]
        assert home.ok("dead-letters", "list") == ""
    finally:
        log.close()


def _publish(log: Log, *ids: str) -> None:
    """Articles of these ids, each in its partition; the one called so as a newer newswatch writes it."""
    with log.transaction() as tx:
        for name in ids:
            article = json.loads(encode(ARTICLE.model_copy(update={"id": name})))
            newer = {"schema_version": 2, "mood": "calm"} if name == "newer" else {}
            tx.publish(
                NAMES.topic("articles"), partition_of(name, PARTITIONS), name, json.dumps(article | newer).encode()
            )


def _enriched(log: Log) -> list[list[str]]:
    """The ids of what was published, by partition, in order."""
    messages = [[decode(r.value or b"") for r in log.read(NAMES.topic("enriched"), p, 0, 1000)] for p in (0, 1)]
    return [[m.article.id for m in some if isinstance(m, EnrichedArticle)] for some in messages]


def _is_member(home: Home, pid: int) -> bool:
    rows = [json.loads(line) for line in home.ok("status", "--json").splitlines()]
    return any(worker["pid"] == pid for row in rows if row.get("stage") == "enrich" for worker in row["workers"])


@contextmanager
def _worker(
    home: Home, command: list[str], **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], list[dict[str, str]]]]]:
    """A worker process, and what it logged so far; killed at the end where it still runs."""
    path = Path(home.folder / f"worker-{time.monotonic_ns()}.log")
    with path.open("wb") as stderr:
        process = subprocess.Popen(
            command, cwd=home.folder, env={**home.environment, **environment}, stdin=subprocess.DEVNULL, stderr=stderr
        )
    try:
        yield process, lambda: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.status, answer.read().decode()


def _until(condition: Callable[[], bool], what: str, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.3)
