"""Tables: at any moment the newest message of each key, as a dictionary would hold it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.errors import LogError, NewerSchema, UnknownTopic
from stream.messages import Feed, Superseded, encode
from stream.sqlite import SqliteLog
from stream.table import KeyTable, Table
from stream.topics import Topic

TOPIC = Topic("t.a", "", "", "", compacted=True)


@pytest.fixture
def log(log: SqliteLog) -> SqliteLog:
    """The test's log with the topic ``t.a`` of two partitions."""
    log.create_topics([TOPIC], 2)
    return log


@pytest.fixture
def table(log: SqliteLog) -> Table[Feed]:
    """The feeds of ``t.a``."""
    return Table(log, "t.a", Feed)


def feed(key: str, title: str = "") -> Feed:
    return Feed(id=key, url=f"https://{key}.example.org", publisher=key, title=title)


def put(log: SqliteLog, partition: int, key: str, value: bytes | None) -> None:
    with log.transaction() as tx:
        tx.publish("t.a", partition, key, value)


def test_a_table_is_empty_until_it_is_refreshed(log: SqliteLog, table: Table[Feed]) -> None:
    put(log, 0, "a", encode(feed("a")))
    assert (table.get(0, "a"), dict(table.values(0))) == (None, {})
    table.refresh(0)
    assert table.get(0, "a") == feed("a")
    assert dict(table.values(0)) == {"a": feed("a")}


def test_the_newest_message_of_a_key_counts_and_a_tombstone_removes_it(log: SqliteLog, table: Table[Feed]) -> None:
    for title in ("old", "new"):
        put(log, 0, "a", encode(feed("a", title)))
    put(log, 0, "b", encode(feed("b")))
    put(log, 0, "b", None)
    put(log, 0, "never there", None)
    table.refresh(0)
    assert dict(table.values(0)) == {"a": feed("a", "new")}
    put(log, 0, "b", encode(feed("b", "again")))
    put(log, 0, "a", None)
    table.refresh(0)
    assert dict(table.values(0)) == {"b": feed("b", "again")}


def test_partitions_are_tables_of_their_own(log: SqliteLog, table: Table[Feed]) -> None:
    put(log, 0, "a", encode(feed("a", "in 0")))
    put(log, 1, "a", encode(feed("a", "in 1")))
    table.refresh(0)
    assert dict(table.values(1)) == {}
    table.refresh(1)
    assert [f and f.title for f in (table.get(0, "a"), table.get(1, "a"))] == ["in 0", "in 1"]


def test_a_partition_can_be_dropped_and_read_anew(log: SqliteLog, table: Table[Feed]) -> None:
    put(log, 0, "a", encode(feed("a")))
    put(log, 1, "b", encode(feed("b")))
    table.refresh(0)
    table.refresh(1)
    table.drop(0)
    table.drop(0)
    assert (dict(table.values(0)), dict(table.values(1))) == ({}, {"b": feed("b")})
    table.refresh(0)
    assert dict(table.values(0)) == {"a": feed("a")}


@pytest.mark.parametrize(
    "other", [encode(Superseded(article_id="x", version=1)), b"no message", b"", b'{"message": "Feed"}'], ids=str
)
def test_what_is_no_message_of_the_model_is_passed_over(log: SqliteLog, table: Table[Feed], other: bytes) -> None:
    put(log, 0, "a", encode(feed("a")))
    put(log, 0, "a", other)
    put(log, 0, "b", other)
    put(log, 0, "c", encode(feed("c")))
    table.refresh(0)
    assert dict(table.values(0)) == {"a": feed("a"), "c": feed("c")}


def test_a_newer_schema_is_told_each_time_and_loses_nothing(
    log: SqliteLog, table: Table[Feed], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(log, 0, "a", encode(feed("a")))
    put(log, 0, "b", encode(feed("b").model_copy(update={"schema_version": 2})))
    put(log, 0, "a", encode(feed("a", "after")))
    for _ in range(2):
        with pytest.raises(NewerSchema):
            table.refresh(0)
    monkeypatch.setattr(Feed, "SCHEMA", 2)  # the upgrade
    table.refresh(0)
    assert table.values(0).keys() == {"a", "b"}
    assert table.get(0, "a") == feed("a", "after")


def test_a_refresh_reads_to_the_end_however_far_it_is(log: SqliteLog, table: Table[Feed]) -> None:
    with log.transaction() as tx:
        for n in range(2_500):
            tx.publish("t.a", 0, str(n), encode(feed(str(n))))
    table.refresh(0)
    assert len(table.values(0)) == 2_500


def test_a_log_that_cannot_be_read_is_told(log: SqliteLog, table: Table[Feed]) -> None:
    with pytest.raises(UnknownTopic):
        Table(log, "t.none", Feed).refresh(0)
    with pytest.raises(UnknownTopic):
        table.refresh(2)
    log.close()
    with pytest.raises(LogError):
        table.refresh(0)


KEYS = st.sampled_from("abc")
ACTIONS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 1), KEYS, st.none() | st.text("xyz", max_size=2)),
    st.tuples(st.sampled_from(["refresh", "drop"]), st.integers(0, 1), st.just(""), st.none()),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
def test_a_table_is_the_dictionary_of_what_was_published(actions: list[tuple[str, int, str, str | None]]) -> None:
    with TemporaryDirectory() as folder:
        log = SqliteLog(str(Path(folder) / "log.db"))
        log.create_topics([TOPIC], 2)
        table = Table(log, "t.a", Feed)
        held: list[dict[str, Feed]] = [{}, {}]
        seen: list[dict[str, Feed]] = [{}, {}]
        for action, partition, key, title in actions:
            if action == "put":
                put(log, partition, key, None if title is None else encode(feed(key, title)))
                held[partition].pop(key, None)
                if title is not None:
                    held[partition][key] = feed(key, title)
            elif action == "refresh":
                table.refresh(partition)
                seen[partition] = dict(held[partition])
            else:
                table.drop(partition)
                seen[partition] = {}
            assert [dict(table.values(p)) for p in (0, 1)] == seen
            assert table.get(partition, key) == seen[partition].get(key)
        log.close()


def is_held(value: bytes) -> bool:
    return value.startswith(b"held")


def test_a_key_table_knows_which_keys_have_a_value(log: SqliteLog) -> None:
    keys = KeyTable(log, "t.a", is_held)
    put(log, 0, "a", b"anything, not even a message")
    put(log, 0, "b", b"x")
    put(log, 1, "c", b"x")
    assert keys.get(0, "a") is None
    keys.refresh(0)
    assert [keys.get(0, key) for key in ("a", "b", "c")] == [False, False, None]
    put(log, 0, "a", None)
    put(log, 0, "b", b"again")
    keys.refresh(0)
    keys.refresh(1)
    assert [keys.get(0, key) for key in ("a", "b", "c")] == [None, False, None]
    assert keys.get(1, "c") is False


def test_a_key_table_marks_each_key_by_its_newest_value(log: SqliteLog) -> None:
    keys = KeyTable(log, "t.a", is_held)
    values = {"a": b"held", "b": b"held then sent", "c": b"sent then held", "d": b"held then"}
    for key, told in values.items():
        for value in told.split(b" then"):
            put(log, 0, key, value.strip() or None)
    keys.refresh(0)
    assert [keys.get(0, key) for key in "abcd"] == [True, False, True, None]
    put(log, 0, "a", b"sent")
    keys.refresh(0)
    assert keys.get(0, "a") is False


def test_a_key_table_sees_what_the_former_owner_committed(log: SqliteLog) -> None:
    """A take-over: the table of the one that takes over starts empty and is refreshed before it is asked."""
    former = KeyTable(log, "t.a", is_held)
    former.refresh(0)
    put(log, 0, "raised by the former owner", b"x")
    new = KeyTable(log, "t.a", is_held)
    new.refresh(0)
    assert new.get(0, "raised by the former owner") is False
    assert former.get(0, "raised by the former owner") is None


def test_a_key_table_of_many_keys_is_whole_and_says_when_the_log_is_gone(log: SqliteLog) -> None:
    keys = KeyTable(log, "t.a", is_held)
    with log.transaction() as tx:
        for n in range(2_500):
            tx.publish("t.a", 0, f"k{n}", b"x")
    keys.refresh(0)
    assert all(keys.get(0, f"k{n}") is False for n in range(2_500))
    log.close()
    with pytest.raises(LogError):
        keys.refresh(0)
