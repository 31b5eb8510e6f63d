"""Logging: one line an event on stderr, for people on a terminal and as JSON otherwise; secrets never get in."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

_NAMES = r"password|passwd|secret|token|api[_-]?key|authorization"
_SECRET_NAMES = re.compile(_NAMES, re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]+@")
_PARAMETER = re.compile(r"([?&;][\w.-]*(?:token|key|secret|auth|sig|pass|pwd)[\w.-]*=)[^&;#\s'\"]*", re.IGNORECASE)
_SAID = "what is set is not valid|no such setting|it must be|Input should be|Extra inputs are not permitted"
"""What our own messages say of a setting that is named like a secret: no secret begins so."""
_NAMED = re.compile(
    rf"""((?:{_NAMES})(?![\w-]*_file(?![\w-]))[\w-]*(?:=|['"]\s*[:=]\s*|:\s+(?!{_SAID})))((?:basic|bearer)\s+)?('[^']*'|"[^"]*"|[^\s'"&;,)}}\]]+)""",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """``text`` with every secret in it replaced by ``***``.

    Secrets are the user and password of a URL, its parameters that are named like one (``?key=…``), and the value of
    what is named like one elsewhere (``'password': …``, ``Authorization: Bearer …``), but for the name of a file
    (``password_file: …``).
    """
    return _NAMED.sub(r"\1***", _PARAMETER.sub(r"\1***", _CREDENTIALS.sub("***@", text)))


def redact_all(value: Any) -> Any:
    """A JSON value with ``redact`` applied to every text in it."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: redact_all(v) for name, v in value.items()}
    return [redact_all(v) for v in value] if isinstance(value, list) else value


def configure_logging(level: str, stage: str | None = None) -> None:
    """Set up structlog for this process: ``level`` is debug, info, warning or error; ``stage`` goes on every line."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if terminal
            else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    if stage:
        structlog.contextvars.bind_contextvars(stage=stage)


def _without_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: hides values by their names, nested ones as well, and secrets in texts anywhere."""
    for name, value in event.items():
        event[name] = _hidden(name, value)
    return event


def _hidden(name: str, value: object) -> object:
    if _SECRET_NAMES.search(name):
        return "***"
    if isinstance(value, int | float | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): _hidden(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", inner) for inner in value]
    return redact(str(value))
