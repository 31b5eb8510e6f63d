"""``newswatch demo`` as a newcomer types it: the report, and each of its cases as it should come out."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newswatch.demo.play import CASES
from newswatch.report import WIDTH
from tests.end_to_end.conftest import Home

EXPECTED = {
    # who, from, to: status, independent sources, statements, disputed
    ("Terra Verde's regional office", "Goma", "Kigali"): ("planned", 1, 4, False),
    ("Ardent Bank", "London", "Dublin"): ("approved", 3, 3, False),
    ("Hamas's political leaders", "Doha", "Baghdad"): ("denied", 3, 5, False),
    ("Kodjo Amessan", "Accra", "Lomé"): ("completed", 2, 2, False),
    ("Halvorsen Marine", "Bergen", "Singapore"): ("cancelled", 2, 3, False),
    ("Radio Volna", "Riga", "Prague"): ("rumoured", 1, 1, True),
    ("Radio Volna", "Riga", "Warsaw"): ("planned", 1, 1, True),
    ("Brazil's foreign minister", "Brasília", "Georgetown"): ("completed", 1, 1, False),
}


class Played:
    """A demo that was run with ``--keep``: what it printed, and questions to its store."""

    def __init__(self, home: Home) -> None:
        done = home("demo", "--keep", NEWSWATCH_PARTITIONS="7")  # the user's own settings must not matter
        assert done.returncode == 0, done.stderr
        self.home, self.out = home, done.stdout
        kept = re.search(r"newswatch --config (\S+) search", done.stdout)
        assert kept, done.stdout
        self.config = kept[1]

    def __call__(self, *arguments: str) -> str:
        return self.home.ok("--config", self.config, *arguments)

    def documents(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command with ``--json`` prints."""
        return [json.loads(line) for line in self(*arguments, "--json").splitlines()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    played = Played(Home(tmp_path_factory.mktemp("demo")))
    yield played
    shutil.rmtree(Path(played.config).parent)


def test_the_demo_does_all_the_work_and_touches_nothing_of_the_users(demo: Played) -> None:
    for stage, topic in (
        ("enrich", "articles"), ("fuse", "location-changes"), ("alert", "enriched"), ("alert", "transitions"),
        ("index", "enriched"), ("index", "relocations"), ("index", "alerts"),
    ):  # fmt: skip
        counted = re.search(rf"{stage}\s+handled\s+(\d+) of\s+(\d+) records of {topic}", demo.out)
        assert counted, demo.out
        assert counted[1] == counted[2] != "0"
    articles = re.search(r"index\s+holds\s+(\d+) articles", demo.out)
    assert articles
    assert int(articles[1]) == 67
    assert not list(demo.home.folder.glob("newswatch-data*"))


def test_each_case_comes_out_with_its_actor_places_status_and_sources(demo: Played) -> None:
    found = {}
    for document in demo.documents("relocations", "list", "--limit", "100"):
        origin, destination = (document.get(side, {}).get("name") for side in ("origin", "destination"))
        found[document["actor"]["name"], origin, destination] = (
            document["status"], document["independent_sources"], document["statement_count"], document["disputed"]
        )  # fmt: skip
    assert {case: found.get(case) for case in EXPECTED} == EXPECTED


def test_what_an_outlet_corrected_is_withdrawn(demo: Played) -> None:
    (gone,) = demo.documents("relocations", "list", "destination.name:Caracas AND withdrawn:true")
    assert [h["kind"] for h in gone["history"]] == ["withdrawn"]
    assert "Caracas" in demo("search", "withdrawn:true", "--in", "location-changes")
    assert "Caracas" not in demo("search", "brazil", "--in", "location-changes")


def test_the_report_tells_each_case_in_lines_of_80_columns(demo: Played) -> None:
    for shows in re.findall(r"^- shows: (.+)$", CASES.read_text(encoding="utf-8"), re.MULTILINE):
        assert f"== {shows}\n" in demo.out
    story = demo.out.partition("then denied\n")[2].partition("\n== ")[0]
    assert "status    denied relocation since" in story
    assert "3 independent sources for it, 1 against it, in 5 statements" in story
    assert "but       The Gulf Courier: denied (Hamas official on the group's media team)" in story
    assert re.search(r"“[^”]*Doha[^”]*Baghdad[^”]*”", story)
    assert "copied by The\n            Savanna Tribune, The Gulf Courier, World Digest" in demo.out
    assert "taken back by" in demo.out
    report = [line for line in demo.out.splitlines() if not line.startswith(("The store is kept", "Done in"))]
    assert [line for line in report if len(line) > WIDTH] == []
    assert "\x1b" not in demo.out


def test_the_report_ends_with_the_alert_that_the_project_was_begun_for(demo: Played) -> None:
    story = demo.out.partition("The alert that this project was begun for")[2]
    assert re.search(r"Hamas.*Doha.*→.*Baghdad", story)
    assert re.search(r"“[^”]*Doha[^”]*Baghdad[^”]*”", story)
    assert "Changed: 3 independent sources, 2 before" in story
    assert "to be sent" in story
    assert "held back: " in demo.out


def test_each_transition_that_a_rule_asks_for_raised_one_alert(demo: Played) -> None:
    raised = [a["title"] for a in demo.documents("alerts", "list", "--limit", "100") if not a.get("held_back")]
    for what in (
        "(2 independent sources, 1 before)", "(3 independent sources, 2 before)", "(denied, planned before)",
        "(cancelled, planned before)", "(approved, planned before)", "(withdrawn, nobody says it any more)",
        "Prague, CZ (disputed)", "Warsaw, PL (disputed)",
    ):  # fmt: skip
        assert [title for title in raised if title.endswith(what)], what


def test_an_analyst_finds_where_an_actor_is_said_to_be(demo: Played) -> None:
    assert "Doha (QA), staying, not moving to Baghdad (IQ)" in demo("whereabouts", "Hamas's leaders")
    (arrived,) = demo.documents("whereabouts", "amessan")
    assert (arrived["place"]["name"], arrived["how"], arrived["independent_sources"]) == ("Lomé", "arrived", 1)
    nobody = demo.home("--config", demo.config, "whereabouts", "hamass")
    assert (nobody.returncode, nobody.stdout) == (0, "")
    assert "newswatch relocations list 'hama*'" in nobody.stderr
    assert "ACTOR is empty" in demo.home("--config", demo.config, "whereabouts", " ").stderr


def test_without_keep_nothing_is_left(home: Home) -> None:
    done = home("demo", TMPDIR=str(home.folder))
    assert done.returncode == 0, done.stderr
    assert "The store is kept" not in done.stdout
    assert not list(home.folder.glob("newswatch-*"))
