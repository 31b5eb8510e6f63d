"""The golden feeds of the formats and what they parse to; run as a module it writes the expectations anew.

``python -m tests.ingest.golden`` after a change that is meant; then read the difference before it is kept.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.parse import ParsedFeed, parse

FOLDER = Path(__file__).parent / "golden"
NAMES = ("rss20.xml", "atom10.xml", "rdf10.xml", "feed.json")


def parsed(name: str) -> dict[str, Any]:
    """What the golden feed ``name`` parses to, as JSON."""
    feed = parse((FOLDER / name).read_bytes(), "", f"https://feeds.example/{name}")
    assert isinstance(feed, ParsedFeed), feed
    return dict(json.loads(json.dumps(asdict(feed), default=_iso)))


def expected_file(name: str) -> Path:
    """Where the expectation of ``name`` is kept."""
    return FOLDER / f"{name}.expected.json"


def _iso(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()


if __name__ == "__main__":
    for each in NAMES:
        expected_file(each).write_text(json.dumps(parsed(each), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
