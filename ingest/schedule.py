"""When a feed is polled next, and with which validators: pure functions of what is known of it.

The next poll is after max(adaptive base, ttl, max-age, Retry-After), clamped to the settings' interval. The base
follows how often the feed brings news; a failing feed is slowed to a day and never given up, for dead feeds return.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from stream.ids import digest
from stream.messages import FeedState
from stream.settings import IngestSettings

POLLS_PER_ITEM = 4
"""How many polls a feed gets for each item that it brings: a quarter of an item's mean distance is waited."""

MEMORY = timedelta(days=1)
"""The rate of news is an exponential mean over about this time."""

UNKNOWN_RATE = 12.0
"""Items a day assumed of a feed that does not say when its items appeared: every 30 minutes at first."""

JITTER = 0.1
"""A delay is lengthened by up to this part of itself, so that feeds added together are not polled together for ever."""

FULL_FETCH_EVERY = 25
"""One conditional request in so many is made without validators, because ETags lie."""

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Hints:
    """What a server asks for, in seconds; None where it does not."""

    max_age: float | None = None
    retry_after: float | None = None


def hints(headers: Mapping[str, str], now: datetime) -> Hints:
    """The hints in the response ``headers`` (names in lower case)."""
    return Hints(_max_age(headers.get("cache-control", "")), retry_after(headers.get("retry-after"), now))


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a ``Retry-After`` header: a number of them or an HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        time = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def first_rate(published: Iterable[datetime | None], now: datetime) -> float:
    """Items a day of a feed seen for the first time, by the dates of its entries in the last seven days."""
    dates = list(published)
    known = [d for d in dates if d is not None]
    if len(known) * 2 < len(dates) or not dates:
        return UNKNOWN_RATE
    return sum(1 for d in known if now - timedelta(days=7) <= d <= now) / 7


def next_rate(rate: float, new_items: int, elapsed: timedelta) -> float:
    """Items a day after a poll ``elapsed`` after the one before brought ``new_items``.

    A Poisson rate by an exponential kernel: each item counts 1/``MEMORY``, fading with its age.
    """
    fading = math.exp(-max(0.0, elapsed / MEMORY))
    return rate * fading + new_items * (timedelta(days=1) / MEMORY)


def base_interval(rate: float, ttl: float, settings: IngestSettings) -> float:
    """The base in seconds for a feed of ``rate`` items a day that asks for ``ttl`` seconds (0 where it does not)."""
    wanted = _DAY / (rate * POLLS_PER_ITEM) if rate > 0 else math.inf
    return _clamp(max(wanted, ttl), settings)


def next_poll(feed_id: str, base: float, asked: Hints, now: datetime, settings: IngestSettings) -> datetime:
    """When to poll a feed that could be read."""
    delay = max(base, asked.max_age or 0.0, asked.retry_after or 0.0)
    return _after(feed_id, delay, now, settings)


def next_attempt(
    feed_id: str, failures: int, asked: Hints, now: datetime, settings: IngestSettings, *, gone: bool = False
) -> datetime:
    """When to poll a feed that failed ``failures`` times in a row; ``gone`` (HTTP 410) is slowed down at once."""
    doubled = settings.min_interval.total_seconds() * 2.0 ** min(max(failures, 1) - 1, 30)
    delay = max(settings.max_interval.total_seconds() if gone else doubled, asked.retry_after or 0.0)
    return _after(feed_id, delay, now, settings)


def validators(state: FeedState, now: datetime) -> tuple[str | None, str | None]:
    """The ETag and Last-Modified to send; none of them in one of ``FULL_FETCH_EVERY`` polls."""
    if _fraction("full fetch", state.feed_id, now) < 1 / FULL_FETCH_EVERY:
        return None, None
    return state.etag, state.last_modified


def new_validators(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The validators to keep from a response, verbatim; none when it says that it is stale already (``Expires: 0``)."""
    if headers.get("expires", "").strip() in ("0", "-1"):
        return None, None
    return _bounded(headers.get("etag")), _bounded(headers.get("last-modified"))


def _bounded(value: str | None) -> str | None:
    return value if value and len(value) <= 1_000 else None


def _max_age(cache_control: str) -> float | None:
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        value = value.strip().strip('"')
        if name.strip() == "max-age" and value.isascii() and value.isdigit():
            return float(value[:9])
    return None


def _after(feed_id: str, delay: float, now: datetime, settings: IngestSettings) -> datetime:
    """``delay`` clamped and lengthened by the jitter, but not beyond the longest interval."""
    lengthened = _clamp(delay, settings) * (1 + JITTER * _fraction("jitter", feed_id, now))
    return now + timedelta(seconds=_clamp(lengthened, settings))


def _clamp(seconds: float, settings: IngestSettings) -> float:
    """The upper bound wins where the settings contradict each other."""
    low, high = settings.min_interval.total_seconds(), settings.max_interval.total_seconds()
    return min(max(seconds, low), high)


def _fraction(*parts: object) -> float:
    """A number in [0, 1) that looks random and is the same for the same parts."""
    return int(digest(*(str(p) for p in parts))[:13], 16) / 16**13
