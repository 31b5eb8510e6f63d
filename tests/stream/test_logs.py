"""Logging: one line an event, and no secret in it, wherever it was put."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import LogError
from stream.logs import configure_logging, redact

SECRET = "hunter2"
URL = f"amqp://user:{SECRET}@host:9092/x"
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)


class Terminal(io.StringIO):
    """A stderr that a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _reset() -> Any:
    yield
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.fixture(params=["json", "terminal"])
def stderr(request: pytest.FixtureRequest) -> io.StringIO:
    """What is written to stderr, which is a file or a terminal."""
    return io.StringIO() if request.param == "json" else Terminal()


def configure(stderr: io.StringIO, level: str = "info", stage: str | None = None) -> None:
    """``configure_logging`` in a process with this stderr (pytest puts its own back before each test)."""
    with redirect_stderr(stderr):
        configure_logging(level, stage)


# -- redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:hunter2@host/x", "https://***@host/x"),
        ("https://hunter2@host", "https://***@host"),
        ("https://user:hunter2@host:9200", "https://***@host:9200"),
        ("https://user:hunt@er2@host/x", "https://***@host/x"),
        ("kafka://u:hunter2@a:1,b:2 and es://u:hunter2@c", "kafka://***@a:1,b:2 and es://***@c"),
        ("GET https://host/feed?token=hunter2&page=2", "GET https://host/feed?token=***&page=2"),
        ("https://host/?page=2&api_key=hunter2#top", "https://host/?page=2&api_key=***"),
        ("https://host/?access_token=hunter2", "https://host/?access_token=***"),
        ("{'password': 'hunter2', 'user': 'x'}", "{'password': ***, 'user': 'x'}"),
        ('{"api_key": "hunter2"}', '{"api_key": ***}'),
        ("Sasl(user='x', password='hunter2')", "Sasl(user='x', password=***)"),
        ("Authorization: Bearer hunter2", "Authorization: ***"),
        ("authorization: Basic aHVudGVyMg==", "authorization: ***"),
        ("host=a password=hunter2 user=b", "host=a password=*** user=b"),
        ("password_file_token=hunter2", "password_file_token=***"),
        ("password_file-key: hunter2", "password_file-key: ***"),
        ("password_files: hunter2", "password_files: ***"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://host/@user/post",
        "https://host/a?mail=x@example.org",
        "write to desk@example.org",
        "2 tokens were read",
        "not well-formed (invalid token): line 1, column 5",
        "Saudi Arabia's secret talks in Doha",
        "kafka.password_file: /run/secrets/kafka: cannot be read: No such file or directory",
        "{'secret_file': 'desk.secret'}",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert redact(text) == text


@given(user=WORDS, password=WORDS.map(lambda w: f"<{w}>"), before=WORDS, after=WORDS)
def test_no_password_of_a_url_is_left(user: str, password: str, before: str, after: str) -> None:
    shown = redact(f"{before} https://{user}:{password}@{after}/{after} {after}")
    assert shown == f"{before} https://***@{after}/{after} {after}"


# -- the output


@dataclass
class Connection:
    """A value with secrets inside, as a driver's own objects have them."""

    url: str
    password: str


@pytest.mark.parametrize(
    "fields",
    [
        {"password": SECRET},
        {"kafka_password": SECRET},
        {"apiKey": SECRET},
        {"API_KEY": SECRET},
        {"Authorization": f"Bearer {SECRET}"},
        {"token": [SECRET]},
        {"secret": {"x": SECRET}},
        {"url": URL},
        {"reason": f"cannot reach {URL}"},
        {"headers": {"Authorization": f"Basic {SECRET}"}},
        {"settings": {"kafka": {"password": SECRET, "hosts": [URL]}}},
        {"settings": [{"a": ({"api-key": SECRET},)}]},
        {"urls": [URL, URL]},
        {"connection": Connection(URL, SECRET)},
        {"error": LogError(f"cannot reach {URL}")},
        {"body": URL.encode()},
    ],
    ids=str,
)
def test_no_secret_reaches_the_output(stderr: io.StringIO, fields: dict[str, Any]) -> None:
    configure(stderr)
    structlog.get_logger().info("something happened", **fields)
    assert "something happened" in stderr.getvalue()
    assert SECRET not in stderr.getvalue()


def test_no_secret_of_an_exception_reaches_the_output(stderr: io.StringIO) -> None:
    configure(stderr)
    try:
        try:
            raise OSError(URL)
        except OSError as error:
            raise LogError(f"cannot reach {URL} with password={SECRET}") from error
    except LogError:
        structlog.get_logger().exception("failed")
    assert "cannot reach amqp://***@host" in stderr.getvalue()
    assert "LogError" in stderr.getvalue()
    assert SECRET not in stderr.getvalue()


def test_no_secret_of_the_event_or_the_context_reaches_the_output(stderr: io.StringIO) -> None:
    configure(stderr)
    with structlog.contextvars.bound_contextvars(log_url=URL, token=SECRET):
        structlog.get_logger().bind(password=SECRET).info(f"opened {URL}")
    assert "opened amqp://***@host" in stderr.getvalue()
    assert SECRET not in stderr.getvalue()


def test_values_are_left_as_they_are() -> None:
    stderr = io.StringIO()
    configure(stderr)
    fields = {"count": 3, "share": 0.5, "yes": True, "none": None, "text": "Zürich 東京", "nested": {"a": [1, "b"]}}
    structlog.get_logger().info("event", **fields)
    assert "Zürich 東京" in stderr.getvalue()
    assert json.loads(stderr.getvalue()).items() >= fields.items()


def test_each_event_is_one_line_of_json() -> None:
    stderr = io.StringIO()
    configure(stderr, stage="enrich")
    structlog.get_logger().info("first\nevent", text="a\nb")
    structlog.get_logger().warning("second")
    first, second = map(json.loads, stderr.getvalue().splitlines())
    assert (first["event"], first["level"], first["stage"]) == ("first\nevent", "info", "enrich")
    assert (second["event"], second["level"], second["stage"]) == ("second", "warning", "enrich")
    assert first["timestamp"].endswith("Z")


def test_another_stage_replaces_the_one_before_and_none_is_none() -> None:
    stderr = io.StringIO()
    for stage in ("enrich", "index", None):
        configure(stderr, "info", stage)
        structlog.get_logger().info("event")
    assert [json.loads(line).get("stage") for line in stderr.getvalue().splitlines()] == ["enrich", "index", None]


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_what_is_below_the_level_is_not_written(level: str, count: int) -> None:
    stderr = io.StringIO()
    configure(stderr, level)
    for method in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), method)("event")
    assert len(stderr.getvalue().splitlines()) == count
