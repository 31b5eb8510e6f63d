"""Fetching a feed over HTTP: conditional, bounded in bytes, time and redirects, never to a private address."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import aiohttp

from ingest import urls
from ingest.decode import clean
from ingest.guard import AddressRefused, socket_factory
from ingest.resolve import Resolver
from stream.settings import IngestSettings

MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_KEPT_HEADERS = ("etag", "last-modified", "expires", "cache-control", "retry-after", "content-type", "content-language")
_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.5"
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body. ``url`` is where it came from after redirects; ``headers`` have lower-case names."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that nothing has changed since the validators that were sent."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Failed:
    """No feed came; ``reason`` is one line without secrets. ``status`` is that of HTTP where there was an answer."""

    reason: str
    status: int | None = None
    headers: Mapping[str, str] | None = None


Response = Fetched | NotModified | Failed


def open_session(settings: IngestSettings) -> aiohttp.ClientSession:
    """A session for ``fetch``: guarded at connect, no cookies, no proxies. To be made and closed in a running loop."""
    connector = aiohttp.TCPConnector(
        limit=settings.concurrency, ttl_dns_cache=60, socket_factory=socket_factory(settings.allow_networks),
        resolver=Resolver(settings.concurrency),
    )  # fmt: skip
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # fetch has one for all its requests together
        headers={"User-Agent": settings.user_agent, "Accept": _ACCEPT},
        trust_env=False,
    )


async def fetch(
    session: aiohttp.ClientSession,
    url: str,
    settings: IngestSettings,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    accept: str | None = None,
) -> Response:
    """What ``url`` answers, all redirects and the body within ``settings.timeout``; every failure is a ``Failed``.

    ``accept`` is the header of this name where no feed is asked for.
    """
    headers = {"If-None-Match": etag, "If-Modified-Since": last_modified, "Accept": accept}
    conditions = {name: value for name, value in headers.items() if value}
    if why := urls.complaint(url):
        return Failed(why)
    at = url
    try:
        async with asyncio.timeout(settings.timeout.total_seconds()):
            for _ in range(MAX_REDIRECTS + 1):
                answer = await _request(session, at, conditions, settings)
                if not isinstance(answer, str):
                    return answer
                if why := urls.complaint(answer):
                    return Failed(f"redirected to where no feed can be: {why}")
                at = answer
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Failed(_reason(error, at, settings))
    return Failed(f"more than {MAX_REDIRECTS} redirects")


async def _request(
    session: aiohttp.ClientSession, url: str, conditions: Mapping[str, str], settings: IngestSettings
) -> Response | str:
    """One request; a ``str`` is the URL that it redirects to."""
    async with session.get(url, headers=conditions, allow_redirects=False) as response:
        kept = _kept(response.headers)
        status = response.status
        if status == HTTPStatus.NOT_MODIFIED:
            return NotModified(kept)
        if status in _REDIRECTS and "location" in response.headers:
            return urljoin(url, clean(response.headers["location"]).strip().replace(" ", "%20"))
        if status != HTTPStatus.OK:
            return Failed(_status_reason(status), status, kept)
        body = await _read(response, settings.max_bytes)
        if body is None:
            return Failed(
                f"the answer is larger than {settings.max_bytes:,} bytes after decompression; "
                "raise ingest.max_bytes if it is meant to be"
            )
        return Fetched(status, str(response.url), kept, body)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that count, but for those with bytes that are no text (aiohttp makes lone surrogates of them): a
    validator could not be sent back verbatim, and nothing of it could be stored."""
    return {name: headers[name] for name in _KEPT_HEADERS if name in headers and clean(headers[name]) == headers[name]}


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """The body, decompressed in small pieces; None as soon as it is over ``limit`` bytes."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            response.close()
            return None
    return bytes(body)


def _status_reason(status: int) -> str:
    try:
        name = HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP {status}"
    return f"HTTP {status} {name}"


def _reason(error: Exception, url: str, settings: IngestSettings) -> str:
    """One clear line for an error of a request to ``url``."""
    host = urlsplit(url).hostname or "the host"
    if refused := _refused(error):
        return refused
    if isinstance(error, TimeoutError):
        return f"no complete answer within {settings.timeout.total_seconds():g} s (ingest.timeout)"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name {host} cannot be resolved (DNS)"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        detail = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else type(cause).__name__
        return f"TLS: the certificate of {host} is not valid: {detail}"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return f"TLS: no secure connection to {host}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer broke off or its compression is damaged"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return f"{host} closed the connection without an answer"
    if isinstance(error, aiohttp.InvalidURL):
        return "the URL is not valid"
    if isinstance(error, aiohttp.ClientResponseError):
        return "the answer is not valid HTTP"
    return _connection_reason(error, host)


def _connection_reason(error: Exception, host: str) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ECONNREFUSED:
        return f"{host} refused the connection"
    if number is not None and number in errno.errorcode:
        return f"no connection to {host}: {errno.errorcode[number]}"
    return f"the request failed: {type(error).__name__}"


def _refused(error: Exception) -> str | None:
    """The guard's refusal behind an error: aiohttp wraps it, and joins several into a new ``OSError``."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AddressRefused):
            return str(cause)
        if isinstance(cause, OSError) and "is private or special" in str(cause):
            text = str(cause)
            return text[text.index("the address ") :].split(", the address ")[0]
        cause = cause.__cause__ or cause.__context__
    return None
