"""Parsing in a process of its own, which can be killed: hostile feeds and pages take a parser minutes or gigabytes.

Run as ``python -m ingest.sandbox TASK`` it is that process: frames of pickles in on stdin, out on stdout (each a length
of four bytes, big-endian, and the pickle), one answer a request, in order; it ends when stdin does. Once, before an
answer, it may say that it loads the languages of the world: few feeds need them, and their time stands meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pickle
import signal
import struct
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import IO, Any, Literal

from ingest import dates
from ingest.pages import ReadPage, read_page
from ingest.parse import ParsedFeed, Unreadable, parse

Task = Literal["feed", "page", "text"]
"""What a process reads: feeds, pages, or pages with the text of their articles."""

SECONDS = 10.0
"""What takes longer is given up; the largest real feeds take two."""

MEMORY = 1 << 30
"""Bytes of address space of the process; Linux only."""

_START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_LENGTH = struct.Struct(">I")
_READY = b"ready"
_LOADING = b"loading"
_WARM_UP = b"<rss version='2.0'><channel><item><title>t</title><pubDate>1 May 2026</pubDate></item></channel></rss>"
"""Makes the parsers load what they load at first use, before a feed's time runs."""
_WARM_UP_PAGE = b"<html><title>t</title><meta name=date content='1 May 2026'><body><p>One. Two.</p></body></html>"


class Sandbox:
    """A parser process, started when first needed and again after it was killed. For one event loop."""

    def __init__(self, seconds: float = SECONDS, task: Task = "feed") -> None:
        self._seconds = seconds
        self._task = task
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def parse(self, body: bytes, content_type: str, url: str) -> ParsedFeed | Unreadable:
        """As ``ingest.parse.parse``; a feed that takes too long or too much memory is ``Unreadable``."""
        answer = await self._ask((body, content_type, url))
        assert isinstance(answer, ParsedFeed | Unreadable)
        return answer

    async def page(self, body: bytes, content_type: str, url: str) -> ReadPage | Unreadable:
        """As ``ingest.pages.read_page``, with full text if that is the task; ``Unreadable`` as above."""
        answer = await self._ask((body, content_type, url))
        assert isinstance(answer, ReadPage | Unreadable)
        return answer

    async def _ask(self, question: tuple[bytes, str, str]) -> Any:
        async with self._lock:
            try:
                process = await self._started()
            except (EOFError, OSError):  # a TimeoutError is an OSError
                await self._kill()
                return Unreadable("the parser process cannot be started; stderr says why")
            except BaseException:
                await self._kill()
                raise
            try:
                async with asyncio.timeout(self._seconds) as limit:
                    await _send(process, pickle.dumps(question))
                    answer = await _receive(process)
                    if answer == _LOADING:
                        answer = await self._loaded(process, limit)
                    return pickle.loads(answer)  # noqa: S301 - written by our own process
            except TimeoutError:
                await self._kill()
                return Unreadable(f"parsing took longer than {self._seconds:g} s and was given up")
            except (EOFError, OSError):
                await self._kill()
                return Unreadable(f"parsing needed more than {MEMORY >> 20:,} MB of memory or ended its process")
            except BaseException:  # cancelled between question and answer: the next would get the wrong answer
                await self._kill()
                raise

    async def close(self) -> None:
        """End the process."""
        await self._kill()

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            # the arguments are ours; a session of its own, so that Ctrl-C reaches only the worker, which then ends it
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-W", "ignore", "-m", "ingest.sandbox", self._task, stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
            async with asyncio.timeout(_START_SECONDS):
                await _receive(self._process)
        return self._process

    async def _loaded(self, process: asyncio.subprocess.Process, limit: asyncio.Timeout) -> bytes:
        """The answer of a process that first loads what it needs once; the time of the feed begins behind that."""
        now = asyncio.get_running_loop().time
        limit.reschedule(now() + _START_SECONDS)
        await _receive(process)
        limit.reschedule(now() + self._seconds)
        return await _receive(process)

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin:
            process.stdin.close()
        await process.wait()


async def _send(process: asyncio.subprocess.Process, message: bytes) -> None:
    assert process.stdin
    process.stdin.write(_LENGTH.pack(len(message)) + message)
    await process.stdin.drain()


async def _receive(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout
    try:
        (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
        return await process.stdout.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise EOFError("the parser process ended") from error


def main() -> None:
    """Answer until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the frames
    _end_with_parent()
    _limit_memory()
    task = sys.argv[1]
    read = parse if task == "feed" else partial(read_page, full_text=task == "text")
    dates.before_all_languages = cache(partial(_load_languages, answers))
    _parse(read, _WARM_UP if task == "feed" else _WARM_UP_PAGE, "", "")
    _write(answers, _READY)
    while header := requests.read(_LENGTH.size):
        body, content_type, url = pickle.loads(requests.read(_LENGTH.unpack(header)[0]))  # noqa: S301 - from the worker
        _write(answers, pickle.dumps(_parse(read, body, content_type, url)))


def _load_languages(answers: IO[bytes]) -> None:
    _write(answers, _LOADING)
    dates.load_languages()
    _write(answers, _READY)


def _parse(read: Callable[[bytes, str, str], Any], body: bytes, content_type: str, url: str) -> Any:
    try:
        return read(body, content_type, url)
    except (MemoryError, RecursionError) as error:
        return Unreadable(f"it cannot be parsed: {type(error).__name__}")


def _end_with_parent() -> None:
    """Die when the worker does, also in the middle of a feed (prctl(2), Linux only); else stdin's end is what ends us.

    A worker that died before this call has closed stdin already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_memory() -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _write(stream: IO[bytes], message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)) + message)
    stream.flush()


if __name__ == "__main__":
    main()
