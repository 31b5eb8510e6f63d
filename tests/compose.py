"""docker-compose.yml as an engine reads it: with the variables of an ``.env`` put in. No engine is needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?P<kind>:-|:\?)(?P<rest>[^}]*)\})")


def example() -> dict[str, str]:
    """The variables of ``.env.example``; those that a person fills in are empty."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))  # type: ignore[misc]


def variables() -> set[str]:
    """The variables that docker-compose.yml asks for."""
    return {m["name"] for m in _VARIABLE.finditer(FILE.read_text(encoding="utf-8")) if m["name"]}


def read(environment: Mapping[str, str]) -> dict[str, Any]:
    """The file with these variables. Raises ``KeyError`` for one that is needed and is missing or empty."""

    def value(match: re.Match[str]) -> str:
        if match["name"] is None:
            return "$"
        if found := environment.get(match["name"]):
            return found
        if match["kind"] == ":?":
            raise KeyError(match["name"])
        return match["rest"]

    def put_in(node: Any) -> Any:
        if isinstance(node, str):
            return _VARIABLE.sub(value, node)
        if isinstance(node, list):
            return [put_in(one) for one in node]
        return {key: put_in(one) for key, one in node.items()} if isinstance(node, dict) else node

    return put_in(yaml.safe_load(FILE.read_text(encoding="utf-8")))  # type: ignore[no-any-return]
