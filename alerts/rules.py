"""The alert rules: YAML files in a folder, read and checked as a whole, every problem with its file, line and fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

import yaml

from indexer.query import Query, QueryError, parse
from stream.errors import ConfigError
from stream.messages import Severity

Target = Literal["articles", "location-changes"]
"""What a rule is matched against: each article, or each location change that an article states."""

TARGETS: tuple[Target, ...] = get_args(Target)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
KEYS = ("id", "name", "query", "target", "severity")
REQUIRED = ("id", "name", "query", "target")
MAX_NAME = 200
_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_TEXT = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
T = TypeVar("T", bound=str)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as loaded. ``query`` is parsed for the rule's target; ``query.text`` is what was written."""

    id: str
    name: str
    query: Query
    target: Target
    severity: Severity
    where: str
    """File and line, for a person: ``embassies.yml:12``."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: the file, the line (1 is the first, 0: none), what it is, and how to put it right."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class RuleErrors(ConfigError):
    """The rules are not usable; ``str(error)`` has one line for each of ``problems``."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A value of one rule, with its line."""

    line: int
    value: str


class _Reader:
    """Collects the problems of one file while its rules are read."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def problem(self, line: int, message: str) -> None:
        self.problems.append(Problem(self.file, line, message))


def rule_files(folder: Path) -> list[Path]:
    """The files of ``folder`` that hold rules, by name; none when it is absent. Hidden files are an editor's.

    Raises ``OSError`` when the folder cannot be read.
    """
    try:
        found = [path for path in folder.iterdir() if path.suffix in (".yml", ".yaml")]
    except FileNotFoundError:
        return []
    return sorted(path for path in found if not path.name.startswith("."))


def load_rules(folder: Path) -> tuple[Rule, ...]:
    """All rules of the folder's ``*.yml`` files, in the order of file names and lines; none when it is absent.

    Raises ``RuleErrors`` with every problem of every file.
    """
    try:
        paths = rule_files(folder)
    except OSError as error:
        message = f"cannot be read as the folder of rules: {error.strerror}; set rules_dir to a folder with *.yml files"
        raise RuleErrors([Problem(str(folder), 0, message)]) from error
    rules: list[Rule] = []
    problems: list[Problem] = []
    first: dict[str, str] = {}
    for path in paths:
        reader = _Reader(str(path))
        for fields, line in _mappings(reader, path):
            _claim(reader, first, fields.get("id"))
            if rule := _rule(reader, fields, f"{path.name}:{line}"):
                rules.append(rule)
        problems += reader.problems
    if problems:
        raise RuleErrors(problems)
    return tuple(rules)


def _claim(reader: _Reader, first: dict[str, str], entry: _Entry | None) -> None:
    """An id belongs to the rule that has it first."""
    if entry is None:
        return
    if entry.value in first:
        reader.problem(
            entry.line, f"id {entry.value!r} is taken by the rule at {first[entry.value]}; give this one another id"
        )
    else:
        first[entry.value] = f"{reader.file}:{entry.line}"


# -- one rule


def _rule(reader: _Reader, fields: dict[str, _Entry], where: str) -> Rule | None:
    identifier = _checked(reader, fields, "id", _slug)
    name = _checked(reader, fields, "name", _name)
    target = _choice(reader, fields, "target", TARGETS)
    severity = _choice(reader, fields, "severity", SEVERITIES) if "severity" in fields else "medium"
    query = _query(reader, fields, target)
    if identifier is None or name is None or target is None or severity is None or query is None:
        return None
    return Rule(identifier, name, query, target, severity, where)


_EXAMPLES = {
    "id": "my-rule (small letters, digits and hyphens)",
    "name": "what a person should read",
    "query": "'actor.root:hamas AND destination.country:IQ'",
    "target": "location-changes (or articles)",
}


def _checked(
    reader: _Reader, fields: dict[str, _Entry], key: str, complaint: Callable[[str], str | None]
) -> str | None:
    entry = fields.get(key)
    if entry is None:
        return None
    if message := complaint(entry.value):
        reader.problem(entry.line, f"{key}: {message}")
        return None
    return entry.value


def _slug(value: str) -> str | None:
    if _SLUG.fullmatch(value) and len(value) <= MAX_NAME:
        return None
    better = "-".join(re.findall(r"[a-z0-9]+", value.lower()))[:MAX_NAME]
    return f"{value!r} must be small letters, digits and single hyphens" + (f", e.g. {better}" if better else "")


def _name(value: str) -> str | None:
    if "\n" in value or len(value) > MAX_NAME:
        return f"must be one line of at most {MAX_NAME} characters"
    return None


def _choice(reader: _Reader, fields: dict[str, _Entry], key: str, allowed: Sequence[T]) -> T | None:
    entry = fields.get(key)
    if entry is None:
        return None
    for one in allowed:
        if entry.value == one:
            return one
    near = difflib.get_close_matches(entry.value.lower(), allowed, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    reader.problem(entry.line, f"{key}: {entry.value!r} must be one of {', '.join(allowed)}{hint}")
    return None


def _query(reader: _Reader, fields: dict[str, _Entry], target: Target | None) -> Query | None:
    entry = fields.get("query")
    if entry is None or target is None:  # which fields there are depends on the target
        return None
    try:
        return parse(entry.value, target)
    except QueryError as error:
        reader.problem(entry.line, str(error))
        return None


# -- YAML with lines


def _mappings(reader: _Reader, path: Path) -> Iterator[tuple[dict[str, _Entry], int]]:
    """Each rule of the file as its texts by key, with the line it starts on."""
    root = _compose(reader, path)
    if root is None or _is_empty(root):
        return
    rules = root.value if isinstance(root, yaml.SequenceNode) else [root]
    for node in rules:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            yield _entries(reader, node), line
        else:
            reader.problem(line, f"a rule must be lines of key: value; the keys are {', '.join(KEYS)}")


def _compose(reader: _Reader, path: Path) -> yaml.Node | None:
    content = b""
    try:
        content = path.read_bytes()
        return yaml.compose(content.decode("utf-8-sig"), yaml.SafeLoader)
    except OSError as error:
        reader.problem(0, f"cannot be read: {error.strerror}; make it readable or take it out of the folder")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        reader.problem(line, "not UTF-8; save the file in the encoding UTF-8")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reader.problem(line, f"not YAML: {error.problem or error.context}; put texts in single quotes: query: '…'")
    except yaml.reader.ReaderError as error:
        line = content.decode("utf-8-sig").count("\n", 0, error.position) + 1
        reader.problem(line, f"not YAML: {error.reason} (character U+{error.character:04X}); remove it")
    except RecursionError:
        reader.problem(1, "not YAML of rules: nested too deep; a file is a list of rules")
    return None


def _entries(reader: _Reader, node: yaml.MappingNode) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    meant: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = _known(reader, key, line)
        if name in entries:
            reader.problem(line, f"{name} is there twice (before on line {entries[name].line}); remove one")
        elif key.value == name and (text := _text(reader, name, value, line)):
            entries[name] = _Entry(line, text)
        meant.add(name)
    for name in REQUIRED:
        if name not in meant:
            reader.problem(node.start_mark.line + 1, f"the rule has no {name}; add a line {name}: {_EXAMPLES[name]}")
    return entries


def _known(reader: _Reader, key: yaml.Node, line: int) -> str:
    """The key, else the one that was probably meant, else nothing."""
    name = key.value if isinstance(key, yaml.ScalarNode) else "?"
    if name in KEYS:
        return name
    near = difflib.get_close_matches(name.lower(), KEYS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(KEYS)}"
    reader.problem(line, f"unknown key {name!r}; {hint}")
    return near[0] if near else ""


def _text(reader: _Reader, name: str, node: yaml.Node, line: int) -> str | None:
    if _is_empty(node) or (isinstance(node, yaml.ScalarNode) and not node.value.strip()):
        reader.problem(line, f"{name} is empty; write e.g. {name}: {_EXAMPLES.get(name, 'high')}")
    elif not isinstance(node, yaml.ScalarNode) or node.tag != _TEXT:
        reader.problem(line, f"{name} must be a text; put it in single quotes: {name}: '…'")
    else:
        return str(node.value).strip()
    return None


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL
