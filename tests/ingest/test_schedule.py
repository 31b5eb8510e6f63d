"""The schedule: bounds, jitter, back-off, and which validators are sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import schedule
from ingest.schedule import Hints
from stream.messages import FeedState
from stream.settings import IngestSettings

SETTINGS = IngestSettings()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = st.none() | st.floats(0, 10**9)
HINTS = st.builds(Hints, SECONDS, SECONDS)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
IDS = st.text(max_size=10)


def _seconds(time: datetime, now: datetime = NOW) -> float:
    return (time - now).total_seconds()


@given(IDS, st.floats(0, 10**9), HINTS, TIMES)
def test_the_next_poll_is_within_bounds_and_never_before_what_is_asked(
    feed_id: str, base: float, asked: Hints, now: datetime
) -> None:
    delay = _seconds(schedule.next_poll(feed_id, base, asked, now, SETTINGS), now)
    low, high = SETTINGS.min_interval.total_seconds(), SETTINGS.max_interval.total_seconds()
    assert low <= delay <= high
    wanted = min(max(base, asked.max_age or 0, asked.retry_after or 0), high)
    assert delay >= wanted - 0.001
    assert delay <= max(wanted, low) * (1 + schedule.JITTER) + 0.001
    assert schedule.next_poll(feed_id, base, asked, now, SETTINGS) == now + timedelta(seconds=delay)


@given(st.integers(1, 10_000), HINTS, st.booleans())
def test_failures_slow_down_to_a_day_and_never_stop(failures: int, asked: Hints, gone: bool) -> None:
    delay = _seconds(schedule.next_attempt("f", failures, asked, NOW, SETTINGS, gone=gone))
    assert 300 <= delay <= 86_400
    if gone or failures > 9:
        assert delay == 86_400


def test_the_first_failures_are_retried_soon() -> None:
    delays = [_seconds(schedule.next_attempt("f", n, Hints(), NOW, SETTINGS)) for n in range(1, 5)]
    for delay, least in zip(delays, (300, 600, 1200, 2400), strict=True):
        assert least <= delay <= least * 1.1


@given(st.floats(0, 10**4), st.floats(0, 10**4))
def test_more_news_is_never_polled_less(one: float, more: float) -> None:
    slow, fast = sorted((one, one + more))
    assert schedule.base_interval(fast, 0, SETTINGS) <= schedule.base_interval(slow, 0, SETTINGS)


def test_the_base_follows_the_news() -> None:
    rate = schedule.first_rate([NOW - timedelta(hours=h) for h in range(1, 25)], NOW)
    assert rate == pytest.approx(24 / 7)
    busy = rate
    for _ in range(48):
        busy = schedule.next_rate(busy, 4, timedelta(minutes=30))
    assert schedule.base_interval(busy, 0, SETTINGS) == 300
    quiet = schedule.next_rate(busy, 0, timedelta(days=30))
    assert schedule.base_interval(quiet, 0, SETTINGS) == 86_400
    assert schedule.base_interval(busy, 1800, SETTINGS) == 1800


def test_a_feed_without_dates_starts_at_half_an_hour() -> None:
    assert schedule.base_interval(schedule.first_rate([None, None, NOW], NOW), 0, SETTINGS) == 1800
    assert schedule.base_interval(schedule.first_rate([], NOW), 0, SETTINGS) == 1800


@given(st.floats(0, 10**4), st.integers(0, 1000), st.timedeltas(timedelta(days=-1), timedelta(days=10**5)))
def test_a_rate_is_never_negative(rate: float, new: int, elapsed: timedelta) -> None:
    assert 0 <= schedule.next_rate(rate, new, elapsed) <= rate + new


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120), ("317100", 317_100), ("Sun, 01 Mar 2026 12:01:00 GMT", 60), ("Sun, 01 Mar 2020 12:01:00 GMT", 0),
        ("soon", None), ("", None), ("-5", None), ("²", None), (None, None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert schedule.retry_after(value, NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_makes_it_raise(value: str) -> None:
    headers = {"retry-after": value, "cache-control": value, "expires": value, "etag": value}
    schedule.hints(headers, NOW)
    schedule.new_validators(headers)


def test_max_age_is_read_among_the_directives() -> None:
    assert schedule.hints({"cache-control": 'public, Max-Age="600", s-maxage=9'}, NOW).max_age == 600
    assert schedule.hints({"cache-control": "no-cache"}, NOW).max_age is None


def test_validators_are_kept_verbatim_but_not_of_what_is_stale_already() -> None:
    headers = {"etag": 'W/"x y"', "last-modified": "yesterday"}
    assert schedule.new_validators(headers) == ('W/"x y"', "yesterday")
    assert schedule.new_validators({**headers, "expires": "0"}) == (None, None)


def test_a_full_fetch_comes_now_and_then() -> None:
    state = FeedState(feed_id="f", etag="e", last_modified="m")
    sent = [schedule.validators(state, NOW + timedelta(minutes=5 * n)) for n in range(1_000)]
    assert set(sent) == {("e", "m"), (None, None)}
    assert 15 <= sent.count((None, None)) <= 80
