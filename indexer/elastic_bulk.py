"""Bulk requests of bounded size, and a verdict for each item.

An item that the server is too busy for (429) or has no shard for (503) is sent again, later and later, for half a
minute: until then the caller waits, so that a worker reads no further records.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from indexer.elastic_client import fail, guarded

CHUNK_BYTES = 4_000_000
"""A request ends with the item that reaches this; the server takes 100 MB."""
PATIENCE = 30.0
"""Seconds to go on trying while the server is too busy."""
SECONDS = 60.0
"""To wait for the answer to one request."""
_BUSY = {429, 503}


@dataclass(frozen=True, slots=True)
class Action:
    """One item of a bulk request: the line that says what to do, and the document (None: a deletion)."""

    head: str
    source: str | None

    @property
    def lines(self) -> list[str]:
        """As they are sent."""
        return [self.head] if self.source is None else [self.head, self.source]

    @property
    def size(self) -> int:
        """Bytes to send, roughly."""
        return len(self.head) + len(self.source or "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an item: ``done``; ``conflict`` (something else is there, or for a deletion nothing); or
    ``refused`` for good, with the reason."""

    outcome: str
    reason: str | None = None


DONE, CONFLICT = Verdict("done"), Verdict("conflict")


class BulkWriter:
    """Writes actions. ``sleep`` waits between attempts. May be used by several threads."""

    def __init__(self, client: Elasticsearch, url: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """``url`` is for messages."""
        self._client, self._url, self._sleep = client.options(request_timeout=SECONDS), url, sleep

    def write(self, actions: Sequence[Action]) -> list[Verdict]:
        """A verdict each, in order. Raises ``IndexUnavailable`` or ``ConfigError`` (see ``elastic_client``); some may
        be written then, and are harmless to write again."""
        return [verdict for chunk in _chunks(actions) for verdict in self._chunk(chunk)]

    def _chunk(self, chunk: Sequence[Action]) -> list[Verdict]:
        verdicts: dict[int, Verdict] = {}
        waiting, pause, deadline = list(range(len(chunk))), 0.1, time.monotonic() + PATIENCE
        while True:
            items = self._send([chunk[i] for i in waiting])
            busy = []
            for i, item in zip(waiting, items, strict=True):
                if item["status"] in _BUSY:
                    busy.append((i, item))
                else:
                    verdicts[i] = self._verdict(item)
            if not busy:
                return [verdicts[i] for i in range(len(chunk))]
            if time.monotonic() + pause > deadline:
                fail(self._url, busy[0][1]["status"], busy[0][1].get("error", "busy"))
            self._sleep(pause)
            waiting, pause = [i for i, _ in busy], min(pause * 2, 5.0)

    def _send(self, actions: Sequence[Action]) -> list[Mapping[str, Any]]:
        """The server's answer to each; one that refuses the whole request for now answers for all."""
        lines: list[Any] = [line for action in actions for line in action.lines]  # JSON already: sent as it is
        with guarded(self._url):
            try:
                answer = self._client.bulk(operations=lines, filter_path="items.*.status,items.*.error")
            except ApiError as error:
                if error.status_code not in _BUSY:
                    raise
                return [{"status": error.status_code, "error": {"type": "busy", "reason": str(error)}}] * len(actions)
        return [next(iter(item.values())) for item in answer["items"]]

    def _verdict(self, item: Mapping[str, Any]) -> Verdict:
        status, error = item["status"], item.get("error", {})
        if status < 300:
            return DONE
        if status == 409 or (status == 404 and not error):
            return CONFLICT
        if status not in {400, 413}:
            fail(self._url, status, error)
        return Verdict("refused", _reason(error))


def _reason(error: Mapping[str, Any]) -> str:
    """Why, with the cause where there is one: it names the field."""
    cause = error.get("caused_by") or {}
    parts = [str(error.get("reason")), *([str(cause["reason"])] if cause.get("reason") else [])]
    return ": ".join(parts)[:500]


def _chunks(actions: Sequence[Action]) -> Iterator[list[Action]]:
    chunk: list[Action] = []
    size = 0
    for action in actions:
        chunk.append(action)
        size += action.size
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
