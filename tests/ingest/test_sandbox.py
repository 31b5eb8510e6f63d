"""The parser process: a hostile feed costs seconds and its process, never the worker."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.parse import ParsedFeed, Unreadable, parse
from ingest.sandbox import Sandbox
from tests.busy import busy
from tests.ingest.golden import FOLDER

GOOD = (FOLDER / "rss20.xml").read_bytes()
ODD_DATE = b"<rss version='2.0'><channel><item><title>t</title><pubDate>one day in May</pubDate></item></channel></rss>"
NESTED = b"<rss version='2.0'><channel>" + b"<a>" * 1_000_000


def test_it_parses_as_in_this_process() -> None:
    async def twice() -> list[ParsedFeed | Unreadable]:
        sandbox = Sandbox()
        try:
            return [await sandbox.parse(GOOD, "", "https://x.example/"), await sandbox.parse(b"", "", "")]
        finally:
            await sandbox.close()

    assert asyncio.run(twice()) == [parse(GOOD, "", "https://x.example/"), parse(b"", "", "")]


def test_a_feed_that_takes_too_long_is_given_up_and_the_next_is_parsed() -> None:
    async def both() -> tuple[ParsedFeed | Unreadable, ParsedFeed | Unreadable, float]:
        sandbox = Sandbox(seconds=4)
        try:
            await sandbox.parse(GOOD, "", "")
            began = time.monotonic()
            bad = await sandbox.parse(NESTED, "", "")
            return bad, await sandbox.parse(GOOD, "", "https://x.example/"), time.monotonic() - began
        finally:
            await sandbox.close()

    bad, good, seconds = asyncio.run(both())
    assert bad == Unreadable("parsing took longer than 4 s and was given up")
    assert good == parse(GOOD, "", "https://x.example/")
    assert seconds < 60


def test_loading_the_languages_of_the_world_does_not_count_against_a_feed() -> None:
    async def odd() -> ParsedFeed | Unreadable:
        sandbox = Sandbox(seconds=busy())  # they take twice as long
        try:
            await sandbox.parse(GOOD, "", "")
            return await sandbox.parse(ODD_DATE, "", "")
        finally:
            await sandbox.close()

    assert asyncio.run(odd()) == parse(ODD_DATE, "", "")


def test_a_cancelled_parse_does_not_answer_the_next() -> None:
    async def cancelled() -> ParsedFeed | Unreadable:
        sandbox = Sandbox()
        try:
            await sandbox.parse(GOOD, "", "")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await sandbox.parse(NESTED, "", "")
            return await sandbox.parse(b"<html></html>", "", "")
        finally:
            await sandbox.close()

    answer = asyncio.run(cancelled())
    assert isinstance(answer, Unreadable)
    assert "HTML" in answer.reason


def test_a_parser_that_cannot_be_started_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")

    async def once() -> ParsedFeed | Unreadable:
        sandbox = Sandbox()
        try:
            return await sandbox.parse(GOOD, "", "")
        finally:
            await sandbox.close()

    assert asyncio.run(once()) == Unreadable("the parser process cannot be started; stderr says why")


_WORKER = """
import asyncio, sys
from ingest.sandbox import Sandbox

async def main() -> None:
    sandbox = Sandbox(seconds=600)
    await sandbox.parse(b"<rss/>", "", "")
    print(sandbox._process.pid, flush=True)
    await sandbox.parse(b"<rss version='2.0'><channel>" + b"<a>" * 3_000_000, "", "")

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_the_parser_dies_with_its_worker_in_the_middle_of_a_feed() -> None:
    worker = subprocess.Popen([sys.executable, "-c", _WORKER], stdout=subprocess.PIPE)
    assert worker.stdout
    parser = int(worker.stdout.readline())
    time.sleep(1)
    assert _runs(parser)
    worker.kill()
    worker.wait()
    worker.stdout.close()
    deadline = time.monotonic() + 2 * busy()
    while _runs(parser) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(parser)


def _runs(pid: int) -> bool:
    """Whether the process is there and no zombie (proc(5): its state is behind the name in parentheses)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
