"""config: the effective settings and where each comes from."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import typer

from newswatch.cli import options
from newswatch.commands.search import Json
from stream.logs import redact
from stream.sections import Section
from stream.settings import FILE, Settings, source_of


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.command("config", rich_help_panel="Looking")(config)


def config(context: typer.Context, as_json: Json = False) -> None:
    """The effective settings and where each comes from; secrets are hidden.

    Example: newswatch config
    """
    given = options(context)
    rows = list(_rows(given.settings(), given.config or Path(FILE)))
    if as_json:
        for name, value, source in rows:
            typer.echo(json.dumps({"setting": name, "value": value, "source": source}))
        return
    width = max(len(name) for name, _, _ in rows)
    for name, value, source in rows:
        typer.echo(f"{name:<{width}}  {value}  ({source})")


def _rows(settings: Settings, file: Path) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, Section):
            rows += [
                (f"{name}.{field}", plain(getattr(value, field)), source_of((name, field), file))
                for field in type(value).model_fields
            ]
        else:
            rows.append((name, plain(_effective(settings, name)), source_of((name,), file)))
    return rows


def _effective(settings: Settings, name: str) -> Any:
    return {"log_url": settings.log, "index_url": settings.index}.get(name, getattr(settings, name))


def plain(value: Any) -> str:
    """A setting's value as it is written in the settings file."""
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, tuple):
        return json.dumps([str(v) for v in value])
    return redact(str(value))


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0 and seconds >= size:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
