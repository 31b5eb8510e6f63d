"""The index stage: sinks for ``enriched`` (articles with their statements), ``relocations`` and ``alerts``."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.documents import alert_document, relocation_document
from indexer.fields import Kind
from indexer.forgetting import forget_articles
from indexer.index import Index, Put, Report
from indexer.revisions import plan, statements_named
from stream.errors import ConfigError, IndexUnavailable
from stream.messages import Alert, EnrichedArticle, Relocation
from stream.stage import Done, Incoming, Outcome, Reject, Retry, Tombstone

RETRY_AFTER = 2.0
"""Seconds to wait when the index is away."""

ATTEMPTS = 5
"""How often a batch is planned again before it waits, where another worker changes the same articles."""

_AWAY = (IndexUnavailable, ConfigError)
"""An index that is not set up or damaged is no record's fault, either: nothing becomes a dead letter while it is."""


class IndexEnriched:
    """A ``stream.stage.Handler`` that stores enriched articles and their statements, corrections included; a tombstone
    takes an article and its statements away.

    All is acknowledged by the index when it returns ``Done``. What the index refuses for ever becomes a dead letter.
    """

    takes_tombstones = True

    def __init__(self, index: Index) -> None:
        """``index`` must be set up."""
        self._index = index

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """Store the batch; ``Retry`` for all of it while the index is away (nothing is lost by storing it again)."""
        gone = _tombstones(batch)
        enriched = [
            i.message if isinstance(i.message, EnrichedArticle) and n > gone.get(i.message.article.id, -1) else None
            for n, i in enumerate(batch)
        ]
        try:
            forget_articles(self._index, list(gone))
            refused = self._store_all([e for e in enriched if e is not None])
        except _AWAY as error:
            return [Retry(str(error), RETRY_AFTER)] * len(batch)
        return [_outcome(i, refused.get(e.article.id) if e else None) for i, e in zip(batch, enriched, strict=True)]

    def _store_all(self, batch: Sequence[EnrichedArticle]) -> dict[str, str]:
        """Store the batch, again where another worker wrote at the same time (one of the two was paused, lost its
        partitions and does not know yet); returns why by article id where something was refused."""
        refused: dict[str, str] = {}
        for _ in range(ATTEMPTS):
            some, changed = self._store(batch)
            refused |= some
            batch = [e for e in batch if e.article.id in changed]
            if not batch:
                return refused
        raise IndexUnavailable(f"article {batch[0].article.id}: another worker changes it again and again")

    def _store(self, batch: Sequence[EnrichedArticle]) -> tuple[dict[str, str], set[str]]:
        """Store what ``plan`` says; why by article id where something was refused, and the articles that another
        worker changed meanwhile."""
        present = self._index.get("articles", list({e.article.id for e in batch}))
        statements = self._index.get("location-changes", statements_named(batch, present))
        planned = plan(batch, present, statements)
        reports = self._index.put(planned.statements)
        refused = {
            str(p.document["article_id"]): f"statement {p.id}: {r.reason}"
            for p, r in zip(planned.statements, reports, strict=True)
            if r.outcome == "refused"
        }
        told = zip(planned.statements, reports, strict=True)
        changed = {str(p.document["article_id"]) for p, r in told if r.outcome == "changed"} - refused.keys()
        reports = self._index.put([p for p in planned.articles if p.id not in refused and p.id not in changed])
        refused |= {r.id: f"article {r.id}: {r.reason}" for r in reports if r.outcome == "refused"}
        return refused, changed | {r.id for r in reports if r.outcome == "changed"}


class IndexAlerts:
    """A ``stream.stage.Handler`` that stores alerts. An alert that was held back may come once more, to be sent: that
    record has the higher version, so it is the one shown in whatever order they arrive. A tombstone takes one away."""

    takes_tombstones = True

    def __init__(self, index: Index) -> None:
        """``index`` must be set up."""
        self._index = index

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """Store the batch; ``Retry`` for all of it while the index is away."""
        alerts = [m for m in _left(batch) if isinstance(m, Alert)]
        puts = [Put("alerts", a.id, 1 if a.held_back else 2, alert_document(a)) for a in alerts]
        return _stored(self._index, "alerts", batch, puts, Alert)


class IndexRelocations:
    """A ``stream.stage.Handler`` that stores relocations: the highest version is shown, in whatever order they come. A
    tombstone takes one away."""

    takes_tombstones = True

    def __init__(self, index: Index) -> None:
        """``index`` must be set up."""
        self._index = index

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """Store the batch; ``Retry`` for all of it while the index is away."""
        relocations = [m for m in _left(batch) if isinstance(m, Relocation)]
        puts = [Put("relocations", r.id, r.version, relocation_document(r)) for r in relocations]
        return _stored(self._index, "relocations", batch, puts, Relocation)


def _id(incoming: Incoming) -> str:
    """What the record is about: its key, without what tells records on one thing apart (``ID:replayed``)."""
    return incoming.record.key.partition(":")[0]


def _tombstones(batch: Sequence[Incoming]) -> dict[str, int]:
    """The ids that were taken down, each with the place of its last tombstone in the batch."""
    return {_id(i): n for n, i in enumerate(batch) if isinstance(i.message, Tombstone)}


def _left(batch: Sequence[Incoming]) -> list[object]:
    """The messages behind the last tombstone of their id."""
    gone = _tombstones(batch)
    return [i.message for n, i in enumerate(batch) if n > gone.get(_id(i), -1)]


def _stored(
    index: Index, kind: Kind, batch: Sequence[Incoming], puts: Sequence[Put], expected: type[Alert] | type[Relocation]
) -> Sequence[Outcome]:
    """Remove what was taken down, store documents that are each the whole of one message."""
    try:
        if gone := _tombstones(batch):
            index.remove(kind, list(gone))
        reports = index.put(puts)
    except _AWAY as error:
        return [Retry(str(error), RETRY_AFTER)] * len(batch)
    refused = {r.id: _refusal(expected, r) for r in reports if r.outcome == "refused"}
    return [
        _outcome(i, refused.get(i.message.id) if isinstance(i.message, expected) else None, expected) for i in batch
    ]


def _refusal(expected: type[Alert] | type[Relocation], report: Report) -> str:
    return f"{expected.__name__.lower()} {report.id}: {report.reason}"


def _outcome(
    incoming: Incoming,
    refused: str | None,
    expected: type[EnrichedArticle] | type[Alert] | type[Relocation] = EnrichedArticle,
) -> Outcome:
    if isinstance(incoming.message, Tombstone):
        return Done()
    if not isinstance(incoming.message, expected):
        return Reject(f"a {type(incoming.message).__name__}, where the index expects {expected.__name__} records")
    return Reject(f"the index refuses {refused}") if refused else Done()
