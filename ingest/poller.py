"""Many polls at once, in a thread with an event loop of its own, so that slow servers never hold up the log's thread.

At most ``settings.concurrency`` polls run at once and two at one host; the polls of a publisher start with a distance.
A poll holds its slot until its outcome is taken, so that few outcomes pile up while nobody can take them. The pages of
a feed that asks for full text are part of its poll: one after the other, under the same bounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp
import structlog

from ingest.fetch import Response, fetch, open_session
from ingest.poll import Clock, Polled, Request, poll
from ingest.sandbox import Sandbox
from ingest.texts import ACCEPT, with_texts
from ingest.texts import PACE as PAGE_PACE
from stream.messages import FeedState
from stream.settings import IngestSettings

logger = structlog.get_logger()

PER_HOST = 2
"""Polls of one host at once."""

PACE = 0.1
"""Seconds between the starts of two polls of one publisher."""


class Poller:
    """A context manager: the thread lives inside the ``with`` block. ``submit`` and ``take`` are for one thread."""

    def __init__(self, settings: IngestSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._done: queue.Queue[Polled] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="newswatch-poller", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._next_start: dict[str, float] = {}

    def __enter__(self) -> Poller:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop the polls under way and end the thread."""
        if self._loop and self._stop:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def submit(self, request: Request) -> None:
        """Start a poll; its outcome comes by ``take``."""
        assert self._loop
        self._loop.call_soon_threadsafe(self._start, request)

    def take(self, at_most: int, wait: float) -> list[Polled]:
        """Finished polls: up to ``at_most`` of those that end within ``wait`` seconds; empty when none does."""
        assert self._loop
        taken: list[Polled] = []
        deadline = time.monotonic() + wait
        while len(taken) < at_most:
            try:
                taken.append(self._done.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._slots.release)
        return taken

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._slots = asyncio.Semaphore(self._settings.concurrency)
        self._sandbox = Sandbox()
        self._pages = Sandbox(task="text")
        async with open_session(self._settings) as self._session:
            self._ready.set()
            await self._stop.wait()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sandbox.close()
        await self._pages.close()

    def _start(self, request: Request) -> None:
        task = asyncio.get_running_loop().create_task(self._poll(self._session, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _poll(self, session: aiohttp.ClientSession, request: Request) -> None:
        host = urlsplit(request.feed.url).netloc
        async with self._hosts.setdefault(host, asyncio.Semaphore(PER_HOST)):
            await self._pace(request.feed.publisher)
            await self._slots.acquire()  # released by take
            try:
                outcome = await poll(session, self._sandbox, request, self._settings, self._clock)
            except BaseException:
                self._slots.release()
                raise
        if request.state is not None:
            outcome = await self._with_texts(session, request.feed.publisher, request.state, outcome)
        self._done.put(outcome)

    async def _with_texts(
        self, session: aiohttp.ClientSession, publisher: str, state: FeedState, polled: Polled
    ) -> Polled:
        """The poll with its articles' texts; without them where that fails."""

        async def get(url: str) -> Response:
            async with self._hosts.setdefault(urlsplit(url).netloc, asyncio.Semaphore(PER_HOST)):
                await self._pace(publisher, PAGE_PACE)
                return await fetch(session, url, self._settings, accept=ACCEPT)

        try:
            return await with_texts(polled, state, get, self._pages)
        except asyncio.CancelledError:
            self._slots.release()
            raise
        except Exception:  # a bug here must not cost the poll
            logger.exception("full text raised", feed_id=polled.feed.id)
            return polled

    async def _pace(self, publisher: str, distance: float = PACE) -> None:
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_start.get(publisher, 0.0))
        self._next_start[publisher] = start + distance
        await asyncio.sleep(start - now)
