"""The articles that were taken down: who could bring one back asks here, whatever waits in the topics before it."""

from __future__ import annotations

from collections.abc import Iterable

from stream.log import Log
from stream.topics import Names

_READ = 1_000


class Takedowns:
    """The keys of the topic ``takedowns``, in memory: article ids, of which there are few.

    What a caller reads from a topic after a takedown was published is asked about after it, too: so it is never
    missed. One object serves one thread.
    """

    def __init__(self, log: Log, names: Names) -> None:
        """Raises ``UnknownTopic`` where ``newswatch setup`` has not been run since an upgrade."""
        self._log = log
        self._topic = names.topic("takedowns")
        self._next = dict.fromkeys(range(log.partitions(self._topic)), 0)
        self._ids: set[str] = set()

    def all(self) -> frozenset[str]:
        """The articles that were taken down by now. Raises ``LogError``."""
        for partition in self._next:
            while records := self._log.read(self._topic, partition, self._next[partition], _READ):
                self._ids |= {record.key for record in records}
                self._next[partition] = records[-1].offset + 1
        return frozenset(self._ids)

    def among(self, article_ids: Iterable[str]) -> frozenset[str]:
        """Those of the articles that were taken down by now. Raises ``LogError``."""
        return self.all().intersection(article_ids)
