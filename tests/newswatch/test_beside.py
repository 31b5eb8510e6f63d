"""What newswatch tells of itself reaches the index beside the flow: a worker's heartbeat, a feed, a dead letter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexer.query import parse
from ingest.feeds import Diff, make_feed
from newswatch.once import measure
from newswatch.wiring import STAGES, change_feeds, connect_index, connect_log, names, run_stage, set_up
from stream.dead_letters import list_dead_letters, retry
from stream.log import Log, partition_of
from stream.messages import FeedState, encode
from stream.settings import Settings, load_settings
from stream.topics import TOPICS

URL = "https://a.example/feed"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "newswatch.toml"
    (tmp_path / "rules").mkdir()
    file.write_text(f'data_dir = "{tmp_path}/data"\nrules_dir = "{tmp_path}/rules"\n', encoding="utf-8")
    made = load_settings(file)
    set_up(made)
    return made


def give_work(log: Log, settings: Settings) -> None:
    """A feed that was polled, and an alert that is none."""
    topics = names(settings)
    feed = make_feed(URL)
    change_feeds(log, topics, Diff((feed,), (), ()))
    state = FeedState(feed_id=feed.id, last_polled=datetime.now(UTC), failures=2, error="HTTP 503")
    with log.transaction() as tx:
        topic = topics.topic("feed-state")
        tx.publish(topic, partition_of(feed.publisher, log.partitions(topic)), feed.id, encode(state))
        tx.publish(topics.topic("alerts"), 0, "broken", b"not json")


def test_workers_feeds_and_dead_letters_can_be_searched(settings: Settings) -> None:
    stop = threading.Event()
    worker = threading.Thread(target=run_stage, args=(settings, "index", stop))
    with closing(connect_log(settings)) as log, closing(connect_index(settings)) as index:
        give_work(log, settings)
        worker.start()

        def found(query: str, kind: str) -> Callable[[], bool]:
            return lambda: index.search(kind, parse(query, kind)).total > 0  # type: ignore[arg-type]

        try:
            until(found("failures:2 error:503 url:https\\://a.example/feed", "feeds"))
            until(found("stage:index error:json NOT retried:*", "dead-letters"))
            until(found("stage:index topic:alerts NOT ended:true", "workers"))
            [letter] = list_dead_letters(log, names(settings))
            retry(log, names(settings), [letter])
            until(found("retried:*", "dead-letters"))
        finally:
            stop.set()
            worker.join(60)


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_run_is_done_without_what_is_beside(settings: Settings) -> None:
    beside = {topic for stage in STAGES.values() for topic in stage.beside}
    assert beside < set(TOPICS)
    with closing(connect_log(settings)) as log:
        assert not beside & {s.topic for s in measure(log, settings)}
