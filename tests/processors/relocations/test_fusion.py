"""Fusion as statements arrive: the same as all at once, and what it announces on the way."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.relocations import cache, fuse
from processors.relocations.announcing import Gone
from processors.relocations.cache import Cache, Known
from processors.relocations.fusion import Fusion
from processors.relocations.statement import compact
from stream.ids import statement_id
from stream.messages import LocationChange, Place, Relocation, Status, Superseded, Takedown, Transition, encode
from tests.processors.relocations.told import (
    ROOT,
    rival_reports,
    statements,
    takedown,
    takedowns,
    told,
    update,
    updates,
)

Said = LocationChange | Superseded | Takedown
SETS = st.lists(st.one_of(statements(), statements(), statements(), statements(), updates(), takedowns()), max_size=14)


class Desk:
    """Fusion of one partition with what it published; ``restart`` forgets all but that."""

    def __init__(self) -> None:
        self.read: list[Said] = []
        self.published: dict[str, Relocation] = {}
        self.transitions: list[Transition] = []
        self.restart()

    def restart(self) -> None:
        self._cache = Cache()
        self._fusion = Fusion(self._cache)
        self._fusion.read_on(0, [_compact(s) for s in self.read])
        for one in self.published.values():
            self._remember(one)

    def take(self, batch: Sequence[Said]) -> list[tuple[str, str]]:
        """Kind and after of the transitions that the batch makes."""
        self.read += batch
        came: list[Transition] = []
        for found in self._fusion.take(0, [_compact(s) for s in batch]).values():
            for one in found:
                if isinstance(one, Gone):
                    del self.published[one.id]
                    self._cache.remember(0, {one.id: None})
                    continue
                before = self.published.get(one.relocation.id)
                assert one.relocation.version == (before.version if before else 0) + 1
                self.published[one.relocation.id] = one.relocation
                self._remember(one.relocation)
                came += one.transitions
        self.transitions += came
        return [(t.kind, t.after) for t in came]

    def living(self) -> dict[str, Relocation]:
        """Those that are told now, without what depends on the order of arrival."""
        forget = {"version": 0, "announced": ()}
        return {i: r.model_copy(update=forget) for i, r in self.published.items() if r.merged_into is None}

    def _remember(self, relocation: Relocation) -> None:
        known = Known.read(encode(relocation))
        assert known == Known.of(relocation)
        self._cache.remember(0, {relocation.id: known})


def _compact(said: Said) -> object:
    return compact(said) if isinstance(said, LocationChange) else said


@settings(max_examples=500, deadline=None)
@given(SETS, st.lists(st.integers(0, 14), max_size=6), st.randoms(use_true_random=False), st.booleans())
def test_as_they_arrive_is_as_all_at_once(said: list[Said], cuts: list[int], chance: object, restarts: bool) -> None:
    shuffled = said + said[: len(said) // 3]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    desk = Desk()
    for a, b in pairwise([0, *sorted(cuts), len(shuffled)]):
        desk.take(shuffled[a:b])
        if restarts:
            desk.restart()
    assert desk.living() == _at_once(said)
    assert [i for i, n in Counter(t.id for t in desk.transitions).items() if n > 1] == []
    assert all(t.relocation.background is False for t in desk.transitions)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(1, 4), st.booleans())
def test_rivals_that_come_and_go_end_as_all_at_once(seed: int, most: int, sleep: bool) -> None:
    chance = random.Random(seed)
    said = [*rival_reports(chance), *(rival_reports(chance, "another root") if sleep else ())]
    chance.shuffle(said)
    desk, taken = Desk(), 0
    with pytest.MonkeyPatch.context() as patch:
        if sleep:  # of two roots one always
            patch.setattr(cache, "ROOTS_OF", 0)
        while taken < len(said):
            count = chance.randint(1, most)
            desk.take(said[taken : taken + count])
            taken += count
    assert desk.living() == _at_once(said)


def _at_once(said: Sequence[Said]) -> dict[str, Relocation]:
    updates = [s for s in said if isinstance(s, Superseded)]
    down = [s for s in said if isinstance(s, Takedown)]
    roots: defaultdict[str, list[LocationChange]] = defaultdict(list)
    for s in said:
        if isinstance(s, LocationChange):
            roots[s.actor.root].append(s)
    return {r.id: r for changes in roots.values() for r in fuse(changes, updates, down)}


@settings(max_examples=500, deadline=None)
@given(SETS, st.randoms(use_true_random=False))
def test_what_comes_again_is_not_announced_again(said: list[Said], chance: object) -> None:
    desk = Desk()
    desk.take(said)
    again = list(said)
    chance.shuffle(again)  # type: ignore[attr-defined]
    assert [desk.take([s]) for s in again] == [[]] * len(again)


def test_a_case_from_the_first_report_to_its_end() -> None:
    desk = Desk()
    assert desk.take([told("a", 0)]) == [("appeared", "planned")]
    assert desk.take([told("b", 0.1, text=77)]) == [("corroborated", "2")]
    assert desk.take([told("c", 0.2, text=77), told("a", 0.3)]) == []
    assert desk.take([told("d", 1, "denied", None)]) == [("denied", "denied")]
    assert desk.take([told("e", 1.5, text=76)]) == []
    assert desk.take([told("f", 2, "planned", "Qatar", "Iraq")]) == [
        ("status", "planned"), ("corroborated", "3"), ("disputed", "disputed"),
    ]  # fmt: skip
    assert desk.take([told("g", 9, "completed")]) == [
        ("completed", "completed"), ("corroborated", "4"), ("disputed", "settled"),
    ]  # fmt: skip
    (case,) = desk.published.values()
    assert (case.status, case.independent_sources, case.disputed) == ("completed", 4, False)
    assert [c.kind for c in case.history] == [
        "appeared", "corroborated", "denied", "status", "corroborated", "disputed", "completed", "corroborated",
    ]  # fmt: skip


def test_a_correction_withdraws_and_a_late_opener_is_no_news() -> None:
    desk = Desk()
    desk.take([told("a", 1, article="one")])
    first = next(iter(desk.published))
    assert desk.take([told("b", 0.5)]) == [("corroborated", "2")]
    assert desk.published[first].merged_into in desk.published
    assert desk.take([update("one", 1, 0.2)]) == []
    (case,) = desk.living().values()
    assert (case.independent_sources, [s.withdrawn for s in case.statements]) == (1, [False, True])


def test_what_nobody_says_any_more_is_withdrawn_once() -> None:
    desk = Desk()
    desk.take([told("a", 1, article="one")])
    assert desk.take([update("one", 1, 0.2)]) == [("withdrawn", "withdrawn")]
    assert desk.take([update("one", 1, 0.3)]) == []
    assert desk.take([told("a", 1, article="one", revision=0.4)]) == [("status", "planned")]


def test_a_correction_that_comes_first_leaves_nothing_to_announce() -> None:
    desk = Desk()
    desk.take([update("one", 1, 0.2)])
    assert desk.take([told("a", 1, article="one")]) == []


def test_background_is_never_announced() -> None:
    desk = Desk()
    assert desk.take([told("a", 0, "completed", background=True)]) == []
    assert desk.take([told("b", 1)]) == [("appeared", "planned")]
    (case,) = desk.published.values()
    assert (case.background, case.status, case.independent_sources) == (False, "planned", 1)


@pytest.mark.parametrize("status", ["completed", "denied"])
def test_what_is_told_as_over_at_first_is_announced_once(status: Status) -> None:
    desk = Desk()
    assert desk.take([told("a", 0, status)]) == [(status, status)]
    assert desk.transitions[0].before is None
    assert (status, status) not in desk.take([told("b", 0.1, status)])


def test_a_rival_that_came_too_late_is_told_no_more() -> None:
    desk = Desk()
    desk.take([told("a", 8, destination="Erbil")])
    assert desk.take([told("b", 15)])[-1] == ("disputed", "disputed")
    assert ("disputed", "settled") in desk.take([told("c", 1, "denied")])  # and so b's is the denial of a denial
    assert [
        (c.text, c.statement) for r in desk.living().values() for c in r.contradictions if c.about != "denial"
    ] == []


def test_two_destinations_at_once_are_disputed_until_one_is_denied() -> None:
    desk = Desk()
    desk.take([told("a", 0)])
    assert desk.take([told("b", 1, destination="Ankara")]) == [
        ("appeared", "planned"), ("disputed", "disputed"), ("disputed", "disputed"),
    ]  # fmt: skip
    assert {c.text for r in desk.published.values() for c in r.contradictions} == {
        "A: to Baghdad, IQ instead", "B: to Ankara, TR instead",
    }  # fmt: skip
    assert desk.take([told("c", 2, "denied", destination="Ankara")]) == [
        ("denied", "denied"), ("disputed", "settled"), ("disputed", "settled"),
    ]  # fmt: skip


def test_a_contradiction_names_the_outlets_that_told_of_the_rival_first() -> None:
    desk = Desk()
    desk.take([told("a", 0), *(told(o, 1 + n / 10, destination="Ankara") for n, o in enumerate("bcd")), told("b", 2)])
    (kept,) = (r for r in desk.published.values() if r.destination and r.destination.name == "Baghdad")
    assert [c.text for c in kept.contradictions] == ["B, C, D: to Ankara, TR instead"]
    desk.take([told("e", 3, destination="Ankara")])
    assert [c.text for c in desk.published[kept.id].contradictions] == ["B, C, D and others: to Ankara, TR instead"]


def test_what_was_read_with_little_confidence_is_announced_when_somebody_says_it_surely() -> None:
    desk = Desk()
    assert desk.take([told("a", 0, confidence=0.3)]) == []
    assert desk.take([told("b", 1, confidence=0.3)]) == []
    assert desk.take([told("c", 2)]) == [("appeared", "planned"), ("corroborated", "3")]


def _called(said: LocationChange, words: str, name: str | None = None) -> LocationChange:
    """The statement of somebody who is no known organisation's, called so."""
    return said.model_copy(
        update={"actor": said.actor.model_copy(update={"text": words, "name": name or words, "id": None})}
    )


@pytest.mark.parametrize("words", ["about 180 staff", "Traders", "Our parents", "its secretariat", "The 40 exporters"])
def test_of_whom_nobody_is_named_more_than_one_must_tell_or_one_surely(words: str) -> None:
    desk = Desk()
    assert desk.take([_called(told("a", 0, confidence=0.7), words)]) == []
    assert desk.take([_called(told("b", 1, confidence=0.7), words)]) == [("appeared", "planned"), ("corroborated", "2")]
    assert Desk().take([_called(told("a", 0, confidence=0.9), words)]) == [("appeared", "planned")]


@pytest.mark.parametrize(
    ("words", "name"),
    [("Fenwright", None), ("the Harbour Council", None), ("its embassy", "Peru's embassy"), ("eBay", None)],
)
def test_whoever_is_named_is_announced_at_once(words: str, name: str | None) -> None:
    assert Desk().take([_called(told("a", 0, confidence=0.7), words, name)]) == [("appeared", "planned")]


def test_who_speaks_of_himself_is_known_to_those_only_who_heard_it() -> None:
    assert Desk().take([_called(told("a", 0, confidence=0.7), "We", "Ali Haddad")]) == []


def test_a_takedown_is_as_if_the_article_had_never_been_there() -> None:
    desk = Desk()
    desk.take([told("a", 0, article="one"), told("b", 1, article="two"), told("c", 2, "completed", article="three")])
    (opened,) = desk.published
    assert desk.take([takedown("one")]) == []  # what was announced of the case is not announced of its heir
    (case,) = desk.living().values()
    assert (case.independent_sources, case.status, desk.published[opened].merged_into) == (2, "completed", case.id)
    assert desk.take([takedown("three")]) == [("status", "planned")]
    (case,) = desk.living().values()
    assert [s.outlet for s in case.statements] == ["b"]
    desk.restart()
    assert desk.take([told("a", 0, article="one"), told("c", 2, "completed", article="three")]) == []
    assert desk.take([takedown("two")]) == []
    assert desk.published == {}


def test_a_takedown_met_in_one_partition_still_finds_what_another_has() -> None:
    def outcome(*earlier: int) -> list[tuple[str, str]]:
        kept = Cache()
        fusion = Fusion(kept)
        for partition in earlier:
            fusion.take(partition, [takedown("one")])
        fusion.read_on(1, [_compact(told("a", 1, article="one")), _compact(told("b", 2))])
        return [(type(o).__name__, r) for r, told_ in fusion.take(1, [takedown("one")]).items() for o in told_]

    assert outcome(0) == outcome() != []


COUNTRIES = ["FR", "DE", "IT", "ES", "PT", "PL", "CZ", "SK", "HU", "RO", "BG", "GR", "AT", "CH", "BE", "NL", "DK", "SE",
             "NO", "FI"]  # fmt: skip


def _to_town(number: int, day: float, article: str, revision: float = 0) -> LocationChange:
    town = Place(
        text=f"Town {number}", name=f"Town {number}", geonames_id=number + 1, country=COUNTRIES[number], kind="city"
    )
    said = told("paper", day, article=article, revision=revision)
    identifier = statement_id(said.article_id, ROOT, said.origin, town, said.kind, 0)
    return said.model_copy(update={"destination": town, "id": identifier})


@pytest.mark.parametrize("then", [
    [_to_town(3, 5, "late", revision=100)], [takedown("late"), _to_town(3, 5, "next")],
])  # fmt: skip
def test_an_actor_of_many_cases_whose_latest_report_turns_out_to_be_old(then: list[Said]) -> None:
    """Of many cases only those that may still be joined are looked at; which these are changes when the latest goes."""
    desk, said = Desk(), [_to_town(n, n / 10, f"town {n}") for n in range(len(COUNTRIES))]
    for one in [*said, _to_town(3, 100, "late"), *then]:
        desk.take([one])
    assert set(desk.living()) == set(_at_once([*said, _to_town(3, 100, "late"), *then]))


def test_roots_asleep_go_with_their_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "ROOTS_OF", 0)
    kept = Cache()
    fusion = Fusion(kept)
    for partition in (0, 1):
        fusion.take(partition, [compact(told("a", n, root=f"root {n}")) for n in range(3)])
    kept.drop(0)
    (left,) = kept._execute("SELECT count(*) FROM roots WHERE partition = 0").fetchone()
    (others,) = kept._execute("SELECT count(*) FROM roots").fetchone()
    assert (left, others) == (0, 2)  # the one used last is awake


def test_a_root_too_large_for_the_file_is_walked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of a million statements is: SQLite takes no value of more than a billion bytes."""
    monkeypatch.setattr(cache, "ROOTS_OF", 0)
    desk, whole = Desk(), Desk()
    desk._cache._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
    for day in range(40):
        desk.take([told(f"outlet {day}", day)])
        desk.take([told("another", day, root="another root")])
    with monkeypatch.context() as patch:
        patch.setattr(cache, "ROOTS_OF", 10_000)
        for day in range(40):
            whole.take([told(f"outlet {day}", day)])
            whole.take([told("another", day, root="another root")])
    assert desk.living() == whole.living()
    assert [t.id for t in desk.transitions] == [t.id for t in whole.transitions]
