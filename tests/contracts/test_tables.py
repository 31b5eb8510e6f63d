"""Tables on every backend: after a refresh a group finds what it committed, whoever else writes the same topic."""

from __future__ import annotations

import time
from collections.abc import Callable

from stream.log import Log
from stream.table import KeyTable
from tests.busy import busy
from tests.contracts.processes import Child, Desk, publish
from tests.contracts.test_log import A, B


def publish_for_ever(desk: Desk, topic: str) -> None:
    """Another group's transactions, some large, one after the other, until killed."""
    size = 1
    while True:
        with desk.log.transaction() as tx:
            for n in range(size):
                tx.publish(topic, 0, f"other {n}", b"x" * 2_000)
        size = size * 3 % 100


def put(log: Log, key: str) -> None:
    """Publish one key to ``t.b``."""
    with log.transaction() as tx:
        tx.publish("t.b", 0, key, b"mine")


def test_a_refresh_ends_behind_all_that_was_committed_before(log: Log, spawn: Callable[..., Child]) -> None:
    log.create_topics([A, B], 1)
    other = spawn()
    other.call(publish, "t.a", 0, ["the child is up"])
    other.begin(publish_for_ever, "t.b")
    table = KeyTable(log, "t.b", lambda _: True)
    for n in range(60):
        put(log, f"mine {n}")
        table.refresh(0)
        assert table.get(0, f"mine {n}")


def test_a_refresh_sees_what_another_process_committed_since_the_last(
    open_store: Callable[[], Log], log: Log, spawn: Callable[..., Child]
) -> None:
    log.create_topics([A, B], 1)
    reader, child = open_store(), spawn()
    table = KeyTable(reader, "t.b", lambda _: True)
    for n in range(60):
        (put(log, "key") if n % 2 else child.call(publish, "t.b", 0, [str(n)]))
        if n % 3 == 0:
            put(log, f"mine {n}")
            table.refresh(0)
            assert table.get(0, f"mine {n}")
            assert reader.read("t.b", 0, reader.bounds("t.b")[0].end, 10) == []


def test_a_refresh_without_news_takes_no_time(log: Log) -> None:
    log.create_topics([B], 1)
    table = KeyTable(log, "t.b", lambda _: True)
    put(log, "key")
    table.refresh(0)
    began = time.monotonic()
    for _ in range(20):
        table.refresh(0)
    assert time.monotonic() - began < 2.0 * busy()
