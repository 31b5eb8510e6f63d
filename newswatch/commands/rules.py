"""rules: those in force, checked, and tried on what is there."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from alerts.backtest import would_raise
from alerts.rules import OF_RELOCATIONS, Rule, load_rule_files
from indexer.documents import alert_document
from newswatch import report
from newswatch.cli import options
from newswatch.commands.search import Json, Limit, Since
from newswatch.times import parse_time
from newswatch.wiring import connect_index, connect_log, names, rules_of
from stream.errors import ConfigError
from stream.messages import encode
from stream.settings import Settings

rules = typer.Typer(help="The alert rules.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.add_typer(rules, name="rules", rich_help_panel="Looking")


@rules.command("check")
def check_rules(context: typer.Context) -> None:
    """Check every rule; each mistake is one line with file, line and fix.

    Example: newswatch rules check
    """
    settings = options(context).settings()
    folder, found = settings.rules_dir, rules_of(settings)
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
    settings = options(context).settings()
    folder, found = settings.rules_dir, rules_of(settings)
    for rule in found:
        if as_json:
            more = OF_RELOCATIONS if rule.target == "relocations" else ()
            shown = {n: getattr(rule, n) for n in ("id", "name", "target", "severity", *more)}
            typer.echo(json.dumps({**shown, "query": rule.query.text}, ensure_ascii=False))
        else:
            typer.echo(f"{rule.id}  [{rule.severity}] {rule.target}: {rule.name}\n    {rule.query.text}")
    if not found:
        typer.echo(f"no rules in {folder} (*.yml)", err=True)


@rules.command("test")
def try_rule(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(help="A rule's id, or a file with rules that are not in force yet.")],
    since: Since = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """What RULE would have raised over what is indexed (rules on relocations: over the transitions of 90 days).

    Example: newswatch rules test hamas-to-iraq --since 30d
    """
    settings = options(context).settings()
    start = parse_time(since, datetime.now(UTC), "--since") if since else None
    chosen = _rules_named(rule, settings)
    age = settings.alerts.max_age
    with closing(connect_index(settings)) as index, closing(connect_log(settings)) as log:
        topics = names(settings, log)
        for one in chosen:
            raised = would_raise(one, index, log, topics, start, age)
            shown = list(islice(raised, limit))
            for alert in shown:
                typer.echo(encode(alert).decode() if as_json else report.alert_line(alert_document(alert)))
            if not shown:
                typer.echo(f"{one.id}: would have raised nothing", err=True)
            left = sum(1 for _ in raised)
            if left:
                typer.echo(f"{one.id}: {limit} of {limit + left}; --limit shows more", err=True)


def _rules_named(rule: str, settings: Settings) -> tuple[Rule, ...]:
    if Path(rule).suffix in (".yml", ".yaml"):
        written = load_rule_files([Path(rule)])
        if not written:
            raise ConfigError(f"{rule}: no rules in it; a rule is a list entry with id, name and query")
        return written
    found = rules_of(settings)
    chosen = tuple(one for one in found if one.id == rule)
    if not chosen:
        have = ", ".join(one.id for one in found) or "none"
        raise ConfigError(f"no rule {rule!r} in {settings.rules_dir}; there are {have}; a file must end in .yml")
    return chosen
