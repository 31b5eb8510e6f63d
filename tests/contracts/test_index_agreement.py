"""Every backend and the in-process matcher say the same of every query and document (promise 7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from indexer.fields import FIELDS, KINDS, Kind
from indexer.index import Index, Put
from indexer.query import Matchable, Node, Query, matches, parse
from tests.contracts.index_stores import INDEX_STORES
from tests.indexer.strategies import asked_of, documents, joined_trees, render, trees


@dataclass(frozen=True)
class Case:
    kind: Kind
    documents: list[dict[str, Any]]
    queries: list[Query]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Three documents and some queries on the same few fields."""
    kind: Kind = draw(st.sampled_from(KINDS))
    names = draw(st.lists(st.sampled_from(sorted(FIELDS[kind])), min_size=1, max_size=6, unique=True))
    if draw(st.booleans()):
        names = [*names, next(f.path for f in FIELDS[kind].values() if f.default)]
    three = draw(st.lists(documents(kind, names), min_size=3, max_size=3))
    asked = joined_trees(st.one_of([asked_of(kind, d) for d in three]))
    nodes: list[Node] = draw(st.lists(asked | trees(kind, names), min_size=1, max_size=4))
    return Case(kind, three, [parse(render(n, kind), kind) for n in nodes])


@pytest.fixture(params=sorted(INDEX_STORES), scope="module")
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder: Path = tmp_path_factory.mktemp("agreement")
    store = INDEX_STORES[request.param](folder)
    opened = store.open()
    opened.setup()
    yield opened
    opened.close()
    store.remove()


VERSIONS = count(1)


@given(case=cases())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_search_finds_just_what_the_matcher_says(index: Index, case: Case) -> None:
    version = next(VERSIONS)
    puts = [Put(case.kind, str(i), version, d) for i, d in enumerate(case.documents)]
    assert [r.outcome for r in index.put(puts)] == ["stored"] * 3
    for query in case.queries:
        found = {h.id for h in index.search(case.kind, query).hits}
        now = datetime.now(UTC)
        assert found == {p.id for p in puts if matches(query, p.document, now)}, query


@pytest.fixture(scope="module")
def pool() -> dict[Kind, Case]:
    """Hundreds of documents and of queries of each kind, the same in every run: each query is asked of all of them."""
    drawn: list[Case] = []

    @seed(20260901)
    @given(case=cases())
    @settings(max_examples=1_000, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    def draw(case: Case) -> None:
        drawn.append(case)

    draw()
    return {
        kind: Case(
            kind,
            [d for case in drawn if case.kind == kind for d in case.documents],
            [q for case in drawn if case.kind == kind for q in case.queries],
        )
        for kind in KINDS
    }


@pytest.mark.parametrize("kind", KINDS)
def test_hundreds_of_queries_find_the_same_among_hundreds_of_documents(
    index: Index, pool: dict[Kind, Case], kind: Kind
) -> None:
    case = pool[kind]
    assert len(case.documents) >= 250
    assert len(case.queries) >= 200
    puts = [Put(kind, f"p{i}", 1, d) for i, d in enumerate(case.documents)]
    index.prune(kind, datetime(2100, 1, 1, tzinfo=UTC))
    assert {r.outcome for r in index.put(puts)} == {"stored"}
    views = {p.id: Matchable(kind, p.document) for p in puts}
    assert {i: s.document for i, s in index.get(kind, list(views)).items()} == {p.id: p.document for p in puts}
    for query in case.queries:
        found = {h.id for h in index.search(kind, query, limit=1_000).hits}
        now = datetime.now(UTC)
        assert found == {i for i, view in views.items() if matches(query, view, now)}, query
