"""The contract of index sets: which generation is searched, what another lacks, changing over, removing one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from indexer.generations import IndexSets, open_index_sets
from indexer.index import Index, Put
from stream.errors import ConfigError, IndexUnavailable
from stream.settings import ElasticsearchSettings
from tests.contracts.index_stores import INDEX_STORES, ElasticIndexStore, IndexStore, SqliteIndexStore
from tests.contracts.test_index import article, found, statement
from tests.end_to_end.chaos import wait


@pytest.fixture(params=sorted(INDEX_STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IndexStore]:
    """An empty store."""
    made = INDEX_STORES[request.param](tmp_path)
    yield made
    made.remove()


def sets_of(store: IndexStore) -> IndexSets:
    if isinstance(store, SqliteIndexStore):
        return open_index_sets(f"sqlite:///{store.path}")
    assert isinstance(store, ElasticIndexStore)
    return open_index_sets(store.url, ElasticsearchSettings(prefix=store.prefix, replicas=0))


@pytest.fixture
def open_one(store: IndexStore) -> Iterator[Callable[[str], Index]]:
    """Opens a generation's index, set up; what was opened is closed after the test."""
    opened: list[Index] = []

    def open_and_set_up(generation: str) -> Index:
        opened.append(store.open(generation))
        if generation != "live":
            opened[-1].setup()
        return opened[-1]

    yield open_and_set_up
    for index in opened:
        index.close()


def test_searches_change_over_when_nothing_is_missing(store: IndexStore, open_one: Callable[[str], Index]) -> None:
    old, new = open_one("g1"), open_one("g2")
    old.put([article("a"), article("b", 2), statement("s")])
    new.put([article("a", title="new"), article("b", 1), statement("t")])
    seen = open_one("live")
    with closing(sets_of(store)) as sets:
        assert sets.live() == "g1"
        assert sorted(found(seen)) == ["a", "b"]
        assert (sets.missing("g2").count, sets.missing("g2").ids) == (1, ("b",))  # an older version is not enough
        assert sets.promote("g2").count == 1
        assert sets.live() == "g1"
        assert found(seen, kind="location-changes") == ["s"]
        new.put([article("b", 2), article("c")])
        assert sets.promote("g2").count == 0
        assert sets.live() == "g2"
        assert sets.promote("g2").count == 0  # safe to repeat
    assert sorted(found(seen)) == ["a", "b", "c"]  # the same object, and one that is opened now
    assert found(open_one("live"), kind="location-changes") == ["t"]
    assert seen.get("articles", ["a"])["a"].document["title"] == "new"
    assert sorted(found(open_one("g1"))) == ["a", "b"]


def test_what_is_searched_by_all_is_one_for_all(store: IndexStore, open_one: Callable[[str], Index]) -> None:
    alert = {"id": "x", "created": "2026-09-01T12:00:00Z", "rule": "r"}
    open_one("g1").put([Put("alerts", "x", 1, alert)])
    open_one("g2")
    with closing(sets_of(store)) as sets:
        sets.promote("g2")
        assert found(open_one("live"), kind="alerts") == ["x"]
        sets.drop("g1")
        assert found(open_one("live"), kind="alerts") == ["x"]


def test_a_set_that_is_not_searched_can_be_removed(store: IndexStore, open_one: Callable[[str], Index]) -> None:
    open_one("g1").put([article("a")])
    open_one("g2").put([article("a"), article("b"), statement("s")])
    with closing(sets_of(store)) as sets:
        assert sets.present().keys() == {"g1", "g2"}
        holds = {"articles": 2, "location-changes": 1, "relocations": 0}
        wait(lambda: sets.present()["g2"] == holds, 10, "what was put is counted", look=0.1)
        with pytest.raises(ConfigError, match="g1 is live"):
            sets.drop("g1")
        assert len(sets.drop("g2")) == 3
        assert sets.drop("g2") == []
        assert sets.present().keys() == {"g1"}
        with pytest.raises(ConfigError, match="there is no generation g2"):
            sets.missing("g2")
        with pytest.raises(ConfigError, match="there is no generation g2"):
            sets.promote("g2")
    assert found(open_one("live")) == ["a"]
    assert found(open_one("g2")) == []  # made anew, empty


def test_a_writer_that_slept_through_the_promotion_changes_nothing_that_is_searched(
    store: IndexStore, open_one: Callable[[str], Index]
) -> None:
    old = open_one("g1")
    old.put([article("a")])
    open_one("g2").put([article("a")])
    with closing(sets_of(store)) as sets:
        assert sets.promote("g2").count == 0
    with suppress(IndexUnavailable):  # Elasticsearch refuses it
        old.put([article("late")])
    assert found(open_one("live")) == ["a"]
