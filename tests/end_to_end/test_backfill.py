"""``newswatch backfill`` as a user runs it: killed and started again, on damaged files, on what is none."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

from stream.log import open_log
from stream.messages import Article, decode
from stream.topics import Names
from tests.end_to_end.conftest import Home
from tests.ingest.warcs import answers, write

STORIES = 900
KILLS = 1 if os.environ.get("CI") else 2  # the next one waits 10 s for the lock of the one that was killed


def published(home: Home) -> list[Article]:
    """What the log holds, in no order."""
    topic = Names().topic("articles")
    with closing(open_log(f"sqlite:///{home.folder / 'newswatch-data' / 'log.db'}")) as log:
        records = [r for p in range(log.partitions(topic)) for r in log.read(topic, p, 0, 100_000, 1 << 30)]
    found = [decode(r.value) for r in records if r.value]
    return [a for a in found if isinstance(a, Article)]


def run_until(home: Home, path: Path, articles: int) -> None:
    """Start the command and kill it without a word when the log holds so many articles."""
    process = subprocess.Popen(
        home.command("backfill", path.name), cwd=home.folder, env=home.environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(published(home)) < articles and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_and_started_again_it_loses_nothing_and_publishes_nothing_twice(home: Home) -> None:
    home.ok("setup")
    path = write(home.folder / "crawl.warc.gz", answers(STORIES), members=True)
    for kill in range(KILLS):
        run_until(home, path, 1 + kill * STORIES // 3)
        assert len(published(home)) < STORIES
    before = len(published(home))
    (state,) = map(json.loads, home.ok("backfill", path.name, "--json").splitlines())
    assert (state["published"], state["known"], state["finished"]) == (STORIES, 0, True)
    assert before > (KILLS - 1) * STORIES // 3
    assert sorted(a.url for a in published(home)) == sorted(a.url for a in answers(STORIES))
    assert {a.origin for a in published(home)} == {"backfill"}
    again = home.ok("backfill", path.name)
    assert "read before" in again
    assert len(published(home)) == STORIES


def test_what_is_wrong_is_said_in_a_line(home: Home) -> None:
    write(home.folder / "good.warc", answers(3))
    home.write("page.html", "<!doctype html><html><p>A page</html>")
    early = home("backfill", "good.warc")
    assert early.returncode == 2
    assert "newswatch setup" in early.stderr
    home.ok("setup")
    for name, says in (("page.html", "HTML"), ("none.warc", "no such file")):
        refused = home("backfill", "good.warc", name)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert says in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert published(home) == []
    lines = '{"url": "https://a.example/1", "title": "T", "text": "X."}\nbroken\n'
    (home.folder / "cut.jsonl.gz").write_bytes(gzip.compress(lines.encode() * 50)[:-12])
    cut = home("backfill", "good.warc", "cut.jsonl.gz")
    assert cut.returncode == 1
    assert "3 articles published" in cut.stdout
    assert "cut off" in cut.stdout
    assert "not JSON" in cut.stderr
    assert "1 of 2 files" in cut.stderr.splitlines()[-1]
    assert len(published(home)) == 4
