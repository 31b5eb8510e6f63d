"""Workers, feeds and dead letters as documents, on every index: through the sinks, from records as the log has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from indexer.fields import OPERATIONS
from indexer.index import Index
from indexer.operations import IndexDeadLetters, IndexFeeds, IndexWorkers
from indexer.query import parse
from stream import dead_letters
from stream.log import Log, Record
from stream.messages import Feed, FeedState, Heartbeat, SeenEntry, Standing, Superseded, encode
from stream.sqlite import SqliteLog
from stream.stage import Done, Incoming, Raw, Reject, Retry
from stream.topics import Names
from tests.contracts.index_stores import INDEX_STORES

NAMES = Names()
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=10)


@pytest.fixture(params=sorted(INDEX_STORES), scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    store = INDEX_STORES[request.param](tmp_path_factory.mktemp("operations"))
    opened = store.open()
    opened.setup()
    yield opened
    opened.close()
    store.remove()


@pytest.fixture
def index(server: Index) -> Index:
    for kind in OPERATIONS:
        server.prune(kind, datetime(2100, 1, 1, tzinfo=UTC))
    return server


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = SqliteLog(str(tmp_path / "log.db"))
    opened.create_topics(NAMES.described(), 1)
    yield opened
    opened.close()


def record(key: str, value: bytes | None, at: datetime = NOON, offset: int = 0, /, **headers: str) -> Incoming:
    return Incoming(Record("t", 0, offset, at, key, value, headers), Raw())


def beat(at: datetime = NOON, lag: int = 7) -> Heartbeat:
    standings = tuple(
        Standing(topic=topic, partitions=(0, 1), lag=lag, done=5, rejected=1, waits=("0@7: the index is away",))
        for topic in ("enriched", "alerts")
    )
    return Heartbeat(
        id="h-1-index", stage="index", host="h.example", pid=1, newswatch="0.1", started=NOON, at=at, per_second=2.5,
        standings=standings,
    )  # fmt: skip


def found(index: Index, kind: str, query: str) -> list[str]:
    return sorted(h.id for h in index.search(kind, parse(query, kind)).hits)  # type: ignore[arg-type]


def test_a_worker_is_shown_on_each_of_its_topics_as_it_stands_last(index: Index) -> None:
    handle = IndexWorkers(index)
    later = record("h-1-index", encode(beat(LATER, 3)), LATER)
    assert handle([record("h-1-index", encode(beat())), later]) == [Done(), Done()]
    assert handle([record("h-1-index", encode(beat()))]) == [Done()]  # an older one comes again
    assert found(index, "workers", "stage:index lag:3 rejected:>0 partitions:1") == [
        "h-1-index.alerts", "h-1-index.enriched",
    ]  # fmt: skip
    assert index.facets("workers", "host") == [("h.example", 2)]
    assert len(found(index, "workers", '"index is away"')) == 2
    [shown] = index.get("workers", ["h-1-index.alerts"]).values()
    assert shown.document["per_second"] == 2.5
    assert shown.document["at"] == "2026-09-01T12:00:10Z"
    assert "ended" not in shown.document


@pytest.mark.parametrize("together", [True, False])
def test_a_worker_that_ended_is_marked(index: Index, together: bool) -> None:
    handle = IndexWorkers(index)
    batch = [record("h-1-index", encode(beat())), record("h-1-index", None, LATER), record("h-9-index", None, LATER)]
    for part in [batch] if together else [[b] for b in batch]:
        assert set(handle(part)) == {Done()}
    assert len(found(index, "workers", "ended:true lag:7")) == 2
    assert handle([batch[0]]) == [Done()]
    assert len(found(index, "workers", "ended:true")) == 2


FEED = Feed(id="f", url="https://a.example/feed?key=hunter2", publisher="a.example", country="GB")


def state(**fields: object) -> FeedState:
    seen = SeenEntry(key="k", article_id="a", content_hash="c", last_seen=NOON,
                     version=int(NOON.timestamp() * 1_000_000))  # fmt: skip
    given = {"feed_id": "f", "last_polled": NOON, "last_success": NOON, "items_per_day": 2.0, "entries": (seen,)}
    return FeedState.model_validate({**given, "title": "A's feed", **fields})


def list_feed(log: Log, feed: Feed | None = FEED) -> None:
    with log.transaction() as tx:
        tx.publish(NAMES.topic("feeds"), 0, "f", encode(feed) if feed else None)


def test_a_feed_is_shown_with_its_address_and_when_it_falls_silent(index: Index, log: Log) -> None:
    list_feed(log)
    handle = IndexFeeds(index, log, NAMES)
    assert handle([record("f", encode(state()))]) == [Done()]
    [shown] = index.get("feeds", ["f"]).values()
    d = shown.document
    assert d["url"] == "https://a.example/feed?key=***"
    assert (d["title"], d["country"], d["failures"]) == ("A's feed", "GB", 0)
    assert d["newest"] == NOON.isoformat()
    assert d["silent_after"] == (NOON + timedelta(days=2.5)).isoformat()
    assert found(index, "feeds", "silent_after:<2026-09-05 failures:0") == ["f"]

    failing = state(failures=3, error="HTTP 503 from the server", entries=())
    assert handle([record("f", encode(failing), LATER)]) == [Done()]
    assert found(index, "feeds", "failures:>0 AND error:503") == ["f"]
    assert found(index, "feeds", "silent_after:*") == []


def test_a_feed_that_is_removed_is_marked_and_one_that_moves_is_not(index: Index, log: Log) -> None:
    list_feed(log)
    handle = IndexFeeds(index, log, NAMES)
    handle([record("f", encode(state()))])
    assert handle([record("f", None, LATER), record("f", encode(state()), LATER)]) == [Done(), Done()]
    assert found(index, "feeds", "removed:true") == []
    assert handle([record("f", None, LATER + timedelta(hours=1))]) == [Done()]
    assert found(index, "feeds", "removed:true") == ["f"]
    list_feed(log, None)
    assert handle([record("f", encode(state()), LATER + timedelta(hours=2))]) == [Done()]  # a late worker's
    assert found(index, "feeds", "removed:true") == ["f"]


def test_a_feed_that_was_not_polled_yet_is_not_shown(index: Index, log: Log) -> None:
    list_feed(log)
    assert IndexFeeds(index, log, NAMES)([record("f", encode(FeedState(feed_id="f")))]) == [Done()]
    assert index.search("feeds").total == 0


def letter(offset: int = 4, at: datetime = NOON) -> Incoming:
    given_up = Record(NAMES.topic("articles"), 1, 17, NOON, "a", b"not json")
    headers = dead_letters.headers("enrich", "news.g1.enrich.articles", given_up, "the record is not JSON", 1)
    return record("a", b"not json", at, offset, **headers)


def test_a_dead_letter_is_shown_without_its_bytes_and_says_when_it_was_given_back(index: Index) -> None:
    handle = IndexDeadLetters(index)
    note = record("a", None, LATER, 5, **{dead_letters.RETRIED: "0-4"})
    unknown = record("a", None, LATER, 6, **{dead_letters.RETRIED: "0-1"})  # retention took that one
    assert handle([letter()]) == [Done()]
    assert found(index, "dead-letters", "stage:enrich error:json NOT retried:*") == ["0-4"]
    assert handle([note, unknown]) == handle([letter(), note]) == [Done(), Done()]
    assert handle([letter()]) == [Done()]
    [shown] = index.search("dead-letters").hits
    assert shown.document == {
        "id": "0-4", "stage": "enrich", "group": "news.g1.enrich.articles", "topic": "news.articles", "partition": 1,
        "offset": 17, "key": "a", "error": "the record is not JSON", "attempts": 1, "at": NOON.isoformat(),
        "retried": LATER.isoformat(),
    }  # fmt: skip


def test_what_is_none_of_it_is_rejected_alone(index: Index, log: Log) -> None:
    other, broken = encode(Superseded(article_id="a", version=1)), b"not json"
    workers = [record("w", other), record("w", encode(beat())), record("w", broken)]
    first, second, third = IndexWorkers(index)(workers)
    assert isinstance(first, Reject)
    assert "a Superseded, where the index expects Heartbeat records" in first.reason
    assert second == Done()
    assert isinstance(third, Reject)
    assert isinstance(IndexFeeds(index, log, NAMES)([record("f", other)])[0], Reject)
    [said] = IndexDeadLetters(index)([record("a", b"x", stage="enrich")])
    assert isinstance(said, Reject)
    assert "header 'group' is missing" in said.reason


def test_a_dead_letter_that_the_index_refuses_makes_no_other(index: Index) -> None:
    given_up = letter()
    given_up.record.headers["stage"] = "s" * 40_000  # type: ignore[index]
    assert IndexDeadLetters(index)([given_up]) == [Done()]


def test_it_waits_while_the_index_is_away(tmp_path: Path) -> None:
    from indexer.sqlite import SqliteIndex

    unmade = SqliteIndex(str(tmp_path / "index.db"))  # not set up: a person must act, no record is to blame
    [outcome] = IndexWorkers(unmade)([record("w", encode(beat()))])
    assert isinstance(outcome, Retry)
    unmade.close()
