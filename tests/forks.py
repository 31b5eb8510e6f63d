"""Processes for tests, forked from one that has imported already what they need: a new one is there in a moment."""

from __future__ import annotations

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(  # there is one server in a test run: what any of its processes needs
    [
        "stream.kafka",
        "stream.sqlite",
        "tests.contracts.processes",
        "tests.contracts.test_index",
        "tests.end_to_end.chain",
        "tests.end_to_end.test_chaos_alerts",
        "tests.end_to_end.test_chaos_fuse",
    ]
)
