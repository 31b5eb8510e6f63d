"""The command line: thin commands over the wiring. Exits: 0 done, 1 the work failed, 2 wrong usage or settings."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stream.errors import ConfigError, NewswatchError
from stream.logs import configure_logging, redact
from stream.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Options:
    """The options before the command's name."""

    config: Path | None
    debug: bool

    def settings(self, stage: str | None = None) -> Settings:
        """The effective settings; logging is set up with them."""
        settings = load_settings(self.config)
        configure_logging("debug" if self.debug else settings.log_level, stage)
        return settings

    def arguments(self) -> tuple[str, ...]:
        """These options as arguments for a child process."""
        config = ("--config", str(self.config)) if self.config else ()
        return (*config, "--debug") if self.debug else config


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"newswatch {version('newswatch')}")
        raise typer.Exit


def _before(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The settings file; default: newswatch.toml.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log more, and show tracebacks.")] = False,
    _show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Who is moving where, from the world's news feeds."""
    context.obj = Options(config, debug)


def make_app(wanted: str | None = None) -> typer.Typer:
    """The command line with the command ``wanted`` and those of its module; where there is none such, with all."""
    from newswatch import commands  # here, so that a broken settings file still gives one line

    app = typer.Typer(
        name="newswatch",
        help="Who is moving where, from the world's news feeds.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_before)
    commands.register(app, wanted)
    return app


def options(context: typer.Context) -> Options:
    """The options given before the command."""
    found = context.obj
    assert isinstance(found, Options)
    return found


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; a failure is one line on stderr (a traceback only with ``--debug``)."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    app = make_app(_command(given))
    try:
        code = app(given, prog_name="newswatch", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        if not error.format_message():  # no command: the help has been shown
            sys.exit(2)
        _fail(f"{error.format_message()} (newswatch --help lists commands and options)", 2)
    except ConfigError as error:
        _fail(str(error), 2, debug)
    except NewswatchError as error:
        _fail(str(error), 1, debug)
    except (typer.Abort, KeyboardInterrupt):
        _fail("interrupted", 1)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            _fail(f"{error.filename or 'output'}: {error.strerror}", 1, debug)
        # `newswatch … | head`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last line of defence: one line, never a bare traceback
        _fail(f"unexpected {type(error).__name__}: {error} (run with --debug for the traceback)", 1, debug)
    sys.exit(code if isinstance(code, int) else 0)


def _command(given: list[str]) -> str | None:
    """The command that is asked for, behind the options that may stand before it; None for the help and the like."""
    words = iter(given)
    for word in words:
        if word == "--config":
            next(words, None)
        elif not word.startswith("-"):
            return word
        elif word != "--debug" and not word.startswith("--config="):
            return None
    return None


def _fail(line: str, code: int, debug: bool = False) -> NoReturn:
    if debug:
        import traceback

        traceback.print_exc()
    print("newswatch: " + redact(line), file=sys.stderr)
    sys.exit(code)
