"""demo, run, setup, and each stage as a worker of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from newswatch.cli import options
from newswatch.stopping import stop_on_signals, stop_with_parent
from newswatch.supervisor import Supervisor
from newswatch.wiring import STAGES, poll_each_feed_once, run_stage, set_up
from stream.errors import ConfigError, NewswatchError

PANEL = "Running"


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.command("demo", rich_help_panel=PANEL)(demo)
    app.command("run", rich_help_panel=PANEL)(run)
    app.command("setup", rich_help_panel=PANEL)(setup)
    for name in STAGES:
        app.command(name, rich_help_panel="One stage as a worker", help=_stage_help(name))(_stage_command(name))


def demo(
    context: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's store and print where it is.")] = False,
) -> None:
    """Serve the bundled feeds on loopback, run every stage on a throw-away store, and report what was found.

    Example: newswatch demo
    """
    from newswatch.demo.play import play

    play(stop_on_signals(), debug=options(context).debug, keep=keep)


def run(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Poll every feed once, process everything to the end, and exit.")
    ] = False,
) -> None:
    """All stages on this machine, supervised: a stage that dies is restarted with back-off.

    Example: newswatch run --once
    """
    from newswatch.once import run_once

    given = options(context)
    settings = given.settings("run")
    for line in set_up(settings):
        typer.echo(line, err=True)
    stop = stop_on_signals()
    if once:
        run_once(settings, stop, given.arguments())
        return
    supervisor = Supervisor(tuple(STAGES), given.arguments())
    if sys.stderr.isatty():
        typer.echo("running; Ctrl-C ends, newswatch status (in another terminal) shows what it does", err=True)
    supervisor.run(stop)
    if sys.stderr.isatty():
        typer.echo("\nstopped; every batch was finished" if not supervisor.killed else "\nstopped", err=True)
    if refused := supervisor.refused():
        raise ConfigError(f"stage {', '.join(refused)} was refused for its configuration: see the line above")
    if killed := supervisor.killed:
        raise NewswatchError(f"stage {', '.join(killed)} did not drain in time and was killed; nothing is lost")


def setup(
    context: typer.Context,
    kibana: Annotated[
        str | None, typer.Option("--kibana", metavar="URL", help="Bring data views and dashboards into this Kibana.")
    ] = None,
) -> None:
    """Create or check topics and index tables, and bring the feed list in; safe to repeat, reports differences.

    Example: newswatch setup --kibana http://localhost:5601
    """
    settings = options(context).settings()
    shown = None
    if kibana is not None:
        from newswatch.kibana.client import Kibana

        shown = Kibana(kibana, settings.kibana)  # a wrong address is refused before anything is made
    lines = set_up(settings)
    for line in lines:
        typer.echo(line)
    if shown is not None:
        from newswatch.kibana.provision import set_up_kibana

        if settings.index.startswith("sqlite:"):
            typer.echo("kibana shows what is on Elasticsearch, but index_url is a file: it will find nothing", err=True)
        brought = set_up_kibana(shown, settings.kibana.spaces, settings.elasticsearch.prefix)
        for line in brought:
            typer.echo(line)
        lines += brought
    if not lines:
        typer.echo("everything is there; nothing to do")


def _stage_help(name: str) -> str:
    stage = STAGES[name]
    *others, last = stage.sources + stage.beside
    reads = f"{', '.join(others)} and {last}" if others else last
    return (
        f"A worker of the stage {name}: {stage.does} (reads {reads}). "
        f"Start as many as there are partitions.\n\nExample: newswatch {name}"
    )


def _stage_command(name: str) -> Callable[..., None]:
    def stage(
        context: typer.Context,
        supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
    ) -> None:
        _run_stage(context, name, supervised)

    def ingest(
        context: typer.Context,
        supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
        once: Annotated[bool, typer.Option("--once", help="Poll every feed once, then exit.")] = False,
    ) -> None:
        _run_stage(context, name, supervised, once)

    return ingest if name == "ingest" else stage


def _run_stage(context: typer.Context, name: str, supervised: bool, once: bool = False) -> None:
    settings = options(context).settings(name)
    stop = stop_on_signals()
    if supervised:
        stop_with_parent(stop)
    if once:
        poll_each_feed_once(settings, stop)
    else:
        if run_stage(settings, name, stop, supervised=supervised) and not stop.is_set():
            _begin_anew()


def _begin_anew() -> None:
    """The same command in the same process, loaded anew with the code, lexicons and model that are there now: for the
    supervisor, and whoever else looks at the process, it goes on."""
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (our own command line)
