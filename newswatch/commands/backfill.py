"""backfill: archives into the log, with progress, and where each stands at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console

from ingest.archives import recognise
from ingest.backfill import Standing
from newswatch import wiring
from newswatch.cli import options
from newswatch.commands.search import Json
from newswatch.stopping import stop_on_signals
from stream.errors import NewswatchError
from stream.messages import Backfill

logger = structlog.get_logger()

LINE_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""

_SHOWN_REASONS = 6


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.command("backfill", rich_help_panel="Running")(backfill)


def backfill(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Archives, recognised by their content.")],
    full_text: Annotated[
        bool, typer.Option("--full-text", help="Extract the text of WARC's pages; else title and description only.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Publish archived news: JSON Lines, saved feeds (RSS, Atom, JSON Feed), WARC; plain or gzipped.

    The same command goes on where it was stopped or killed. What the log holds already is not published again; no alert
    of an archived article is sent.

    Example: newswatch backfill CC-NEWS-20261101.warc.gz
    """
    given = options(context)
    settings = given.settings("backfill")
    archives = [recognise(file, settings.ingest.max_bytes, full_text=full_text) for file in files]
    stop = stop_on_signals()
    began = datetime.now(UTC)
    damaged, left = 0, []
    with _progress() as tell:
        for archive, state in wiring.backfill(settings, archives, stop, tell, full_text=full_text):
            if state is not None and as_json:
                typer.echo(state.model_dump_json())
            elif state is not None:
                before = " (read before, nothing to do)" if state.finished and state.at < began else ""
                typer.echo("\n".join(lines(state, before)))
            damaged += state is not None and state.damage is not None
            if state is None or not (state.finished or state.damage):
                left.append(archive.name)
    if left:
        raise NewswatchError(f"stopped before the end of {', '.join(left[:3])}; the same command goes on there")
    if damaged:
        raise NewswatchError(f"{damaged} of {len(archives)} files could not be read whole: see above")


def lines(state: Backfill, before: str = "") -> list[str]:
    """An archive's state for people; ``before`` stands behind its name."""
    counts = f"{state.published:,} articles published, {state.known:,} known, {state.refused:,} refused"
    left = "" if state.finished or state.kind == "feed" else f"; {state.read} read"
    found = [f"{state.name}{before}: {counts}, {state.skipped:,} skipped{left}"]
    if state.damage:
        found.append(f"  damaged: {state.damage}; what could be read is kept")
    shown = [f"{r.count:,} × {r.reason}" for r in state.reasons[:_SHOWN_REASONS]]
    if shown:
        found.append("  " + "; ".join(shown) + ("; …" if len(state.reasons) > _SHOWN_REASONS else ""))
    return found


@contextmanager
def _progress() -> Iterator[Callable[[Standing], None]]:
    """What hears of the progress: a bar on a terminal, else a line now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    from newswatch.bars import bar

    with bar(console) as tell:
        yield tell


class _Lines:
    """A line when an archive is gone on with, when the reading waits, and every ``LINE_EVERY`` seconds."""

    def __init__(self) -> None:
        self._said = 0.0
        self._waits: str | None = None
        self._archive = ""

    def __call__(self, standing: Standing) -> None:
        now = time.monotonic()
        waits = (standing.waits or "").partition(" ")[0] or None
        begun = standing.state is not None and standing.state.id != self._archive
        if not begun and waits == self._waits and now - self._said < LINE_EVERY:
            return
        self._said, self._waits = now, waits
        name = standing.archive.name
        if standing.state is None:
            logger.info("waiting", file=name, reason=standing.waits)
            return
        self._archive = standing.state.id
        counts = {n: getattr(standing.state, n) for n in ("published", "known", "refused", "skipped")}
        if standing.waits:
            logger.info("waiting", file=name, reason=standing.waits)
        else:
            logger.info("reading", file=name, read=standing.state.read, **counts)
