"""replay, promote, generations: the kept articles through today's extraction, beside the live generation."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from indexer.generations import not_there, open_index_sets
from newswatch import changes
from newswatch.cli import options
from newswatch.commands.search import Json
from newswatch.dropping import Listed, drop, listed
from newswatch.promotion import promote as make_live
from newswatch.replay import begin, run_replay
from newswatch.stopping import stop_on_signals
from newswatch.times import parse_time
from newswatch.wiring import connect_index
from stream.errors import ConfigError
from stream.lineage import LIVE, NAME
from stream.settings import Settings

generations = typer.Typer(help="What each version of the extraction derived.", no_args_is_help=True)
PANEL = "Generations"


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.command("replay", rich_help_panel=PANEL)(replay)
    app.command("promote", rich_help_panel=PANEL)(promote)
    app.add_typer(generations, name="generations", rich_help_panel=PANEL)


def replay(
    context: typer.Context,
    into: Annotated[str, typer.Option("--into", metavar="NAME", help="The generation to make: g2, g3, …")],
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Articles appended from then on: ISO 8601, or how long ago (30d)."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only articles appended before; it ends there and cannot be promoted."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that read articles; default: a processor less than there are.")
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Replay nothing: compare what it holds by now with the live generation.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="With --diff: at most so many examples of each change.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="With --diff: every difference as a line of JSON.")] = False,
) -> None:
    """Run the kept articles through today's extraction into another generation, beside the live one.

    It goes on with live articles until that generation is promoted, and after whatever death where it was.

    Example: newswatch replay --since 30d --into g2
    """
    _refuse_no_name(into, "--into")
    settings = options(context).settings("replay")
    if diff:
        _show_differences(settings, into, limit, as_json=as_json)
        return
    if as_json:
        raise ConfigError("--json: only --diff has something to print; add --diff")
    start, end = _times(since, until, datetime.now(UTC))
    found = begin(settings, into, start, end)
    if start is not None and (end is None) != (found.until is None):
        was = f"--until {found.until:%Y-%m-%dT%H:%M:%S}Z" if found.until else "no --until"
        raise ConfigError(f"--until: {into} was begun with {was}; drop it and begin anew, or replay into another")
    if found.live_from is not None:
        typer.echo(f"{into} is live, but not searched yet: this goes on until newswatch promote {into} has ended; call"
                   " that again in another terminal if it was stopped", err=True)  # fmt: skip
    if found.since != start and start is not None:
        typer.echo(f"{into} was begun with --since {found.since:%Y-%m-%dT%H:%M:%S}Z; it goes on", err=True)
    spare = max(1, min(settings.partitions, (os.cpu_count() or 2) - 1))
    done = run_replay(settings, found, workers or spare, stop_on_signals(), options(context).arguments())
    if done.promoted:
        typer.echo(f"{into} is live; the running stages work on it")
    else:
        compare = f"newswatch replay --into {into} --diff"
        last = "" if found.until else f", newswatch promote {into} (while a replay into it runs)"
        typer.echo(f"{into} holds what was replayed; next: {compare}{last}")


def _times(since: str | None, until: str | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    start = parse_time(since, now, "--since") if since else None
    end = parse_time(until, now, "--until") if until else None
    if end is not None and end > now:
        raise ConfigError(f"--until: {until} is yet to come; leave it out, and the replay follows live articles")
    if start is not None and end is not None and start >= end:
        raise ConfigError(f"--until: {until} is not after --since {since}")
    return start, end


def _refuse_no_name(name: str, where: str) -> None:
    if not NAME.fullmatch(name):
        raise ConfigError(f"{where}: {name!r} is no generation; they are called g1, g2, …")


def _show_differences(settings: Settings, into: str, limit: int, *, as_json: bool) -> None:
    with closing(open_index_sets(settings.index, settings.elasticsearch)) as sets:
        if into not in sets.present():
            raise not_there(settings.index, into)
    with closing(connect_index(settings, LIVE)) as old, closing(connect_index(settings, into)) as new:
        for kind in changes.COMPARED:
            same: Counter[str] = Counter()
            found = changes.differences(kind, old, new, same)
            if as_json:
                for one in found:
                    fields = {"in": kind, "change": one.change, "fields": one.fields, "before": one.before}
                    typer.echo(json.dumps({**fields, "after": one.after}, ensure_ascii=False))
                continue
            for line in changes.told(kind, found, same, limit):
                typer.echo(line)


def promote(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The generation that a replay has made.")],
) -> None:
    """Make a replayed generation the live one: for searches, dashboards, alerts and the running stages.

    Example: newswatch promote g2
    """
    _refuse_no_name(name, "promote")
    make_live(options(context).settings("promote"), name, stop_on_signals(), typer.echo)


@generations.command("list")
def list_all(context: typer.Context, as_json: Json = False) -> None:
    """The generations: which is live, how far a replay is, what each holds.

    Example: newswatch generations list
    """
    for one in listed(options(context).settings()):
        typer.echo(json.dumps(_fields(one), ensure_ascii=False) if as_json else _line(one))


@generations.command("drop")
def drop_one(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A generation that is not live.")],
) -> None:
    """Remove a generation that is not live: its topics, consumer groups and index set.

    Example: newswatch generations drop g1
    """
    _refuse_no_name(name, "generations drop")
    for line in drop(options(context).settings(), name):
        typer.echo(line)
    typer.echo(f"{name} is gone")


def _line(one: Listed) -> str:
    record = one.record
    parts = [f"{record.id:<4} {one.state}"]
    if record.since is not None:
        until = f" until {record.until:%Y-%m-%d %H:%M}" if record.until else ""
        parts.append(f"articles since {record.since:%Y-%m-%d %H:%M}{until}")
    if record.created is not None and record.live_from is not None:
        parts.append(f"live from {record.live_from:%Y-%m-%d %H:%M:%S}")
    if one.left:
        parts.append(f"about {one.left} articles to go")
    parts += [f"{count} {kind}" for kind, count in one.documents.items()] or ["no index set"]
    return ", ".join(parts)


def _fields(one: Listed) -> dict[str, object]:
    return {**one.record.model_dump(mode="json"), "state": one.state, "left": one.left, "documents": one.documents}
