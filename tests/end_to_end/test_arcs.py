"""Feeds in, relocations out: story arcs that were written from the design alone (``corpus/arcs``)."""

from __future__ import annotations

import pytest

from tests.end_to_end.arcs import News, brief, load_arcs, read_news

ARCS = load_arcs()


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> News:
    """All arcs read side by side: what each comes to must not depend on the others."""
    return read_news(tmp_path_factory.mktemp("arcs") / "room", ARCS)


def test_every_article_is_read_and_no_relocation_mixes_two_stories(news: News) -> None:
    urls = [{a["url"] for a in arc.articles} for arc in ARCS]
    assert len(news.articles) == sum(map(len, urls))
    mixed = [r for r in news.relocations if sum(bool(u & {s["url"] for s in r["statements"]}) for u in urls) > 1]
    assert not mixed, [brief(r) for r in mixed]
