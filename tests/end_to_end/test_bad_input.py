"""Bad input, by name: each gives one clear line, a dead letter or a ``truncated`` mark, and nothing else is lost."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Home, Server

GOOD = (
    '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Good</title><link>https://good.example/</link>'
    "<language>en</language>{items}</channel></rss>"
)
ITEM = (
    "<item><title>{title}</title><link>https://good.example/{slug}</link><guid>{slug}</guid>"
    "<pubDate>Tue, 17 Feb 2026 18:55:33 GMT</pubDate><description>{text}</description></item>"
)


def rss(*items: str) -> bytes:
    return GOOD.format(items="".join(items)).encode()


def item(slug: str, text: str = "The harbour was quiet.", title: str = "A quiet day") -> str:
    return ITEM.format(slug=slug, text=text, title=title)


BAD_FEEDS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "html": (b"<!doctype html><html><head><title>Sorry</title></head><body>No feed here</body></html>", "HTML"),
    "missing": (b"", "404"),
}
ODD_FEEDS: dict[str, tuple[bytes, int]] = {
    # what is served, and how many articles it gives
    "truncated": (rss(item("t1"), item("t2")).partition(b"</item><item>")[0] + b"</item><item><title>cut o", 1),
    "unknown-encoding": (rss(item("e1")).replace(b"UTF-8", b"klingon-8"), 1),
    "bare-items": (rss("<item><description>No link, no title, no date, but a text.</description></item>"), 1),
    "nothing-at-all": (rss("<item></item>", item("n1")), 1),
    "huge-item": (rss(item("h1", "Ships sailed. " * 360_000), item("h2")), 2),
    "twice": (rss(item("d1"), item("d1")), 1),
    "shared": (rss(item("s1")), 1),
    "shared-too": (rss(item("s1")), 0),
}


@pytest.fixture(scope="module")
def polled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Server]]:
    """One run over all of them: what is bad must not harm what is good."""
    home, server = Home(tmp_path_factory.mktemp("home")), Server()
    home.write("newswatch.toml", 'feeds_file = "feeds.yml"\n[ingest]\nallow_networks = ["127.0.0.0/8"]\n')
    for name, (body, _) in {**BAD_FEEDS, **ODD_FEEDS}.items():
        server.pages[name] = (404, body) if name == "missing" else body
    home.write(
        "feeds.yml",
        "".join(f"- url: {server.url(name)}\n  publisher: good.example\n" for name in server.pages),
    )
    home.ok("run", "--once")
    yield home, server
    server.close()


@pytest.mark.parametrize("name", BAD_FEEDS)
def test_a_feed_that_cannot_be_read_says_why_in_one_line(polled: tuple[Home, Server], name: str) -> None:
    home, server = polled
    feeds = [json.loads(line) for line in home.ok("feeds", "list", "--json").splitlines()]
    error = next(f["state"]["error"] for f in feeds if f["url"] == server.url(name))
    assert BAD_FEEDS[name][1].lower() in error.lower()
    assert "\n" not in error


def test_nothing_else_is_lost(polled: tuple[Home, Server]) -> None:
    home, _ = polled
    rows = [json.loads(line) for line in home.ok("search", "*", "--json", "--limit", "100").splitlines()]
    assert len(rows) == sum(count for _, count in ODD_FEEDS.values())
    by_url = {row["url"].rpartition("/")[2]: row for row in rows}
    assert by_url["h1"]["truncated"] is True
    assert len(by_url["h1"]["body"].encode()) <= 200_000
    assert by_url["h2"]["truncated"] is False


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("search", "actor.root:("), "position"),
        (("search", "nosuchfield:1"), "nosuchfield"),
        (("search", "a", "--in", "potatoes"), "--in"),
        (("search", "a", "--since", "soonish"), "--since"),
        (("feeds", "add", "javascript:alert(1)"), "http"),
        (("feeds", "add", "https://user:hunter2@good.example/feed"), "password"),
        (("extract", "no-such-file.txt"), "no-such-file.txt"),
        (("--config", "no-such.toml", "config"), "no-such.toml"),
        (("alerts", "show", "ffff"), "ffff"),
        (("no-such-command",), "no-such-command"),
        (("search",), "QUERY"),
    ],
)
def test_wrong_usage_is_one_line(home: Home, arguments: tuple[str, ...], says: str) -> None:
    home.ok("setup")
    done = home(*arguments)
    assert done.returncode in (1, 2), done.stdout
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert says.lower() in lines[0].lower()
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "arguments", "says"),
    [
        ("newswatch.toml", "[alerts]\nmax_age = 'two days'\n", ("config",), "alerts.max_age"),
        ("newswatch.toml", "[alerts\n", ("config",), "newswatch.toml"),
        ("feeds.yml", "- url: https://a.example/feed\n- ur: https://b.example\n", ("feeds", "import", "feeds.yml"),
         "feeds.yml:2"),
        ("rules/r.yml", "- id: x\n  name: X\n  target: articles\n  query: 'title:('\n", ("rules", "check"), "r.yml:4"),
        ("rules/r.yml", "- id: x\n  name: X\n  target: articles\n  query: 'title:('\n", ("run", "--once"), "r.yml:4"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_its_line(
    home: Home, name: str, text: str, arguments: tuple[str, ...], says: str
) -> None:
    home.write(name, text)
    done = home(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert says in done.stderr


def test_a_data_folder_that_cannot_be_written_is_refused_before_any_work(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("in the way", encoding="utf-8")
    done = home("run", "--once", NEWSWATCH_DATA_DIR=str(tmp_path / "a-file"))
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "data_dir" in done.stderr
    if os.geteuid() != 0:  # root may write everywhere
        locked = tmp_path / "locked"
        locked.mkdir()
        locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
        done = home("run", "--once", NEWSWATCH_DATA_DIR=str(locked))
        assert done.returncode == 2
        assert "data_dir" in done.stderr
