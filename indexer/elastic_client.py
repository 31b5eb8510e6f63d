"""The connection to Elasticsearch: made from the settings; its errors in our words, one line each, without secrets."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from elastic_transport import ConnectionTimeout, SerializationError, TlsError
from elasticsearch import ApiError, Elasticsearch, TransportError, UnsupportedProductError

from stream.errors import ConfigError, IndexUnavailable, NewswatchError
from stream.logs import redact
from stream.settings import ElasticsearchSettings

FIRST_SECONDS = 10.0
"""The first call waits no longer: so soon a person hears of a wrong address."""
SECONDS = 30.0
"""Any later search or read."""

Json = Mapping[str, Any]

_TLS = (
    "check that index_url is https where the server is, and set elasticsearch.ca_file to the authority that signed its"
    " certificate"
)


def connect(url: str, settings: ElasticsearchSettings) -> Elasticsearch:
    """A client for the server at ``url``; no call is made yet. Raises ``ConfigError`` for what cannot be meant."""
    parts = _parts(url)
    secure = parts.scheme == "https"
    if settings.ca_file and not secure:
        raise ConfigError(f"elasticsearch.ca_file: {redact(url)} is not encrypted; set index_url to https://…")
    return Elasticsearch(
        [{"scheme": parts.scheme, "host": parts.hostname or "", "port": _port(url), "path_prefix": parts.path}],
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        basic_auth=_user(url, settings),
        ssl_context=_ssl_context(settings) if secure else None,
        request_timeout=SECONDS,
        max_retries=0,  # who calls decides; what is tried again must not pass for someone else's write
        connections_per_node=16,
    )


def _parts(url: str) -> Any:
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"index_url: {redact(url)!r} names no server; write http://HOST:9200 or https://HOST:9200")
    return parts._replace(path=parts.path.rstrip("/"))


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 9200
    except ValueError as error:
        raise ConfigError(f"index_url: {redact(url)!r} has no valid port; write http://HOST:9200") from error


def _user(url: str, settings: ElasticsearchSettings) -> tuple[str, str] | None:
    parts = urlsplit(url)
    if parts.username:
        user, password = unquote(parts.username), unquote(parts.password or "")
    else:
        user, password = settings.user or "", settings.password.get_secret_value() if settings.password else ""
    if settings.api_key and user:
        raise ConfigError("elasticsearch: a user and an api_key are set; use one of the two")
    if bool(user) != bool(password):
        raise ConfigError("elasticsearch: only one of user and password is set; give both together")
    return (user, password) if user else None


def _ssl_context(settings: ElasticsearchSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"elasticsearch.ca_file: {settings.ca_file}: {error}; name a PEM file") from error


@contextmanager
def guarded(url: str) -> Iterator[None]:
    """The client's errors as ``IndexUnavailable`` where waiting helps, else as ``ConfigError``."""
    try:
        yield
    except TlsError as error:
        raise _error(url, ConfigError, f"TLS fails: {_told(error)}", _TLS) from error
    except ConnectionTimeout as error:
        raise _error(url, IndexUnavailable, "no answer in time", "is it overloaded, or index_url wrong?") from error
    except (UnsupportedProductError, SerializationError) as error:
        raise _error(url, ConfigError, "what answers is no Elasticsearch", "check index_url") from error
    except TransportError as error:
        raise _error(url, IndexUnavailable, f"cannot be reached: {_told(error)}", "check index_url") from error
    except ApiError as error:
        fail(url, error.status_code, _cause(error))


def fail(url: str, status: int, error: Json | str) -> NoReturn:
    """Raise what an error of the server means: ``error`` is its ``type`` and ``reason``."""
    kind, reason = (error, "") if isinstance(error, str) else (str(error.get("type")), str(error.get("reason")))
    told = f"{status} {kind}: {reason}"[:300] if reason else f"{status} {kind}"[:300]
    if status == 401:
        raise _error(url, ConfigError, "the server refuses the credentials",
                     "check elasticsearch.api_key, or elasticsearch.user and elasticsearch.password")  # fmt: skip
    if kind == "cluster_block_exception":
        raise _error(url, IndexUnavailable, f"writing is blocked: {reason}"[:300],
                     "a setup may be at work, or the disk be full; work goes on by itself")  # fmt: skip
    if status == 403:
        raise _error(url, ConfigError, f"not allowed: {reason}"[:300], "give the user or API key this privilege")
    if kind == "index_not_found_exception":
        raise _error(url, ConfigError, f"{reason}"[:300], "run newswatch setup")
    if status in {408, 409, 429} or status >= 500:
        raise _error(url, IndexUnavailable, told, "worth another try; else see the server's log")
    raise _error(url, ConfigError, told, "the server refuses this for good; see its log")


def _error(url: str, error: type[NewswatchError], fault: str, fix: str) -> NewswatchError:
    """The error in one line. The server's words may hold anything: secrets are hidden."""
    return error(redact(" ".join(f"index {url}: {fault}; {fix}".split())))


def _told(error: TransportError) -> str:
    """The innermost reason, without the Python objects that urllib3 names."""
    message = str(error.errors[0] if error.errors else error.message)
    return re.sub(r"^(<.*?>|\w+\(.*?\)): ", "", message)[:200]


def _cause(error: ApiError) -> Json | str:
    """The error that the server names; of a search the one of its first shard, which says more."""
    body = error.body.get("error", {}) if isinstance(error.body, dict) else str(error.body)
    if isinstance(body, dict) and body.get("root_cause"):
        first: Json = body["root_cause"][0]
        return first
    return body or str(error.message)
