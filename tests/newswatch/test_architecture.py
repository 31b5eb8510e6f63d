"""The arrows of the house hold, and import-linter would notice if they did not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("stream", "ingest", "processors", "alerts", "indexer", "newswatch")
FORBIDDEN = {
    # contract: (module that gets the import, what it may not import)
    "floors": ("stream/topics.py", "import indexer.words"),
    "floors, beside each other": ("ingest/schedule.py", "import indexer.words"),
    "alerts-view": ("alerts/matching.py", "import indexer.stage"),
    "ports": ("newswatch/report.py", "import stream.sqlite"),
    "kafka": ("stream/worker.py", "import kafka"),
    "kafka, a floor above": ("ingest/schedule.py", "from kafka.errors import KafkaError"),
    "elasticsearch": ("indexer/stage.py", "import elasticsearch"),
    "elasticsearch, its transport": ("newswatch/report.py", "from elastic_transport import Transport"),
}
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
NAMES = {contract["id"]: contract["name"] for contract in CONTRACTS}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    script = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.yml"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_no_module_is_longer_than_a_person_reads_at_once() -> None:
    modules = [module for package in PACKAGES for module in (ROOT / package).rglob("*.py")]
    lines = {str(m.relative_to(ROOT)): len(m.read_text(encoding="utf-8").splitlines()) for m in modules}
    assert {module: count for module, count in lines.items() if count > 400} == {}


def test_the_house_as_it_is_keeps_every_contract(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize("contract", FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(contract: str, copy: Path) -> None:
    name, statement = FORBIDDEN[contract]
    module = copy / name
    module.write_text(module.read_text(encoding="utf-8") + f"\n{statement}  # forbidden\n", encoding="utf-8")
    result = lint(copy)
    assert result.returncode != 0, result.stdout
    broken = {line.partition(" BROKEN")[0] for line in result.stdout.splitlines() if " BROKEN" in line}
    assert broken == {NAMES[contract.partition(",")[0]]}


def test_every_contract_is_tried() -> None:
    assert NAMES.keys() == {name.partition(",")[0] for name in FORBIDDEN}
