"""Alerts by webhook: JSON by POST, signed as in the specification Standard Webhooks (standardwebhooks.com).

A receiver takes ``webhook-id``, ``webhook-timestamp`` and the body as they came, joins them with full stops, makes the
HMAC-SHA256 of that with the secret (the base64 behind ``whsec_``), and compares its base64 with what follows ``v1,`` in
``webhook-signature``. It refuses timestamps (seconds since 1970) that are far off, and treats a ``webhook-id`` that it
has seen as done: the same alert may come twice, always under the same id.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.metadata import version
from urllib.parse import urlsplit

import aiohttp

from alerts.channels import Failure, is_wanted, reason_of, tls_context
from stream.messages import Alert
from stream.targets import Webhook

REFUSALS = frozenset({400, 410, 413, 415, 422})
"""Statuses by which a receiver says that it will never take this alert; all else but success is tried again."""


class WebhookChannel:
    """A ``Channel`` to one URL. Redirects are not followed, environment proxies not used."""

    def __init__(self, target: Webhook, timeout: float) -> None:
        """``timeout`` is for an attempt as a whole, in seconds. Raises ``ConfigError``."""
        self.name = target.name
        self._target = target
        self._timeout = timeout
        self._key = target.key()
        self._tls = tls_context(f"notify.webhook {target.name}", target.ca_file)
        self._host = urlsplit(target.url).hostname or ""

    def wants(self, alert: Alert) -> bool:
        """See ``Channel.wants``."""
        return is_wanted(alert, self._target)

    def send(self, delivery_id: str, alert: Alert) -> Failure | None:
        """See ``Channel.send``."""
        body = payload(alert)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"newswatch/{version('newswatch')}",
            **signature(self._key, delivery_id, int(time.time()), body),
        }
        try:
            return asyncio.run(self._post(body, headers))
        except aiohttp.ClientConnectorCertificateError as error:
            return Failure(reason_of(error.certificate_error, self._host, self._timeout))
        except aiohttp.ClientConnectorError as error:
            return Failure(reason_of(error.os_error, self._host, self._timeout))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Failure(reason_of(error, self._host, self._timeout))

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Failure | None:
        limit = aiohttp.ClientTimeout(total=self._timeout)
        async with (
            aiohttp.ClientSession(timeout=limit, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
            session.post(
                self._target.url, data=body, headers=headers, ssl=self._tls, allow_redirects=False
            ) as response,
        ):
            return judge(response.status, response.headers.get("Retry-After"), self._host, datetime.now(UTC))


def payload(alert: Alert) -> bytes:
    """The body, the same each time: ``{"type": "newswatch.alert", "timestamp": …, "data": …}`` around an ``Alert``."""
    data = alert.model_dump(mode="json")
    fields = {"type": "newswatch.alert", "timestamp": data["created"], "data": data}
    return json.dumps(fields, ensure_ascii=False).encode()


def signature(key: bytes, delivery_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that sign ``body``; ``timestamp`` in seconds since 1970."""
    signed = b".".join((delivery_id.encode(), str(timestamp).encode(), body))
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{mac}",
    }


def judge(status: int, retry_after: str | None, host: str, now: datetime) -> Failure | None:
    """What an answer means."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status in REFUSALS:
        return Failure(f"{host} refuses the alert: HTTP {status}", final=True)
    redirects = "; set url to where it points" if 300 <= status < 400 else ""
    return Failure(f"{host} answers HTTP {status}{redirects}", wait=_seconds(retry_after, now))


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """A ``Retry-After`` (RFC 9110, 10.2.3), which gives seconds or a date; None for anything else."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        moment = parsedate_to_datetime(retry_after)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError):
        return None
