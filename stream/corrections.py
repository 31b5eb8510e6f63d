"""Which articles were corrected lately: who is about to speak of an older revision asks here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from stream.log import Log
from stream.topics import Names

LATELY = timedelta(days=7)
"""No revision comes so long after one that corrected it, but by hand; and what was published since then is read when a
worker has its first alert."""
_PARTITION = 0
"""A correction goes to every partition of ``location-changes``: one tells of all."""
_KEY = "superseded:"
_READ = 1_000


def key_of_update(article_id: str, version: int) -> str:
    """The key of the record that tells of an update (``Superseded``)."""
    return f"{_KEY}{article_id}:{version}"


class Corrections:
    """The last update of each article that had one lately, read from ``location-changes`` when it is first asked for.

    What a caller reads of an article was published together with its update, or after it: so an update that came before
    is never missed. One object serves one thread.
    """

    def __init__(self, log: Log, names: Names) -> None:
        self._log = log
        self._topic = names.topic("location-changes")
        self._next: int | None = None
        self._versions: dict[str, int] = {}

    def among(self, article_ids: Iterable[str], now: datetime) -> Mapping[str, int]:
        """Those of the articles that were corrected by ``now``, each with the version of its last update. Reads nothing
        when asked about none. Raises ``LogError``."""
        wanted = set(article_ids)
        if not wanted:
            return {}
        if self._next is None:
            self._next = self._log.offsets_for_time(self._topic, now - LATELY)[_PARTITION]
        while records := self._log.read(self._topic, _PARTITION, self._next, _READ):
            for record in records:
                if record.key.startswith(_KEY):
                    self._take(record.key)
            self._next = records[-1].offset + 1
        return {article_id: self._versions[article_id] for article_id in wanted & self._versions.keys()}

    def _take(self, key: str) -> None:
        article_id, _, version = key.removeprefix(_KEY).rpartition(":")
        if version.isdigit():
            self._versions[article_id] = max(int(version), self._versions.get(article_id, 0))
