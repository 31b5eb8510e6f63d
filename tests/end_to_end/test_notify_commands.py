"""What a user types: a run whose alerts are sent, bad targets refused before it starts, a rule tried on the past."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from newswatch.demo.formats import render
from newswatch.demo.world import load_world
from tests.alerts.receivers import SECRET, hook
from tests.end_to_end.conftest import Home, Server

RULE = "- {id: NAME, name: Hamas in Iraq, target: TARGET, query: hamas}\n"
FEEDS = '[ingest]\nallow_networks = ["127.0.0.0/8"]\n'


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ('url = "ftp://a:hunter2@example.org"', "notify.webhook: what is set is not valid (from newswatch.toml): 'des"),
        ('url = "https://example.org"\nrules = ["nobody"]', "notify.webhook desk: rules: no rule 'nobody'"),
        ('url = "https://example.org"\nca_file = "none.pem"', "notify.webhook desk: ca_file none.pem cannot be used"),
    ],
)  # fmt: skip
def test_a_bad_target_is_refused_before_anything_starts(home: Home, target: str, said: str) -> None:
    home.write("newswatch.toml", f'{FEEDS}[[notify.webhook]]\nname = "desk"\nsecret = "{SECRET}"\n{target}\n')
    done = home("run", "--once")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr
    assert SECRET not in done.stderr
    assert not (home.folder / "newswatch-data").exists()


def test_alerts_of_a_run_are_sent_and_a_rule_is_tried_on_it(home: Home, server: Server) -> None:
    world = load_world()
    _, server.pages["feed"] = render(world["gulf-courier"], 1, datetime.now(UTC), world)
    home.write("rules/live.yml", RULE.replace("NAME", "live").replace("TARGET", "location-changes"))
    with hook() as receiver:
        home.write(
            "newswatch.toml",
            f'{FEEDS}[alerts]\nmax_age = "7d"\n'
            f'[[notify.webhook]]\nname = "desk"\nsecret = "{SECRET}"\nurl = "{receiver.url}"\n',
        )
        home.ok("feeds", "add", server.url("feed"))
        home.ok("run", "--once")
        raised = [json.loads(line) for line in home.ok("alerts", "list", "--json").splitlines()]
        sent = [json.loads(body)["data"]["id"] for _, body in receiver.got]
    assert "delivered to desk" in home.ok("alerts", "show", sent[0])
    assert f"alert {sent[0]} for desk: delivered" in home.ok("trace", sent[0])
    assert sorted(sent) == sorted(a["id"] for a in raised if not a.get("held_back"))
    assert sent

    tried = [json.loads(line) for line in home.ok("rules", "test", "live", "--json").splitlines()]
    assert {a["id"] for a in tried} == {a["id"] for a in raised}
    assert home.ok("rules", "test", "live", "--since", "2100-01-01") == ""
    for target in ("relocations", "articles"):
        home.write(f"{target}.yml", RULE.replace("NAME", target).replace("TARGET", target))
        assert "Hamas" in home.ok("rules", "test", f"{target}.yml")
    missing = home("rules", "test", "nobody")
    assert (missing.returncode, missing.stderr) == (
        2, "newswatch: no rule 'nobody' in rules; there are live; a file must end in .yml\n"
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]\n", "# nothing yet\n"])
def test_a_file_without_rules_is_no_rule_to_try(home: Home, text: str) -> None:
    home.write("empty.yml", text)
    done = home("rules", "test", "empty.yml")
    assert done.returncode == 2
    assert done.stderr.startswith("newswatch: empty.yml: no rules in it; ")
    assert done.stderr.count("\n") == 1


def test_a_dead_target_does_not_keep_a_run_from_its_end(home: Home, server: Server) -> None:
    world = load_world()
    _, server.pages["feed"] = render(world["gulf-courier"], 1, datetime.now(UTC), world)
    home.write("rules/live.yml", RULE.replace("NAME", "live").replace("TARGET", "location-changes"))
    with hook() as dead, hook() as well:
        dead.answer = lambda _: (503, {})
        home.write(
            "newswatch.toml",
            f'{FEEDS}[alerts]\nmax_age = "7d"\n[notify]\ntimeout = "2s"\n'
            f'[[notify.webhook]]\nname = "dead"\nsecret = "{SECRET}"\nurl = "{dead.url}"\n'
            f'[[notify.webhook]]\nname = "well"\nsecret = "{SECRET}"\nurl = "{well.url}"\n',
        )
        home.ok("feeds", "add", server.url("feed"))
        done = home("run", "--once")
        assert done.returncode == 0, done.stderr
        assert dead.requests
        assert well.ids()
    assert done.stderr.count("targets do not take their alerts") == 1
