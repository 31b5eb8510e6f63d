"""Dead letters: listed, shown with their original bytes, given back to one group and to no other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from stream.dead_letters import find_dead_letters, list_dead_letters, retry, value_of
from stream.errors import NewswatchError
from stream.lineage import marked, moment_of
from stream.log import partition_of
from stream.messages import Superseded, encode
from stream.sqlite import SqliteLog
from stream.stage import Done, Incoming, Outcome, Reject
from stream.topics import Names
from stream.worker import Worker

NAMES = Names()
GOOD, BAD = (Superseded(article_id=name, version=1) for name in ("good", "bad"))


class Picky:
    """Rejects what is called bad, until it is mended."""

    def __init__(self) -> None:
        self.mended = False
        self.seen: list[str] = []

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for incoming in batch:
            assert isinstance(incoming.message, Superseded)
            self.seen.append(incoming.message.article_id)
            refused = incoming.message.article_id == "bad" and not self.mended
            outcomes.append(Reject("bad luck") if refused else Done())
        return outcomes


@pytest.fixture
def log(log: SqliteLog) -> SqliteLog:
    log.create_topics(NAMES.described(), 2)
    topic = NAMES.topic("location-changes")  # compacted
    with log.transaction() as tx:
        for message in (GOOD, BAD):
            tx.publish(topic, partition_of(message.article_id, 2), message.article_id, encode(message))
    return log


def run(log: SqliteLog, stage: str, handler: Picky) -> None:
    worker = Worker(log, NAMES, stage, "location-changes", handler)
    while worker.step(0.2):
        pass
    worker.close()


def test_a_letter_is_given_back_to_its_group_alone(log: SqliteLog) -> None:
    picky, other = Picky(), Picky()
    other.mended = True
    run(log, "enrich", picky)
    run(log, "index", other)
    (letter,) = list_dead_letters(log, NAMES)
    assert (letter.stage, letter.key, letter.error, letter.retried) == ("enrich", "bad", "bad luck", None)
    assert value_of(log, NAMES, letter) == encode(BAD)

    picky.mended = True
    retry(log, NAMES, find_dead_letters(log, NAMES, [letter.id]))
    assert list_dead_letters(log, NAMES)[0].retried is not None
    run(log, "enrich", picky)
    run(log, "index", other)
    assert sorted(picky.seen) == ["bad", "bad", "good"]
    assert sorted(other.seen) == ["bad", "good"]


def test_compaction_after_a_retry_keeps_the_original_for_groups_to_come(log: SqliteLog) -> None:
    run(log, "enrich", Picky())
    retry(log, NAMES, list_dead_letters(log, NAMES))
    while log.maintain(datetime.now(UTC)):
        pass
    replay = Picky()
    replay.mended = True
    run(log, "index", replay)
    assert sorted(replay.seen) == ["bad", "good"]


def test_a_letter_that_fails_again_is_a_new_letter(log: SqliteLog) -> None:
    picky = Picky()
    run(log, "enrich", picky)
    retry(log, NAMES, list_dead_letters(log, NAMES))
    run(log, "enrich", picky)
    first, second = list_dead_letters(log, NAMES)
    assert first.retried
    assert not second.retried
    picky.mended = True
    retry(log, NAMES, [second])
    run(log, "enrich", picky)
    assert picky.seen.count("bad") == 3
    assert all(letter.retried for letter in list_dead_letters(log, NAMES))


def test_what_is_given_back_is_still_the_turn_of_the_same_generation(log: SqliteLog) -> None:
    """Else a replay's statement, given back after the promotion, would page as news of then."""
    topic, moment = NAMES.topic("location-changes"), datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
    with log.transaction() as tx:
        tx.publish(topic, 0, "bad", encode(BAD), marked(moment))
    run(log, "enrich", Picky())
    retry(log, NAMES, [letter for letter in list_dead_letters(log, NAMES) if letter.partition == 0][-1:])
    records = [r for r in log.read(topic, 0, 0, 100) if "for-group" in r.headers]
    assert [moment_of(r) for r in records] == [moment]


def test_an_id_that_is_not_there_is_named(log: SqliteLog) -> None:
    with pytest.raises(NewswatchError, match="no dead letter 7-7"):
        find_dead_letters(log, NAMES, ["7-7"])
