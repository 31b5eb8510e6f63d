"""What ships to begin with: a feed list, and actors of one's own to add to those that newswatch knows."""

from __future__ import annotations

from pathlib import Path

FEEDS = Path(__file__).with_name("feeds.yml")
ACTORS = Path(__file__).with_name("actors.yml")
