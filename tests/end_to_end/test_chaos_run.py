"""``newswatch run`` under SIGKILL ends with the same index as an undisturbed run on the same news."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newswatch.demo.server import FeedServer
from newswatch.demo.world import INSTALMENTS, load_world
from stream.settings import PREFIX
from tests.end_to_end import chaos
from tests.end_to_end.newsroom import PROCESSES, PROCESSORS, Newsroom, Outcome

KILLS = {1: 7, 2: 7, 3: 6}
"""How many while each instalment is new."""
LONGEST = 2.0  # seconds after the kill before, and as long at most for the stage to have work
AT_WORK = 0.3  # seconds that it may be at it
PATIENCE = 120.0  # seconds


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs, and this process, know only the settings that they are given here."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)


def test_a_run_killed_at_random_ends_with_the_same_index_as_an_undisturbed_one(tmp_path: Path) -> None:
    chance = chaos.chance()
    world = load_world()
    # the demo's times are whole hours before the start, and alerts tell ages in hours: none changes in the next 40 min
    start = datetime.now(UTC) - timedelta(minutes=20)
    with FeedServer(world, start) as server:
        with Newsroom(tmp_path / "calm", world, server) as room:
            calm = _play(room, server, None)
        with Newsroom(tmp_path / "chaos", world, server) as room:
            killed = _play(room, server, chance)
    steps = calm.cases().keys() ^ killed.cases().keys()
    assert set(calm.cases().values()) == set(killed.cases().values())
    differences = calm.settled(steps).differences(killed.settled(steps))
    assert not differences, "\n".join(differences[:50])
    for topic in ("articles", "enriched", "location-changes"):
        assert killed.records[topic] == calm.records[topic]
    told = sum(len(outlet.articles) for outlet in world.values())
    assert [sum(calm.records[topic].values()) for topic in ("articles", "enriched")] == [told, told]
    assert (calm.dead_letters, killed.dead_letters) == (0, 0)
    assert any(document.get("withdrawn") for document in calm.documents.values())
    assert any(document.get("held_back") for document in calm.documents.values())


def _play(room: Newsroom, server: FeedServer, chance: random.Random | None) -> Outcome:
    """Serve one instalment after the other, with kills at random moments, and wait for the end."""
    for instalment in INSTALMENTS:
        server.instalment = instalment
        if chance:
            _kill(room, KILLS[instalment], chance)
        chaos.wait(lambda: room.holds(instalment), PATIENCE, f"instalment {instalment} in the log", look=0.2)  # noqa: B023
    chaos.wait(room.is_through, PATIENCE, "the end of all stages", look=0.2)
    chaos.wait(room.is_up, PATIENCE, "all stages started", look=0.2)
    assert room.stop() == 0, room.said()
    chaos.wait(lambda: not room.leftovers(), PATIENCE, "the end of stages whose supervisor was killed", look=0.2)
    return room.outcome()


def _kill(room: Newsroom, times: int, chance: random.Random) -> None:
    for _ in range(times):
        name = chance.choice(PROCESSES)
        time.sleep(chance.uniform(0, LONGEST))
        if name in PROCESSORS:
            _await_work(room, name)
            time.sleep(chance.uniform(0, AT_WORK))
        chaos.wait(lambda: room.kill(name), PATIENCE, f"a moment to kill {name}", look=0.05)  # noqa: B023
        print(f"killed {name}")


def _await_work(room: Newsroom, stage: str) -> None:
    """Most of the time most stages wait; a moment when the stage has work, where one comes soon, tells more."""
    deadline = time.monotonic() + LONGEST
    while room.is_idle(stage) and time.monotonic() < deadline:
        time.sleep(0.02)
