"""Feeds in, relocations out: story arcs that were written from the design alone (``corpus/arcs``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.end_to_end.arcs import Arc, News, brief, compare, faults, load_arcs, noise_faults, read_news

ARCS = load_arcs()
WRONG = {
    "razlan-flight": "his arrival is not found",
    "comoros-rivals": "his island is read as a part of his name",
    "coast-guard-cebu": "Cebu, told first, is not narrowed to Cebu City",
    "bhairav-engineers": "the town of arrival is not found in two articles",
    "frigate-cancelled": "a plan is read as cancelled; the headline and a berth are read as moves of their own",
    "philippine-embassy-tunis": '"there" is read as the country of the embassy',
    "eln-havana": "the denial is read as told of a novel",
    "tokbaev-warsaw": "a crowd that came to a street is read as displaced",
    "capo-passero-duqm": "the port of arrival is not found, so the arrival joins the withdrawn case",
}
"""The stories that do not come out right yet, and why: what their articles say is not read right (all do where it is,
see ``tests/processors/relocations/test_arcs.py``)."""
NOISY: dict[str, str] = {}
"""The arcs with noise that is read as a move, and which."""


def arcs(wrong: Mapping[str, str]) -> list[Any]:
    """All arcs as parameters; those of ``wrong`` must fail, so that one that comes right is noticed."""
    assert wrong.keys() <= {arc.name for arc in ARCS}
    marks = {name: [pytest.mark.xfail(reason=reason, strict=True)] for name, reason in wrong.items()}
    return [pytest.param(arc, id=arc.name, marks=marks.get(arc.name, [])) for arc in ARCS]


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> News:
    """All arcs read side by side: what each comes to must not depend on the others."""
    return read_news(tmp_path_factory.mktemp("arcs") / "room", ARCS)


def test_every_article_is_read_and_no_relocation_mixes_two_stories(news: News) -> None:
    urls = [{a["url"] for a in arc.articles} for arc in ARCS]
    assert len(news.articles) == sum(map(len, urls))
    mixed = [r for r in news.told() if sum(bool(u & {s["url"] for s in r["statements"]}) for u in urls) > 1]
    assert not mixed, [brief(r) for r in mixed]


@pytest.mark.parametrize("arc", arcs(WRONG))
def test_the_story_comes_to_its_relocations_and_no_other(arc: Arc, news: News) -> None:
    assert not faults(arc, news)


@pytest.mark.parametrize("arc", [arc for arc in ARCS if arc.name not in WRONG], ids=lambda arc: arc.name)
def test_what_is_right_is_disputed_only_where_it_should_be(arc: Arc, news: News) -> None:
    compared, _ = compare(arc, news.of(arc))
    assert [c.wrong for c in compared] == [{}] * len(compared)


@pytest.mark.parametrize("arc", arcs(NOISY))
def test_noise_opens_no_relocation(arc: Arc, news: News) -> None:
    lenient, strict = (noise_faults(arc, news, strictly=strictly) for strictly in (False, True))
    print(f"{arc.name}: {len(strict)} opened by noise, {len(lenient)} but visits of visitors")
    assert not lenient


def test_every_relocation_that_is_told_was_alerted_and_background_never(news: News) -> None:
    alerted = {a["subject"]["id"] for a in news.alerts}
    told = {r["id"] for arc in ARCS for r in news.of(arc)}
    assert told <= alerted
    assert not [brief(r) for r in news.told() if r.get("background") and r["id"] in alerted]
