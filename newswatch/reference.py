"""``python -m newswatch.reference FOLDER``: the reference of commands, settings, fields, messages, from the code."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from indexer.fields import field_reference
from newswatch.cli import make_app
from newswatch.commands.settings import plain
from stream.messages import MESSAGES
from stream.sections import Section
from stream.settings import PREFIX, Settings

MADE = "<!-- Made by `make docs`; do not edit. -->\n"


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with its words (``("feeds", "add")``), in the order of the help."""
    nested = getattr(command, "commands", None)
    if nested is None:
        yield path, command
        return
    for name, sub in nested.items():
        yield from walk(sub, (*path, name))


def all_commands() -> dict[tuple[str, ...], Any]:
    """Every command of newswatch by its words."""
    return dict(walk(typer.main.get_command(make_app())))


def shown_options(command: Any) -> list[Any]:
    """The parameters that the help shows."""
    return [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]


def commands_page() -> str:
    """Every command with its example, arguments and options."""
    lines = ["# Commands\n", MADE]
    for words, command in all_commands().items():
        help_text = inspect.cleandoc(command.help or "")
        lines.append(f"## newswatch {' '.join(words)}\n")
        lines.append(help_text.replace("\nExample: ", "\nExample: `", 1) + ("`" if "\nExample: " in help_text else ""))
        rows = [
            f"| `{', '.join(p.opts) if p.param_type_name == 'option' else (p.metavar or p.name.upper())}` "
            f"| {p.help or ''} |"
            for p in shown_options(command)
        ]
        lines.append("\n| option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n" if rows else "")
    return "\n".join(lines)


def settings_page() -> str:
    """Every setting with its variable, default and meaning."""
    lines = ["# Settings\n", MADE, f"In `newswatch.toml`, or in the environment. `{PREFIX}…` wins over the file.\n"]
    lines += ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{'.'.join(path)}` | `{PREFIX}{'__'.join(path).upper()}` | `{_default(field)}` | {_meaning(field)} |"
        for path, field in all_settings()
    ]
    return "\n".join(lines) + "\n"


def all_settings() -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every setting with its path."""

    def fields(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                yield from fields(field.annotation, (*path, name))
            else:
                yield (*path, name), field

    return fields(Settings, ())


def _default(field: FieldInfo) -> str:
    return "" if field.default in (None, ()) else plain(field.default)


def _meaning(field: FieldInfo) -> str:
    return " ".join((field.description or "").replace("``", "`").split())


def schema_page(message: type[BaseModel]) -> str:
    """The JSON Schema of a message as it is written to a topic."""
    schema = message.model_json_schema(mode="serialization")
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "fields.md": field_reference,
    **{f"schemas/{m.__name__}.v{m.SCHEMA}.json": partial(schema_page, m) for m in MESSAGES.values()},
}


def main(folder: Path) -> None:
    """Write all pages into ``folder``."""
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
        print(f"wrote {folder / name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
