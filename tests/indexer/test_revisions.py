"""Corrections and late revisions: the index ends up the same in whatever order and batches they arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.documents import article_document, statement_document
from indexer.index import ABSENT, Put, Stored
from indexer.revisions import Plan, plan, statements_named
from stream.messages import EnrichedArticle, LocationChange
from tests.indexer.test_documents import enriched_with_entities

CHANGE = LocationChange.model_validate(
    {
        "id": "s", "article_id": "a", "version": 1,
        "actor": {"text": "Hamas", "name": "Hamas", "type": "group", "root": "hamas"},
        "origin": None, "destination": None, "kind": "relocation", "status": "planned", "trigger": "move",
        "evidence": {"sentence": "x", "start": 0, "end": 1}, "confidence": 0.5, "published": "2026-09-01T00:00:00Z",
        "fetched": "2026-09-01T00:00:00Z", "origin_of_article": "live", "source": {"id": "s", "name": "S"},
        "url": "u", "title": "t", "fingerprint": "0" * 16,
    }
)  # fmt: skip


def revision(version: int, statements: str, *, update: bool = False, of: str = "a") -> EnrichedArticle:
    """A revision of article ``of`` that makes the statements, one a letter."""
    enriched = enriched_with_entities(0)
    article = enriched.article.model_copy(
        update={"id": of, "version": version, "update": update, "title": f"v{version}"}
    )
    changes = tuple(
        CHANGE.model_copy(update={"id": f"{of}-{s}", "article_id": of, "version": version, "title": f"v{version}"})
        for s in statements
    )
    return enriched.model_copy(update={"article": article, "location_changes": changes})


@dataclass
class Shelf:
    """The documents by kind and id, guarded by versions and etags as every index guards them."""

    kept: dict[str, dict[str, Stored]] = field(default_factory=lambda: {"articles": {}, "location-changes": {}})

    def put(self, puts: Sequence[Put]) -> set[str]:
        """The articles that somebody changed meanwhile, or a statement of them."""
        changed = set()
        for p in puts:
            present = self.kept[p.kind].get(p.id)
            if p.if_match is not None and p.if_match != (present.etag if present else ABSENT):
                changed.add(str(p.document.get("article_id", p.id)))
            elif present is None or present.version <= p.version:
                self.kept[p.kind][p.id] = Stored(p.id, p.version, p.document, repr((p.version, p.document)))
        return changed

    def plan(self, batch: Sequence[EnrichedArticle]) -> Plan:
        """What a worker that reads now would put."""
        articles = {
            e.article.id: self.kept["articles"][e.article.id] for e in batch if e.article.id in self.kept["articles"]
        }
        statements = self.kept["location-changes"]
        named = {i: statements[i] for i in statements_named(batch, articles) if i in statements}
        return plan(batch, articles, named)

    def take(self, batch: Sequence[EnrichedArticle], *, crash: bool = False) -> int:
        """Store a batch (with ``crash`` only its statements); returns how many documents were put."""
        planned = self.plan(batch)
        assert not self.put(planned.statements)
        assert crash or not self.put(planned.articles)
        return len(planned.statements) + len(planned.articles)

    def finish(self, planned: Plan, batch: Sequence[EnrichedArticle]) -> None:
        """What a worker does that planned long ago: it plans again what was changed since."""
        changed = self.put(planned.statements)
        if changed | self.put([p for p in planned.articles if p.id not in changed]):
            self.take(batch)

    def said(self) -> dict[str, tuple[str, bool]]:
        """Each statement: the title of the revision shown, and whether it is withdrawn."""
        return {
            i.removeprefix("a-"): (str(s.document["title"]), bool(s.document["withdrawn"]))
            for i, s in self.kept["location-changes"].items()
        }


def shelf(*batches: Sequence[EnrichedArticle]) -> Shelf:
    made = Shelf()
    for batch in batches:
        made.take(batch)
    return made


def test_a_first_revision() -> None:
    made = shelf([revision(1, "xy")])
    assert made.said() == {"x": ("v1", False), "y": ("v1", False)}
    stored = made.kept["articles"]["a"]
    told = [{"id": "a-x", "version": 1}, {"id": "a-y", "version": 1}]
    assert stored == Stored("a", 1, {**article_document(revision(1, "xy")), "statements": told})


def test_an_update_withdraws_what_it_no_longer_says() -> None:
    made = shelf([revision(1, "xy")], [revision(2, "yz", update=True)])
    assert made.said() == {"x": ("v1", True), "y": ("v2", False), "z": ("v2", False)}
    assert made.kept["location-changes"]["a-x"].version == 2
    assert made.kept["articles"]["a"].document["superseded_below"] == 2


def test_withdrawals_come_before_new_statements_and_the_article_last() -> None:
    before = shelf([revision(1, "zx")])
    planned = plan([revision(2, "az", update=True)], before.kept["articles"], before.kept["location-changes"])
    assert [(p.id, p.document["withdrawn"]) for p in planned.statements] == [
        ("a-x", True),
        ("a-z", False),
        ("a-a", False),
    ]
    assert [p.id for p in planned.articles] == ["a"]


def test_another_feeds_copy_withdraws_nothing() -> None:
    made = shelf([revision(1, "x")], [revision(2, "y")])
    assert made.said() == {"x": ("v1", False), "y": ("v2", False)}
    assert made.kept["articles"]["a"].version == 2


def test_a_late_revision_does_not_overwrite_and_comes_withdrawn() -> None:
    made = shelf([revision(2, "y", update=True)], [revision(1, "xy")])
    assert made.said() == {"x": ("v1", True), "y": ("v2", False)}
    assert made.kept["articles"]["a"].document["title"] == "v2"


def test_a_late_update_withdraws_although_a_copy_is_shown() -> None:
    made = shelf([revision(1, "x")], [revision(3, "z")], [revision(2, "y", update=True)])
    assert made.said() == {"x": ("v1", True), "y": ("v2", False), "z": ("v3", False)}
    assert made.kept["articles"]["a"].version == 3


def test_of_two_withdrawals_by_one_update_the_later_wording_stays() -> None:
    """A worker that knows the first wording only is paused, and writes last."""
    made = shelf([revision(1, "x")])
    update = [revision(3, "", update=True)]
    late = made.plan(update)
    made.take([revision(2, "x")])
    made.take(update)
    made.finish(late, update)
    assert made.said() == {"x": ("v2", True)}


def test_what_is_said_again_is_no_longer_withdrawn() -> None:
    made = shelf([revision(1, "x")], [revision(2, "", update=True)], [revision(3, "x", update=True)])
    assert made.said() == {"x": ("v3", False)}


def test_the_same_batch_again_puts_nothing() -> None:
    batch = [revision(1, "xy"), revision(2, "y", update=True), revision(1, "z", of="b")]
    made = shelf(batch)
    assert made.take(batch) == 0


@st.composite
def histories(draw: st.DrawFn) -> list[EnrichedArticle]:
    """Revisions of one article, oldest first."""
    told = draw(st.lists(st.tuples(st.sets(st.sampled_from("xyz")), st.booleans()), min_size=1, max_size=6))
    return [revision(i + 1, "".join(sorted(s)), update=u and i > 0) for i, (s, u) in enumerate(told)]


def expected(history: Sequence[EnrichedArticle]) -> Mapping[str, Mapping[str, Any]]:
    """By the rule: a statement is as it was last made, withdrawn if an update came since."""
    updated = max((e.article.version for e in history if e.article.update), default=0)
    last = {c.id: (e, c) for e in history for c in e.location_changes}
    return {i: statement_document(c, e.model, withdrawn=e.article.version < updated) for i, (e, c) in last.items()}


@given(history=histories(), data=st.data())
@settings(max_examples=300, deadline=None)
def test_order_batches_repeats_and_crashes_make_no_difference(
    history: list[EnrichedArticle], data: st.DataObject
) -> None:
    arriving = data.draw(st.permutations(history + data.draw(st.lists(st.sampled_from(history), max_size=2))))
    made = Shelf()
    while arriving:
        size = data.draw(st.integers(1, len(arriving)))
        if data.draw(st.booleans()):
            made.take(arriving[:size], crash=True)
        made.take(arriving[:size])
        arriving = arriving[size:]
    assert {i: s.document for i, s in made.kept["location-changes"].items()} == expected(history)
    shown = made.kept["articles"]["a"]
    in_order = shelf(history).kept
    assert (shown, made.kept["location-changes"]) == (in_order["articles"]["a"], in_order["location-changes"])


@given(history=histories(), data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_worker_that_was_paused_makes_no_difference(history: list[EnrichedArticle], data: st.DataObject) -> None:
    """It reads, is paused while its successor goes on from the same record, and writes at any later time."""
    arriving = data.draw(st.permutations(history))
    start = data.draw(st.integers(0, len(arriving)))
    end, woken = (data.draw(st.integers(start, len(arriving))) for _ in range(2))
    made = shelf(*([e] for e in arriving[:start]))
    late = made.plan(arriving[start:end])
    for i, enriched in enumerate([*arriving[start:], None], start):
        if i == woken:
            made.finish(late, arriving[start:end])
        if enriched:
            made.take([enriched])
    assert {i: s.document for i, s in made.kept["location-changes"].items()} == expected(history)
    assert made.kept["articles"] == shelf(history).kept["articles"]
