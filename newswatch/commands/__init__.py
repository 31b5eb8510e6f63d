"""The commands, a module for each panel of ``newswatch --help``; they parse, call the wiring, and print."""

from __future__ import annotations

import typer

from newswatch.commands import (
    alerts,
    backfill,
    backup,
    dead_letters,
    extract,
    feeds,
    forget,
    generations,
    prune,
    relocations,
    rules,
    running,
    search,
    settings,
    status,
)


def register(app: typer.Typer) -> None:
    """Add all commands to ``app``, in the order of the help."""
    for module in (
        running, generations, backfill, prune, forget, backup, feeds, search, relocations, alerts, rules, dead_letters,
        extract, status, settings,
    ):  # fmt: skip
        module.register(app)
