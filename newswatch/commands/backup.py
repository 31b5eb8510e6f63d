"""backup: a copy of the embedded store, made while the stages run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from newswatch.backup import INDEX, LOG, Show, back_up
from newswatch.cli import options


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.command("backup", rich_help_panel="Running")(backup)


def backup(
    context: typer.Context, folder: Annotated[Path, typer.Argument(metavar="DIR", help="Is made; must not be there.")]
) -> None:
    """Copy log and index into DIR while everything runs; to start from the copy, set data_dir to it.

    Example: newswatch backup backups/monday
    """
    settings = options(context).settings()
    with _progress() as show:
        back_up(settings, folder, show)
    sizes = ", ".join(f"{name} {(folder / name).stat().st_size / 1e6:,.1f} MB" for name in (LOG, INDEX))
    typer.echo(f"backup of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC in {folder}: {sizes}")
    typer.echo(f"to start from it: NEWSWATCH_DATA_DIR={folder} newswatch run, or copy its files to your data_dir")


@contextmanager
def _progress() -> Iterator[Show]:
    """A bar for each file, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _file, _done, _pages: None
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    tasks: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True)) as bars:

        def show(file: str, done: int, pages: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=pages)
            bars.update(tasks[file], completed=done, total=pages)

        yield show
