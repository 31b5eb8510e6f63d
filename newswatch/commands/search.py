"""search: what is in the index, by query and time."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Literal, cast, get_args

import typer

from indexer.fields import FIELDS
from indexer.index import Document, Index, Kind, Stored
from indexer.query import parse
from newswatch import report
from newswatch.cli import options
from newswatch.times import parse_time
from newswatch.wiring import connect_index
from stream.errors import ConfigError, NewswatchError

PAGE = 100

Since = Annotated[str | None, typer.Option(metavar="TIME", help="From then on: ISO 8601, or how long ago (2h, 7d).")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Before then.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]
Json = Annotated[bool, typer.Option("--json", help="JSON Lines on stdout, and nothing else there.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.command("search", rich_help_panel="Looking")(search)


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="Words, phrases, field:value, AND OR NOT; see the README.")],
    kind: Annotated[str, typer.Option("--in", metavar="KIND", help=f"{', '.join(get_args(Kind))}.")] = "articles",
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """What is indexed and matches QUERY, newest first.

    Example: newswatch search 'actor.root:hamas AND destination.country:IQ' --in location-changes --since 7d
    """
    if kind not in get_args(Kind):
        raise ConfigError(f"--in: no kind {kind!r}; use one of {', '.join(get_args(Kind))}")
    found = cast(Kind, kind)
    hits, total = fetch(context, found, query, since, until, limit)
    show(found, hits, total, as_json)


def fetch(
    context: typer.Context, kind: Kind, query: str | None, since: str | None, until: str | None, limit: int
) -> tuple[list[Stored], int]:
    """Up to ``limit`` documents and the number of all that match."""
    now = datetime.now(UTC)
    index: Index = connect_index(options(context).settings())
    try:
        parsed = parse(query, kind) if query is not None else None
        start = parse_time(since, now, "--since") if since else None
        end = parse_time(until, now, "--until") if until else None
        hits: list[Stored] = []
        cursor: str | None = None
        while True:
            page = index.search(kind, parsed, since=start, until=end, limit=min(PAGE, limit - len(hits)), cursor=cursor)
            hits += page.hits
            cursor = page.cursor
            if cursor is None or len(hits) >= limit:
                return hits, page.total
    finally:
        index.close()


def fetch_one(context: typer.Context, kind: Literal["alerts", "relocations"], identifier: str) -> Document:
    """The document whose id begins so, withdrawn or not. Raises where there is none or more than one."""
    word = kind.removesuffix("s")
    if not re.fullmatch("[0-9a-f]{1,24}", identifier):
        raise ConfigError(
            f"{identifier!r} is no {word}'s id (24 hex digits, or their beginning); newswatch {kind} list"
        )
    hidden = " AND withdrawn:(true OR false)" if "withdrawn" in FIELDS[kind] else ""
    hits, total = fetch(context, kind, f"id:{identifier}*{hidden}", None, None, 2)
    if total != 1:
        what = f"no {word} has" if not total else f"{total} {kind} have"
        raise NewswatchError(f"{what} an id that begins with {identifier!r}; newswatch {kind} list shows the ids")
    return hits[0].document


def show(kind: Kind, hits: list[Stored], total: int, as_json: bool) -> None:
    """Print documents for people, or as JSON Lines."""
    if as_json:
        for hit in hits:
            typer.echo(json.dumps(hit.document, ensure_ascii=False))
        return
    for hit in hits:
        typer.echo(report.LINES[kind](hit.document))
    if not hits:
        typer.echo("nothing found", err=True)
    elif total > len(hits):
        typer.echo(f"{len(hits)} of {total}; --limit shows more", err=True)
