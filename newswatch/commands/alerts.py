"""alerts: what was raised or held back, and why."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Annotated

import typer

from alerts.notify import deliveries_of
from indexer.fields import Kind
from indexer.index import Document
from newswatch import report
from newswatch.cli import options
from newswatch.commands.search import Json, Limit, Since, Until, fetch, fetch_one, show
from newswatch.wiring import connect_index, connect_log, names
from stream.messages import Delivery

alerts = typer.Typer(help="Raised and held-back alerts, with reasons.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.add_typer(alerts, name="alerts", rich_help_panel="Looking")


@alerts.command("list")
def list_alerts(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(help="Only those that match, e.g. severity:high.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """Alerts, newest first; a held-back one says why it was not sent.

    Example: newswatch alerts list 'severity:high' --since 24h
    """
    hits, total = fetch(context, "alerts", query, since, until, limit)
    show("alerts", hits, total, as_json)


@alerts.command("show")
def show_alert(
    context: typer.Context,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The alert's id, or its beginning.")],
    as_json: Json = False,
) -> None:
    """One alert with its rule, evidence and links, and what became of it for each target.

    Example: newswatch alerts show 3f2a91
    """
    document = fetch_one(context, "alerts", identifier)
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    typer.echo(report.alert(document))
    for delivery in _deliveries(context, str(document["id"])):
        typer.echo(report.delivery(delivery))
    if _is_withdrawn(context, document):
        typer.echo("\n  WITHDRAWN: the publishers have changed the articles and no longer say this.")


def _deliveries(context: typer.Context, alert: str) -> list[Delivery]:
    settings = options(context).settings()
    with closing(connect_log(settings)) as log:
        return deliveries_of(log, names(settings).topic("deliveries"), [alert])


def _is_withdrawn(context: typer.Context, alert: Document) -> bool:
    """Whether the statement that the alert is about was taken back since, or all of the relocation's were."""
    kinds: dict[str, Kind] = {"location-change": "location-changes", "relocation": "relocations"}
    kind = kinds.get(alert["subject"]["kind"])
    if kind is None:
        return False
    with closing(connect_index(options(context).settings())) as index:
        found = index.get(kind, [alert["subject"]["id"]]).values()
    return any(one.document.get("withdrawn", False) and not one.document.get("merged_into") for one in found)
