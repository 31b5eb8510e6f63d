"""The log's contract, removal: topics and groups go for good, nobody who is at work is left without."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stream.errors import ConfigError, UnknownTopic
from stream.log import Log, Offset
from stream.topics import Topic
from tests.end_to_end.chaos import wait

GONE = Topic("t.gone", "key", "key", "anything", compacted=True)
KEPT = Topic("t.kept", "key", "key", "anything", compacted=False)
GROUP = "t.group"


def work(log: Log, topic: Topic, *, leave: bool = True) -> None:
    """A member of the group takes both partitions and commits."""
    consumer = log.consumer(topic.name, GROUP)
    wait(lambda: len(consumer.assignment()) == 2, 60, "both partitions", keep=lambda: consumer.poll(10, 0.1))
    with log.transaction(consumer) as tx:
        tx.commit({0: Offset(1), 1: Offset(1)})
    if leave:
        consumer.close()


def test_topics_and_groups_are_gone_and_can_be_made_anew(open_store: Callable[[], Log]) -> None:
    log = open_store()
    log.create_topics([GONE, KEPT], 2)
    for topic in (GONE, KEPT):
        with log.transaction() as tx:
            for partition in (0, 1):
                tx.publish(topic.name, partition, "k", b"v")
        work(log, topic)
    assert log.remove([GONE.name], [(GONE.name, GROUP), (KEPT.name, GROUP)]) != []
    with pytest.raises(UnknownTopic):
        open_store().partitions(GONE.name)
    assert log.committed(KEPT.name, GROUP) == {}
    assert [r.value for r in log.read(KEPT.name, 0, 0, 10)] == [b"v"]
    assert log.remove([GONE.name], [(GONE.name, GROUP)]) == []  # safe to repeat
    other = open_store()
    other.create_topics([GONE], 2)
    assert other.read(GONE.name, 0, 0, 10) == []
    assert other.committed(GONE.name, GROUP) == {}


def test_what_a_living_member_works_on_is_not_removed(open_store: Callable[[], Log]) -> None:
    log = open_store()
    log.create_topics([GONE], 2)
    work(log, GONE, leave=False)
    with pytest.raises(ConfigError, match=r"t\.group is at work.*stop its workers"):
        open_store().remove([GONE.name], [(GONE.name, GROUP)])
    assert log.partitions(GONE.name) == 2
    assert log.committed(GONE.name, GROUP) == {0: Offset(1), 1: Offset(1)}
