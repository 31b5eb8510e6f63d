"""The index sets of all generations: which there are, what one lacks, which one is searched, and removing one.

A search sees the live one; all kinds change over in one step. The kinds that generations share (``fields.SHARED``) are
never touched. ``tests/contracts/test_index_generations.py`` holds every backend to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from indexer.fields import KINDS, SHARED, Kind
from stream.errors import ConfigError
from stream.logs import redact
from stream.settings import ElasticsearchSettings

DERIVED: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind not in SHARED)
"""The kinds that each generation has for itself."""
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Missing:
    """How many articles one generation lacks or has only in an older version, and the ids of some."""

    count: int
    ids: tuple[str, ...] = ()


class IndexSets(Protocol):
    """One object serves one thread. Every method raises ``IndexUnavailable`` and ``ConfigError`` as ``Index`` does."""

    def live(self) -> str:
        """The generation that is searched; the first one before anything was promoted."""

    def present(self) -> dict[str, dict[Kind, int]]:
        """The generations that have an index set, by name, with the number of documents of each derived kind (without
        those of the last second, perhaps)."""

    def missing(self, generation: str) -> Missing:
        """What the live generation's articles have over those of ``generation``, as of now. Raises ``ConfigError``
        where ``generation`` is not set up."""

    def promote(self, generation: str) -> Missing:
        """Make ``generation`` the one that is searched, for all kinds in one step, if it lacks nothing at that moment;
        else change nothing and say what it lacks. Nobody should write the live one any more; who does is kept from it
        (Elasticsearch) or waits (SQLite) meanwhile. Safe to repeat."""

    def drop(self, generation: str) -> list[str]:
        """Remove the index set; a line for each thing removed. Raises ``ConfigError`` for the one that is live."""

    def close(self) -> None:
        """Free the resources."""


def open_index_sets(url: str, elasticsearch: ElasticsearchSettings | None = None) -> IndexSets:
    """The index sets at ``url`` (see ``indexer.index.open_index``), which must be there."""
    if url.startswith("sqlite:///"):
        from indexer.sqlite_generations import SqliteIndexSets

        return SqliteIndexSets(url.removeprefix("sqlite:///"))
    from indexer.elastic_generations import ElasticIndexSets

    return ElasticIndexSets(url, elasticsearch)


def refuse_live(generation: str, live: str) -> None:
    """Raise ``ConfigError`` where they are the same."""
    if generation == live:
        raise ConfigError(f"generation {generation} is live: what people search is not removed; promote another first")


def not_there(url: str, generation: str) -> ConfigError:
    """The error for a generation without an index set."""
    return ConfigError(
        f"index {redact(url)}: there is no generation {generation}; newswatch generations list shows them,"
        f" newswatch replay --since 30d --into {generation} makes it"
    )
