"""prune: removing from the index what is older than its retention."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from indexer.index import KINDS, Index, Kind
from indexer.query import parse
from newswatch.cli import options
from newswatch.wiring import connect_index
from stream.errors import ConfigError
from stream.settings import RetentionSettings

_WITHDRAWN_TOO = "withdrawn:* OR NOT withdrawn:*"


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.command("prune", rich_help_panel="Running")(prune)


def prune(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much would be removed.")] = False,
) -> None:
    """Remove from the index what is older than the `retention` settings say; the log is not touched.

    Example: newswatch prune --dry-run
    """
    settings = options(context).settings()
    kept = list(_kept(settings.retention))
    if not kept:
        raise ConfigError("prune: no retention is set, so everything is kept; set retention.articles to 365d, say")
    now = datetime.now(UTC)
    with closing(connect_index(settings)) as index:
        for kind, retention in kept:
            before = now - retention
            count = _count(index, kind, before) if dry_run else index.prune(kind, before)
            would = "would be " if dry_run else ""
            typer.echo(f"{count} {kind} from before {before:%Y-%m-%d %H:%M} {would}removed")


def _kept(retention: RetentionSettings) -> Iterator[tuple[Kind, timedelta]]:
    for kind in KINDS:
        found: timedelta | None = getattr(retention, kind.replace("-", "_"))
        if found is not None:
            yield kind, found


def _count(index: Index, kind: Kind, before: datetime) -> int:
    query = parse(_WITHDRAWN_TOO, kind) if kind == "location-changes" else None
    return index.search(kind, query, until=before, limit=0).total
