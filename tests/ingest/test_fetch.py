"""Fetching from real servers on loopback: conditions, caps, redirects, the guard, and one clear reason a failure."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.fetch import Failed, Fetched, NotModified, Response, fetch, open_session
from ingest.guard import refusal
from stream.settings import IngestSettings
from tests.ingest.server import LOOPBACK, FeedServer, Page, rss, serve


def get(url: str, settings: IngestSettings = LOOPBACK, **conditions: Any) -> Response:
    async def once() -> Response:
        async with open_session(settings) as session:
            return await fetch(session, url, settings, **conditions)

    return asyncio.run(once())


def reason(url: str, settings: IngestSettings = LOOPBACK) -> str:
    answer = get(url, settings)
    assert isinstance(answer, Failed), answer
    assert "\n" not in answer.reason
    return answer.reason


def changed(**settings: Any) -> IngestSettings:
    return IngestSettings(**{**LOOPBACK.model_dump(), **settings})


def test_a_body_comes_with_its_headers(server: FeedServer) -> None:
    server.pages["/feed"] = Page(rss(), headers={"ETag": '"v1"', "Content-Type": "text/xml"})
    answer = get(server.url("/feed"))
    assert isinstance(answer, Fetched)
    assert (answer.body, answer.status, answer.url) == (rss(), 200, server.url("/feed"))
    assert answer.headers == {"etag": '"v1"', "content-type": "text/xml"}
    asked = server.asked("/feed")[0]
    assert asked["user-agent"] == LOOPBACK.user_agent
    assert "if-none-match" not in asked


def test_conditions_are_sent_verbatim(server: FeedServer) -> None:
    server.pages["/feed"] = Page(rss(), headers={"ETag": '"v1"'})
    answer = get(server.url("/feed"), etag='"v1"', last_modified="some day")
    assert answer == NotModified({"etag": '"v1"'})
    assert server.asked("/feed")[0]["if-modified-since"] == "some day"


def test_cookies_are_not_kept(server: FeedServer) -> None:
    server.pages["/feed"] = Page(rss(), headers={"Set-Cookie": "a=b; Path=/"})

    async def twice() -> None:
        async with open_session(LOOPBACK) as session:
            for _ in range(2):
                await fetch(session, server.url("/feed"), LOOPBACK)

    asyncio.run(twice())
    assert ["cookie" in headers for headers in server.asked("/feed")] == [False, False]


def test_proxies_of_the_environment_are_not_used(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.pages["/feed"] = Page(rss())
    assert isinstance(get(server.url("/feed")), Fetched)


@pytest.mark.parametrize(("status", "said"), [(404, "HTTP 404 Not Found"), (410, "HTTP 410 Gone"), (599, "HTTP 599")])
def test_a_status_is_a_reason(server: FeedServer, status: int, said: str) -> None:
    server.pages["/feed"] = Page(b"x", status, {"Retry-After": "120"})
    assert get(server.url("/feed")) == Failed(said, status, {"retry-after": "120"})


def test_redirects_are_followed_but_not_for_ever(server: FeedServer) -> None:
    server.pages["/old"] = Page(status=301, headers={"Location": "/new feed"})
    server.pages["/new%20feed"] = Page(rss())
    answer = get(server.url("/old"))
    assert isinstance(answer, Fetched)
    assert answer.url == server.url("/new%20feed")
    server.pages["/loop"] = Page(status=302, headers={"Location": "/loop"})
    assert reason(server.url("/loop")) == "more than 5 redirects"


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://user:s3cret@127.0.0.1/"])
def test_redirects_to_what_is_no_feed_are_refused(server: FeedServer, target: str) -> None:
    server.pages["/old"] = Page(status=302, headers={"Location": target})
    said = reason(server.url("/old"))
    assert said.startswith("redirected to where no feed can be")
    assert "s3cret" not in said


def test_redirects_to_private_addresses_are_refused(server: FeedServer) -> None:
    server.pages["/old"] = Page(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"})
    assert "169.254.169.254 is private or special" in reason(server.url("/old"))


def test_a_feed_larger_than_the_cap_is_refused(server: FeedServer) -> None:
    server.pages["/big"] = Page(b"x" * 30_000)
    assert "larger than 20,000 bytes" in reason(server.url("/big"), changed(max_bytes=20_000))


def test_a_gzip_bomb_is_refused_and_costs_little(server: FeedServer) -> None:
    server.pages["/bomb"] = Page(gzip.compress(b"\0" * 100_000_000), headers={"Content-Encoding": "gzip"})
    server.pages["/small"] = Page(gzip.compress(rss()), headers={"Content-Encoding": "gzip"})
    small = get(server.url("/small"))
    assert isinstance(small, Fetched)
    assert small.body == rss()
    tracemalloc.start()
    try:
        assert "larger than 10,000,000 bytes after decompression" in reason(server.url("/bomb"))
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


def test_a_damaged_compression_is_a_reason(server: FeedServer) -> None:
    server.pages["/feed"] = Page(b"not gzip at all", headers={"Content-Encoding": "gzip"})
    assert "its compression is damaged" in reason(server.url("/feed"))


def _trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(400):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def test_a_body_that_trickles_is_given_up(server: FeedServer) -> None:
    server.pages["/slow"] = Page(work=_trickle)
    began = time.monotonic()
    assert reason(server.url("/slow"), changed(timeout="0.3s")) == "no complete answer within 0.3 s (ingest.timeout)"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"", "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH\r\n", "not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "the answer broke off"),
    ],
)
def test_broken_answers_are_reasons(server: FeedServer, written: bytes, said: str) -> None:
    server.pages["/broken"] = Page(work=lambda handler: (handler.wfile.write(written), None)[1])
    assert said in reason(server.url("/broken"))


def test_a_refused_connection_is_a_reason() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert reason(f"http://127.0.0.1:{port}/") == "127.0.0.1 refused the connection"


def test_a_name_that_cannot_be_resolved_is_a_reason() -> None:
    assert reason("http://no-such-host.invalid/") == "the name no-such-host.invalid cannot be resolved (DNS)"


def test_names_that_are_not_answered_hold_up_nobody(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    release, real = threading.Event(), socket.getaddrinfo

    def slow(host: Any, *rest: Any, **more: Any) -> Any:
        if str(host).startswith("slow"):
            release.wait(60)
        return real("127.0.0.1" if host == "fast.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    server.pages["/feed"] = Page(rss())

    async def all_at_once() -> list[Response]:
        async with open_session(LOOPBACK) as session:
            brief = changed(timeout="3s")
            waiting = [asyncio.create_task(fetch(session, f"http://slow{n}.example/", brief)) for n in range(40)]
            await asyncio.sleep(0.2)
            fast = await fetch(session, f"http://fast.example:{server.port}/feed", brief)
            return [fast, *await asyncio.gather(*waiting)]

    began = time.monotonic()
    fast, *others = asyncio.run(all_at_once())
    took = time.monotonic() - began
    release.set()
    assert isinstance(fast, Fetched)
    assert {str(o) for o in others} == {str(Failed("no complete answer within 3 s (ingest.timeout)"))}
    assert took < 20  # nobody waited for the lookups, at the end neither


def test_headers_that_are_no_text_are_left_out(server: FeedServer) -> None:
    server.pages["/feed"] = Page(rss(), headers={"ETag": '"\xff"', "Last-Modified": "yesterday"})
    answer = get(server.url("/feed"))
    assert isinstance(answer, Fetched)
    assert (answer.headers.get("etag"), answer.headers["last-modified"]) == (None, "yesterday")


def test_tls_that_is_none_is_a_reason(server: FeedServer) -> None:
    assert reason(f"https://127.0.0.1:{server.port}/").startswith("TLS: no secure connection to 127.0.0.1")


def test_urls_that_cannot_be_polled_are_never_asked() -> None:
    assert "a user or password" in reason("http://user:s3cret@127.0.0.1/")
    assert "only http:// and https://" in reason("file:///etc/passwd")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_private_addresses_are_refused_with_the_way_to_allow_them(server: FeedServer, host: str) -> None:
    said = reason(f"http://{host}:{server.port}/feed", IngestSettings())
    assert "is private or special and is not polled; to allow it, set ingest.allow_networks = [" in said
    assert server.requests == []


REFUSED = [
    "127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.0.8", "::1", "::", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1",
    "::127.0.0.1", "fec0::1", "100::1", "3fff::1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_special_addresses_are_refused(address: str) -> None:
    assert refusal(address, ()) is not None


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.0.81", "100.128.0.1", "2a00:1450:4001::1", "::ffff:8.8.8.8"])
def test_public_addresses_are_polled(address: str) -> None:
    assert refusal(address, ()) is None


@given(st.ip_addresses())
def test_the_guard_is_never_wider_than_pythons(address: Any) -> None:
    # ``is_global`` knows no multicast and, before 3.13, not all of these networks; what it refuses we refuse
    if refusal(str(address), ()) is None:
        inner = getattr(address, "ipv4_mapped", None) or address
        assert inner.is_global
        assert not inner.is_multicast


def test_allowed_networks_are_allowed_in_every_form() -> None:
    allowed = (ip_network("127.0.0.0/8"),)
    assert refusal("127.0.0.1", allowed) is None
    assert refusal("::ffff:127.0.0.1", allowed) is None
    assert refusal("10.0.0.1", allowed) is not None
    assert refusal("::1", allowed) is not None
    assert '["::1/128"]' in str(refusal("::1", ()))
    assert '["127.0.0.0/8"]' in str(refusal("127.0.0.1", ()))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, which makes the test's certificate, is absent")
def test_an_invalid_certificate_is_named(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serve(context) as server:
        said = reason(f"https://127.0.0.1:{server.port}/feed")
    assert said.startswith("TLS: the certificate of 127.0.0.1 is not valid: self")
