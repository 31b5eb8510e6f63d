"""extract: text in, entities, places and location changes out; needs no log and no index."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from newswatch import report
from newswatch.cli import options
from newswatch.commands.search import Json
from newswatch.wiring import know_actors
from stream.errors import ConfigError
from stream.settings import Settings

if TYPE_CHECKING:  # spaCy takes seconds to import; only this command pays for it
    from newswatch.jsonl import Asked
    from processors.extract import Extraction
    from processors.readers import Readers

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
    """Entities, places and location changes of a text; on a terminal in colours.

    With --jsonl the input may be of any length; a line that cannot be read gives an object with line and error.

    Example: newswatch extract story.txt --json
    """
    settings = options(context).settings()
    if jsonl:
        _each_line(settings, file, explain)
        return
    content = _text(file)
    from processors.extract import extract_in
    from processors.readers import language_of
    from processors.readings import Reading

    title, _, body = content.partition("\n")
    if len(content) > LONG:
        typer.echo(f"reading {len(content):,} characters, some seconds for each {LONG:,} …", err=True)
    readers = _readers(settings)
    found = extract_in(readers, [Reading(title, body)], [language_of(None, content)])[0]
    if as_json:
        typer.echo(json.dumps(_fields(found, readers, explain), ensure_ascii=False))
    else:
        _show(found, readers, explain)


def _readers(settings: Settings) -> Readers:
    from processors.pipeline import load_pipeline
    from processors.readers import Readers, load_others

    know_actors(settings)
    return Readers(load_pipeline(settings.spacy_model), load_others(settings.enrich.pipelines))


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 (closed below; what is raised inside is not ours to word)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    with stream:
        yield stream


def _text(file: str) -> str:
    try:
        with _opened(file) as stream:
            return stream.read().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from error


def _each_line(settings: Settings, file: str, explain: bool) -> None:
    """A result for each line, as soon as its batch is extracted; for a bad one why, here and in one line on stderr."""
    with _opened(file) as stream:
        from newswatch.jsonl import Fault, answers
        from processors.extract import extract_in
        from processors.readers import language_of

        readers = _readers(settings)

        def extract_all(asked: Sequence[Asked]) -> list[Extraction]:
            languages = [language_of(a.language, a.reading.text) for a in asked]
            return extract_in(readers, [a.reading for a in asked], languages)

        for answer in answers(stream, extract_all):
            if isinstance(answer, Fault):
                typer.echo(f"newswatch: {file}:{answer.line}: {answer.error}", err=True)
                result: dict[str, Any] = {"id": answer.id, "line": answer.line, "error": answer.error}
            else:
                result = {"id": answer[0].id, **_fields(answer[1], readers, explain)}
            typer.echo(json.dumps(result, ensure_ascii=False))


def _fields(found: Extraction, readers: Readers, explain: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "language": found.language,
        "model": readers.model(found.language).name,
        "location_changes": [c.model_dump(mode="json") for c in found.location_changes],
        "entities": [e.model_dump(mode="json") for e in found.entities],
        "places": [p.model_dump(mode="json") for p in found.places],
    }
    if explain:
        fields["rejected"] = [
            {"trigger": r.trigger, "start": r.start, "end": r.end, "reason": r.reason} for r in found.rejected
        ]
    return fields


def _show(found: Extraction, readers: Readers, explain: bool) -> None:
    if readers.model(found.language).name.startswith(report.BY_NAME):
        typer.echo(f"Language: {found.language}. There is no model for it: only names are read (see enrich.pipelines).")
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        from newswatch.colours import show

        show(console, found, explain)
    else:
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
