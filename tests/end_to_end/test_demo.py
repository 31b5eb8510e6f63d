"""``newswatch demo`` as a newcomer types it."""

from __future__ import annotations

import re

from tests.end_to_end.conftest import Home


def test_the_demo_ends_by_itself_and_shows_the_move_with_its_evidence(home: Home) -> None:
    done = home("demo", NEWSWATCH_PARTITIONS="7")  # the user's own settings must not matter
    assert done.returncode == 0, done.stderr
    out = done.stdout
    for stage, topic in (("enrich", "articles"), ("index", "enriched"), ("index", "alerts"), ("alert", "enriched")):
        counted = re.search(rf"{stage}\s+handled\s+(\d+) of\s+(\d+) records of {topic}", out)
        assert counted, out
        assert counted[1] == counted[2] != "0"
    articles = re.search(r"index\s+holds\s+(\d+) articles", out)
    assert articles
    assert int(articles[1]) == 59
    story = out.partition("The alert that this project was begun for")[2]
    assert re.search(r"Hamas.*Doha.*→.*Baghdad", story)
    assert re.search(r"“[^”]*Doha[^”]*Baghdad[^”]*”", story)
    assert "to be sent" in story
    assert "held back: " in out
    assert "WITHDRAWN" not in out
    assert not list(home.folder.glob("newswatch-data*"))


def test_the_demo_keeps_its_store_when_asked(home: Home) -> None:
    done = home("demo", "--keep")
    assert done.returncode == 0, done.stderr
    kept = re.search(r"newswatch --config (\S+) search", done.stdout)
    assert kept, done.stdout
    config = kept[1]
    withdrawn = home.ok("--config", config, "search", "withdrawn:true", "--in", "location-changes", "--json")
    assert "Caracas" in withdrawn
    assert "Caracas" not in home.ok("--config", config, "search", "brazil", "--in", "location-changes", "--json")
