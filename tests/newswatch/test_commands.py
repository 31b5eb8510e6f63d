"""A command is there whether all commands are asked for or only its own, behind whatever options."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import typer

from newswatch.cli import _command, main
from newswatch.commands import MODULES
from newswatch.reference import all_commands


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_the_commands_that_the_table_says(module: str) -> None:
    app = typer.Typer()
    import_module(f"newswatch.commands.{module}").register(app)
    commands = [c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands]
    assert sorted(commands + [g.name or "" for g in app.registered_groups]) == sorted(MODULES[module])


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ("search x", "search"),
        ("--config search status", "status"),
        ("--config=search --debug status --help", "status"),
        ("serch", "serch"),
        ("--help search", None),
        ("--version", None),
        ("--config", None),
        ("", None),
    ],
)
def test_the_command_is_found_behind_the_options(given: str, command: str | None) -> None:
    assert _command(given.split()) == command


def newswatch(*given: str) -> str:
    run = subprocess.run([sys.executable, "-m", "newswatch", *given], capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


def test_the_help_and_a_mistake_know_all_commands() -> None:
    said = newswatch("--help", "search")
    assert [c for commands in MODULES.values() for c in commands if c not in said] == []
    assert "'search'" in newswatch("serch", "feeds")


def test_one_command_does_not_hide_the_others_from_the_reference() -> None:
    with pytest.raises(SystemExit):
        main(["feeds", "--help"])
    assert {words[0] for words in all_commands()} == {command for names in MODULES.values() for command in names}


def test_a_command_does_not_load_what_others_need() -> None:
    program = (
        "import sys; from newswatch.cli import main\ntry: main(['status', '--help'])\nfinally: print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"aiohttp", "spacy", "listparser", "feedparser", "dateparser", "courlan"}.isdisjoint(run.stdout.split())
