"""forget: the takedown of an article and of all that was made of it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from newswatch.cli import options
from newswatch.takedown import Found, find, forbid, take_down
from newswatch.wiring import connect_index, connect_log, names
from stream.errors import ConfigError, NewswatchError
from stream.generations import Generations
from stream.settings import Settings
from stream.topics import TOPICS


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.command("forget", rich_help_panel="Running")(forget)


def forget(
    context: typer.Context,
    url_or_id: Annotated[str, typer.Argument(metavar="URL|ID", help="Of the article.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove an article and all that was made of it from index and topics, for good; it is not published again.

    Example: newswatch forget https://www.example.org/news/embassy-moves
    """
    settings = options(context).settings()
    with closing(connect_log(settings)) as log, closing(connect_index(settings)) as index:
        found = find(log, index, names(settings, log), url_or_id)
        if found.nothing and not found.before:
            raise NewswatchError(f"there is no article {url_or_id}; newswatch search finds what is indexed")
        for line in _there(found):
            typer.echo(line)
        if not yes:
            _ask()
        now, topics = datetime.now(UTC), names(settings, log)
        forbid(log, topics, found.ids, now)
        found = find(log, index, topics, url_or_id)  # with what came while the question stood there
        take_down(log, index, topics, found, now)
        others = sorted(Generations(log, topics).read().keys() - {topics.generation})
    typer.echo("removed; no feed brings it back")
    for line in _left(found, settings, now, others):
        typer.echo(line)


def _ask() -> None:
    if not sys.stdin.isatty():
        raise ConfigError("forget: nobody is there to be asked; say --yes")
    if not typer.confirm("Remove all of it for good?"):
        raise NewswatchError("nothing was removed")


def _there(found: Found) -> Iterator[str]:
    yield from found.shown
    if found.before:
        yield "it was taken down before; what has come since is removed"
    yield (
        f"revisions {len(found.revisions)}, location changes {len(found.statements)},"
        f" relocations that quote it {len(found.relocations)}, alerts that quote it {len(found.alerts)}"
    )


def _left(found: Found, settings: Settings, now: datetime, others: Collection[str]) -> Iterator[str]:
    """What cannot be reached, and until when; ``others``: the generations that are not live."""
    if found.relocations:
        yield "relocations that others tell, too, are told anew without it as soon as newswatch fuse and index run"
    yield "What this cannot reach:"
    for name in ("enriched", "transitions", "dead-letters"):
        retention = TOPICS[name].retention
        assert isinstance(retention, timedelta)
        yield f"  the topic {name} keeps what it holds of it until {now + retention:%Y-%m-%d}"
    for generation in others:
        yield (f"  generation {generation}, where nobody works on it any more, keeps what it made of it until newswatch"
               f" generations drop {generation}")  # fmt: skip
    if not settings.log.startswith("sqlite:"):
        yield "  Kafka drops the records of compacted topics when it compacts them (segment.ms, max.compaction.lag.ms)"
    for delivery in found.sent:
        yield f"  an alert that quotes it was sent to {delivery.target} at {delivery.at:%Y-%m-%d %H:%M} UTC"
    for delivery in found.waiting:
        yield f"  an alert that quotes it waited for {delivery.target}: not sent any more, unless that was under way"
    yield "  backups that were made before, and copies that others made"
    for url in found.copies:
        yield f"  the same text at another address is another article: {url}"
