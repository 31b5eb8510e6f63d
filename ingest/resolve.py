"""Names to addresses by the system's resolver, in threads that nobody waits for.

asyncio's own way shares a handful of threads among all lookups and joins them at the end: a few names whose servers
do not answer (the C library gives up after half a minute or more) would hold up every feed, and the shutdown.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

from aiohttp.abc import AbstractResolver, ResolveResult


class Resolver(AbstractResolver):
    """A resolver for aiohttp with at most ``threads`` lookups at once. To be made and used in one running loop."""

    def __init__(self, threads: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._free = asyncio.Semaphore(threads)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``. Raises ``OSError``; given up at once when cancelled, though its thread goes on."""
        await self._free.acquire()
        found: asyncio.Future[list[ResolveResult]] = self._loop.create_future()
        thread = threading.Thread(
            target=self._look_up, args=(host, port, family, found), name="newswatch-dns", daemon=True
        )  # fmt: skip
        try:
            thread.start()
        except RuntimeError as error:  # the system has no more threads
            self._free.release()
            raise OSError(str(error)) from error
        return await found

    async def close(self) -> None:
        """Nothing is held: lookups under way end by themselves or with the process."""

    def _look_up(
        self, host: str, port: int, family: socket.AddressFamily, found: asyncio.Future[list[ResolveResult]]
    ) -> None:
        answer: list[ResolveResult] | Exception
        try:
            answer = _addresses(host, port, family)
        except Exception as error:  # noqa: BLE001 - handed on to whoever asked
            answer = error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._answer, found, answer)

    def _answer(self, found: asyncio.Future[list[ResolveResult]], answer: list[ResolveResult] | Exception) -> None:
        self._free.release()
        if found.done():  # cancelled: nobody waits any more
            return
        if isinstance(answer, Exception):
            found.set_exception(answer)
        else:
            found.set_result(answer)


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, protocol, _, address in infos
    ]
