"""status and trace: the state of the whole; one article through every stage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from newswatch.cli import options
from newswatch.commands.search import Json
from newswatch.standing import StageStanding, Whole, look
from newswatch.tracing import find_article, trace
from newswatch.wiring import connect_index, connect_log
from stream.logs import redact, redact_all


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.command("status", rich_help_panel="Looking")(status)
    app.command("trace", rich_help_panel="Looking")(trace_article)


def status(context: typer.Context, as_json: Json = False) -> None:
    """Stages with their workers, lag and rates; the oldest record that waits; failing and silent feeds; unfinished
    backfills; dead letters.

    Example: newswatch status
    """
    settings = options(context).settings()
    log = connect_log(settings)
    now = datetime.now(UTC)
    try:
        whole = look(log, settings, now)
    finally:
        log.close()
    for row in _rows(whole) if as_json else _lines(whole, now):
        typer.echo(json.dumps(redact_all(row), ensure_ascii=False) if as_json else row)


def trace_article(
    context: typer.Context,
    url_or_id: Annotated[
        str, typer.Argument(metavar="URL|ID", help="Of the article; or the id of a location change or alert.")
    ],
    as_json: Json = False,
) -> None:
    """One article through every stage, with times, offsets and versions.

    Example: newswatch trace https://www.example.org/news/embassy-moves
    """
    settings = options(context).settings()
    log, index = connect_log(settings), connect_index(settings)
    try:
        steps = trace(log, index, settings, find_article(index, url_or_id))
    finally:
        index.close()
        log.close()
    for step in steps:
        if as_json:
            typer.echo(json.dumps(redact_all(step.fields()), ensure_ascii=False))
        else:
            at = step.at.strftime("%Y-%m-%d %H:%M:%S") if step.at else " " * 19
            typer.echo(f"{at}  {step.stage:<7} {step.what}\n{' ' * 29}{redact(step.place)}")


def _lines(whole: Whole, now: datetime) -> Iterator[str]:
    for s in whole.stages:
        workers = f"{len(s.workers)} workers" if len(s.workers) != 1 else "1 worker"
        unit = "feeds overdue" if s.stage == "ingest" else "to do"
        waits = f", the oldest waits for {_length(now, s.oldest)}" if s.oldest else ""
        yield f"{s.stage:<7} {s.topic:<9} {workers}, {_rate(s):.1f} records/s, {s.lag} {unit}{waits}"
        for worker in s.silent:
            yield f"        worker {worker.id} is silent for {_length(now, worker.at)}"
        for worker in s.workers:
            for wait in (w for standing in worker.standings if standing.topic == s.topic for w in standing.waits):
                yield f"        worker {worker.id} waits at {redact(wait)}"
    f = whole.feeds
    counts = f"{f.total} feeds, {f.never_polled} not polled yet, {len(f.failing)} failing, {len(f.silent)} silent"
    yield f"feeds   {counts}"
    for feed, error in f.failing:
        yield f"        failing: {redact(feed.url)}: {error}"
    for feed, newest in f.silent:
        yield f"        silent: {redact(feed.url)}: nothing new for {_length(now, newest)}"
    for b in whole.backfills:
        done = b.damage or ("begun" if b.kind == "feed" else f"{b.read} read")
        yield f"backfill {b.name}: {done}, {b.published:,} articles published, the last {_length(now, b.at)} ago"
    if whole.backfills:
        yield "        the same newswatch backfill command goes on there"
    yield f"dead letters: {whole.dead_letters}"


def _rows(whole: Whole) -> Iterator[dict[str, object]]:
    for s in whole.stages:
        yield {
            "stage": s.stage, "topic": s.topic, "lag": s.lag, "per_second": _rate(s),
            "oldest": s.oldest.isoformat() if s.oldest else None,
            "workers": [w.model_dump(mode="json") for w in s.workers], "silent_workers": [w.id for w in s.silent],
        }  # fmt: skip
    yield {
        "feeds": whole.feeds.total, "never_polled": whole.feeds.never_polled,
        "failing": {redact(feed.url): error for feed, error in whole.feeds.failing},
        "silent": {redact(feed.url): newest.isoformat() for feed, newest in whole.feeds.silent},
    }  # fmt: skip
    for b in whole.backfills:
        yield {"backfill": b.model_dump(mode="json")}
    yield {"dead_letters": whole.dead_letters}


def _rate(standing: StageStanding) -> float:
    """Of the stage's workers; the records of both of index's topics count in both of its lines."""
    return sum(worker.per_second for worker in standing.workers)


def _length(now: datetime, since: datetime) -> str:
    seconds = max(0.0, (now - since).total_seconds())
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
