"""Following the live generation: what a worker is to work on, and noticing when that is another."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from stream.errors import LogError, NewerSchema
from stream.generations import Generations
from stream.lineage import LIVE, Generation, draining, live_of, standing
from stream.stage import Handler, Incoming, Outcome, Retry

LOOK_SECONDS = 1.0
UNTIL_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker works on: a generation, whether it is live, those that are to be ended beside it; ``until``: its
    replay ends before what was appended then."""

    generation: str
    live: bool
    draining: tuple[str, ...] = ()
    until: datetime | None = None


def plan(known: Mapping[str, Generation], wanted: str) -> Plan:
    """The plan of a worker whose setting ``generation`` is ``wanted``."""
    live = live_of(known)
    if wanted == LIVE:
        return Plan(live, live=True, draining=draining(known))
    return Plan(wanted, live=wanted == live, until=standing(known, wanted).until)


class Following(Event):
    """Is set when ``stop`` is, or when the generations changed so that the ``plan`` made at first holds no more. One
    that is named in the settings is not left."""

    def __init__(self, generations: Generations, wanted: str, stop: Event) -> None:
        """``generations`` is read in the thread that makes this object and asks it. Raises ``LogError``."""
        super().__init__()
        self._generations = generations
        self._wanted = wanted
        self._stop = stop
        self._look_at = time.monotonic() + LOOK_SECONDS
        self.plan = plan(generations.read(), wanted)
        self.changed = False

    def is_set(self) -> bool:
        """See ``Event.is_set``."""
        if self._wanted == LIVE and not self.changed and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            with suppress(LogError, NewerSchema):  # the work itself waits for the log, and says so
                self.changed = plan(self._generations.read(), self._wanted) != self.plan
        return self.changed or self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """See ``Event.wait``: of ``stop``."""
        return self._stop.wait(timeout)


class Before:
    """A ``stream.stage.Handler`` of a replay with an end: hands on what was appended before; the rest waits."""

    def __init__(self, handler: Handler, until: datetime) -> None:
        self._handler = handler
        self._until = until
        self.takes_tombstones = bool(getattr(handler, "takes_tombstones", False))

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """See ``Handler``."""
        wanted = [i for i in batch if i.record.timestamp < self._until]
        handled = iter(self._handler(wanted) if wanted else ())
        end = Retry("the replay ends here (--until)", UNTIL_WAIT)
        return [next(handled) if i.record.timestamp < self._until else end for i in batch]
