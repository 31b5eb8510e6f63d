"""``make test``: all tests, as two test runs side by side, for each waits for half of its time: for servers, for
processes that die, for news. What the first says is shown as it comes, what the second says behind it; the last line
counts both.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

SECOND = (  # fast ones first; none of them uses the servers that tests share, so that only one run starts those
    "tests/ingest", "tests/training", "tests/processors",
    *(f"tests/end_to_end/test_{name}.py" for name in (
        "arcs", "backfill", "bad_input", "chaos_alerts", "chaos_chain", "chaos_notify", "chaos_run", "demo",
        "notify_commands", "operations", "readme", "real_feeds", "relocation_alerts", "rolling_upgrade", "chaos_real",
    )),
)  # fmt: skip
"""What the second run tests. The first tests all the rest, whatever that is: no test can be forgotten."""
_FOLDERS = ("stream", "indexer", "alerts", "ingest", "processors", "newswatch", "training", "contracts", "end_to_end")
"""As ``testpaths`` in pyproject.toml: a folder that is named is read whatever ``--ignore`` says."""
FIRST = (
    *(path for path in (f"tests/{name}" for name in _FOLDERS) if path not in SECOND),
    *(f"--ignore={path}" for path in SECOND if path.endswith(".py")),
)
RUNS = (FIRST, SECOND)
"""What tells each run its tests."""
LOOK_SECONDS = 0.2
END_SECONDS = 60.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_COUNTS = re.compile(r"((?:\d+ [a-z]+, )*\d+ [a-z]+) in [\d.]+s(?: \([\d:]+\))?")


@dataclass(frozen=True)
class Run:
    """A test run and the file to which it writes what it says."""

    process: subprocess.Popen[bytes]
    said: Path

    @classmethod
    def begin(cls, arguments: Sequence[str], said: Path) -> Run:
        """Start pytest with these arguments."""
        command = [sys.executable, "-m", "pytest", *(["--color=yes"] if sys.stdout.isatty() else []), *arguments]
        with said.open("wb") as output:
            return cls(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output), said)

    def show(self) -> str:
        """Print what it says until it ends; all of it."""
        shown = b""
        with self.said.open("rb") as output:
            while True:
                over = self.process.poll() is not None
                while more := output.read():
                    shown += more
                    sys.stdout.buffer.write(more)
                    sys.stdout.buffer.flush()
                if over:
                    return _COLOUR.sub("", shown.decode(errors="replace"))
                time.sleep(LOOK_SECONDS)

    def end(self) -> None:
        """As Ctrl-C does, so that it stops what it started."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()


def summary(said: Sequence[str], seconds: float) -> str:
    """The failures of all runs, and one line that counts all tests, as pytest's own."""
    failed = [line for text in said for line in text.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    last = [_COUNTS.fullmatch(text.strip().rpartition("\n")[2].strip("= ")) for text in said]
    counts: Counter[str] = Counter()
    for found in last:
        for count in found[1].split(", ") if found else ("1 aborted",):
            number, _, what = count.partition(" ")
            counts[what] += int(number)
    whole = ", ".join(f"{number} {what}" for what, number in counts.items())
    minutes, rest = divmod(round(seconds), 60)
    return "\n".join([*failed, f"{whole} in {seconds:.2f}s (0:{minutes:02}:{rest:02}), two runs side by side"])


def main() -> int:
    """Run all tests; 0 if both runs end well."""
    signal.signal(signal.SIGTERM, _end)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="newswatch-tests-") as folder:
        runs: list[Run] = []
        try:
            for n, arguments in enumerate(RUNS):
                runs.append(Run.begin(arguments, Path(folder) / f"run-{n}"))
            said = [run.show() for run in runs]
        except KeyboardInterrupt:  # they heard it, too
            return max(run.process.wait() for run in runs)
        finally:
            for run in runs:
                run.end()
    print(f"\n{summary(said, time.monotonic() - began)}")
    return 1 if any(run.process.returncode for run in runs) else 0


def _end(*_: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    sys.exit(main())
