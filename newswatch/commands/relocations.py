"""relocations and whereabouts: fused cases with their timelines, and where an actor is said to be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from indexer.words import words
from newswatch import report
from newswatch.commands.search import Json, Limit, Since, Until, fetch, fetch_one, show
from newswatch.times import parse_time
from newswatch.whereabouts import sightings
from stream.errors import ConfigError

relocations = typer.Typer(help="Relocations: what all articles say of one move, as one case.", no_args_is_help=True)

MOST = 1_000
"""Of an actor's relocations the latest so many are looked at."""


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.add_typer(relocations, name="relocations", rich_help_panel="Looking")
    app.command("whereabouts", rich_help_panel="Looking")(whereabouts)


@relocations.command("list")
def list_relocations(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(help="Only those that match, e.g. status:denied.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """Relocations, those with the latest news first.

    Example: newswatch relocations list 'actor.root:hamas AND independent_sources:>=2' --since 7d
    """
    hits, total = fetch(context, "relocations", query, since, until, limit)
    show("relocations", hits, total, as_json)


@relocations.command("show")
def show_relocation(
    context: typer.Context,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The relocation's id, or its beginning.")],
    as_json: Json = False,
) -> None:
    """One relocation as a story: who said what when, with links and sentences.

    Example: newswatch relocations show 3f2a91
    """
    document = fetch_one(context, "relocations", identifier)
    typer.echo(json.dumps(document, ensure_ascii=False) if as_json else report.relocation(document))


def whereabouts(
    context: typer.Context,
    actor: Annotated[str, typer.Argument(help="The actor's root (hamas) or a name.")],
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="As it was then: ISO 8601 or 7d.")] = None,
    limit: Limit = 10,
    as_json: Json = False,
) -> None:
    """Where ACTOR is said to be, the latest first, with confidence and contradictions.

    Example: newswatch whereabouts hamas --at 2026-11-01
    """
    now = datetime.now(UTC)
    moment = parse_time(at, now, "--at") if at else now
    hits, _ = fetch(context, "relocations", _about(actor), None, None, MOST)
    found = sightings((hit.document for hit in hits), moment)[:limit]
    if not found:
        typer.echo(_nothing(actor, moment, bool(hits)), err=True)
    elif as_json:
        for sighting in found:
            typer.echo(json.dumps(sighting.fields(), ensure_ascii=False))
    else:
        typer.echo(report.whereabouts(actor, moment, found))


def _about(actor: str) -> str:
    """The query for an actor's relocations: by its root, or by all the words of its name. Raises ``ConfigError``."""
    named = [json.dumps(word, ensure_ascii=False) for word in words(actor)]
    if not named:
        raise ConfigError("ACTOR is empty: give a root (hamas) or a name, as newswatch relocations list shows them")
    root = json.dumps(actor.strip(), ensure_ascii=False)
    return f"(actor.root:{root} OR actor.name:({' AND '.join(named)})) AND background:false"


def _nothing(actor: str, at: datetime, known: bool) -> str:
    if known:
        return f"nothing says where {actor} was by {at:%Y-%m-%d %H:%M} UTC; without --at newswatch tells what is known"
    beginning = words(actor)[0][:4]
    return f"no relocation has an actor {actor!r}; newswatch relocations list '{beginning}*' finds names like it"
