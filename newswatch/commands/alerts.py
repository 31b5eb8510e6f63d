"""alerts and rules: what was raised or held back and why; the rules that raise it."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import Annotated

import typer

from alerts.rules import OF_RELOCATIONS, load_rules
from indexer.fields import Kind
from indexer.index import Document
from newswatch import report
from newswatch.cli import options
from newswatch.commands.search import Json, Limit, Since, Until, fetch, show
from newswatch.wiring import connect_index
from stream.errors import ConfigError, NewswatchError

alerts = typer.Typer(help="Raised and held-back alerts, with reasons.", no_args_is_help=True)
rules = typer.Typer(help="The alert rules.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.add_typer(alerts, name="alerts", rich_help_panel="Looking")
    app.add_typer(rules, name="rules", rich_help_panel="Looking")


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
    """One alert with its rule, evidence and links.

    Example: newswatch alerts show 3f2a91
    """
    if not re.fullmatch("[0-9a-f]{1,24}", identifier):
        raise ConfigError(f"{identifier!r} is no alert's id (24 hex digits, or their beginning); newswatch alerts list")
    hits, total = fetch(context, "alerts", f"id:{identifier}*", None, None, 2)
    if total != 1:
        what = "no alert has" if not total else f"{total} alerts have"
        raise NewswatchError(f"{what} an id that begins with {identifier!r}; newswatch alerts list shows the ids")
    document = hits[0].document
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    typer.echo(report.alert(document))
    if _is_withdrawn(context, document):
        typer.echo("\n  WITHDRAWN: the publishers have changed the articles and no longer say this.")


def _is_withdrawn(context: typer.Context, alert: Document) -> bool:
    """Whether the statement that the alert is about was taken back since, or all of the relocation's were."""
    kinds: dict[str, Kind] = {"location-change": "location-changes", "relocation": "relocations"}
    kind = kinds.get(alert["subject"]["kind"])
    if kind is None:
        return False
    with closing(connect_index(options(context).settings())) as index:
        found = index.get(kind, [alert["subject"]["id"]]).values()
    return any(one.document.get("withdrawn", False) and not one.document.get("merged_into") for one in found)


@rules.command("check")
def check_rules(context: typer.Context) -> None:
    """Check every rule; each mistake is one line with file, line and fix.

    Example: newswatch rules check
    """
    folder = options(context).settings().rules_dir
    found = load_rules(folder)
    typer.echo(
        f"{len(found)} rule{'s' if len(found) > 1 else ''} in {folder}: all valid"
        if found
        else f"no rules in {folder} (*.yml)"
    )


@rules.command("list")
def list_rules(context: typer.Context, as_json: Json = False) -> None:
    """The rules: id, severity, target, name and query.

    Example: newswatch rules list
    """
    folder = options(context).settings().rules_dir
    found = load_rules(folder)
    for rule in found:
        if as_json:
            more = OF_RELOCATIONS if rule.target == "relocations" else ()
            shown = {n: getattr(rule, n) for n in ("id", "name", "target", "severity", *more)}
            typer.echo(json.dumps({**shown, "query": rule.query.text}, ensure_ascii=False))
        else:
            typer.echo(f"{rule.id}  [{rule.severity}] {rule.target}: {rule.name}\n    {rule.query.text}")
    if not found:
        typer.echo(f"no rules in {folder} (*.yml)", err=True)
