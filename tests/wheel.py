"""``python -m tests.wheel``: the wheel, installed into an empty environment, plays the demo.

The packages are those of ``requirements.lock``, from a package index or, without network, from uv's cache
(``UV_OFFLINE=1``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build(folder: Path) -> Path:
    """The wheel, built into ``folder`` by the build backend of this environment."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """An environment with the wheel and what it needs, and nothing else; its ``newswatch``."""
    python = folder / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    into = [*uv, "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*into, "--require-hashes", "-r", str(ROOT / "requirements.lock")], check=True)
    subprocess.run([*into, "--no-deps", str(wheel)], check=True)
    return folder / "bin" / "newswatch"


def main() -> None:
    """Build, install, play; a failure ends with another exit code than 0."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        program = install(build(place / "dist"), place / "environment")
        (place / "home").mkdir()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("NEWSWATCH_", "PYTHON"))}
        subprocess.run([str(program), "demo"], cwd=place / "home", env=environment, check=True)
        lists = subprocess.run(
            [str(program), "feeds", "starter"], cwd=place / "home", env=environment, check=True, capture_output=True
        )
        assert lists.stdout.startswith(b"#")
    print(f"the wheel plays the demo in an empty environment ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
