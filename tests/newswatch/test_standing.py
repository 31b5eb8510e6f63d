"""What ``newswatch status`` makes of feeds: failing ones, and those that fell silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from newswatch.standing import judge_feeds
from stream.ids import article_version
from stream.messages import Feed, FeedState, SeenEntry

NOW = datetime(2026, 3, 10, tzinfo=UTC)


def feed(name: str) -> Feed:
    return Feed(id=name, url=f"https://{name}.example/feed", publisher=f"{name}.example")


def state(name: str, newest: timedelta, per_day: float, error: str | None = None) -> FeedState:
    seen = [
        SeenEntry(key=str(n), article_id=str(n), content_hash="0", last_seen=NOW,
                  version=article_version(NOW - newest - timedelta(days=n), own=own))
        for n, own in ((0, True), (3, False))
    ]  # fmt: skip
    return FeedState(
        feed_id=name, last_polled=NOW, last_success=NOW, items_per_day=per_day, error=error, entries=tuple(seen)
    )


def test_feeds_are_judged_by_what_is_usual_for_them() -> None:
    states = {
        "busy": state("busy", timedelta(hours=3), 50),
        "silent": state("silent", timedelta(days=2), 50),
        "slow": state("slow", timedelta(days=4), 0.5),
        "failing": state("failing", timedelta(days=9), 50, "HTTP 500"),
    }
    found = judge_feeds([feed(n) for n in ("busy", "silent", "slow", "failing", "new")], states, NOW)
    assert (found.total, found.never_polled) == (5, 1)
    assert [(f.id, error) for f, error in found.failing] == [("failing", "HTTP 500")]
    assert [(f.id, newest) for f, newest in found.silent] == [("silent", NOW - timedelta(days=2))]
