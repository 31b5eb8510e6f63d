"""Making the indices of a generation: template, index, aliases; and moving documents over where the layout changed.

The index of another layout is left as it is, blocked for writing, until all its documents are in the new one; the
aliases then move in one step and it is removed. A crash in between is healed by the next setup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from elasticsearch import ApiError, BadRequestError, Elasticsearch, NotFoundError

from indexer.elastic_mapping import META, Names, guard, mappings, template
from indexer.fields import Kind
from indexer.index import Put, Report
from indexer.query import fitting
from stream.errors import ConfigError
from stream.settings import ElasticsearchSettings

Json = dict[str, Any]
Store = Callable[[Sequence[Put]], list[Report]]

_BATCH = 500
_KEEP_ALIVE = "5m"


def holders(client: Elasticsearch, alias: str) -> list[str]:
    """The indices that an alias leads to."""
    try:
        return sorted(client.indices.get_alias(name=alias))
    except NotFoundError:
        return []


def guard_indices(client: Elasticsearch, prefix: str) -> None:
    """See to it that only setup makes indices."""
    client.indices.put_index_template(name=f"{prefix}-guard", **guard(prefix))


def set_up(client: Elasticsearch, names: Names, settings: ElasticsearchSettings, store: Store) -> list[str]:
    """Make the index of one kind, or find it made; ``store`` writes documents into it. A line for what changed."""
    wanted = {"number_of_shards": settings.shards, **_replicas(settings)}
    client.indices.put_index_template(name=names.template, **template(names, wanted))
    present = holders(client, names.alias)
    if present == [names.index]:
        return _differences(client, names, settings)
    if _create(client, names, wanted, [] if present else _free_aliases(client, names)):
        if not present:
            return [f"index: {names.index} created"]
    elif not present:  # another setup was faster, or its aliases were taken away
        client.indices.update_aliases(actions=[{"add": {"index": names.index, "alias": names.alias}}])
        return []
    count = sum(_move_documents(client, old, names, store) for old in present)
    _move_aliases(client, present, names)
    return [f"index: {names.alias} changed: {count} documents indexed again"]


def _replicas(settings: ElasticsearchSettings) -> Json:
    given = settings.replicas is not None
    return {"number_of_replicas": settings.replicas} if given else {"auto_expand_replicas": "0-1"}


def _free_aliases(client: Elasticsearch, names: Names) -> list[str]:
    """The generation's alias, and where no generation is live yet this one's is."""
    return [names.alias, *([names.live] if not holders(client, names.live) else [])]


def _create(client: Elasticsearch, names: Names, settings: Json, aliases: Sequence[str]) -> bool:
    """Create the index; False where it is there. The mapping is named again: the template may just be another's."""
    try:
        client.indices.create(
            index=names.index, settings=settings, mappings=mappings(names.kind), aliases={a: {} for a in aliases}
        )
    except BadRequestError as error:
        if error.error != "resource_already_exists_exception":
            raise
        return False
    return True


def _differences(client: Elasticsearch, names: Names, settings: ElasticsearchSettings) -> list[str]:
    """Where the index differs from the settings: copies are changed, shards are told."""
    found = client.indices.get_settings(index=names.index, flat_settings=True)[names.index]["settings"]
    lines = []
    if int(found["index.number_of_shards"]) != settings.shards:
        lines.append(
            f"index: {names.index} has {found['index.number_of_shards']} shards, elasticsearch.shards is"
            f" {settings.shards}: fixed when it was made"
        )
    if settings.replicas is not None and int(found["index.number_of_replicas"]) != settings.replicas:
        client.indices.put_settings(
            index=names.index, settings={"auto_expand_replicas": False, "number_of_replicas": settings.replicas}
        )
        lines.append(f"index: {names.index} now has {settings.replicas} replicas")
    return lines


def _move_documents(client: Elasticsearch, old: str, names: Names, store: Store) -> int:
    """Store every document of the index ``old`` in the new one; how many. Raises ``ConfigError`` when one cannot be
    kept: nothing is removed then."""
    client.indices.add_block(index=old, block="write")  # answers when the writes under way have ended
    client.indices.refresh(index=old)  # or the last second's documents would be left behind
    count = 0
    for hits in scan(client, old):
        reports = store([_put(names.kind, hit) for hit in hits])
        if lost := [r for r in reports if r.outcome == "refused"]:
            client.indices.put_settings(index=old, settings={"index.blocks.write": None})
            raise ConfigError(
                f"index: {old} stays as it was: {lost[0].id} cannot be indexed again: {lost[0].reason};"
                " use the version of newswatch that made it"
            )
        count += len(hits)
    return count


def _put(kind: Kind, hit: Json) -> Put:
    source = dict(hit["_source"])
    own = source.pop(META)
    return Put(kind, hit["_id"], own["version"], fitting(kind, source))


def _move_aliases(client: Elasticsearch, old: Sequence[str], names: Names) -> None:
    """All aliases to the new index and the old ones away, in one step; another setup may have done so just now."""
    held = {a for index in old for a in _aliases_of(client, index)} | {names.alias}
    actions: list[Json] = [{"add": {"index": names.index, "alias": alias}} for alias in sorted(held)]
    try:
        client.indices.update_aliases(actions=[*actions, *({"remove_index": {"index": index}} for index in old)])
    except ApiError:
        if holders(client, names.alias) != [names.index]:
            raise


def _aliases_of(client: Elasticsearch, index: str) -> list[str]:
    try:
        return list(client.indices.get_alias(index=index)[index]["aliases"])
    except NotFoundError:
        return []


def scan(client: Elasticsearch, index: str, query: Json | None = None, **options: Any) -> Iterator[list[Json]]:
    """All hits of one moment, in batches: a point in time, paged with ``search_after``."""
    point = client.open_point_in_time(index=index, keep_alive=_KEEP_ALIVE)["id"]
    try:
        after: Json = {}
        while True:
            page = client.search(
                pit={"id": point, "keep_alive": _KEEP_ALIVE}, query=query, sort=["_shard_doc"], size=_BATCH,
                track_total_hits=False, allow_partial_search_results=False, **after, **options,
            )  # fmt: skip
            point, hits = page["pit_id"], page["hits"]["hits"]
            if not hits:
                return
            yield hits
            after = {"search_after": hits[-1]["sort"]}
    finally:
        client.close_point_in_time(id=point)
