"""The index sets of all generations on Elasticsearch (``indexer/generations.py``): indices, and the aliases that lead
people to the live one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from indexer.elastic_client import connect, guarded
from indexer.elastic_mapping import META, Names, names_of
from indexer.elastic_setup import holders, scan
from indexer.fields import Kind
from indexer.generations import DERIVED, EXAMPLES, Missing, not_there, refuse_live
from stream.lineage import FIRST
from stream.logs import redact
from stream.settings import ElasticsearchSettings

Json = dict[str, Any]
_VERSION = f"{META}.version"


class ElasticIndexSets:
    """``IndexSets`` on the server at ``url``."""

    def __init__(self, url: str, settings: ElasticsearchSettings | None = None) -> None:
        """Raises ``ConfigError`` where URL or settings cannot be meant."""
        settings = settings or ElasticsearchSettings()
        self._prefix = settings.prefix
        self._client = connect(url, settings)
        self._url = redact(url)

    def live(self) -> str:
        """See ``IndexSets.live``."""
        with guarded(self._url):
            return self._live()

    def present(self) -> dict[str, dict[Kind, int]]:
        """See ``IndexSets.present``."""
        with guarded(self._url):
            found = self._client.indices.get_alias(index=f"{self._prefix}-g*", expand_wildcards="all")
            names = {m[1] for index in found if (m := self._generation_in(index))}
            return {g: self._counts(g) for g in sorted(names, key=lambda g: int(g[1:]))}

    def missing(self, generation: str) -> Missing:
        """See ``IndexSets.missing``."""
        with guarded(self._url):
            return self._missing(generation)

    def promote(self, generation: str) -> Missing:
        """See ``IndexSets.promote``: the live indices are closed for writing, and when the new ones hold all that they
        hold, and searches see it, all aliases move in one call."""
        with guarded(self._url):
            live = self._live()
            self._require(generation)
            for kind in DERIVED if live != generation else ():
                self._client.indices.add_block(index=self._names(kind, live).alias, block="write")
            missing = self._missing(generation)
            if not missing.count:
                self._client.indices.refresh(index=[self._names(kind, generation).alias for kind in DERIVED])
                self._client.indices.update_aliases(actions=[a for k in DERIVED for a in self._moves(k, generation)])
        return missing

    def drop(self, generation: str) -> list[str]:
        """See ``IndexSets.drop``."""
        with guarded(self._url):
            refuse_live(generation, self._live())
            lines = []
            for kind, count in self._counts(generation).items():
                names = self._names(kind, generation)
                if found := holders(self._client, names.alias):
                    self._client.indices.delete(index=found)
                    lines.append(f"index: {names.alias} removed with {count} documents")
        return lines

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _names(self, kind: Kind, generation: str) -> Names:
        return names_of(self._prefix, kind, generation)

    def _generation_in(self, index: str) -> re.Match[str] | None:
        return re.fullmatch(rf"{re.escape(self._prefix)}-(g[1-9][0-9]*)-.*", index)

    def _live(self) -> str:
        shown = holders(self._client, self._names("articles", FIRST).live)
        return next((m[1] for index in shown if (m := self._generation_in(index))), FIRST)

    def _require(self, generation: str) -> None:
        if not all(holders(self._client, self._names(kind, generation).alias) for kind in DERIVED):
            raise not_there(self._url, generation)

    def _counts(self, generation: str) -> dict[Kind, int]:
        def count(alias: str) -> int:
            return int(self._client.count(index=alias)["count"]) if holders(self._client, alias) else 0

        return {kind: count(self._names(kind, generation).alias) for kind in DERIVED}

    def _moves(self, kind: Kind, generation: str) -> Iterator[Json]:
        names = self._names(kind, generation)
        new = holders(self._client, names.alias)
        for index in holders(self._client, names.live):
            if index not in new:
                yield {"remove": {"index": index, "alias": names.live}}
        yield from ({"add": {"index": index, "alias": names.live}} for index in new)

    def _missing(self, generation: str) -> Missing:
        """The live articles, a batch at a time, each looked for in the new index."""
        live = self._live()
        self._require(generation)
        if live == generation:
            return Missing(0)
        old, new = self._names("articles", live).alias, self._names("articles", generation).alias
        self._client.indices.refresh(index=old)
        lacking: list[str] = []
        count = 0
        for hits in scan(self._client, old, source_includes=[_VERSION]):
            ids = self._lacking(new, {hit["_id"]: hit["_source"][META]["version"] for hit in hits})
            count += len(ids)
            lacking += ids[: EXAMPLES - len(lacking)]
        return Missing(count, tuple(lacking))

    def _lacking(self, index: str, versions: dict[str, int]) -> list[str]:
        """Those of which the index has no such version."""
        found = self._client.mget(index=index, ids=list(versions), source_includes=[_VERSION])["docs"]
        have = {doc["_id"]: doc["_source"][META]["version"] for doc in found if doc.get("found")}
        return [id_ for id_, version in versions.items() if have.get(id_, -1) < version]
