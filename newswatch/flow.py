"""How far a generation's stages are: whether all that the log held at one moment has gone through them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from newswatch.stages import STAGES
from stream.log import Log
from stream.topics import TOPICS, Names

DERIVING = tuple(stage.name for stage in STAGES.values() if stage.name not in ("ingest", "notify"))
"""The stages that every generation has, in the order of the flow."""


def derives_from(stage: str) -> tuple[str, ...]:
    """The topics from which ``stage`` derives a generation: without those that all generations share."""
    return tuple(s for s in STAGES[stage].sources if s == "articles" or TOPICS[s].generational)


@dataclass(frozen=True, slots=True)
class Behind:
    """A stage that has yet to commit about so many records of a topic."""

    stage: str
    topic: str
    left: int


class Flow:
    """Whether everything that ``articles`` held when this was made, up to ``ends`` (by partition) where they are given,
    has gone through ``stages`` of a generation.

    What a stage makes of it is in its topics before it commits, so the stages are asked in the order of the flow, and
    where a topic ends is looked at when all before it have passed.
    """

    def __init__(
        self, log: Log, names: Names, stages: Collection[str] = DERIVING, ends: Mapping[int, int] | None = None
    ) -> None:
        self._log = log
        self._names = names
        self._waited_for = [(s, topic) for s in STAGES if s in stages for topic in derives_from(s)]
        self._ends: dict[str, Mapping[int, int]] = {"articles": self._ends_of("articles") if ends is None else ends}

    def look(self) -> Behind | None:
        """The first stage that has yet to pass; None when all have. Raises ``LogError``."""
        while self._waited_for:
            stage, topic = self._waited_for[0]
            if topic not in self._ends:
                self._ends[topic] = self._ends_of(topic)
            left = left_before(self._log, self._names.topic(topic), self._names.group(stage, topic), self._ends[topic])
            if left:
                return Behind(stage, topic, left)
            self._waited_for.pop(0)
        return None

    def _ends_of(self, topic: str) -> dict[int, int]:
        return {partition: bounds.end for partition, bounds in self._log.bounds(self._names.topic(topic)).items()}


def left_before(log: Log, topic: str, group: str, ends: Mapping[int, int]) -> int:
    """How many offsets in front of ``ends`` the group has yet to commit; 0 when there is no record among them."""
    committed = log.committed(topic, group)
    left = 0
    for partition, end in ends.items():
        start = committed[partition].offset if partition in committed else 0
        if start < end and (found := log.read(topic, partition, start, 1, 1)) and found[0].offset < end:
            left += end - found[0].offset
    return left
