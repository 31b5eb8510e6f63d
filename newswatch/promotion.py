"""Promotion: a replayed generation becomes the live one, without a gap and without paging anybody for what is old.

1. Refused unless everything that the log held at the call has gone through the new generation's stages, and every
   article that the live index set holds is in the new one, in no older version.
2. One record on ``generations`` says that the new one is live, and names an instant T a few seconds ahead. The running
   stages see it within a second and change over (``newswatch/following.py``): the live index set is written no more.
   Articles fetched before T alert through the old generation, whose stages go on beside (with the extraction that is
   loaded by then) until it has drained (``newswatch/draining.py``); later ones through the new (``stream/lineage.py``).
   Each worker of enrich reads ``generations`` at every batch, so whoever reads an article that was fetched after T
   knows of T: it was published before, well before, or else not at all and a later T is chosen (a log that is slow).
   T is never moved: somebody may have gone by it.
3. When the new index set holds all that the old one does (looked at and changed over in one step, again and again until
   it does), all aliases move at once, and that is recorded.

The replay follows live articles until then, so the new generation is worked on at every moment. Whatever dies in
between: the same command goes on from what is recorded. What looks at the generations and then changes them does so
alone (``Generations.alone``): of two who promote at once the second finds it done, and what is promoted cannot be
dropped meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TypeVar

from indexer.generations import IndexSets, Missing, open_index_sets
from newswatch.flow import Behind, Flow
from newswatch.wiring import connect_log, names
from stream.errors import ConfigError, NewswatchError, TooLate
from stream.generations import Generations
from stream.lineage import Generation, draining, live_of, standing
from stream.log import Log
from stream.settings import Settings
from stream.topics import Names

AHEAD = timedelta(seconds=10)
"""T is so long after the call that publishes it, which takes at most half of it: clocks of several machines may differ
by the rest."""
TRIES = 3
PATIENCE = 30.0
"""Seconds in which what is on its way gets through: longer, and the generation has not caught up."""
SWAP_PATIENCE = 300.0
LOOK_SECONDS = 0.3

Tell = Callable[[str], None]
T = TypeVar("T", Behind, Missing)


def promote(settings: Settings, name: str, stop: Event, tell: Tell) -> None:
    """Make ``name`` the live generation, or go on with that. ``tell`` gets lines for a person.

    Raises ``ConfigError`` for a generation that there is not or that can never be promoted, ``NewswatchError`` when it
    has not caught up.
    """
    with closing(connect_log(settings)) as log, closing(_index_sets(settings)) as sets:
        topics = replace(names(settings), generation=name)
        generations = Generations(log, topics)
        known = generations.read()
        mine = standing(known, name)
        if live_of(known) == name and sets.live() == name and (mine.created is None or mine.searched_from):
            tell(f"{name} is live already")
            return
        if live_of(known) != name:
            _refuse(known, name)
            _require_all(log, sets, topics, stop)
            mine = _hand_over(generations, name)
            tell(f"the stages change over to {name}; alerts: articles fetched from {mine.live_from:%H:%M:%S} UTC on go"
                 f" through {name}")  # fmt: skip
        _swap(sets, name, stop)
        with generations.alone():
            mine = standing(generations.read(), name)
            generations.publish(mine.model_copy(update={"searched_from": mine.searched_from or datetime.now(UTC)}))
        tell(f"{name} is live: searches and dashboards show it")


def _index_sets(settings: Settings) -> IndexSets:
    return open_index_sets(settings.index, settings.elasticsearch)


def _refuse(known: Mapping[str, Generation], name: str) -> None:
    found = known.get(name)
    if found is None:
        have = ", ".join(sorted(known)) or "none"
        raise ConfigError(f"no generation {name} was made by a replay (there are: {have}); newswatch replay makes one")
    if found.live_from is not None:
        raise ConfigError(f"{name} was live until {found.live_until:%Y-%m-%d %H:%M} and was worked on no more since")
    if found.until is not None:
        raise ConfigError(f"{name} ends with what was appended before {found.until:%Y-%m-%d %H:%M} (--until): it lacks"
                          f" later articles; drop it and replay without --until")  # fmt: skip
    if old := draining(known):
        raise ConfigError(f"{', '.join(old)} has yet to raise alerts about what was fetched before the last promotion;"
                          " try again in a minute (its stages must run)")  # fmt: skip


def _require_all(log: Log, sets: IndexSets, topics: Names, stop: Event) -> None:
    """Raise ``NewswatchError`` unless the generation has indexed everything that the live one has as of the call."""
    name = topics.generation
    flow = Flow(log, topics)
    behind = _wait(flow.look, PATIENCE, stop)
    if behind:
        raise NewswatchError(
            f"{name} has not caught up: {behind.stage} has about {behind.left} records of {behind.topic} to go; is"
            f" newswatch replay --into {name} running?"
        )
    missing = _wait(lambda: _some(sets.missing(name)), PATIENCE, stop)
    if missing:
        raise NewswatchError(
            f"{name} lacks {missing.count} articles that are searched now, e.g. {', '.join(missing.ids)}: begin its"
            " replay earlier (--since), and see newswatch dead-letters list"
        )


def _some(missing: Missing) -> Missing | None:
    return missing if missing.count else None


def _hand_over(generations: Generations, name: str) -> Generation:
    """Publish who is live from T on, unless somebody has done so meanwhile; the record of the live one."""
    with generations.alone():
        known = generations.read()
        if live_of(known) == name:
            return standing(known, name)
        _refuse(known, name)
        for _ in range(TRIES):
            moment = datetime.now(UTC) + AHEAD
            old = standing(known, live_of(known)).model_copy(update={"live_until": moment})
            mine = known[name].model_copy(update={"live_from": moment})
            with suppress(TooLate):
                generations.publish(old, mine, before=moment - AHEAD / 2)
                return mine
    raise NewswatchError(
        f"the log is too slow just now: a record takes longer than {AHEAD.total_seconds() / 2:.1f} s; nothing has"
        " changed; try again"
    )


def _swap(sets: IndexSets, name: str, stop: Event) -> None:
    missing = _wait(lambda: _some(sets.promote(name)), SWAP_PATIENCE, stop)
    if missing:
        raise NewswatchError(
            f"the stages work on {name}, but searches do not show it yet: it lacks {missing.count} articles, e.g."
            f" {', '.join(missing.ids)}; see that newswatch run or replay is at work, then promote {name} again"
        )


def _wait(look: Callable[[], T | None], patience: float, stop: Event) -> T | None:
    """None as soon as ``look`` gives it; else what it gave at last."""
    deadline = time.monotonic() + patience
    while (found := look()) is not None and time.monotonic() < deadline:
        if stop.wait(LOOK_SECONDS):
            raise NewswatchError("interrupted; nothing is lost, the same command goes on")
    return found
