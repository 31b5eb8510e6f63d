"""Connecting to Kafka: URL and settings as a client's configuration, errors as one clear line without secrets."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
)
from kafka.net.compat import KafkaNetClient

from stream.errors import ConfigError, LogError
from stream.settings import KafkaSettings

# What the library logs it also raises, and it would log it beside our one line.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

DEFAULT_PORT = 9092
KNOCK_SECONDS = 6.0
LET_IN_SECONDS = 8.0
"""With ``KNOCK_SECONDS``: a wrong address or password is said within 15 s."""
_SILENCE = (KafkaTimeoutError, KafkaConnectionError, NodeNotReadyError)
_COMMON = {
    "client_id": "newswatch",
    "reconnect_backoff_ms": 50,
    "reconnect_backoff_max_ms": 1_000,  # the library's 30 s would make an outage last long after its end
    "request_timeout_ms": 15_000,
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The brokers at ``url`` and how they are spoken to; makes the library's clients."""

    url: str
    servers: tuple[tuple[str, int], ...]
    settings: KafkaSettings
    tls: ssl.SSLContext | None = None
    password: str | None = field(default=None, repr=False)

    def admin(self) -> Any:
        """An admin client, connected. Raises ``LogError``, ``ConfigError``, see ``check``."""
        self._knock()
        clients: list[Any] = []

        def client(**options: Any) -> Any:
            clients.append(KafkaNetClient(**options))
            return clients[-1]

        try:
            return KafkaAdminClient(
                **self._options(), kafka_client=client, bootstrap_timeout_ms=int(LET_IN_SECONDS * 1000)
            )
        except KafkaError as error:
            # Nobody says that a password is wrong: the connection ends after the versions were exchanged.
            spoke = bool(clients) and clients[-1]._manager.broker_version_data is not None
            for one in clients:
                with suppress(KafkaError):
                    one.close()
                one._net.stop()  # a client that failed to connect leaves its thread behind
            raise self._not_let_in(spoke=spoke) from error

    def consumer(self, **options: Any) -> Any:
        """A consumer that reads what is committed and commits nothing by itself."""
        return KafkaConsumer(
            **self._options(), bootstrap_timeout_ms=int(LET_IN_SECONDS * 1000), metrics_enabled=False,
            enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset="earliest", **options,
        )  # fmt: skip

    def producer(self, **options: Any) -> Any:
        """A producer."""
        return KafkaProducer(
            **self._options(), bootstrap_timeout_ms=int(LET_IN_SECONDS * 1000), metrics_enabled=False, **options
        )

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """The library's errors as ``LogError``."""
        try:
            yield
        except KafkaError as error:
            raise LogError(self.said(error)) from error

    def said(self, error: Exception) -> str:
        """The line for an error of the library."""
        if isinstance(error, _SILENCE):
            return f"log {self.url}: no broker answers ({type(error).__name__}); is Kafka up?"
        text = str(error).partition("\n")[0][:300]
        return f"log {self.url}: {type(error).__name__}: {text}"

    def _options(self) -> dict[str, Any]:
        given = self.settings
        options = {
            **_COMMON,
            "bootstrap_servers": [f"{host}:{port}" for host, port in self.servers],
            "security_protocol": given.security_protocol.upper(),
            "ssl_context": self.tls,
        }
        if self.password is not None:
            options |= {
                "sasl_mechanism": given.sasl_mechanism,
                "sasl_plain_username": given.user,
                "sasl_plain_password": self.password,
            }
        return options

    def _knock(self) -> None:
        """Find out what the library does not say: whether anybody listens, and whether TLS comes about."""
        failures: list[str] = []
        for host, port in self.servers:
            try:
                with socket.create_connection((host, port), KNOCK_SECONDS / len(self.servers)) as connection:
                    if self.tls:
                        self.tls.wrap_socket(connection, server_hostname=host).close()
                    return
            except ssl.SSLCertVerificationError as error:
                raise ConfigError(
                    f"log {self.url}: the certificate of {host}:{port} is not trusted: {error.verify_message};"
                    " set kafka.ca_file to the certificate authority of the brokers"
                ) from error
            except ssl.SSLError as error:
                raise ConfigError(
                    f"log {self.url}: {host}:{port} does not speak TLS ({error.reason}); check the port and"
                    f" kafka.security_protocol ({self.settings.security_protocol})"
                ) from error
            except OSError as error:
                failures.append(f"{host}:{port}: {error.strerror or error}")
        raise LogError(f"log {self.url}: no broker answers ({'; '.join(failures)}); start Kafka or correct log_url")

    def _not_let_in(self, *, spoke: bool) -> ConfigError | LogError:
        given = self.settings
        if spoke and self.password is not None:
            return ConfigError(
                f"log {self.url}: the broker does not let user {given.user!r} in; check kafka.user, the password and"
                f" kafka.sasl_mechanism ({given.sasl_mechanism})"
            )
        return LogError(
            f"log {self.url}: somebody listens, but does not answer as Kafka does with security_protocol"
            f" {given.security_protocol}; wait for a broker that is starting, or check kafka.security_protocol"
        )


def cluster(url: str, settings: KafkaSettings) -> Cluster:
    """What ``kafka://HOST:PORT,…`` and the settings mean. Raises ``ConfigError``; connects to nothing."""
    rest = url.removeprefix("kafka://")
    if "@" in rest:
        raise ConfigError("log_url: user and password do not belong into it; set kafka.user and kafka.password")
    servers = tuple(_server(part) for part in rest.rstrip("/").split(","))
    password = None
    if settings.security_protocol.startswith("sasl_"):
        password = _password(settings)
    tls = _tls(settings) if settings.security_protocol.endswith("ssl") else None
    return Cluster(url, servers, settings, tls, password)


def _server(text: str) -> tuple[str, int]:
    host, colon, port = text.strip().rpartition(":")
    if not colon:
        host, port = port, str(DEFAULT_PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or "/" in host:
        raise ConfigError(f"log_url: {text!r} is no broker; write kafka://HOST:PORT or kafka://HOST:PORT,HOST:PORT")
    return host, int(port)


def _password(settings: KafkaSettings) -> str:
    if settings.password is not None:
        return settings.password.get_secret_value()
    assert settings.password_file is not None  # the settings are checked
    with _readable("kafka.password_file", settings.password_file):
        return settings.password_file.read_text(encoding="utf-8").strip()


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    with _readable("kafka.ca_file", settings.ca_file):
        return ssl.create_default_context(cafile=settings.ca_file)


@contextmanager
def _readable(setting: str, file: Path | None) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"{setting}: {file}: cannot be read: {reason}") from error
