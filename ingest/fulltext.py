"""Pages read by several processes at once, each of which can be killed: one that hangs, crashes or eats memory costs
itself its text, and nobody else anything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from types import TracebackType

from ingest.items import RawPage
from ingest.pages import ReadPage
from ingest.parse import ParsedFeed, Unreadable
from ingest.sandbox import SECONDS, Sandbox, Task

MAX_PROCESSES = 4
"""Each may need as much memory as ``ingest.sandbox.MEMORY`` in the worst case, 150 MB on an ordinary page."""


async def read_text(page: RawPage, reader: Sandbox, spare: Sandbox) -> ReadPage | Unreadable:
    """The page with its text by ``reader``; where that takes too long or fails, title and description by ``spare``."""
    found = await reader.page(page.body, page.content_type, page.url)
    if isinstance(found, ReadPage):
        return found
    without = await spare.page(page.body, page.content_type, page.url)
    return ReadPage(without.entry, found.reason) if isinstance(without, ReadPage) else found


class PageReaders:
    """A pool of parser processes for one thread without an event loop; a context manager that ends them."""

    def __init__(self, *, full_text: bool, seconds: float = SECONDS, processes: int | None = None) -> None:
        task: Task = "text" if full_text else "page"
        count = processes or max(1, min(MAX_PROCESSES, os.cpu_count() or 1))
        self._readers = [Sandbox(seconds, task) for _ in range(count)]
        self._spare = Sandbox(seconds, "page")
        self._feeds = Sandbox(seconds)
        self._full_text = full_text
        self._runner = asyncio.Runner()

    def __enter__(self) -> PageReaders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._close())
        self._runner.close()

    def read(self, pages: Sequence[RawPage]) -> list[ReadPage | Unreadable]:
        """What the pages say, in their order."""
        return self._runner.run(self._read(pages)) if pages else []

    def parse_feed(self, body: bytes) -> ParsedFeed | Unreadable:
        """A saved feed, as ``ingest.parse.parse``."""
        return self._runner.run(self._feeds.parse(body, "", ""))

    async def _read(self, pages: Sequence[RawPage]) -> list[ReadPage | Unreadable]:
        found: list[ReadPage | Unreadable | None] = [None] * len(pages)
        waiting = iter(enumerate(pages))
        await asyncio.gather(*(self._work(reader, waiting, found) for reader in self._readers))
        return [page or Unreadable("the page was not read") for page in found]

    async def _work(
        self, reader: Sandbox, waiting: Iterator[tuple[int, RawPage]], found: list[ReadPage | Unreadable | None]
    ) -> None:
        for place, page in waiting:
            if self._full_text:
                found[place] = await read_text(page, reader, self._spare)
            else:
                found[place] = await reader.page(page.body, page.content_type, page.url)

    async def _close(self) -> None:
        for sandbox in (*self._readers, self._spare, self._feeds):
            await sandbox.close()
