"""Receivers on loopback that take alerts, refuse them, or keep silent: a web server and an SMTP server."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

SECRET = "whsec_" + "a" * 43 + "="
"""A webhook's secret of 32 bytes."""

Answer = tuple[int, dict[str, str]]


@dataclass
class Hook:
    """A web server; ``answer`` gives status and headers for the n-th request (0, 1, …); ``got`` holds headers (names
    in lower case) and bodies of all that it answered with success."""

    port: int = 0
    answer: Callable[[int], Answer] = lambda _: (204, {})
    requests: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/in"

    def ids(self) -> list[str]:
        """The idempotency keys of what it took."""
        with self.lock:
            return [headers["webhook-id"] for headers, _ in self.got]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silence: clients go away."""


@contextmanager
def hook(tls: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """A running web server."""
    state = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with state.lock:
                number, state.requests = state.requests, state.requests + 1
            status, headers = state.answer(number)
            if 200 <= status < 300:
                with state.lock:
                    state.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silence."""

    server = _Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def silent(_number: int) -> Answer:
    """An answer that takes far too long."""
    time.sleep(30)
    return 204, {}


USER, PASSWORD = "desk", "correct horse"


class Mailbox:
    """The handler of an SMTP server: takes mail, but for recipients in ``refused`` (address → reply), and data while
    ``reply`` is set."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[tuple[str, EmailMessage]] = []
        self.refused: dict[str, str] = {}
        self.reply: str | None = None

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse or take a recipient."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Refuse or take a mail."""
        if self.reply:
            return self.reply
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope.rcpt_tos[0], mail))
        return "250 OK"

    def ids(self) -> list[str]:
        """The idempotency keys of what it took."""
        return [str(mail["Message-ID"])[1:].partition("@")[0] for _, mail in self.mails]


def _login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    right = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=data == right, handled=False)


@contextmanager
def mailbox(*, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """A running SMTP server; with ``starttls`` it demands that and a login."""
    box = Mailbox()
    more: dict[str, Any] = {"ssl_context": tls}
    if starttls:
        more |= {"tls_context": starttls, "require_starttls": True, "auth_required": True, "authenticator": _login}
    controller = Controller(box, hostname="127.0.0.1", port=0, **more)
    controller.port = _free_port()
    box.port = controller.port
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for 127.0.0.1 that nobody signed, and the file that says to trust it."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert
