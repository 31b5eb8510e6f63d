"""The sink handlers, on a real index."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from indexer.index import Index, Put, Report
from indexer.query import parse
from indexer.sqlite import SqliteIndex
from indexer.stage import ATTEMPTS, IndexAlerts, IndexEnriched, IndexRelocations
from stream.log import Record
from stream.messages import Alert, AnyMessage, Superseded
from stream.stage import Done, Incoming, Reject, Retry, Tombstone
from tests.indexer.test_revisions import revision
from tests.stream.golden import RELOCATION

ALERT = Alert.model_validate(
    {
        "id": "x", "rule": "r", "rule_name": "R", "query": "hamas", "severity": "high",
        "subject": {"kind": "article", "id": "a"}, "title": "t", "text": "Hamas moves", "evidence": [], "links": [],
        "created": "2026-09-01T00:00:00Z", "article_version": 1,
        "model": {"name": "m", "version": "1", "lexicons": "l"},
    }
)  # fmt: skip


def incoming(*messages: AnyMessage) -> list[Incoming]:
    at = datetime(2026, 9, 1, tzinfo=UTC)
    return [Incoming(Record("t", 0, i, at, "k", b""), m) for i, m in enumerate(messages)]


def keyed(*records: tuple[str, AnyMessage | None]) -> list[Incoming]:
    """Records with their keys; None is a tombstone."""
    at = datetime(2026, 9, 1, tzinfo=UTC)
    return [Incoming(Record("t", 0, i, at, key, b""), m or Tombstone()) for i, (key, m) in enumerate(records)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


@pytest.fixture
def index(path: Path) -> Iterator[Index]:
    opened = SqliteIndex(str(path), busy_timeout=0.05)
    opened.setup()
    yield opened
    opened.close()


def test_articles_statements_and_corrections(index: Index) -> None:
    handle = IndexEnriched(index)
    assert handle(incoming(revision(1, "xy"), revision(1, "z", of="b"))) == [Done(), Done()]
    assert handle(incoming(revision(2, "y", update=True))) == [Done()]
    assert index.search("articles").total == 2
    assert {h.id for h in index.search("location-changes").hits} == {"a-y", "b-z"}
    withdrawn = index.search("location-changes", parse("withdrawn:true", "location-changes")).hits
    assert [(h.id, h.document["version"], h.version) for h in withdrawn] == [("a-x", 1, 2)]


class Paused(SqliteIndex):
    """An index whose worker is paused right before it puts articles, while others do what ``meanwhile`` holds."""

    meanwhile: list[Callable[[], object]]

    def put(self, puts: Sequence[Put]) -> list[Report]:
        if puts and puts[0].kind == "articles" and self.meanwhile:
            self.meanwhile.pop(0)()
        return super().put(puts)


@pytest.fixture
def paused(index: Index, path: Path) -> Iterator[Paused]:
    opened = Paused(str(path))
    opened.meanwhile = []
    yield opened
    opened.close()


def test_a_worker_that_was_paused_undoes_nothing_of_what_its_successor_wrote(index: Index, paused: Paused) -> None:
    """It has read that there is nothing; its successor stores the same record and a late copy with another statement.
    If it then wrote its own document of the same version, the correction would find only half of the statements."""
    successor = IndexEnriched(index)

    def overtake() -> None:
        successor(incoming(revision(5, "s")))
        successor(incoming(revision(4, "t")))

    paused.meanwhile = [overtake]
    assert IndexEnriched(paused)(incoming(revision(5, "s"), revision(1, "z", of="b"))) == [Done(), Done()]
    assert successor(incoming(revision(6, "", update=True))) == [Done()]
    withdrawn = index.search("location-changes", parse("withdrawn:true", "location-changes"))
    assert {h.id for h in withdrawn.hits} == {"a-s", "a-t"}
    assert {h.id for h in index.search("articles").hits} == {"a", "b"}


def test_an_article_that_others_change_again_and_again_is_retried_later(index: Index, paused: Paused) -> None:
    others = IndexEnriched(index)
    paused.meanwhile = [partial(others, incoming(revision(n + 1, "xyzuvw"[n]))) for n in range(ATTEMPTS)]
    [outcome] = IndexEnriched(paused)(incoming(revision(99, "s")))
    assert isinstance(outcome, Retry)
    assert "article a: another worker" in outcome.reason
    assert IndexEnriched(paused)(incoming(revision(99, "s"))) == [Done()]
    said = index.get("articles", ["a"])["a"].document["statements"]
    assert len(said) == ATTEMPTS + 1


def test_an_empty_batch(index: Index) -> None:
    assert IndexEnriched(index)([]) == []
    assert IndexAlerts(index)([]) == []


def test_alerts(index: Index) -> None:
    handle = IndexAlerts(index)
    assert handle(incoming(ALERT)) == handle(incoming(ALERT)) == [Done()]
    assert [h.id for h in index.search("alerts", parse("hamas severity:high", "alerts")).hits] == ["x"]


def test_an_alert_held_back_at_first_is_shown_as_sent_in_whatever_order_it_comes(index: Index) -> None:
    held = ALERT.model_copy(update={"held_back": "from a backfill of archived articles"})
    handle = IndexAlerts(index)
    for batch in ([held], [held, ALERT], [held], [ALERT, held]):
        assert set(handle(incoming(*batch))) == {Done()}
        [shown] = index.search("alerts").hits
        assert ("held_back" in shown.document) == (batch == [held] and shown.version == 1)
    assert shown.version == 2


def test_other_messages_are_rejected_alone(index: Index) -> None:
    other = Superseded(article_id="a", version=1)
    first, second = IndexEnriched(index)(incoming(other, revision(1, "x")))
    assert isinstance(first, Reject)
    assert "Superseded" in first.reason
    assert second == Done()
    assert isinstance(IndexAlerts(index)(incoming(other))[0], Reject)


def test_what_the_index_refuses_is_rejected_with_the_reason(index: Index) -> None:
    good, bad = revision(1, "x"), revision(1, "y", of="b")
    bad = bad.model_copy(update={"article": bad.article.model_copy(update={"title": "\ud800"})})
    first, second = IndexEnriched(index)(incoming(good, bad))
    assert first == Done()
    assert isinstance(second, Reject)
    assert "article b" in second.reason
    change = good.location_changes[0].model_copy(update={"trigger": "\ud800"})
    [outcome] = IndexEnriched(index)(incoming(good.model_copy(update={"location_changes": (change,)})))
    assert isinstance(outcome, Reject)
    assert "statement a-x" in outcome.reason
    [outcome] = IndexAlerts(index)(incoming(ALERT.model_copy(update={"text": "\ud800"})))
    assert isinstance(outcome, Reject)


def test_while_the_index_is_not_set_up_all_is_retried(tmp_path: Path) -> None:
    bare = SqliteIndex(str(tmp_path / "bare.db"))
    [outcome] = IndexEnriched(bare)(incoming(revision(1, "x")))
    assert isinstance(outcome, Retry)
    assert "newswatch setup" in outcome.reason
    bare.close()


def test_while_the_index_is_away_all_is_retried(index: Index, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcomes = [
        *IndexEnriched(index)(incoming(revision(1, "x"), revision(2, "x"))),
        *IndexAlerts(index)(incoming(ALERT)),
    ]
    assert all(isinstance(o, Retry) and "locked" in o.reason for o in outcomes)
    assert len(outcomes) == 3
    other.execute("ROLLBACK")
    other.close()
    assert IndexEnriched(index)(incoming(revision(1, "x"), revision(2, "x"))) == [Done(), Done()]


def test_a_tombstone_takes_an_article_away_with_all_that_any_revision_said(index: Index) -> None:
    handle = IndexEnriched(index)
    handle(incoming(revision(1, "xy"), revision(2, "y", update=True), revision(1, "z", of="b")))
    assert handle(keyed(("a", revision(3, "w")), ("a", None), ("b", revision(2, "z", of="b")))) == [Done()] * 3
    assert index.get("articles", ["a", "b"]).keys() == {"b"}
    assert {h.id for h in index.search("location-changes", parse("withdrawn:*", "location-changes")).hits} == {"b-z"}
    assert handle(keyed(("a", None), ("never", None))) == [Done(), Done()]


def test_a_tombstone_takes_alerts_and_relocations_away_but_not_what_comes_behind_it(index: Index) -> None:
    later = ALERT.model_copy(update={"title": "again"})
    assert IndexAlerts(index)(keyed(("x", ALERT), ("x", None), ("x", later))) == [Done()] * 3
    assert index.get("alerts", ["x"])["x"].document["title"] == "again"
    assert IndexAlerts(index)(keyed(("x", None))) == [Done()]
    assert index.get("alerts", ["x"]) == {}
    IndexRelocations(index)(keyed((RELOCATION.id, RELOCATION)))
    assert IndexRelocations(index)(keyed((RELOCATION.id, RELOCATION), (RELOCATION.id, None))) == [Done()] * 2
    assert index.get("relocations", [RELOCATION.id]) == {}


def test_what_is_to_be_taken_away_waits_for_an_index_that_is_away(index: Index, path: Path) -> None:
    IndexEnriched(index)(incoming(revision(1, "x")))
    with sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")
        assert isinstance(IndexEnriched(index)(keyed(("a", None)))[0], Retry)
        assert isinstance(IndexAlerts(index)(keyed(("a", None)))[0], Retry)
    other.close()
