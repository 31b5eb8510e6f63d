"""What ships to begin with is well-formed and read: nothing here is polled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pycountry

from ingest import urls
from ingest.feeds import load_feeds
from newswatch.starter import ACTORS, FEEDS


def test_every_feed_of_the_starter_list_is_well_formed() -> None:
    feeds = load_feeds(FEEDS)  # refuses what is no feed, and a URL that is there twice
    assert len(feeds) >= 60
    assert len({urls.same(feed.url) for feed in feeds}) == len(feeds)
    for feed in feeds:
        assert feed.url.startswith("https://"), feed.url
        assert feed.title, feed.url
        assert "." in feed.publisher, feed.url
        assert feed.country is None or pycountry.countries.get(alpha_2=feed.country), feed.url
        assert pycountry.languages.get(alpha_2=feed.language), feed.url


def test_the_starter_list_is_of_the_whole_world() -> None:
    countries = {feed.country for feed in load_feeds(FEEDS)}
    assert len(countries) >= 40
    continents = ({"NG", "KE", "ZA"}, {"IN", "JP", "SG"}, {"BR", "AR", "MX"}, {"DE", "FR", "GB"}, {"AU", "NZ"})
    assert all(continent & countries for continent in continents)


def test_actors_of_the_starter_file_are_known_beside_ours(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEWSWATCH_")}

    def run(text: str, actors: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "newswatch", "extract", "--jsonl"], input=text, cwd=tmp_path, text=True, check=False,
            env={**environment, "NEWSWATCH_ENRICH__ACTORS_FILE": str(actors)}, capture_output=True, timeout=120,
        )  # fmt: skip

    told = ("Maersk Line will move its headquarters from Copenhagen to Singapore.", "Hamas left Doha for Baghdad.")
    done = run("".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(told)), ACTORS)
    roots = [c["actor"]["root"] for line in done.stdout.splitlines() for c in json.loads(line)["location_changes"]]
    assert roots == ["maersk", "hamas"], done.stderr
    broken = tmp_path / "mine.yml"
    broken.write_text("actors:\n  - {root: maersk, name: Maersk, type: ship}\n", encoding="utf-8")
    for file, said in ((broken, "mine.yml:2: actors.0.type"), (tmp_path / "none.yml", "cannot be read")):
        refused = run('{"text": "x"}\n', file)
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
