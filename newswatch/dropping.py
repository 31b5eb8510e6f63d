"""The generations that there are, and removing one: its topics, groups and index set."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from indexer.fields import Kind
from indexer.generations import IndexSets, open_index_sets
from newswatch.flow import DERIVING, derives_from, left_before
from newswatch.wiring import connect_log, names
from stream.errors import ConfigError, UnknownTopic
from stream.generations import Generations
from stream.lineage import Generation, draining, live_of, standing
from stream.log import Log
from stream.settings import Settings
from stream.topics import Names


@dataclass(frozen=True, slots=True)
class Listed:
    """A generation: its record, what it is, how many articles it has yet to read, documents by kind."""

    record: Generation
    state: str
    left: int
    documents: Mapping[Kind, int]


def listed(settings: Settings) -> list[Listed]:
    """All generations, in the order of their numbers."""
    with (
        closing(connect_log(settings)) as log,
        closing(open_index_sets(settings.index, settings.elasticsearch)) as sets,
    ):
        known, present = Generations(log, names(settings)).read(), sets.present()
        every = sorted(known.keys() | present.keys() | {live_of(known)}, key=lambda name: int(name[1:]))
        return [
            Listed(standing(known, g), state_of(known, g), _left(log, settings, known, g), present.get(g, {}))
            for g in every
        ]


def state_of(known: Mapping[str, Generation], name: str) -> str:
    """What a generation is, in a word or two."""
    found = standing(known, name)
    if name == live_of(known):
        waits = found.created is not None and found.searched_from is None
        return "live, not searched yet" if waits else "live"
    if name in draining(known):
        return "ending"
    if found.live_from is not None:
        return "was live"
    return "replay" if found.created is not None else "unknown"


def _left(log: Log, settings: Settings, known: Mapping[str, Generation], name: str) -> int:
    if name != live_of(known) and standing(known, name).live_from is not None:
        return 0
    topics = replace(names(settings), generation=name)
    articles = topics.topic("articles")
    until = standing(known, name).until
    ends = log.offsets_for_time(articles, until) if until else {p: b.end for p, b in log.bounds(articles).items()}
    return left_before(log, articles, topics.group("enrich", "articles"), ends)


def drop(settings: Settings, name: str) -> list[str]:
    """Remove a generation that is not live; a line for each thing removed. What an interruption left is removed when it
    is called again.

    Raises ``ConfigError`` for the live one, one that still raises alerts of before, one at which workers are at work,
    and one that there is not.
    """
    with (
        closing(connect_log(settings)) as log,
        closing(open_index_sets(settings.index, settings.elasticsearch)) as sets,
    ):
        topics = replace(names(settings), generation=name)
        generations = Generations(log, topics)
        with generations.alone():
            known = generations.read()
            _refuse(log, sets, topics, known)
            groups = [(topics.topic(t), topics.group(stage, t)) for stage in DERIVING for t in derives_from(stage)]
            lines = log.remove([t.name for t in topics.described(derived_only=True)], groups)
            lines += sets.drop(name)
            if name in known:
                generations.publish(gone=name)
    return lines


def _refuse(log: Log, sets: IndexSets, topics: Names, known: Mapping[str, Generation]) -> None:
    name = topics.generation
    if name == live_of(known) or name == sets.live():
        raise ConfigError(f"{name} is live: what people search is not removed; promote another generation first")
    if name in draining(known):
        raise ConfigError(
            f"{name} has yet to raise alerts about what was fetched before the promotion; try again in a minute"
            " (the stages must run)"
        )
    if name not in known and name not in sets.present() and not _has_topics(log, topics):
        raise ConfigError(f"there is no generation {name}; newswatch generations list shows them")


def _has_topics(log: Log, topics: Names) -> bool:
    try:
        return log.partitions(topics.topic("enriched")) > 0
    except UnknownTopic:
        return False
