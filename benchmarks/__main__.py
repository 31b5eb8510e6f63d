"""``python -m benchmarks [NAME …]``: all benchmarks, or those named, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

NAMES = (
    "sqlite_log", "extraction", "memory", "quality", "fuse", "index_writer", "kafka_loop", "backfill", "latency",
    "replay",
)  # fmt: skip

if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        program = [sys.executable, "-c", f"from benchmarks import {name}; {name}.run()"]
        subprocess.run(program, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})  # as processors/ sets it
