"""The index port: documents by kind and id, guarded by a version, found by query; ``open_index`` picks the backend.

``tests/contracts/test_index.py`` holds every backend to what is written here. Nothing is deleted in normal
operation: a late older write would bring it back. What no longer holds is written again, marked ``withdrawn``. Only a
takedown and retention remove.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from indexer.fields import KINDS, Document, Kind
from indexer.query import Query
from stream.errors import ConfigError
from stream.lineage import FIRST
from stream.settings import ElasticsearchSettings

__all__ = ["ABSENT", "KINDS", "Document", "Index", "Kind", "Page", "Put", "Report", "Stored", "open_index"]


ABSENT = ""
"""The ``etag`` of a document that is not there."""


@dataclass(frozen=True, slots=True)
class Put:
    """A document to store. ``version`` is external: an older one never overwrites, an equal one is stored again."""

    kind: Kind
    id: str
    version: int
    document: Document
    if_match: str | None = None
    """Store it only over what was read, so that a slow writer never undoes another's work: the ``Stored.etag`` that it
    was made from, or ``ABSENT``. None: over anything that is not newer."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one ``Put``: ``stored``; ``older`` (a newer version is there: done, not an error); ``changed``
    (what is there is not what ``if_match`` names, whatever the versions: read and decide again); ``refused`` (it can
    never be stored, ``reason`` says why: a dead letter)."""

    id: str
    outcome: Literal["stored", "older", "changed", "refused"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it is in the index."""

    id: str
    version: int
    document: Document
    etag: str = field(default=ABSENT, compare=False)
    """Opaque; another one whenever another version or document is there."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a search. ``total`` counts all that matches, on every page; ``cursor`` is passed back for the next page
    (with the same query, range and order) and is None on the last one."""

    hits: list[Stored]
    total: int
    cursor: str | None


class Index(Protocol):
    """An index. One object serves one thread. Every method raises ``IndexUnavailable`` when the index cannot be
    reached or written at the moment (locked, disk full, server gone): worth a retry, nothing is lost; and
    ``ConfigError`` when a person must act first (the generation is not set up, the store is damaged or not ours)."""

    def setup(self) -> list[str]:
        """Create what is missing for this generation; safe to repeat, also by several processes at once. One line for
        each thing made or different; search structures of an older layout are made anew from the documents, which lose
        what the field table no longer names or names as another type."""

    def put(self, puts: Sequence[Put]) -> list[Report]:
        """Store documents, all durable when it returns; one report each, in order. Within one call later ones win ties.
        A call with nothing changed changes nothing (idempotent). Refused are documents that do not fit the field table
        or lack the kind's time field; the others of the call are stored."""

    def get(self, kind: Kind, ids: Sequence[str]) -> dict[str, Stored]:
        """The present documents by id, as of the last ``put`` by anyone; absent ids are left out."""

    def search(
        self,
        kind: Kind,
        query: Query | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        oldest_first: bool = False,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """What matches, newest first (by the kind's time field, then id). It sees what this object has put and what
        anybody put before its first search; what others put since may come a second late. ``since`` is inclusive,
        ``until`` exclusive.
        Withdrawn documents are hidden unless the query names the field ``withdrawn``. Relative times of the query count
        back from the first page's search. Paging gives each document that stays as it is once, whatever is written
        meanwhile. Raises ``ConfigError`` for a ``limit`` beyond 0 to 1,000, a cursor of another order or of no search,
        a query on another kind."""

    def facets(
        self, kind: Kind, field: str, query: Query | None = None, *,
        since: datetime | None = None, until: datetime | None = None, size: int = 10,
    ) -> list[tuple[str, int]]:  # fmt: skip
        """The most frequent values, as written, of a keyword or name (``Field.countable``) among what matches, with the
        number of documents that hold each; most frequent first, then by value. Raises ``ConfigError`` for others."""

    def histogram(
        self, kind: Kind, interval: Literal["hour", "day"], query: Query | None = None, *,
        since: datetime | None = None, until: datetime | None = None,
    ) -> list[tuple[datetime, int]]:  # fmt: skip
        """How many match in each hour or day (UTC) of the kind's time field; empty ones are left out."""

    def prune(self, kind: Kind, before: datetime) -> int:
        """Remove the documents, withdrawn or not, whose time is earlier; how many. Done in batches: after a failure
        the rest is removed by the next call. A document that is written again afterwards is there again."""

    def remove(self, kind: Kind, ids: Sequence[str]) -> int:
        """Remove documents, whatever their version, for good when it returns; how many were there. Who removes one sees
        to it that nobody writes it again: an older version would be stored."""

    def close(self) -> None:
        """Free the resources."""


def open_index(
    url: str, generation: str = FIRST, *, create: bool = True, elasticsearch: ElasticsearchSettings | None = None
) -> Index:
    """The index at ``url``, of one generation or, for who only looks, ``live``: of the one that is live in it at each
    call. An embedded one is made when absent, unless ``create`` is False. One on Elasticsearch (with
    the settings ``elasticsearch``) is not asked for anything before its first use.

    Raises ``ConfigError`` for a URL that no backend serves, and for an index that is not there.
    """
    if url.startswith("sqlite:///"):
        from indexer.sqlite import SqliteIndex

        return SqliteIndex(url.removeprefix("sqlite:///"), generation, create=create)
    if url.startswith(("http://", "https://")):
        from indexer.elastic import ElasticIndex

        return ElasticIndex(url, generation, elasticsearch)
    scheme = url.partition(":")[0]
    raise ConfigError(f"index_url: no index backend for {scheme!r}; use sqlite:///PATH or https://HOST:9200")
