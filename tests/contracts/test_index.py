"""The index contract: every clause of ``indexer/index.py``, held against every backend."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from indexer.fields import SHARED, TIME_FIELD
from indexer.index import ABSENT, KINDS, Index, Kind, Put, open_index
from indexer.query import parse
from stream.errors import ConfigError
from tests.contracts.index_stores import INDEX_STORES, IndexStore
from tests.forks import FORKS

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.fixture(params=sorted(INDEX_STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IndexStore]:
    """An empty store."""
    made = INDEX_STORES[request.param](tmp_path)
    yield made
    made.remove()


@pytest.fixture
def open_one(store: IndexStore) -> Iterator[Callable[..., Index]]:
    """Opens the store's index, set up; what was opened is closed after the test."""
    opened: list[Index] = []

    def open_and_set_up(generation: str = "g1") -> Index:
        opened.append(store.open(generation))
        opened[-1].setup()
        return opened[-1]

    yield open_and_set_up
    for index in opened:
        index.close()


@pytest.fixture
def index(open_one: Callable[..., Index]) -> Index:
    return open_one()


def document(at: datetime = NOON, **fields: Any) -> dict[str, Any]:
    return {"published": at.isoformat().replace("+00:00", "Z"), **fields}


def article(id_: str, version: int = 1, at: datetime = NOON, **fields: Any) -> Put:
    return Put("articles", id_, version, document(at, id=id_, **fields))


def statement(id_: str, version: int = 1, **fields: Any) -> Put:
    return Put("location-changes", id_, version, document(**{"id": id_, "withdrawn": False, **fields}))


def found(index: Index, text: str | None = None, kind: Kind = "articles", **options: Any) -> list[str]:
    return [h.id for h in index.search(kind, parse(text, kind) if text else None, **options).hits]


# -- setup


def test_setup_says_what_it_makes_and_is_safe_to_repeat(store: IndexStore) -> None:
    index = store.open()
    assert len(index.setup()) == len(KINDS)
    assert index.setup() == []
    index.close()
    other = store.open("g2")
    assert len(other.setup()) == 3  # alerts are shared
    other.close()


def test_an_index_that_is_not_set_up_says_so(store: IndexStore) -> None:
    index = store.open()
    for call in (
        lambda: index.put([article("a")]),
        lambda: index.get("articles", ["a"]),
        lambda: index.search("articles"),
        lambda: index.facets("articles", "language"),
        lambda: index.histogram("articles", "day"),
    ):
        with pytest.raises(ConfigError, match="newswatch setup"):
            call()
    index.close()


def test_a_generation_has_a_name(store: IndexStore) -> None:
    with pytest.raises(ConfigError, match="g1"):
        store.open("newest")


def test_no_backend_for_a_url() -> None:
    with pytest.raises(ConfigError, match="index_url"):
        open_index("mongodb://localhost")


# -- put and get


def test_what_is_put_can_be_got_by_anyone_at_once(index: Index, open_one: Callable[..., Index]) -> None:
    one = article("a", 7, title="Élan – 北京 😀", entities=[{"name": "x"}], truncated=False)
    assert [(r.id, r.outcome) for r in index.put([one])] == [("a", "stored")]
    stored = open_one().get("articles", ["b", "a"])
    assert list(stored) == ["a"]
    assert (stored["a"].id, stored["a"].version, stored["a"].document) == ("a", 7, one.document)


def test_nothing_to_put_or_get(index: Index) -> None:
    assert index.put([]) == []
    assert index.get("articles", []) == {}


def test_what_is_removed_is_gone_for_everyone_and_may_come_again(index: Index, open_one: Callable[..., Index]) -> None:
    index.put([article("a", 7, title="harbour"), article("b", 7, title="harbour"), statement("a")])
    other = open_one()
    assert other.remove("articles", ["a", "never there", "a"]) == 1
    assert other.remove("articles", []) == 0
    assert (list(index.get("articles", ["a", "b"])), found(other, "harbour")) == (["b"], ["b"])
    assert list(index.get("location-changes", ["a"])) == ["a"]
    index.put([article("a", 1, title="older")])  # nothing is remembered of it: who removes sees to it
    assert index.get("articles", ["a"])["a"].version == 1


def test_more_than_a_batch_is_removed(index: Index) -> None:
    index.put([article(f"a{i}") for i in range(1_100)])
    assert index.remove("articles", [f"a{i}" for i in range(1_099)]) == 1_099
    assert found(index) == ["a1099"]


def test_many_at_once(index: Index) -> None:
    puts = [article(f"a{i}") for i in range(1_200)]
    assert {r.outcome for r in index.put(puts)} == {"stored"}
    assert len(index.get("articles", [p.id for p in puts])) == 1_200
    assert index.search("articles", limit=1).total == 1_200


def test_kinds_do_not_share_ids(index: Index) -> None:
    index.put([article("a", title="one"), statement("a", title="two")])
    assert index.get("articles", ["a"])["a"].document["title"] == "one"
    assert index.get("location-changes", ["a"])["a"].document["title"] == "two"


def test_an_older_version_never_overwrites_and_is_no_error(index: Index) -> None:
    index.put([article("a", 5, title="new")])
    reports = index.put([article("b", 1), article("a", 4, title="old")])
    assert [(r.id, r.outcome) for r in reports] == [("b", "stored"), ("a", "older")]
    assert index.get("articles", ["a"])["a"].version == 5
    assert found(index, "new") == ["a"]
    assert found(index, "old") == []


def test_an_equal_or_newer_version_replaces_all_of_the_document(index: Index) -> None:
    for version, title in ((5, "first"), (5, "second"), (6, "third")):
        index.put([article("a", version, title=title, language="en" if title == "first" else "de")])
        assert index.get("articles", ["a"])["a"].version == version
        assert [t for t in ("first", "second", "third") if found(index, t)] == [title]
    assert found(index, "language:en") == []
    assert index.facets("articles", "language") == [("de", 1)]


def test_a_new_version_of_the_same_content_only_raises_the_version(index: Index) -> None:
    index.put([article("a", 1, title="x")])
    index.put([article("a", 2, title="x")])
    assert [r.outcome for r in index.put([article("a", 1, title="y")])] == ["older"]
    assert found(index, "x") == ["a"]


def test_a_change_of_time_moves_the_document(index: Index) -> None:
    index.put([article("a", 1, NOON), article("b", 1, NOON + timedelta(hours=1))])
    index.put([article("a", 2, NOON + timedelta(hours=2))])
    assert found(index) == ["a", "b"]


def test_within_one_call_later_ones_win_ties(index: Index) -> None:
    reports = index.put([article("a", 2, title="first"), article("a", 2, title="second"), article("a", 1, title="old")])
    assert [r.outcome for r in reports] == ["stored", "stored", "older"]
    assert found(index, "second") == ["a"]
    assert found(index, "first") == []


def test_the_same_call_again_changes_nothing(index: Index) -> None:
    puts = [article("a", 3, title="x", authors=["Ann"]), article("b", 1)]
    first = index.put(puts)
    before = index.search("articles")
    assert index.put(puts) == first
    assert index.search("articles") == before


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"published": "2026-09-01T12:00:00Z", "colour": "red"}, "colour"),
        ({"published": "2026-09-01T12:00:00Z", "source": {"owner": "x"}}, "source.owner"),
        ({"published": "2026-09-01T12:00:00Z", "source": "bbc"}, "source"),
        ({"published": "2026-09-01T12:00:00Z", "title": 5}, "title"),
        ({"published": "2026-09-01T12:00:00Z", "title": ["a", "b"]}, "title"),
        ({"published": "2026-09-01T12:00:00Z", "truncated": "yes"}, "truncated"),
        ({"published": "2026-09-01T12:00:00Z", "version": True}, "version"),
        ({"published": "2026-09-01T12:00:00Z", "version": float("nan")}, "version"),
        ({"published": "2026-09-01T12:00:00Z", "fetched": "yesterday"}, "fetched"),
        ({"published": "2026-09-01T12:00:00"}, "published"),
        ({"title": "timeless"}, "time"),
        ({"published": "2026-09-01T12:00:00Z", "title": "\ud800"}, "surrogates"),
        ({"published": "2026-09-01T12:00:00Z", "places": [{"location": {"lat": 1}}]}, "places.location"),
    ],
)
def test_what_can_never_be_stored_is_refused_with_the_reason(index: Index, wrong: dict[str, Any], reason: str) -> None:
    reports = index.put([article("a"), Put("articles", "b", 1, wrong), article("c")])
    assert [r.outcome for r in reports] == ["stored", "refused", "stored"]
    assert reason in (reports[1].reason or "")
    assert found(index) == ["c", "a"]


# -- put where nobody wrote since


def over(index: Index, put: Put) -> str:
    """Puts it over what is there now, as whoever has just read it would."""
    present = index.get(put.kind, [put.id]).get(put.id)
    [report] = index.put([replace(put, if_match=present.etag if present else ABSENT)])
    return report.outcome


def test_a_put_over_what_was_read_is_stored(index: Index) -> None:
    assert over(index, article("a", 1, title="one")) == "stored"
    assert over(index, article("a", 1, title="two")) == "stored"
    assert over(index, article("a", 2, title="two")) == "stored"
    assert over(index, article("a", 2, title="two")) == "stored"
    assert found(index, "title:two") == ["a"]
    assert over(index, article("a", 1, title="three")) == "older"
    assert found(index, "title:three") == []


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_put_over_what_has_changed_is_not_stored(index: Index, version: int) -> None:
    late = [replace(article("a", version, title="late"), if_match=ABSENT)]
    index.put([article("a", 2, title="first")])
    assert [r.outcome for r in index.put(late)] == ["changed"]
    late = [replace(late[0], if_match=index.get("articles", ["a"])["a"].etag)]
    index.put([article("a", 2, title="second")])  # an equal version, another document
    assert [r.outcome for r in index.put(late)] == ["changed"]
    late = [replace(late[0], if_match=index.get("articles", ["a"])["a"].etag)]
    index.put([article("a", 3, title="second")])  # another version, an equal document
    assert [r.outcome for r in index.put([*late, article("b")])] == ["changed", "stored"]
    assert found(index, "title:second") == ["a"]
    assert found(index, "title:late") == []


def test_a_put_over_what_is_not_there(index: Index) -> None:
    gone = replace(article("a"), if_match="an etag that nothing has")
    assert [(r.id, r.outcome) for r in index.put([gone])] == [("a", "changed")]
    assert index.get("articles", ["a"]) == {}


def test_an_etag_is_the_same_for_everyone(index: Index, open_one: Callable[..., Index]) -> None:
    index.put([article("a", title="x")])
    before = index.get("articles", ["a"])["a"].etag
    assert before != ABSENT
    index.put([article("b")])
    assert open_one().get("articles", ["a"])["a"].etag == before


# -- search


def test_newest_first_then_by_id_and_the_other_way_round(index: Index) -> None:
    times = {"a": 1, "b": 2, "c": 2, "d": 0}
    index.put([article(i, 1, NOON + timedelta(microseconds=t)) for i, t in times.items()])
    assert found(index) == ["c", "b", "a", "d"]
    assert found(index, oldest_first=True) == ["d", "a", "b", "c"]


def test_since_is_inclusive_until_exclusive(index: Index) -> None:
    index.put([article(str(i), 1, NOON + timedelta(microseconds=i)) for i in range(4)])
    bounds: dict[str, Any] = {"since": NOON + timedelta(microseconds=1), "until": NOON + timedelta(microseconds=3)}
    assert found(index, **bounds) == ["2", "1"]
    assert index.search("articles", **bounds, limit=1).total == 2


@pytest.mark.parametrize("oldest_first", [False, True])
def test_pages_give_everything_once(index: Index, oldest_first: bool) -> None:
    index.put([article(f"a{i}", 1, NOON + timedelta(hours=i // 3), title="news") for i in range(10)])
    seen: list[str] = []
    cursor = None
    for _ in range(5):
        page = index.search("articles", parse("news", "articles"), limit=2, cursor=cursor, oldest_first=oldest_first)
        assert page.total == 10
        seen += [h.id for h in page.hits]
        cursor = page.cursor
    assert cursor is None
    assert sorted(seen) == [f"a{i}" for i in range(10)]
    assert seen == found(index, oldest_first=oldest_first)


def test_writes_between_pages_shift_nothing(index: Index) -> None:
    index.put([article(f"a{i}", 1, NOON + timedelta(hours=i)) for i in range(6)])
    page = index.search("articles", limit=3)
    index.put([article("newer", 1, NOON + timedelta(days=1)), article("older", 1, NOON - timedelta(days=1))])
    index.put([article("a5", 2, NOON + timedelta(hours=5), title="changed")])
    rest = index.search("articles", limit=10, cursor=page.cursor)
    assert [h.id for h in page.hits + rest.hits] == ["a5", "a4", "a3", "a2", "a1", "a0", "older"]


def test_a_page_may_be_empty(index: Index) -> None:
    index.put([article("a")])
    page = index.search("articles", limit=0)
    assert (page.hits, page.total, page.cursor) == ([], 1, None)
    assert index.search("articles", parse("nothing", "articles")).hits == []


@pytest.mark.parametrize("cursor", ["", "x", "W10=", "WzEsMiwzLDRd", "é"])
def test_a_foreign_cursor_is_refused(index: Index, cursor: str) -> None:
    with pytest.raises(ConfigError, match="cursor"):
        index.search("articles", cursor=cursor)


def test_a_cursor_of_the_other_order_is_refused(index: Index) -> None:
    index.put([article("a"), article("b")])
    cursor = index.search("articles", limit=1).cursor
    with pytest.raises(ConfigError, match="other order"):
        index.search("articles", limit=1, cursor=cursor, oldest_first=True)


@pytest.mark.parametrize("limit", [-1, 1_001])
def test_a_limit_out_of_bounds_is_refused(index: Index, limit: int) -> None:
    with pytest.raises(ConfigError, match="limit"):
        index.search("articles", limit=limit)


def test_a_query_on_another_kind_is_refused(index: Index) -> None:
    with pytest.raises(ConfigError, match="articles"):
        index.search("alerts", parse("x", "articles"))


def test_relative_times_count_from_the_search(index: Index) -> None:
    now = datetime.now(UTC)
    index.put([article("new", 1, now - timedelta(hours=1)), article("old", 1, now - timedelta(hours=3))])
    assert found(index, "published:>=2h") == ["new"]
    assert found(index, "published:<2h") == ["old"]


def test_long_and_deep_queries_run(index: Index) -> None:
    index.put([article("a", title="w7 w8", language="de")])
    assert found(index, " OR ".join(f"w{i}" for i in range(1_000))) == ["a"]
    assert found(index, " OR ".join(f"language:d{i}" for i in range(999)) + " OR language:de") == ["a"]
    assert found(index, " ".join(f"NOT w{i}" for i in range(10, 1_000))) == ["a"]
    nested = "(language:de AND (w1 OR " * 9 + "language:de" + "))" * 9
    assert found(index, nested) == ["a"]
    assert found(index, "NOT (language:x OR NOT (w7 AND " * 5 + "w8" + "))" * 5) == ["a"]


def test_phrases_do_not_cross_values(index: Index) -> None:
    index.put([article("a", authors=["Ann Lee", "Bob Ray"], title="Lee", summary="Bob")])
    assert found(index, 'authors:"ann lee"') == ["a"]
    assert found(index, 'authors:"lee bob"') == []
    assert found(index, '"lee bob"') == []


# -- withdrawn


def test_the_withdrawn_are_hidden_unless_asked_for(index: Index) -> None:
    index.put([statement("a", status="planned"), statement("b", withdrawn=True, status="planned")])
    assert found(index, kind="location-changes") == ["a"]
    assert found(index, "status:planned", "location-changes") == ["a"]
    assert found(index, "withdrawn:true", "location-changes") == ["b"]
    assert found(index, "withdrawn:*", "location-changes") == ["b", "a"]
    assert index.search("location-changes").total == 1
    assert index.facets("location-changes", "status") == [("planned", 1)]
    assert index.histogram("location-changes", "day") == [(NOON.replace(hour=0), 1)]
    every = parse("withdrawn:(true OR false)", "location-changes")
    assert index.facets("location-changes", "status", every) == [("planned", 2)]
    assert set(index.get("location-changes", ["a", "b"])) == {"a", "b"}


# -- facets and histogram


def test_facets_count_documents_most_frequent_first_then_by_value(index: Index) -> None:
    index.put(
        [
            article("a", language="de", places=[{"name": "Doha"}, {"name": "Doha", "country": "QA"}]),
            article("b", language="en", places=[{"name": "doha"}]),
            article("c", language="en", title="x", places=[{"name": "Bagdad"}], authors=[""]),
            article("d", 1, NOON + timedelta(days=1), language="fr"),
        ]
    )
    assert index.facets("articles", "language") == [("en", 2), ("de", 1), ("fr", 1)]
    assert index.facets("articles", "language", size=1) == [("en", 2)]
    assert index.facets("articles", "places.name") == [("Bagdad", 1), ("Doha", 1), ("doha", 1)]
    assert index.facets("articles", "places.country") == [("QA", 1)]
    assert index.facets("articles", "authors") == []
    assert index.facets("articles", "language", parse("x OR language:de", "articles")) == [("de", 1), ("en", 1)]
    assert index.facets("articles", "language", since=NOON + timedelta(hours=1)) == [("fr", 1)]
    assert index.facets("articles", "language", until=NOON) == []


@pytest.mark.parametrize("field", ["body", "published", "colour", "places.location"])
def test_facets_of_what_cannot_be_counted_are_refused(index: Index, field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        index.facets("articles", field)


def test_the_histogram_counts_by_utc_hour_or_day_without_empty_ones(index: Index) -> None:
    moon = datetime(1969, 7, 20, 20, 17, tzinfo=UTC)
    times = [NOON, NOON + timedelta(minutes=59), NOON + timedelta(hours=1), NOON + timedelta(days=2), moon]
    index.put([article(str(i), 1, t) for i, t in enumerate(times)])
    midnight = NOON.replace(hour=0)
    two_days_on = midnight + timedelta(days=2)
    before = datetime(1969, 7, 20, tzinfo=UTC)
    assert index.histogram("articles", "day") == [(before, 1), (midnight, 3), (two_days_on, 1)]
    hours = index.histogram("articles", "hour", since=midnight, until=two_days_on)
    assert hours == [(NOON, 2), (NOON + timedelta(hours=1), 1)]
    assert index.histogram("articles", "hour", parse("nothing", "articles")) == []


# -- generations


def test_generations_are_apart_but_share_what_is_not_derived(open_one: Callable[..., Index]) -> None:
    first, second = open_one("g1"), open_one("g2")
    shared = [Put(kind, "x", 1, {"id": "x", TIME_FIELD[kind]: "2026-09-01T12:00:00Z"}) for kind in SHARED]
    first.put([article("a"), *shared])
    assert found(second) == []
    for kind in ("alerts", "workers", "feeds", "dead-letters"):
        assert found(second, kind=kind) == ["x"]
    second.put([article("b")])
    assert (found(first), found(second)) == (["a"], ["b"])


# -- retention


def test_what_is_older_is_removed_and_nothing_else(index: Index) -> None:
    index.put(
        [article(f"a{i}", 1, NOON + timedelta(microseconds=i), title="news", language="en") for i in range(1_100)]
    )
    index.put([statement("s", withdrawn=True), statement("t")])
    assert index.prune("articles", NOON) == 0
    assert index.prune("articles", NOON + timedelta(microseconds=1_050)) == 1_050
    assert index.prune("articles", NOON + timedelta(microseconds=1_050)) == 0
    assert index.search("articles", parse("news", "articles")).total == 50
    assert index.facets("articles", "language") == [("en", 50)]
    assert set(index.get("articles", ["a1049", "a1050"])) == {"a1050"}
    assert index.prune("location-changes", NOON + timedelta(days=1)) == 2
    assert index.get("location-changes", ["s", "t"]) == {}


def test_what_was_removed_may_come_again(index: Index) -> None:
    index.put([article("a", 5)])
    before = index.get("articles", ["a"])["a"].etag
    assert index.prune("articles", NOON + timedelta(days=1)) == 1
    assert [r.outcome for r in index.put([replace(article("a", 6), if_match=before)])] == ["changed"]
    assert [r.outcome for r in index.put([article("a", 4)])] == ["stored"]
    assert index.get("articles", ["a"])["a"].version == 4
    assert index.get("articles", ["a"])["a"].etag != before


# -- several processes


def _write(store: IndexStore, me: int, pipe: Connection) -> None:
    """Write 40 shared and 40 own documents, a call each, all versions of the shared ones mixed; say each one done."""
    index = store.open()
    index.setup()
    for i in range(40):
        version = (i * 7 + me) % 40
        index.put([article("shared", version, title=f"v{version}"), article(f"p{me}-{i}")])
        pipe.send(i)
    index.close()


def _writers(store: IndexStore, count: int) -> list[tuple[Any, Connection]]:
    started = []
    for me in range(count):
        ours, theirs = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=_write, args=(store, me, theirs), daemon=True)
        process.start()
        theirs.close()
        started.append((process, ours))
    return started


def test_processes_write_together_from_the_first_moment(store: IndexStore, open_one: Callable[..., Index]) -> None:
    for process, _ in _writers(store, 2):
        process.join(60)
        assert process.exitcode == 0
    index = open_one()
    assert index.search("articles", limit=1).total == 81
    assert index.get("articles", ["shared"])["shared"].version == 39
    assert found(index, "v39") == ["shared"]
    assert index.search("articles", parse("title:*", "articles")).total == 1


def test_what_a_killed_process_was_told_is_stored_stays(store: IndexStore, open_one: Callable[..., Index]) -> None:
    [(process, pipe)] = _writers(store, 1)
    for _ in range(5):
        last = pipe.recv()
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    index = open_one()
    assert set(index.get("articles", [f"p0-{i}" for i in range(last + 1)])) == {f"p0-{i}" for i in range(last + 1)}
    assert [r.outcome for r in index.put([article("after")])] == ["stored"]
    assert index.search("articles", parse("NOT title:*", "articles"), limit=1).total >= last + 2
