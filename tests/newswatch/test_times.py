"""Times on the command line: ISO 8601 or relative."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newswatch.times import parse_time
from stream.errors import ConfigError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("2026-02-01", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-01T10:00+02:00", datetime(2026, 2, 1, 8, tzinfo=UTC)),
        ("2026-02-01T10:00Z", datetime(2026, 2, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_time_as_people_give_it(text: str, meant: datetime) -> None:
    assert parse_time(text, NOW, "--since") == meant


@pytest.mark.parametrize("text", ["yesterdayish", "", "2h3", "-1d", "99999999w"])
def test_what_is_no_time_names_the_option_and_the_fix(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--since: .* is not a time; give ISO 8601"):
        parse_time(text, NOW, "--since")
