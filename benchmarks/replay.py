"""A replay with one enrich worker, all stages of its generation running, beside one enrich worker alone.

On files, over articles of 100 words that are all different. The speed is from a tenth of the articles to the last, so
loading the models is not in it; memory is the enrich worker's resident size, sampled all the time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.memory import batches
from newswatch.flow import left_before
from newswatch.wiring import connect_log, names, set_up
from stream.log import Log, partition_of
from stream.messages import encode
from stream.settings import PREFIX, Settings, load_settings

ARTICLES = 3_000
ASKED, STEADY = 0.9, 1.05
LOOK_SECONDS = 0.25


def run() -> None:
    """Print both speeds, their ratio, and the memory of the replay's enrich worker. ``REPLAY_ARTICLES=20000`` reads
    more, which the bound on memory is meant for."""
    count = int(os.environ.get("REPLAY_ARTICLES", ARTICLES))
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "newswatch.toml"
        config.write_text(f'data_dir = "{folder}/data"\nlog_level = "error"\n', encoding="utf-8")
        settings = load_settings(config)
        set_up(settings)
        with closing(connect_log(settings)) as log:
            _append(log, settings, count)
            alone, _ = _timed(log, settings, "g1", config, ["enrich"])
            words = ["replay", "--since", "1970-01-01", "--until", "0s", "--into", "g2", "--workers", "1"]
            ours, sizes = _timed(log, settings, "g2", config, words)
    _print(count, ours, alone, sizes)


def _append(log: Log, settings: Settings, count: int) -> None:
    topic = names(settings).topic("articles")
    partitions = log.partitions(topic)
    for batch in batches(count):
        with log.transaction() as tx:
            for one in batch:
                tx.publish(topic, partition_of(one.id, partitions), f"{one.id}:1", encode(one))


def _timed(
    log: Log, settings: Settings, generation: str, config: Path, words: Sequence[str]
) -> tuple[float, list[float]]:
    """Articles a second that the generation's enrich stage committed, and its process's sizes in megabytes."""
    topics = replace(names(settings), generation=generation)
    topic, group = topics.topic("articles"), topics.group("enrich", "articles")
    ends = {partition: bounds.end for partition, bounds in log.bounds(topic).items()}
    total = sum(ends.values())
    environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "newswatch", "--config", str(config), *words], env=environment,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    begun: tuple[float, int] | None = None
    sizes: list[float] = []
    try:
        while left := left_before(log, topic, group, ends):
            if process.poll() is not None:
                raise SystemExit(f"newswatch {words[0]} ended with {process.returncode} before it was done")
            if begun is None and left <= 0.9 * total:
                begun = time.perf_counter(), left
            sizes += _sizes(process.pid) if begun else []
            time.sleep(LOOK_SECONDS)
        ended = time.perf_counter()
    finally:
        if words[0] == "enrich":  # the other ends by itself
            process.terminate()
        process.wait()
    assert begun is not None
    return begun[1] / (ended - begun[0]), sizes


def _sizes(pid: int) -> list[float]:
    """The resident size of the enrich process below a replay, the first of its children, in megabytes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    pages = [Path(f"/proc/{child}/statm").read_text(encoding="ascii").split()[1] for child in children[:1]]
    return [int(page) * os.sysconf("SC_PAGE_SIZE") / 1e6 for page in pages]


def _print(count: int, ours: float, alone: float, sizes: Sequence[float]) -> None:
    ratio = ours / alone
    asked = "reached" if ratio >= ASKED else "MISSED"
    print(f"replay of {count:,} articles on files, one enrich worker (one run)")
    print(f"  newswatch   {ours:>8,.1f} articles/s through all stages")
    print(f"  enrich only {alone:>8,.1f} articles/s")
    print(f"  ratio {ratio:.2f} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores); asked ≥ {ASKED}: {asked}")
    tenth = max(1, len(sizes) // 10)
    early, late = statistics.median(sizes[tenth : 2 * tenth]), statistics.median(sizes[-tenth:])
    flat = "reached" if late <= STEADY * early else "MISSED"
    print(f"  its enrich worker: {early:,.0f} MB early, {late:,.0f} MB late; asked ≤ {STEADY} ×: {flat}\n")
