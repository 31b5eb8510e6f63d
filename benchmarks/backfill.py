"""Backfill from WARC, full text off, beside warcio's bare iteration over the same file; its memory on a long one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from warcio.archiveiterator import ArchiveIterator

from benchmarks.measure import compare
from ingest.archives import recognise
from ingest.backfill import Backfiller
from ingest.fulltext import PageReaders
from stream.log import open_log
from stream.settings import IngestSettings
from stream.topics import Names
from tests.ingest.warcs import Answer, story, write

PAGES, ASKED = 2_000, 200
FILLING = "The ministry said on Monday that the embassy would move to Tallinn by the end of the year. "
SHORT, LONG = 2_000, 20_000
FLAT = 1.15


def run() -> None:
    """Print articles/s into the log, and peak memory of a short and of a ten times longer file.

    ``BACKFILL_PAGES=5000`` reads a shorter long one.
    """
    with tempfile.TemporaryDirectory(prefix="newswatch-bench-", dir=Path.cwd()) as folder:
        stores = iter(range(1_000_000))
        path = write(Path(folder) / "crawl.warc.gz", _pages(PAGES), members=True)
        compare(
            f"backfill from WARC ({path.stat().st_size / PAGES / 1e3:.0f} KB a page packed, title and description)",
            "articles", lambda: _backfill(path, Path(folder) / f"{next(stores)}.db"), "warcio", lambda: _iterate(path),
            rate=ASKED,
        )  # fmt: skip
        _memory(Path(folder), int(os.environ.get("BACKFILL_PAGES", LONG)))


def _pages(count: int) -> Iterator[Answer]:
    """Pages of some 60 KB, 15 KB packed, as news sites serve them: most of it scripts, and no two alike."""
    for n in range(count):
        noise = random.Random(n).randbytes(12_000).hex()
        scripts = f"<script>var state = '{noise}';{'var slot = 1234567;' * 1_200}</script>"
        yield Answer(f"https://www.site{n % 50}.example/news/{n}", story(n, head=scripts, words=FILLING * 10))


def _backfill(path: Path, store: Path) -> int:
    with closing(open_log(f"sqlite:///{store}")) as log, PageReaders(full_text=False) as readers:
        log.create_topics(Names().described(), 4)
        with closing(Backfiller(log, Names(), IngestSettings(), readers, {}, lambda: 0)) as made:
            state = made.run(recognise(path, IngestSettings().max_bytes, full_text=False), threading.Event())
    assert state is not None
    return state.published


def _iterate(path: Path) -> int:
    count = 0
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "response":
                record.content_stream().read()
                count += 1
    return count


def _memory(folder: Path, pages: int) -> None:
    sizes = []
    for count in (SHORT, pages):
        path = write(folder / f"{count}.warc", _pages(count))
        script = f"from benchmarks import backfill; backfill.peak({str(path)!r}, {str(folder / f'{count}-peak.db')!r})"
        told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
        sizes.append(float(told))
        size = path.stat().st_size / 1e6
        print(f"backfill: {size:>7,.0f} MB of WARC, {count:,} pages: at most {sizes[-1]:.0f} MB of memory")
        path.unlink()
    reached = "reached" if sizes[1] <= FLAT * sizes[0] else "MISSED"
    print(f"  longer / shorter {sizes[1] / sizes[0]:.2f}; asked ≤ {FLAT}: {reached}\n")


def peak(path: str, store: str) -> None:
    """Backfill ``path`` and print the most memory that this process ever had, in MB (proc(5), VmHWM)."""
    _backfill(Path(path), Path(store))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1e3)
