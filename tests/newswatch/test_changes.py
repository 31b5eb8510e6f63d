"""The differences of two generations: added, lost and changed, paired by the sentence; only what both can know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.documents import relocation_document, statement_document
from indexer.index import Index, Put, open_index
from newswatch.changes import Difference, differences, told
from tests.stream.golden import CHANGE, ENRICHED, RELOCATION

NOON = "2026-09-01T12:00:00Z"


@pytest.fixture
def sets(tmp_path: Path) -> Iterator[tuple[Index, Index]]:
    opened = tuple(open_index(f"sqlite:///{tmp_path}/index.db", g) for g in ("g1", "g2"))
    for index in opened:
        index.setup()
        index.put([Put("articles", a, 1, {"id": a, "published": NOON}) for a in ("a", "b", CHANGE.article_id)])
    yield opened[0], opened[1]
    for index in opened:
        index.close()


def say(index: Index, id_: str, article: str = "a", **fields: Any) -> None:
    document = statement_document(CHANGE, ENRICHED.model) | {"id": id_, "article_id": article, "withdrawn": False}
    index.put([Put("location-changes", id_, 1, document | fields)])


def compared(sets: tuple[Index, Index]) -> tuple[list[Difference], Counter[str]]:
    same: Counter[str] = Counter()
    return list(differences("location-changes", *sets, same)), same


def test_what_is_said_alike_is_only_counted(sets: tuple[Index, Index]) -> None:
    for number, index in enumerate(sets):
        say(index, "s", version=number, model={"name": f"m{number}"})
    found, same = compared(sets)
    assert (found, same) == ([], Counter({CHANGE.kind: 1}))


def test_added_lost_and_changed_are_told_apart(sets: tuple[Index, Index]) -> None:
    old, new = sets
    say(old, "kept", status="planned")
    say(new, "kept", status="approved")
    say(old, "lost", evidence={"sentence": "Gone.", "start": 50, "end": 55})
    say(new, "added", evidence={"sentence": "New.", "start": 90, "end": 94})
    say(old, "was", "b", destination=None)  # another id, for it is made of the places; the same sentence
    say(new, "is", "b")
    say(old, "unknown", "only-in-g1")  # g2 has yet to read that article
    found, _ = compared(sets)
    assert {(d.change, (d.before or {}).get("id"), (d.after or {}).get("id"), tuple(d.fields)) for d in found} == {
        ("changed", "kept", "kept", ("status",)),
        ("lost", "lost", None, ()),
        ("added", None, "added", ()),
        ("changed", "was", "is", ("destination",)),
    }


def test_a_withdrawal_is_a_change(sets: tuple[Index, Index]) -> None:
    say(sets[0], "s")
    say(sets[1], "s", withdrawn=True)
    (one,) = compared(sets)[0]
    assert (one.change, one.fields) == ("changed", ["withdrawn"])


def test_relocations_are_compared_but_for_what_arrival_makes_of_them(sets: tuple[Index, Index]) -> None:
    old, new = sets
    document = relocation_document(RELOCATION)
    articles = {s["article_id"] for s in document["statements"]}
    for index in sets:
        index.put([Put("articles", a, 1, {"id": a, "published": NOON}) for a in articles])
    old.put([Put("relocations", "r", 1, document | {"id": "r"})])
    new.put([Put("relocations", "r", 9, document | {"id": "r", "version": 9, "announced": []})])
    old.put([Put("relocations", "m", 1, document | {"id": "m", "merged_into": "r", "withdrawn": True})])
    assert list(differences("relocations", old, new)) == []
    new.put(
        [
            Put(
                "relocations",
                "r",
                10,
                document | {"id": "r", "kind": "evacuation"},
            )
        ]
    )
    (one,) = differences("relocations", old, new)
    assert one.fields[:1] == ["kind"]


def test_people_see_counts_and_examples_side_by_side(sets: tuple[Index, Index]) -> None:
    say(sets[0], "s", status="planned")
    say(sets[1], "s", status="approved")
    say(sets[1], "t", evidence={"sentence": "Something\n new.", "start": 90, "end": 94})
    same: Counter[str] = Counter()
    lines = list(told("location-changes", differences("location-changes", *sets, same), same, 3))
    assert lines[0] == "== location-changes"
    assert lines[2].split() == [CHANGE.kind, "0", "1", "0", "1"]
    assert lines[3] == "changed (status)"
    assert lines[4].startswith("  - Harbour")
    assert "planned" in lines[4]
    assert "approved" in lines[5]
    assert any("“Something new.”" in line for line in lines)
    assert len(list(told("location-changes", differences("location-changes", *sets, same), same, 0))) == 3
