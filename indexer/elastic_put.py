"""Storing documents: each write guarded by what it was decided from, decided again where something else is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from indexer.elastic_bulk import Action, BulkWriter, Verdict
from indexer.elastic_client import fail, guarded
from indexer.elastic_decide import Decision, State, Wanted, assumed, decide
from indexer.elastic_mapping import MAX_ID_BYTES, META, indexed
from indexer.fields import Kind
from indexer.index import Put, Report
from indexer.query import InvalidDocument, Matchable
from stream.errors import IndexUnavailable

Json = dict[str, Any]

WRITERS = 2
"""Batches under way at once: while the server works on one the next is prepared."""
BATCH = 250
"""Puts a batch, at least."""
ROUNDS = 20
"""So often a document is decided again when others write it at the same moment."""
_READ = 200
_STATE = [f"{META}.version", f"{META}.digest"]
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def prepare(put: Put) -> Wanted | Report:
    """The put as it is sent; a report where it can never be stored."""
    try:
        view = Matchable(put.kind, put.document)
        text = _encode(put.document)
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        id_bytes = len(put.id.encode())
    except (InvalidDocument, TypeError, ValueError) as error:
        return Report(put.id, "refused", str(error))
    if not 0 < id_bytes <= MAX_ID_BYTES:
        return Report(put.id, "refused", f"{put.kind}: an id has 1 to {MAX_ID_BYTES} bytes, this one {id_bytes}")
    if view.time is None:
        return Report(put.id, "refused", f"{put.kind}: the document has no time to be sorted by")
    own = _encode(indexed(view, put.id, put.version, digest))
    return Wanted(put, f'{text[:-1]},"{META}":{own}}}', digest)


@dataclass(slots=True)
class _Group:
    """The puts on one document, in order, with their places among all; ``present`` is known once it was ``read``."""

    index: str
    id: str
    wanted: list[Wanted] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    present: State | None = None
    read: bool = False

    def decided(self) -> Decision:
        """What to do; until the index was asked by what most likely is there."""
        return decide(self.present if self.read else assumed(self.wanted), self.wanted)

    def action(self, write: Wanted) -> Action:
        """The bulk item: only where nothing is there, or only over what it was decided from."""
        over = self.present if self.read else assumed(self.wanted)
        where: Json = {"_index": self.index, "_id": self.id}
        if over is None:
            return Action(_line("create", where), write.json)
        return Action(
            _line("index", {**where, "if_seq_no": over.seq_no, "if_primary_term": over.primary_term}), write.json
        )


class Putter:
    """Stores and reads documents of one server."""

    def __init__(self, client: Elasticsearch, bulk: BulkWriter, url: str) -> None:
        """``url`` is for messages. Threads start with the first call of more than one batch."""
        self._client, self._bulk, self._url = client, bulk, url
        self._pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="put")

    def store(self, indices: Mapping[Kind, str], puts: Sequence[Put]) -> list[Report]:
        """Store documents into the index of their kind; one report each, in order. Batches are prepared and written
        ``WRITERS`` at once, and no more are held ready: that the caller waits is the back-pressure."""
        reports: dict[int, Report] = {}
        batches = _batches(puts)
        if len(batches) == 1:
            self._store(indices, puts, batches[0], reports)
        else:
            running: list[Future[None]] = []
            try:
                for batch in batches:
                    if len(running) == WRITERS:
                        running.pop(0).result()
                    running.append(self._pool.submit(self._store, indices, puts, batch, reports))
                for future in running:
                    future.result()
            finally:
                wait(running)
        return [reports[place] for place in range(len(puts))]

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _store(
        self, indices: Mapping[Kind, str], puts: Sequence[Put], batch: Sequence[int], reports: dict[int, Report]
    ) -> None:
        """Store the puts at the places of ``batch``."""
        groups: dict[tuple[str, str], _Group] = {}
        for place in batch:
            put = puts[place]
            wanted = prepare(put)
            if isinstance(wanted, Report):
                reports[place] = wanted
                continue
            index = indices[put.kind]
            group = groups.setdefault((index, put.id), _Group(index, put.id))
            group.wanted.append(wanted)
            group.places.append(place)
        open_ = list(groups.values())
        for _ in range(ROUNDS):
            open_ = self._round(open_, reports)
            if not open_:
                return
        raise IndexUnavailable(f"index {self._url}: {open_[0].id}: others change it again and again")

    def _round(self, groups: Sequence[_Group], reports: dict[int, Report]) -> list[_Group]:
        """Decide and write each group once; those that have to be decided again, with what is there now."""
        writing: list[tuple[_Group, Decision, Wanted]] = []
        again: list[_Group] = []
        for group in groups:
            decision = group.decided()
            if decision.write:
                writing.append((group, decision, decision.write))
            elif group.read:
                _report(group, decision, reports)
            else:
                again.append(group)
        verdicts = self._bulk.write([group.action(write) for group, _, write in writing])
        for (group, decision, write), verdict in zip(writing, verdicts, strict=True):
            if verdict.outcome == "done":
                _report(group, decision, reports)
            elif verdict.outcome == "conflict" or _refuse(group, write, verdict, reports):
                again.append(group)
        self._look(again)
        return again

    def _look(self, groups: Sequence[_Group]) -> None:
        """Read what is there of these documents."""
        for index in {g.index for g in groups}:
            mine = {g.id: g for g in groups if g.index == index}
            for group in mine.values():
                group.present, group.read = None, True
            for hit in self.read(index, list(mine), _STATE):
                own = hit["_source"][META]
                mine[hit["_id"]].present = State(own["version"], own["digest"], hit["_seq_no"], hit["_primary_term"])

    def read(self, index: str, ids: Sequence[str], fields: Sequence[str] | None = None) -> Iterator[Mapping[str, Any]]:
        """The present documents, also those that no search sees yet; absent ids are left out."""
        for at in range(0, len(ids), _READ):
            with guarded(self._url):
                answer = self._client.mget(index=index, ids=list(ids[at : at + _READ]), source_includes=fields)
            for hit in answer["docs"]:
                if error := hit.get("error"):
                    fail(self._url, 404 if error.get("type") == "index_not_found_exception" else 503, error)
                if hit["found"]:
                    yield hit


def _batches(puts: Sequence[Put]) -> list[list[int]]:
    """The places of the puts in batches; all puts on one document are in the same one, in order."""
    places: dict[tuple[Kind, str], list[int]] = {}
    for place, put in enumerate(puts):
        places.setdefault((put.kind, put.id), []).append(place)
    batches: list[list[int]] = [[]]
    for same in places.values():
        if len(batches[-1]) >= BATCH:
            batches.append([])
        batches[-1] += same
    return batches


def _report(group: _Group, decision: Decision, reports: dict[int, Report]) -> None:
    for place, outcome in zip(group.places, decision.outcomes, strict=True):
        reports[place] = Report(group.id, outcome)


def _refuse(group: _Group, write: Wanted, verdict: Verdict, reports: dict[int, Report]) -> bool:
    """Report what the server refuses for good; whether other puts on the document are left to be decided."""
    at = next(i for i, one in enumerate(group.wanted) if one is write)
    reports[group.places.pop(at)] = Report(group.id, "refused", verdict.reason)
    group.wanted.pop(at)
    return bool(group.wanted)


def deletions(index: str, hits: Iterable[Mapping[str, Any]]) -> list[Action]:
    """Bulk items that remove documents; what a search has found with its sequence number, unless written since."""
    return [Action(_line("delete", {"_index": index, **_as_found(hit)}), None) for hit in hits]


def _as_found(hit: Mapping[str, Any]) -> Json:
    if "_seq_no" not in hit:
        return {"_id": hit["_id"]}
    return {"_id": hit["_id"], "if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]}


def _line(action: str, where: Json) -> str:
    return json.dumps({action: where}, ensure_ascii=False)
