"""Fusion as a pure function of the set of statements: order, repetition and splitting change nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.relocations import fuse, root
from processors.relocations.revisions import newest, superseding
from processors.relocations.root import Root
from processors.relocations.statement import Statement, compact
from processors.relocations.telling import tell
from stream.messages import LocationChange, Relocation, Superseded, Takedown
from tests.processors.relocations.told import rival_reports, statements, updates

Said = LocationChange | Superseded
SETS = st.lists(st.one_of(statements(), statements(), statements(), updates()), max_size=14)


def fused(said: Sequence[Said]) -> list[Relocation]:
    changes = [s for s in said if isinstance(s, LocationChange)]
    return fuse(changes, [s for s in said if isinstance(s, Superseded)])


def piecemeal(parts: Sequence[Sequence[Said]], *, sleeps: bool = False) -> list[Relocation]:
    """As the stage does it: one root, part after part, asleep in between if it ``sleeps``."""
    desk = Root()
    updates: dict[str, set[int]] = {}
    for part in parts:
        new: dict[str, Statement] = {}
        for s in part:
            if isinstance(s, Superseded):
                updates.setdefault(s.article_id, set()).add(s.version)
            else:
                known = new.get(s.id) or desk.get(s.id)
                best = newest(known, compact(s))
                if best is not known:
                    new[s.id] = best
        for one in new.values():
            one.superseded = superseding(one, updates.get(one.article_id, ()))
        count = len(desk) + sum(desk.get(i) is None for i in new)
        desk.add(new.values())
        if any(isinstance(s, Superseded) for s in part):
            for one in list(desk.statements.values()):
                if version := superseding(one, updates.get(one.article_id, ())):
                    desk.withdraw(one, version)
        desk.walk()
        assert len(desk) == count
        if sleeps:
            desk = Root.awakened(desk.asleep())
    return [tell(case) for case in desk.cases]


@settings(max_examples=500, deadline=None)
@given(SETS, st.randoms(use_true_random=False))
def test_any_order_and_repetition_gives_the_same(said: list[Said], chance: object) -> None:
    shuffled = said + said[: len(said) // 2]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fused(shuffled) == fused(said)


@settings(max_examples=600, deadline=None)
@given(SETS, st.lists(st.integers(0, 14), max_size=6), st.randoms(use_true_random=False), st.booleans())
def test_any_split_in_any_order_gives_the_same(said: list[Said], cuts: list[int], chance: object, sleeps: bool) -> None:
    shuffled = said + said[: len(said) // 3]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    edges = [0, *sorted(cuts), len(shuffled)]
    parts = [shuffled[a:b] for a, b in pairwise(edges)]
    assert piecemeal(parts, sleeps=sleeps) == fused(said)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([0, 16]))
def test_a_root_that_sleeps_after_each_statement_ends_as_all_at_once(seed: int, few: int) -> None:
    said = [s for s in rival_reports(random.Random(seed)) if not isinstance(s, Takedown)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(root, "FEW", few)
        assert piecemeal([[s] for s in said], sleeps=True) == fused(said)


@settings(max_examples=500, deadline=None)
@given(SETS)
def test_looking_cases_up_by_place_finds_the_same(said: list[Said]) -> None:
    few, each = root.FEW, root._PRUNE_EACH
    whole = fused(said)
    try:
        root.FEW, root._PRUNE_EACH = 0, 3
        assert fused(said) == whole
    finally:
        root.FEW, root._PRUNE_EACH = few, each
