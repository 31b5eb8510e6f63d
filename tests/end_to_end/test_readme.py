"""The README: its commands run as they stand, and no command, option or setting is undocumented."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.webhook import signature
from newswatch.demo.formats import render
from newswatch.demo.world import load_world
from newswatch.reference import PAGES, all_commands, all_settings, shown_options
from stream.settings import load_settings
from tests.end_to_end.conftest import Home, Server
from tests.newswatch.kibana.server import Kibana, serve

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STORY = "Embassy leaves\nThe embassy of Norland will move from Riga to Tallinn in May, its ambassador said.\n"


def test_no_placeholder_is_left() -> None:
    assert not re.findall(r"\b[A-Z]+-(?:OUTPUT|SECTION)\b", README)


def test_the_reference_is_what_the_code_says() -> None:
    for name, page in PAGES.items():
        written = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert written == page(), f"docs/{name} is stale; run: make docs"


def test_every_command_is_in_the_readme_and_has_an_example() -> None:
    for words, command in all_commands().items():
        assert f"`newswatch {' '.join(words)}`" in README
        assert f"Example: newswatch {' '.join(words)}" in (command.help or ""), words


def test_every_option_and_setting_has_a_meaning() -> None:
    for words, command in all_commands().items():
        for option in shown_options(command):
            assert option.help or option.metavar, f"{' '.join(words)} {option.name}"
    for path, field in all_settings():
        assert field.description, ".".join(path)


def test_the_targets_of_the_readme_are_valid_and_its_receiver_tells_genuine_alerts(tmp_path: Path) -> None:
    (text,) = [content for kind, _, content in BLOCK.findall(README) if kind == "toml" and "[[notify" in content]
    file = tmp_path / "newswatch.toml"
    file.write_text(text, encoding="utf-8")
    notify = load_settings(file).notify
    assert [target.name for target in (*notify.webhook, *notify.mail)] == ["desk", "analysts"]
    (check,) = [content for kind, _, content in BLOCK.findall(README) if kind == "python" and "hmac" in content]
    key, body = b"k" * 32, b"{}"
    for secret, genuine in ((key, True), (b"x" * 32, False)):
        names = {
            "headers": signature(key, "id", 1, body), "body": body, "hmac": hmac, "hashlib": hashlib, "base64": base64,
            "secret": "whsec_" + base64.b64encode(secret).decode(),
        }  # fmt: skip
        exec(check, names)
        assert names["genuine"] is genuine


@pytest.fixture
def kibana() -> Iterator[Kibana]:
    with serve() as running:
        yield running


def test_the_commands_of_the_readme_run(home: Home, server: Server, kibana: Kibana) -> None:
    world = load_world()
    _, server.pages["feed"] = render(world["gulf-courier"], 1, datetime.now(UTC), world)
    home.write("story.txt", STORY)
    home.write("archive.jsonl", '{"url": "https://a.example/1", "title": "Embassy leaves", "text": "It leaves Riga."}')
    ran = 0
    for kind, name, content in BLOCK.findall(README):
        if kind == "yaml" and name:
            home.write(name, content)
        if kind != "console":
            continue
        for line in content.splitlines():
            if line.startswith("$ newswatch "):
                command, _, file = line.removeprefix("$ newswatch ").partition(" > ")
                words = shlex.split(command)
                url = kibana.url if "--kibana" in words else server.url("feed")
                known = words[0] == "forget"  # an article of the feed that is served
                said = home.ok(*(url if w.startswith("https://") and not known else w for w in words))
                if file:
                    home.write(file, said)
                ran += 1
    assert ran >= 15
    assert "hamas-to-iraq" in home.ok("rules", "list")
    assert kibana.imports() == 1
    assert "hamas-leaders-baghdad" not in home.ok("search", "*", "--json")
    assert home.ok("search", "*", "--json", NEWSWATCH_DATA_DIR="backups/monday").count("hamas-leaders-baghdad") >= 1
