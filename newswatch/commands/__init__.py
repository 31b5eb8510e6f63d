"""The commands, a module for each panel of ``newswatch --help``; they parse, call the wiring, and print."""

from __future__ import annotations

from importlib import import_module

import typer

from newswatch.stages import STAGES

MODULES: dict[str, tuple[str, ...]] = {
    "running": ("demo", "run", "setup", *STAGES),
    "generations": ("replay", "promote", "generations"),
    "backfill": ("backfill",),
    "prune": ("prune",),
    "forget": ("forget",),
    "backup": ("backup",),
    "feeds": ("feeds",),
    "search": ("search",),
    "relocations": ("relocations", "whereabouts"),
    "alerts": ("alerts",),
    "rules": ("rules",),
    "dead_letters": ("dead-letters",),
    "extract": ("extract",),
    "status": ("status", "trace"),
    "settings": ("config",),
}
"""Each module's commands, in the order of the help."""


def register(app: typer.Typer, wanted: str | None = None) -> None:
    """Add the commands of the module of the command ``wanted`` to ``app``; where there is none such, all commands.

    The others are not even imported: all of them together take longer than most commands' work.
    """
    homes = [module for module, commands in MODULES.items() if wanted in commands]
    for module in homes or MODULES:
        import_module(f"newswatch.commands.{module}").register(app)
