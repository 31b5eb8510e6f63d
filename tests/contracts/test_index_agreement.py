"""Every backend and the in-process matcher say the same of every query and document (promise 7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.fields import FIELDS, KINDS, Kind
from indexer.index import Index, Put
from indexer.query import Node, Query, matches, parse
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
    opened = INDEX_STORES[request.param](folder).open()
    opened.setup()
    yield opened
    opened.close()


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
