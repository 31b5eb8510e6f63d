"""When a feed that answers has fallen silent: it brought nothing for longer than is usual for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stream.ids import OWN_VERSION
from stream.messages import FeedState

LEAST = timedelta(days=1)
"""No feed is silent sooner."""
UNUSUAL = 5
"""So many of its usual intervals without anything new are silence."""
UNKNOWN = timedelta(days=7)
"""The usual interval of a feed of which none is known."""


def newest(state: FeedState) -> datetime | None:
    """When the newest content of the feed was first seen: the version of an entry tells."""
    versions = [entry.version % OWN_VERSION for entry in state.entries]
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=max(versions)) if versions else None


def silent_after(state: FeedState) -> datetime | None:
    """From then on it is silent, unless it brings something; None for one that brought nothing yet."""
    last = newest(state)
    usual = timedelta(days=1) / state.items_per_day if state.items_per_day > 0 else UNKNOWN
    return last + max(LEAST, UNUSUAL * usual) if last else None
