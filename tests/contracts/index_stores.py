"""The stores of the index suites: how each backend's index is opened, from this process and from others."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from elasticsearch import Elasticsearch, NotFoundError

from indexer.elastic import ElasticIndex
from indexer.index import Index
from indexer.sqlite import SqliteIndex
from stream.settings import ElasticsearchSettings
from tests.service_elastic import elasticsearch


class IndexStore(Protocol):
    """A place that holds one index; picklable, so that a child process opens the same one."""

    def open(self, generation: str = "g1") -> Index:
        """The index, opened anew; not yet set up in an empty store."""

    def remove(self) -> None:
        """Remove what a test leaves outside of its folder."""


@dataclass(frozen=True)
class SqliteIndexStore:
    """A file."""

    path: str

    def open(self, generation: str = "g1") -> Index:
        """See ``IndexStore.open``."""
        return SqliteIndex(self.path, generation)

    def remove(self) -> None:
        """See ``IndexStore.remove``: the file goes with its folder."""


@dataclass(frozen=True)
class ElasticIndexStore:
    """The indices with one prefix on a server."""

    url: str
    prefix: str

    def open(self, generation: str = "g1") -> Index:
        """See ``IndexStore.open``. No copies of shards: they would only make a test server slow."""
        return ElasticIndex(self.url, generation, ElasticsearchSettings(prefix=self.prefix, replicas=0))

    def remove(self) -> None:
        """See ``IndexStore.remove``."""
        with Elasticsearch(self.url) as client:
            if found := list(client.indices.get(index=f"{self.prefix}-*", features="aliases")):
                client.indices.delete(index=found)
            with suppress(NotFoundError):  # a store that was never set up has none
                client.indices.delete_index_template(name=f"{self.prefix}-*")


def _elastic(_folder: Path) -> IndexStore:
    return ElasticIndexStore(elasticsearch().url, f"test-{secrets.token_hex(4)}")


INDEX_STORES: dict[str, Callable[[Path], IndexStore]] = {
    "elastic": _elastic,
    "sqlite": lambda folder: SqliteIndexStore(str(folder / "index.db")),
}
"""A backend joins the contract by one line here: an empty store, given a folder of the test's own."""
