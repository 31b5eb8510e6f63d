"""The index on Elasticsearch, for any number of processes and machines.

One index a kind and generation, named after its layout and reached by people through an alias. Needs no scripts,
ingest pipelines, index lifecycle management or by-query calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

from elasticsearch import AuthorizationException

from indexer.compile_elastic import search_query
from indexer.elastic_bulk import BulkWriter
from indexer.elastic_client import FIRST_SECONDS, connect, guarded
from indexer.elastic_decide import State
from indexer.elastic_mapping import ID, MAX_ID_BYTES, META, TIME, counted_field, names_of, sort_field
from indexer.elastic_put import Putter, deletions
from indexer.elastic_setup import guard_indices, holders, scan, set_up
from indexer.fields import FIELDS, KINDS, Kind
from indexer.index import Page, Put, Report, Stored
from indexer.paging import MAX_LIMIT, Place, decode_cursor, encode_cursor
from indexer.query import Query, everything
from indexer.query.values import micros, time_of
from indexer.words import fold
from stream.errors import ConfigError
from stream.lineage import FIRST, LIVE
from stream.logs import redact
from stream.settings import ElasticsearchSettings

Json = dict[str, Any]

_BUCKETS = 5_000
_BLANKS = 10
"""So many values that are no values (empty, or nothing but spaces) are expected among the most frequent."""


class ElasticIndex:
    """``indexer.index.Index`` on the server at ``url``. Nothing is sent before the first call of a method."""

    def __init__(self, url: str, generation: str = FIRST, settings: ElasticsearchSettings | None = None) -> None:
        """Raises ``ConfigError`` where URL, generation or settings cannot be meant."""
        self._settings = settings or ElasticsearchSettings()
        self._live = generation == LIVE
        named = FIRST if self._live else generation
        self._names = {kind: names_of(self._settings.prefix, kind, named) for kind in KINDS}
        self._client = connect(url, self._settings)
        self._url = redact(url)
        self._bulk = BulkWriter(self._client, self._url)
        self._putter = Putter(self._client, self._bulk, self._url)
        self._checked: set[Kind] = set()
        self._unseen: set[Kind] = set(KINDS)

    def setup(self) -> list[str]:
        """Create or check template, index and aliases of each kind; an older layout's documents move over."""
        lines = []
        with guarded(self._url):
            self._client.options(request_timeout=FIRST_SECONDS).cluster.health(level="cluster")
            guard_indices(self._client, self._settings.prefix)
            for names in self._names.values():
                lines += set_up(self._client, names, self._settings, self._store)
        return lines

    def put(self, puts: Sequence[Put]) -> list[Report]:
        """Store documents in bulk requests, some at once; one report each."""
        for kind in {p.kind for p in puts}:
            self._ready(kind)
        return self._store(puts)

    def get(self, kind: Kind, ids: Sequence[str]) -> dict[str, Stored]:
        """The present documents by id."""
        index, found = self._ready(kind), {}
        for hit in self._putter.read(index, [i for i in dict.fromkeys(ids) if _is_id(i)]):
            found[hit["_id"]] = _stored(hit)
        return found

    def search(
        self, kind: Kind, query: Query | None = None, *, since: datetime | None = None, until: datetime | None = None,
        oldest_first: bool = False, limit: int = 20, cursor: str | None = None,
    ) -> Page:  # fmt: skip
        """A page of what matches; pages follow each other by the last hit's time and id, so writes never shift them
        and no page leaves anything open on the server."""
        if not 0 <= limit <= MAX_LIMIT:
            raise ConfigError(f"limit: {limit} is not between 0 and {MAX_LIMIT:,}")
        place = decode_cursor(cursor, oldest_first) if cursor is not None else None
        now = place.now if place else micros(datetime.now(UTC))
        order = {"order": "asc" if oldest_first else "desc"}
        after: Json = {"search_after": [place.time, place.id]} if place else {}
        found = self._search(
            kind, _filter(kind, query, now, since, until), size=limit + 1 if limit else 0, track_total_hits=True,
            sort=[{sort_field(kind): order}, {ID: order}], seq_no_primary_term=True, **after,
        )["hits"]  # fmt: skip
        hits = found["hits"][:limit]
        more = len(found["hits"]) > limit > 0
        following = encode_cursor(Place(now, *hits[-1]["sort"]), oldest_first) if more else None
        return Page([_stored(hit) for hit in hits], found["total"]["value"], following)

    def facets(
        self, kind: Kind, field: str, query: Query | None = None, *,
        since: datetime | None = None, until: datetime | None = None, size: int = 10,
    ) -> list[tuple[str, int]]:  # fmt: skip
        """The most frequent values. (Where an index has several shards, each tells its own most frequent ones.)"""
        if field not in FIELDS[kind] or not FIELDS[kind][field].countable:
            raise ConfigError(f"facets: {field!r} is no keyword or name of {kind}; the field reference lists them")
        matching = _filter(kind, query, micros(datetime.now(UTC)), since, until)
        asked = size + _BLANKS
        while True:
            terms = {"field": counted_field(FIELDS[kind][field]), "size": asked, "shard_size": 10 * asked + 1_000,
                     "order": [{"_count": "desc"}, {"_key": "asc"}]}  # fmt: skip
            found = self._search(kind, matching, size=0, aggs={"values": {"terms": terms}})["aggregations"]["values"]
            values = [(b["key"], b["doc_count"]) for b in found["buckets"] if fold(b["key"])][: max(size, 0)]
            if len(values) >= size or not found["sum_other_doc_count"]:
                return values
            asked *= 4

    def histogram(
        self, kind: Kind, interval: Literal["hour", "day"], query: Query | None = None, *,
        since: datetime | None = None, until: datetime | None = None,
    ) -> list[tuple[datetime, int]]:  # fmt: skip
        """How many match in each hour or day, in order of time."""
        matching = _filter(kind, query, micros(datetime.now(UTC)), since, until)
        source = {"at": {"date_histogram": {"field": TIME, "calendar_interval": interval}}}
        counts: list[tuple[datetime, int]] = []
        after: Json = {}
        while True:
            composite = {"sources": [source], "size": _BUCKETS, **after}
            found = self._search(kind, matching, size=0, aggs={"times": {"composite": composite}})["aggregations"]
            buckets = found["times"]["buckets"]
            counts += [(time_of(b["key"]["at"] * 1000), b["doc_count"]) for b in buckets]
            if len(buckets) < _BUCKETS:
                return counts
            after = {"after": found["times"]["after_key"]}

    def prune(self, kind: Kind, before: datetime) -> int:
        """Remove what is older; what somebody writes meanwhile stays."""
        index, count = self._ready(kind), 0
        old = {"range": {sort_field(kind): {"lt": micros(before)}}}
        with guarded(self._url):
            self._refresh(kind, index)
            for hits in scan(self._client, index, old, source=False, seq_no_primary_term=True):
                verdicts = self._bulk.write(deletions(index, hits))
                count += sum(v.outcome == "done" for v in verdicts)
            self._unseen.add(kind)
        return count

    def remove(self, kind: Kind, ids: Sequence[str]) -> int:
        """Remove documents in bulk requests."""
        index = self._ready(kind)
        hits = [{"_id": i} for i in dict.fromkeys(ids) if _is_id(i)]
        verdicts = self._bulk.write(deletions(index, hits))
        self._unseen.add(kind)
        return sum(v.outcome == "done" for v in verdicts)

    def close(self) -> None:
        """Close the connections."""
        self._putter.close()
        self._client.close()

    def _store(self, puts: Sequence[Put]) -> list[Report]:
        self._unseen |= {p.kind for p in puts}
        return self._putter.store({k: n.live if self._live else n.index for k, n in self._names.items()}, puts)

    def _search(self, kind: Kind, matching: Json, **options: Any) -> Any:
        index = self._ready(kind)
        with guarded(self._url):
            self._refresh(kind, index)
            return self._client.search(index=index, query=matching, allow_partial_search_results=False, **options)

    def _refresh(self, kind: Kind, index: str) -> None:
        """Make what this object wrote, and what others wrote before its first search, visible to searches. One that
        may not (a reader's API key) sees it within a second all the same."""
        if kind in self._unseen:
            with suppress(AuthorizationException):
                self._client.indices.refresh(index=index)
            self._unseen.discard(kind)

    def _ready(self, kind: Kind) -> str:
        """The kind's index. Raises ``ConfigError`` where it is missing or laid out by another version."""
        names = self._names[kind]
        if kind not in self._checked:
            client = self._client if self._checked else self._client.options(request_timeout=FIRST_SECONDS)
            with guarded(self._url):
                present = holders(client, names.live if self._live else names.alias)
            ours = [i for i in present if i.endswith(f"-{kind}-{names.layout}")] if self._live else [names.index]
            if not set(ours) & set(present):
                fault = "was made by another version of newswatch" if present else "is not there"
                alias = names.live if self._live else names.alias
                raise ConfigError(f"index {self._url}: {alias} {fault}; run newswatch setup")
            self._checked.add(kind)
        return names.live if self._live else names.index


def _is_id(id_: str) -> bool:
    """Whether a document can have it: Elasticsearch refuses a whole request for one id that it cannot."""
    try:
        return 0 < len(id_.encode()) <= MAX_ID_BYTES
    except UnicodeEncodeError:
        return False


def _stored(hit: Any) -> Stored:
    document = dict(hit["_source"])
    own = document.pop(META)
    state = State(own["version"], own["digest"], hit["_seq_no"], hit["_primary_term"])
    return Stored(hit["_id"], own["version"], document, state.etag)


def _filter(kind: Kind, query: Query | None, now: int, since: datetime | None, until: datetime | None) -> Json:
    """What matches the query with its time in [since, until), without scores."""
    if query is not None and query.kind != kind:
        raise ConfigError(f"query: it was read as one on {query.kind}, not on {kind}")
    bounds = {name: micros(time) for name, time in (("gte", since), ("lt", until)) if time is not None}
    times = [{"range": {sort_field(kind): bounds}}] if bounds else []
    return {"bool": {"filter": [search_query(query or everything(kind), now), *times]}}
