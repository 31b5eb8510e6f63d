"""What the wheel carries. That it runs in an empty environment is ``make wheel-test``, which takes minutes."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from tests.wheel import ROOT, build

PACKAGES = ("stream", "ingest", "processors", "alerts", "indexer", "newswatch")


def test_the_wheel_carries_every_file_of_the_packages_and_nothing_else(tmp_path: Path) -> None:
    with ZipFile(build(tmp_path)) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        entry_points = next(wheel.read(n).decode() for n in wheel.namelist() if n.endswith("entry_points.txt"))
    files = (p for package in PACKAGES for p in (ROOT / package).rglob("*") if p.is_file())
    assert names == {str(p.relative_to(ROOT)) for p in files if "__pycache__" not in p.parts}
    assert {"newswatch/starter/feeds.yml", "newswatch/starter/actors.yml", "newswatch/demo/rules.yml"} <= names
    assert "newswatch = newswatch.cli:main" in entry_points
