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

Target = Literal["articles", "location-changes", "relocations"]
"""What a rule is matched against: each article, each location change that an article states, or each relocation
whenever a transition of it is announced."""

On = Literal["appeared", "corroborated", "status", "disputed", "settled", "denied", "withdrawn", "completed"]
"""The transitions that a rule on relocations wants: the kinds of ``TransitionKind``, where ``disputed`` is only that a
dispute begins and ``settled`` is its end."""

TARGETS: tuple[Target, ...] = get_args(Target)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
ONS: tuple[On, ...] = get_args(On)
USUAL: tuple[On, ...] = tuple(on for on in ONS if on != "settled")
"""What a rule without ``on`` wants."""
MAX_SOURCES = 10
"""Beyond so many independent sources no further one is a transition (``MOST_TOLD`` of the fusion)."""
KEYS = ("id", "name", "query", "target", "severity", "on", "min_sources", "min_confidence")
OF_RELOCATIONS = ("on", "min_sources", "min_confidence")
"""The keys that only a rule on relocations has."""
REQUIRED = ("id", "name", "query", "target")
MAX_NAME = 200
_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_TEXT = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
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
    on: tuple[On, ...] = USUAL
    """Of a rule on relocations: the transitions that it wants."""
    min_sources: int = 1
    """Of a rule on relocations: by how many independent sources the move must be told, 1 to ``MAX_SOURCES``."""
    min_confidence: float = 0.0
    """Of a rule on relocations: the least confidence of the relocation, 0 to 1."""


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
    """A value of one rule, with its line; only ``on`` may have several."""

    line: int
    values: tuple[str, ...]

    @property
    def value(self) -> str:
        """The first, mostly the only one."""
        return self.values[0]


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
    before = len(reader.problems)
    identifier = _checked(reader, fields, "id", _slug)
    name = _checked(reader, fields, "name", _name)
    target = _choice(reader, fields, "target", TARGETS)
    severity = _choice(reader, fields, "severity", SEVERITIES) if "severity" in fields else "medium"
    query = _query(reader, fields, target)
    wanted = _choices(reader, fields, "on", ONS) if "on" in fields else USUAL
    sources = _number(reader, fields, "min_sources", 1, MAX_SOURCES)
    confidence = _number(reader, fields, "min_confidence", 0, 1)
    for key in OF_RELOCATIONS:
        if key in fields and target in ("articles", "location-changes"):
            reader.problem(
                fields[key].line, f"{key} is only for target: relocations; take it out, or change the target"
            )
    if identifier is None or name is None or target is None or severity is None or query is None:
        return None
    if len(reader.problems) > before:
        return None
    return Rule(identifier, name, query, target, severity, where, wanted, int(sources or 1), confidence or 0.0)


_EXAMPLES = {
    "id": "my-rule (small letters, digits and hyphens)",
    "name": "what a person should read",
    "query": "'actor.root:hamas AND destination.country:IQ'",
    "target": "location-changes (or articles, relocations)",
    "on": "[appeared, corroborated]",
    "min_sources": "2",
    "min_confidence": "0.7",
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
    return next(iter(_choices(reader, fields, key, allowed)), None)


def _choices(reader: _Reader, fields: dict[str, _Entry], key: str, allowed: Sequence[T]) -> tuple[T, ...]:
    """The values that are allowed, each once; a problem for each other one."""
    entry = fields.get(key)
    if entry is None:
        return ()
    for value in entry.values:
        if value not in allowed:
            near = difflib.get_close_matches(value.lower(), allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            reader.problem(entry.line, f"{key}: {value!r} must be one of {', '.join(allowed)}{hint}")
    return tuple(one for one in allowed if one in entry.values)


def _number(reader: _Reader, fields: dict[str, _Entry], key: str, low: int, high: int) -> float | None:
    """A number from ``low`` to ``high``; a whole one where ``high`` is above 1."""
    entry = fields.get(key)
    if entry is None:
        return None
    form = r"\d{1,9}" if high > 1 else r"\d{1,9}(\.\d*)?|\.\d+"
    if re.fullmatch(form, entry.value, re.ASCII) and low <= float(entry.value) <= high:
        return float(entry.value)
    what = "a whole number" if high > 1 else "a number"
    example = f"{key}: {_EXAMPLES[key]}"
    reader.problem(entry.line, f"{key}: {entry.value!r} must be {what} from {low} to {high}, e.g. {example}")
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
        elif key.value == name and (texts := _texts(reader, name, value, line)):
            entries[name] = _Entry(line, texts)
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


def _texts(reader: _Reader, name: str, node: yaml.Node, line: int) -> tuple[str, ...]:
    """The texts of a value: one, of ``on`` perhaps several; none where it is wrong."""
    if name == "on" and isinstance(node, yaml.SequenceNode) and node.value:
        found = [_text(reader, name, one, one.start_mark.line + 1) for one in node.value]
    else:
        found = [_text(reader, name, node, line)]
    return () if None in found else tuple(text for text in found if text)


def _text(reader: _Reader, name: str, node: yaml.Node, line: int) -> str | None:
    example = _EXAMPLES.get(name, "high")
    number = name in ("min_sources", "min_confidence")
    if _is_empty(node) or (isinstance(node, yaml.ScalarNode) and not node.value.strip()):
        reader.problem(line, f"{name} is empty; write e.g. {name}: {example}")
    elif isinstance(node, yaml.ScalarNode) and (node.tag == _TEXT or (number and node.tag in _NUMBERS)):
        return str(node.value).strip()
    elif name in OF_RELOCATIONS:
        what = "a number" if number else "a list of words"
        reader.problem(line, f"{name} must be {what}, e.g. {name}: {example}")
    else:
        reader.problem(line, f"{name} must be a text; put it in single quotes: {name}: '…'")
    return None


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL
