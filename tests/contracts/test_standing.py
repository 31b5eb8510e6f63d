"""What ``newswatch status`` shows, on every log: workers, lag, the oldest record that waits, feeds, dead letters."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from newswatch.commands.status import _lines, _rows
from newswatch.standing import StageStanding, Whole, look
from newswatch.wiring import STAGES, names
from stream.backfills import Position
from stream.errors import UnknownTopic
from stream.log import Log, Offset, partition_of
from stream.messages import Backfill, Feed, FeedState, Heartbeat, Standing, Superseded, encode
from stream.settings import Settings
from stream.stage import Done, Incoming, Reject
from stream.worker import Worker

SETTINGS = Settings(partitions=2)
TOPICS = names(SETTINGS)
START = datetime.now(UTC)


@pytest.fixture
def whole(log: Log) -> Whole:
    """The whole after some work: two of five records of ``articles`` handled, one given up."""
    log.create_topics(TOPICS.described(), 2)
    articles = TOPICS.topic("articles")
    with log.transaction() as tx:
        for n in range(5):
            tx.publish(articles, n % 2, str(n), encode(Superseded(article_id=str(n), version=1)))
    settle(log)
    now = datetime.now(UTC)
    beat(log, "alive", "enrich", now, "articles")
    beat(log, "silent", "enrich", now - timedelta(minutes=5), "articles")
    beat(log, "long-gone", "enrich", now - timedelta(days=5), "articles")
    beat(log, "polls", "ingest", now, "feeds")
    list_feeds(log)
    note_backfills(log)
    return look(log, SETTINGS, now)


def settle(log: Log) -> None:
    """Partition 0 (three records) to its end, its last record given up; partition 1 untouched."""
    handled = 0

    def handle(batch: list[Incoming]) -> list[Done | Reject]:
        nonlocal handled
        handled += len(batch)
        return [Reject("no article") if i.record.key == "4" else Done() for i in batch]

    worker = Worker(log, TOPICS, "enrich", "articles", handle)  # type: ignore[arg-type]
    while handled < 5:
        worker.step(0.5)
    worker.close()
    consumer = log.consumer(TOPICS.topic("articles"), TOPICS.group("enrich", "articles"))
    while len(consumer.assignment()) < 2:
        consumer.poll(1, 0.2)
    with log.transaction(consumer) as tx:
        tx.commit({1: Offset(0)})
    consumer.close()


def beat(log: Log, worker: str, stage: str, at: datetime, topic: str) -> None:
    standing = Standing(topic=topic, partitions=(0,), lag=3)
    message = Heartbeat(
        id=worker, stage=stage, host="h", pid=1, newswatch="0.1", started=at, at=at, per_second=1.5,
        standings=(standing,),
    )  # fmt: skip
    with log.transaction() as tx:
        tx.publish(TOPICS.topic("workers"), partition_of(worker, 2), worker, encode(message))


def list_feeds(log: Log) -> None:
    with log.transaction() as tx:
        for name in ("new", "failing"):
            feed = Feed(id=name, url=f"https://{name}.example/feed", publisher=name)
            tx.publish(TOPICS.topic("feeds"), partition_of(name, 2), name, encode(feed))
        state = FeedState(feed_id="failing", last_polled=START, error="HTTP 503", failures=2)
        tx.publish(TOPICS.topic("feed-state"), partition_of("failing", 2), "failing", encode(state))


def note_backfills(log: Log) -> None:
    with log.transaction() as tx:
        for name, finished in (("whole.jsonl", True), ("half.warc.gz", False)):
            at = Position(read=300)
            state = Backfill(id=name, name=name, kind="warc", size=900, position=at, published=1234, finished=finished,
                             began=START, at=START)  # fmt: skip
            tx.publish(TOPICS.topic("backfills"), 0, name, encode(state))


def stage(whole: Whole, name: str, topic: str) -> StageStanding:
    [found] = [s for s in whole.stages if (s.stage, s.topic) == (name, topic)]
    return found


def test_the_whole_as_status_shows_it(whole: Whole) -> None:
    assert [(s.stage, s.topic) for s in whole.stages] == [(s.name, t) for s in STAGES.values() for t in s.sources]
    enrich = stage(whole, "enrich", "articles")
    assert [w.id for w in enrich.workers] == ["alive"]
    assert [w.id for w in enrich.silent] == ["silent"]
    assert enrich.lag in {2, 3}  # Kafka counts the mark of a transaction, too
    assert enrich.oldest is not None
    assert enrich.oldest >= START - timedelta(seconds=1)
    assert stage(whole, "ingest", "feeds").lag == 3  # of feeds: only its workers know
    assert stage(whole, "index", "alerts") == StageStanding("index", "alerts", 0, None, (), ())
    assert (whole.feeds.total, whole.feeds.never_polled, whole.dead_letters) == (2, 1, 1)

    said = "\n".join(_lines(whole, datetime.now(UTC)))
    assert f"enrich  articles  1 worker, 1.5 records/s, {enrich.lag} to do, the oldest waits for " in said
    assert re.search(r"worker silent is silent for \d+ min", said)
    assert "ingest  feeds     1 worker, 1.5 records/s, 3 feeds overdue" in said
    assert "failing: https://failing.example/feed: HTTP 503" in said
    assert "dead letters: 1" in said
    assert re.search(r"backfill half\.warc\.gz: 33 % read, 1,234 articles published, the last \d+ (s|min|h) ago", said)
    assert "whole.jsonl" not in said
    rows = list(_rows(whole))
    assert len(rows) == len(whole.stages) + 3
    assert rows[-1] == {"dead_letters": 1}


def test_before_setup_it_says_what_to_do(log: Log) -> None:
    with pytest.raises(UnknownTopic, match="newswatch setup"):
        look(log, SETTINGS, START)
