"""Times as people give them: ISO 8601, or relative (``2h``: two hours ago)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stream.errors import ConfigError
from stream.sections import parse_duration


def parse_time(text: str, now: datetime, option: str) -> datetime:
    """The moment that ``text`` means at ``now``, in UTC; a date alone is its midnight, no zone means UTC.

    Raises ``ConfigError`` naming ``option``.
    """
    duration = parse_duration(text)
    try:
        if isinstance(duration, timedelta):
            return now - duration
        moment = datetime.fromisoformat(text.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{option}: {text!r} is not a time; give ISO 8601 (2026-11-22T08:00) or how long ago (90s, 15m, 2h, 7d)"
        ) from None
