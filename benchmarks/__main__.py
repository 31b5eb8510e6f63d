"""``python -m benchmarks [NAME …]``: all benchmarks, or those named, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    "sqlite_log", "extraction", "memory", "quality", "fuse", "index_writer", "kafka_loop", "backfill", "latency",
    "replay",
)  # fmt: skip

if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        subprocess.run([sys.executable, "-c", f"from benchmarks import {name}; {name}.run()"], check=True)
