"""The index writer on Elasticsearch beside a bare ``helpers.parallel_bulk`` of the same documents."""

from __future__ import annotations

import itertools
import json
import secrets

from elasticsearch import Elasticsearch, helpers

from benchmarks.extraction import articles
from benchmarks.measure import RUNS, compare
from benchmarks.servers import url_of
from indexer.documents import article_document
from indexer.elastic_mapping import names_of
from indexer.elastic_put import WRITERS, prepare
from indexer.index import Put, Report, open_index
from processors.enrich import Enricher
from processors.pipeline import load_pipeline
from stream.settings import ElasticsearchSettings, Settings
from tests.service_elastic import elasticsearch

DOCUMENTS, BATCH = 4_000, 500
"""So many at once, as the index stage does."""


def run() -> None:
    """Print the comparison: new documents into indices of the same layout. Both write to fresh indices; the baseline
    is given the very JSON objects that newswatch sends, made before the clock starts, and as many threads."""
    title = f"index writer, {DOCUMENTS:,} enriched articles of 300-450 words, batches of {BATCH}"
    url = url_of(elasticsearch, title)
    if url is None:
        return
    puts = _puts()
    bare = [(p.id, json.loads(wanted.json)) for p in puts if not isinstance(wanted := prepare(p), Report)]
    prefix = f"bench-{secrets.token_hex(3)}"
    numbers = itertools.count()
    client = Elasticsearch(url, request_timeout=60)

    def fresh() -> tuple[str, str]:
        name = f"{prefix}-{next(numbers)}"
        return name, names_of(name, "articles", "g1").index

    def ours() -> int:
        name, _ = fresh()
        index = open_index(url, elasticsearch=_settings(name))
        done = 0
        for start in range(0, len(puts), BATCH):
            done += sum(r.outcome == "stored" for r in index.put(puts[start : start + BATCH]))
        index.close()
        return done

    def bulk() -> int:
        _, name = fresh()
        actions = ({"_op_type": "create", "_index": name, "_id": id_, "_source": d} for id_, d in bare)
        return sum(ok for ok, _ in helpers.parallel_bulk(client, actions, thread_count=WRITERS))

    try:
        for name in (f"{prefix}-{n}" for n in range(2 * RUNS)):  # made before the clock starts
            index = open_index(url, elasticsearch=_settings(name))
            index.setup()
            index.close()
        compare(title, "documents", ours, "parallel_bulk", bulk, at_least=0.9)
    finally:
        client.indices.delete(index=list(client.indices.get(index=f"{prefix}-*", features="aliases")))
        client.indices.delete_index_template(name=f"{prefix}-*")
        client.close()


def _settings(prefix: str) -> ElasticsearchSettings:
    return ElasticsearchSettings(prefix=prefix, replicas=0)


def _puts() -> list[Put]:
    """The demo's articles with all that was found in them, each under many ids."""
    enriched = Enricher(load_pipeline(Settings().spacy_model)).enrich(articles())
    documents = itertools.cycle([article_document(e) for e in enriched])
    ids = (f"{n:024x}" for n in range(DOCUMENTS))
    return [Put("articles", id_, 1, {**next(documents), "id": id_}) for id_ in ids]
