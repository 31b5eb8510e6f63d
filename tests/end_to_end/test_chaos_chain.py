"""Nothing lost, nothing twice, nothing out of order: a chain of workers under SIGKILL, poison and a killer."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

from stream.log import Log, Record
from tests.contracts.stores import SqliteStore
from tests.end_to_end import chaos
from tests.end_to_end.chain import (
    NAMES,
    PARTITIONS,
    STAGES,
    TOPICS,
    Chain,
    append,
    everything,
    group_of,
    invent,
    is_through,
    partition_for,
    value_of,
)

RECORDS = 20_000
POISON_EACH = 500
KILLS = 30
SESSION = 0.5  # seconds that a dead worker keeps its partitions
BATCH = 100
LONGEST = 0.7  # seconds from the moment a part of the records came in to the death of a worker
PATIENCE = 120.0  # seconds


def test_a_chain_of_workers_killed_at_random_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    chance = chaos.chance()
    names = invent(RECORDS, POISON_EACH, chance)
    store = SqliteStore(str(tmp_path / "log.db"), SESSION)
    log = store.open()
    try:
        log.create_topics(NAMES.described(), PARTITIONS)
        with Chain(store, BATCH) as chain:
            for n in range(KILLS):
                append(log, names[n * RECORDS // KILLS : (n + 1) * RECORDS // KILLS])
                _kill_each_once(chain, log, chance)
            chaos.wait(lambda: is_through(log), PATIENCE, "the end of the chain", keep=chain.keep_running)
        assert chain.deaths == dict.fromkeys(STAGES, KILLS)
        print(f"restarts: {chain.restarts}")
        _check_good_ones(log, names)
        _check_bad_ones(log, names)
    finally:
        log.close()


def _kill_each_once(chain: Chain, log: Log, chance: random.Random) -> None:
    """Kill each worker at a random moment, but not while it runs records one by one: they would be held for killers."""
    now = time.monotonic()
    due = {stage: now + chance.uniform(0, LONGEST) for stage in STAGES}

    def kill_those_due() -> None:
        for stage, moment in list(due.items()):
            if time.monotonic() >= moment and not chaos.one_by_one(log, *group_of(stage)):
                chain.kill(stage)
                del due[stage]
        chain.keep_running()

    chaos.wait(lambda: not due, PATIENCE, "a moment to kill each worker", keep=kill_those_due)


def _check_good_ones(log: Log, names: list[str]) -> None:
    for partition, records in enumerate(everything(log, TOPICS[-1])):
        good = [name for name in names if name.startswith("good") and partition_for(name) == partition]
        came = [record.key for record in records]
        twice = [key for key, count in Counter(came).items() if count > 1]
        assert not twice, f"partition {partition}: {len(twice)} came twice: {twice[:5]}"
        lost = sorted(set(good) - set(came))
        assert not lost, f"partition {partition}: {len(lost)} are lost: {lost[:5]}"
        assert came == good


def _check_bad_ones(log: Log, names: list[str]) -> None:
    letters = {record.key: record for records in everything(log, "dead-letters") for record in records}
    assert sum(bounds.end for bounds in log.bounds(NAMES.topic("dead-letters")).values()) == len(letters)
    assert sorted(letters) == sorted(name for name in names if not name.startswith("good"))
    for name, letter in letters.items():
        kind, stage, _ = name.split(".")
        assert (letter.headers["stage"], letter.headers["attempts"]) == (stage, "3" if kind == "killer" else "1"), name
        assert letter.value == _original(log, letter).value
        if stage == "enrich":
            assert letter.value == value_of(name)


def _original(log: Log, letter: Record) -> Record:
    offset = int(letter.headers["offset"])
    (record,) = log.read(letter.headers["topic"], int(letter.headers["partition"]), offset, 1)
    assert (record.key, record.offset) == (letter.key, offset)
    return record
