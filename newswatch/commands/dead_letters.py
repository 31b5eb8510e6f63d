"""dead-letters: what a stage could not handle, why, and giving it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from newswatch.cli import options
from newswatch.commands.search import Json
from newswatch.wiring import connect_log, names
from stream.dead_letters import DeadLetter, find_dead_letters, list_dead_letters, retry, value_of
from stream.errors import ConfigError
from stream.generations import Generations
from stream.lineage import at_work
from stream.log import Log
from stream.topics import Names

dead_letters = typer.Typer(help="What a stage could not handle, and why.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this panel."""
    app.add_typer(dead_letters, name="dead-letters", rich_help_panel="Looking")


@contextmanager
def _open(context: typer.Context) -> Iterator[tuple[Log, Names]]:
    settings = options(context).settings()
    log = connect_log(settings)
    try:
        yield log, names(settings)
    finally:
        log.close()


@dead_letters.command("list")
def list_all(context: typer.Context, as_json: Json = False) -> None:
    """Every dead letter with its stage, place and reason, oldest first.

    Example: newswatch dead-letters list
    """
    with _open(context) as (log, topics):
        letters = list_dead_letters(log, topics)
    for letter in letters:
        typer.echo(json.dumps(_fields(letter), ensure_ascii=False) if as_json else _line(letter))
    if not letters:
        typer.echo("no dead letters", err=True)


@dead_letters.command("show")
def show(
    context: typer.Context, identifier: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False
) -> None:
    """One dead letter with its original bytes.

    Example: newswatch dead-letters show 2-17
    """
    with _open(context) as (log, topics):
        letter = find_dead_letters(log, topics, [identifier])[0]
        original = value_of(log, topics, letter)
    value = (original or b"").decode("utf-8", "backslashreplace")
    typer.echo(
        json.dumps({**_fields(letter), "value": value}, ensure_ascii=False)
        if as_json
        else f"{_line(letter)}\n\n{value}"
    )


@dead_letters.command("retry")
def give_back(
    context: typer.Context,
    identifiers: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not given back yet.")] = False,
) -> None:
    """Give dead letters back to the stage that gave them up.

    Example: newswatch dead-letters retry --all
    """
    if bool(identifiers) == everything:
        raise ConfigError("dead-letters retry: name the ids, or say --all")
    with _open(context) as (log, topics):
        letters = (
            [letter for letter in list_dead_letters(log, topics) if not letter.retried]
            if everything
            else find_dead_letters(log, topics, identifiers or [])
        )
        working = at_work(Generations(log, topics).read())
        groups = {letter.group: topics.generation_of(letter.group) for letter in letters}
        over = [letter for letter in letters if (of := groups[letter.group]) and of not in working]
        letters = [letter for letter in letters if letter not in over]
        retry(log, topics, letters)
    for letter in over:
        generation = groups[letter.group]
        typer.echo(f"dead letter {letter.id}: nobody works on {generation} any more; passed over", err=True)
    typer.echo(f"gave back {len(letters)} dead letters")


def _fields(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id, "stage": letter.stage, "group": letter.group, "topic": letter.topic,
        "partition": letter.partition, "offset": letter.offset, "key": letter.key, "error": letter.error,
        "attempts": letter.attempts, "at": letter.at.isoformat(),
        "retried": letter.retried.isoformat() if letter.retried else None,
    }  # fmt: skip


def _line(letter: DeadLetter) -> str:
    again = f"  (given back {letter.retried:%Y-%m-%d %H:%M})" if letter.retried else ""
    return (
        f"{letter.id}  {letter.at:%Y-%m-%d %H:%M}  {letter.stage}: {letter.topic}/{letter.partition}@{letter.offset}"
        f" key {letter.key}{again}\n    {letter.error}"
    )
