"""Reading the lexicons: YAML files of the package's ``data`` folder, validated, with errors that name file and line.

Every scalar is read as a string (so that ``NO`` stays Norway); pydantic models give the types.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from stream.errors import ConfigError

DATA = Path(__file__).with_name("data")

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Lexicon(BaseModel):
    """A lexicon file or a part of one: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


L = TypeVar("L", bound=Lexicon)


def load_lexicon(file: Path, shape: type[L]) -> L:
    """The lexicon in ``file``. Raises ``ConfigError`` in one line with file, line and what is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
        values = yaml.load(text, Loader=_Loader)  # noqa: S506 (the base loader makes strings, lists and mappings only)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from error
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(f"{file}:{_line(text, first['loc'])}: {where}: {first['msg']}") from error


def _line(text: str, path: tuple[int | str, ...]) -> int:
    """The line (from 1) of the deepest node on ``path`` that the file has."""
    node = yaml.compose(text, Loader=_Loader)
    line = 1
    for part in path:
        child = _child(node, part)
        if child is None:
            break
        node = child
        line = node.start_mark.line + 1
    return line


def _child(node: Any, part: int | str) -> Any:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return node.value[part] if part < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    return None


_ACTORS = [DATA / "actors.yml"]


def add_actors(file: Path) -> None:
    """Let this process know the actors of ``file``, too, which is written like ``data/actors.yml``. To be called before
    the first pipeline is loaded."""
    if file not in _ACTORS:
        _ACTORS.append(file)
        lexicons_hash.cache_clear()


def actors_files() -> tuple[Path, ...]:
    """The files of well-known organisations; where two name the same, the later one counts."""
    return tuple(_ACTORS)


@functools.cache
def lexicons_hash() -> str:
    """One hash over every file of ``data`` and those of ``add_actors`` (names and bytes): changes whenever an
    extraction may change."""
    state = hashlib.blake2b(digest_size=8)
    for file in (*sorted(DATA.iterdir()), *_ACTORS[1:]):
        if file.is_file():
            state.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return state.hexdigest()


@functools.cache
def word_lists(name: str) -> dict[str, frozenset[str]]:
    """The word lists of ``data/NAME.yml``: lists of words by the list's name, each a string split at white space
    (an underscore stands for a space in a phrase)."""
    file = DATA / f"{name}.yml"
    values = load_lexicon(file, _WordLists).lists
    return {key: frozenset(w.replace("_", " ") for w in words.split()) for key, words in values.items()}


class _WordLists(Lexicon):
    lists: dict[str, str]
