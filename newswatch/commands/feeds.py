"""feeds: the feed list, its import and export, and a look at one feed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ingest import opml, urls
from ingest.edit import add_feeds, remove_feed
from ingest.feeds import Diff, dump_yaml, import_list, load_feeds, make_feed
from newswatch.cli import options
from newswatch.commands.search import Json
from newswatch.starter import ACTORS, FEEDS
from newswatch.wiring import change_feeds, connect_log, feed_states, names, present_feeds, set_up
from stream.errors import ConfigError, NewswatchError
from stream.log import Log
from stream.logs import redact, redact_all
from stream.messages import Feed, FeedState
from stream.settings import Settings

feeds = typer.Typer(help="The feed list; OPML or YAML in and out.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.add_typer(feeds, name="feeds", rich_help_panel="Feeds")


@contextmanager
def _log(settings: Settings) -> Iterator[Log]:
    """The log, with its topics made when this is the first command."""
    log = connect_log(settings, create=True)
    try:
        log.create_topics(names(settings, log).described(), settings.partitions)
        yield log
    finally:
        log.close()


def _present(log: Log, settings: Settings) -> dict[str, Feed]:
    """The feed list by what makes two URLs the same."""
    return {urls.same(feed.url): feed for feed in present_feeds(log, names(settings)).values()}


@feeds.command("add")
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The feed's address.")],
    title: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    publisher: Annotated[
        str | None, typer.Option(help="Who is paced as one; default: the registrable domain of the address.")
    ] = None,
    country: Annotated[str | None, typer.Option(help="Of the publisher, ISO 3166-1 alpha-2.")] = None,
    language: Annotated[str | None, typer.Option(help="ISO 639-1; overrides what the feed says.")] = None,
    fulltext: Annotated[bool, typer.Option("--fulltext", help="Fetch each article's page for its text.")] = False,
) -> None:
    """Add a feed.

    Example: newswatch feeds add https://feeds.bbci.co.uk/news/world/rss.xml --country GB
    """
    settings = options(context).settings()
    feed = make_feed(url, title=title, publisher=publisher, country=country, language=language, fulltext=str(fulltext))
    if settings.feeds_file:
        add_feeds(settings.feeds_file, [feed])
        set_up(settings)
    else:
        with _log(settings) as log:
            if urls.same(feed.url) in _present(log, settings):
                raise ConfigError(f"{redact(feed.url)} is already in the feed list")
            change_feeds(log, names(settings), Diff((feed,), (), ()))
    typer.echo(f"added {redact(feed.url)} ({feed.id})")


@feeds.command("remove")
def remove(context: typer.Context, feed: Annotated[str, typer.Argument(metavar="URL|ID")]) -> None:
    """Remove a feed; what was indexed stays.

    Example: newswatch feeds remove https://feeds.bbci.co.uk/news/world/rss.xml
    """
    settings = options(context).settings()
    if settings.feeds_file:
        gone = remove_feed(settings.feeds_file, feed)
        set_up(settings)
    else:
        with _log(settings) as log:
            present = _present(log, settings)
            found = [f for f in present.values() if feed.strip() in (f.id, f.url)]
            if not found and urls.same(feed) not in present:
                raise ConfigError(f"{redact(feed)} is not in the feed list; newswatch feeds list shows what is")
            gone = found[0] if found else present[urls.same(feed)]
            change_feeds(log, names(settings), Diff((), (), (gone,)))
    typer.echo(f"removed {redact(gone.url)}")


@feeds.command("list")
def list_feeds(context: typer.Context, as_json: Json = False) -> None:
    """The feeds with last success, next poll, errors and items a day.

    Example: newswatch feeds list
    """
    settings = options(context).settings()
    with _log(settings) as log:
        present, states = present_feeds(log, names(settings)), feed_states(log, names(settings))
    now = datetime.now(UTC)
    for feed in sorted(present.values(), key=lambda f: (f.publisher, f.url)):
        state = states.get(feed.id)
        if as_json:
            shown = state.model_dump(mode="json", exclude={"entries", "message", "schema_version"}) if state else None
            row = redact_all({**feed.model_dump(mode="json"), "state": shown})
            typer.echo(json.dumps(row, ensure_ascii=False))
        else:
            typer.echo(_line(feed, state, now))
    if not present:
        typer.echo("no feeds; add one with: newswatch feeds add URL", err=True)


def _line(feed: Feed, state: FeedState | None, now: datetime) -> str:
    head = f"{redact(feed.url)}  ({feed.title or (state and state.title) or feed.publisher})"
    if state is None or state.last_polled is None:
        return f"{head}\n    not polled yet"
    ok = f"last success {_ago(now, state.last_success)}" if state.last_success else "never succeeded"
    due = f"next poll {_ago(now, state.next_poll)}" if state.next_poll else "next poll: now"
    line = f"{head}\n    {ok}, {due}, {state.items_per_day:.1f} items a day"
    return f"{line}\n    failed {state.failures} times: {state.error}" if state.error else line


def _ago(now: datetime, moment: datetime) -> str:
    minutes = round((now - moment).total_seconds() / 60)
    size = f"{abs(minutes)} min" if abs(minutes) < 120 else f"{abs(minutes) / 60:.0f} h"
    return f"{size} ago" if minutes >= 0 else f"in {size}"


@feeds.command("starter")
def starter(
    actors: Annotated[bool, typer.Option("--actors", help="A file for enrich.actors_file instead of feeds.")] = False,
) -> None:
    """Print a list of public news feeds of the world to begin with; keep what you want of it, then import it.

    Example: newswatch feeds starter > feeds.yml
    """
    typer.echo((ACTORS if actors else FEEDS).read_text(encoding="utf-8"), nl=False)


@feeds.command("import")
def import_feeds(
    context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="OPML or YAML.")]
) -> None:
    """Add the feeds of a file to the list; those that are there stay as they are.

    Of OPML what cannot be polled is named and left out (exit code 1).

    Example: newswatch feeds import subscriptions.opml
    """
    settings = options(context).settings()
    found = import_list(file)
    wanted = {urls.same(feed.url): feed for feed in found.feeds}
    if settings.feeds_file:
        there = {urls.same(f.url) for f in load_feeds(settings.feeds_file)} if settings.feeds_file.exists() else set()
        new = [feed for key, feed in wanted.items() if key not in there]
        add_feeds(settings.feeds_file, new)
        set_up(settings)
    else:
        with _log(settings) as log:
            present = _present(log, settings)
            new = [feed for key, feed in wanted.items() if key not in present]
            change_feeds(log, names(settings), Diff(tuple(new), (), ()))
    typer.echo(f"added {len(new)} of {len(wanted)} feeds; {len(wanted) - len(new)} were there already")
    for line in found.odd:
        typer.echo(f"left out: {redact(line)}", err=True)
    if found.odd:
        raise NewswatchError(f"{file}: not all of it could be imported: see above")


@feeds.command("export")
def export(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Default: standard output.")] = None,
    as_opml: Annotated[bool, typer.Option("--opml", help="OPML rather than YAML; so is a FILE called *.opml.")] = False,
) -> None:
    """Write the feed list as YAML or OPML.

    Example: newswatch feeds export feeds.opml
    """
    settings = options(context).settings()
    with _log(settings) as log:
        present = sorted(present_feeds(log, names(settings)).values(), key=lambda f: (f.publisher, f.url))
    wanted = as_opml or (file is not None and file.suffix.lower() in (".opml", ".xml"))
    text = opml.dump(present) if wanted else dump_yaml(present)
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NewswatchError(f"{file}: cannot be written: {error.strerror}") from error
    typer.echo(f"wrote {len(present)} feeds to {file}", err=True)


@feeds.command("check")
def check(
    context: typer.Context, url: Annotated[str, typer.Argument(help="The feed's address.")], as_json: Json = False
) -> None:
    """Poll a feed once and show what would be published; nothing is stored.

    Example: newswatch feeds check https://feeds.bbci.co.uk/news/world/rss.xml
    """
    from ingest.check import check as poll_once

    result = poll_once(url, options(context).settings().ingest)
    if result.error:
        raise NewswatchError(result.lines()[0])
    if as_json:
        for article in result.articles:
            typer.echo(article.model_dump_json())
        return
    for line in result.lines():
        typer.echo(line)
