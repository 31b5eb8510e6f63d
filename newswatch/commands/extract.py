"""extract: text in, entities, places and location changes out; needs no log and no index."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newswatch import report
from newswatch.cli import options
from newswatch.commands.search import Json
from stream.errors import ConfigError

if TYPE_CHECKING:  # spaCy takes seconds to import; only this command pays for it
    from processors.extract import Extraction
    from processors.readings import Reading

BATCH = 256  # lines read ahead with --jsonl
LONG = 50_000  # characters; a feed's articles are cut at 200,000 bytes, a file is read whole


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.command("extract", rich_help_panel="Looking")(extract)


def extract(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="[FILE|-]", help="The text; its first line is the title. -: standard input.")
    ] = "-",
    jsonl: Annotated[
        bool,
        typer.Option("--jsonl", help="Each input line is an object with id and text (or title, body, published)."),
    ] = False,
    as_json: Json = False,
    explain: Annotated[bool, typer.Option("--explain", help="Also the rejected candidates, and why.")] = False,
) -> None:
    """Entities, places and location changes of a text.

    Example: newswatch extract story.txt --json
    """
    settings = options(context).settings()
    content = _read(file)
    from processors.extract import extract_text, extract_texts
    from processors.pipeline import load_pipeline

    if jsonl:
        rows = list(_rows(content, file))  # a mistake in the last line is said before the first is extracted
        nlp = load_pipeline(settings.spacy_model)
        for batch in _batches(rows):
            for (identifier, _), found in zip(batch, extract_texts(nlp, [r for _, r in batch]), strict=True):
                typer.echo(json.dumps({"id": identifier, **_fields(found, explain)}, ensure_ascii=False))
        return
    title, _, body = content.partition("\n")
    if len(content) > LONG:
        typer.echo(f"reading {len(content):,} characters, some seconds for each {LONG:,} …", err=True)
    found = extract_text(load_pipeline(settings.spacy_model), title, body)
    if as_json:
        typer.echo(json.dumps(_fields(found, explain), ensure_ascii=False))
    else:
        _show(found, explain)


def _read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from error


def _rows(content: str, file: str) -> Iterator[tuple[Any, Reading]]:
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ConfigError(f"{where}: not JSON: {error}") from error
        if not isinstance(row, dict) or "id" not in row:
            raise ConfigError(f'{where}: not an object with id; write {{"id": "1", "text": "…"}}')
        yield row["id"], _reading(row, where)


def _reading(row: dict[str, Any], where: str) -> Reading:
    from processors.readings import Reading

    texts: dict[str, str] = {}
    for name in ("text", "title", "body", "published"):
        value = row.get(name)
        if isinstance(value, str):
            texts[name] = value
        elif value is not None:
            raise ConfigError(f"{where}: {name} must be text")
    if "text" in texts:
        return Reading(None, texts["text"], _published(texts.get("published"), where))
    if "title" not in texts and "body" not in texts:
        raise ConfigError(f"{where}: neither text nor title and body")
    return Reading(texts.get("title", ""), texts.get("body", ""), _published(texts.get("published"), where))


def _published(value: str | None, where: str) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ConfigError(f"{where}: published: {value!r} is not an ISO 8601 time") from None


def _batches(rows: Iterable[tuple[Any, Reading]]) -> Iterator[list[tuple[Any, Reading]]]:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


def _fields(found: Extraction, explain: bool) -> dict[str, Any]:
    fields = {
        "location_changes": [c.model_dump(mode="json") for c in found.location_changes],
        "entities": [e.model_dump(mode="json") for e in found.entities],
        "places": [p.model_dump(mode="json") for p in found.places],
    }
    if explain:
        fields["rejected"] = [
            {"trigger": r.trigger, "start": r.start, "end": r.end, "reason": r.reason} for r in found.rejected
        ]
    return fields


def _show(found: Extraction, explain: bool) -> None:
    typer.echo(f"Location changes: {len(found.location_changes)}")
    for change in found.location_changes:
        typer.echo("  " + report.statement(change.model_dump(mode="json")).replace("\n", "\n  "))
    typer.echo("Places: " + (", ".join(_distinct(_place(p.model_dump()) for p in found.places)) or "none"))
    typer.echo("Entities: " + (", ".join(_distinct(f"{e.name} [{e.label}]" for e in found.entities)) or "none"))
    if explain:
        typer.echo(f"Rejected candidates: {len(found.rejected)}")
        for r in found.rejected:
            typer.echo(f"  {r.trigger!r} at {r.start}: {r.reason}")


def _place(place: dict[str, Any]) -> str:
    return report.place(place) + ("" if place["role"] == "mentioned" else f" [{place['role']}]")


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
