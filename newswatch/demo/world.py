"""The demo's outlets and articles, from ``world/*.yml``; times are hours before the demo's start."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

FOLDER = Path(__file__).parent / "world"
INSTALMENTS = (1, 2, 3)


class Told(BaseModel):
    """An article as its outlet tells it. ``moves`` is what an analyst should find in it (for tests)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str
    hours_ago: float
    instalment: Literal[1, 2, 3]
    title: str
    author: str | None = None
    dateline: str | None = None
    body: str
    source_feed: str | None = None
    """The feed of the outlet that wrote it, where this feed only carries it."""
    revises: bool = False
    """A later content of the article with the same slug."""
    moves: tuple[dict[str, Any], ...] = ()


class Outlet(BaseModel):
    """A feed and all that it will carry during the demo."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feed: str
    title: str
    domain: str
    country: str
    language: str
    format: Literal["rss", "atom", "rdf", "json"]
    articles: tuple[Told, ...]

    def carried(self, instalment: int) -> list[Told]:
        """What the feed holds once ``instalment`` is out: the newest content of each article, newest first."""
        newest: dict[str, Told] = {}
        for told in self.articles:
            if told.instalment <= instalment:
                newest[told.slug] = told
        return sorted(newest.values(), key=lambda t: (t.hours_ago, t.slug))


def load_world(folder: Path = FOLDER) -> dict[str, Outlet]:
    """All outlets by feed id."""
    outlets = (
        Outlet.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.yml"))
    )
    return {outlet.feed: outlet for outlet in outlets}


def published(told: Told, start: datetime) -> datetime:
    """When ``told`` was published, in a demo that began at ``start``; to the second, as feeds give it."""
    return (start - timedelta(hours=told.hours_ago)).replace(microsecond=0)


def address(outlet: Outlet, told: Told, world: dict[str, Outlet]) -> str:
    """The article's URL, at the outlet that wrote it."""
    writer = world[told.source_feed] if told.source_feed else outlet
    return f"https://www.{writer.domain}/news/{told.slug}"
