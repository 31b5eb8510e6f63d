"""Story arcs: whole articles served as feeds through the stages of ``newswatch run``, and what comes out beside what
should. ``python -m tests.end_to_end.arcs`` prints the table of ``corpus/arcs/README.md``, each arc alone."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from email.utils import format_datetime
from html import escape
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

import pycountry
import yaml

from indexer.index import Kind, Stored
from indexer.query import parse
from newswatch.once import wait_until_done
from newswatch.supervisor import Supervisor
from newswatch.wiring import STAGES, connect_index, connect_log, names, set_up
from stream.logs import configure_logging
from stream.settings import Settings, load_settings
from tests.end_to_end import chaos
from tests.end_to_end.conftest import Server

FOLDER = Path(__file__).parents[2] / "corpus" / "arcs"
RULE = "- {id: moves, name: Any move, target: relocations, query: '*'}\n"
SETTINGS = """\
data_dir = {data}
feeds_file = {feeds}
rules_dir = {rules}
log_level = "warning"
partitions = 2
[ingest]
allow_networks = ["127.0.0.0/8"]
min_interval = "1s"
max_interval = "1s"
"""
PATIENCE = 120.0  # seconds
JSON = dict[str, Any]


@dataclass(frozen=True)
class Arc:
    """A file of ``corpus/arcs``; ``articles`` in the order of fetching."""

    name: str
    articles: tuple[JSON, ...]
    expected: tuple[JSON, ...]

    @property
    def noise(self) -> dict[str, str]:
        """The kinds of its noise articles by URL."""
        return {a["url"]: a["noise_kind"] for a in self.articles if a["noise"]}


def load_arcs() -> list[Arc]:
    """All arcs, in the order of their numbers."""
    found = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("arc-*.yml"))]
    return [Arc(a["name"], tuple(a["articles"]), tuple(a["expected"])) for a in found]


# -- feeds in


def _domain(article: JSON) -> str:
    return (urlsplit(article["url"]).hostname or "").removeprefix("www.")


def _rss(domain: str, articles: Sequence[JSON]) -> bytes:
    """The outlet's feed: the newest content of each article, newest first."""
    newest = {a["url"]: a for a in articles}
    items = [
        f"<item><title>{escape(a['headline'], quote=False)}</title><link>{escape(a['url'])}</link>"
        f"<guid>{escape(a['url'])}</guid><pubDate>{format_datetime(a['published'])}</pubDate>"
        f"<source url={quoteattr(f'https://{domain}/feed')}>{escape(a['outlet'], quote=False)}</source>"
        f"<content:encoded>{escape(_html(a['text']), quote=False)}</content:encoded></item>"
        for a in reversed(newest.values())
    ]
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
        f"<title>{domain}</title><link>https://{domain}/</link><description>News</description><language>en</language>"
        f"{''.join(items)}</channel></rss>"
    ).encode()


def _html(text: str) -> str:
    return "".join(f"<p>{escape(p.strip(), quote=False)}</p>" for p in text.split("\n\n") if p.strip())


def _configure(folder: Path, server: Server, domains: Iterable[str]) -> Path:
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "moves.yml").write_text(RULE, encoding="utf-8")
    feeds = [{"url": server.url(domain), "title": domain, "publisher": domain} for domain in domains]
    (folder / "feeds.yml").write_text(yaml.safe_dump(feeds), encoding="utf-8")
    paths = {"data": folder / "data", "feeds": folder / "feeds.yml", "rules": folder / "rules"}
    config = folder / "newswatch.toml"
    config.write_text(SETTINGS.format(**{k: json.dumps(str(p)) for k, p in paths.items()}), encoding="utf-8")
    return config


def read_news(folder: Path, arcs: Sequence[Arc]) -> News:
    """Let the stages of ``newswatch run`` read the arcs from their outlets' feeds, side by side: at each poll the next
    article of each arc is there, and is dealt with before the next poll."""
    told: dict[str, list[JSON]] = {_domain(a): [] for arc in arcs for a in arc.articles}
    server = Server()
    try:
        config = _configure(folder, server, told)
        settings = load_settings(config)
        set_up(settings)
        server.pages.update((domain, _rss(domain, [])) for domain in told)
        supervisor = Supervisor(tuple(STAGES), ("--config", str(config)))
        supervisor.start()
        try:
            for step in range(max(len(arc.articles) for arc in arcs)):
                for article in (arc.articles[step] for arc in arcs if step < len(arc.articles)):
                    told[_domain(article)].append(article)
                server.pages.update((domain, _rss(domain, articles)) for domain, articles in told.items())
                _wait(settings, supervisor, sum(map(len, told.values())))
        finally:
            supervisor.stop()
    finally:
        server.close()
    return News(*(tuple(_all(settings, kind)) for kind in ("articles", "relocations", "location-changes", "alerts")))


def _wait(settings: Settings, supervisor: Supervisor, articles: int) -> None:
    """Until so many articles came from the feeds, and are dealt with."""
    topic = names(settings).topic("articles")
    with closing(connect_log(settings)) as log:
        came = lambda: sum(b.end for b in log.bounds(topic).values()) >= articles  # noqa: E731
        chaos.wait(came, PATIENCE, f"{articles} articles from the feeds", look=0.1)
        wait_until_done(log, settings, supervisor, Event(), lambda _: None)


def _all(settings: Settings, kind: Kind) -> list[JSON]:
    """The documents of the index, withdrawn ones too."""
    hidden = kind in ("relocations", "location-changes")
    with closing(connect_index(settings)) as index:
        query = parse("withdrawn:(true OR false)", kind) if hidden else None
        hits: list[Stored] = index.search(kind, query, limit=1_000, oldest_first=True).hits
    return [dict(hit.document) for hit in hits]


# -- relocations out


@dataclass(frozen=True)
class News:
    """What the index holds at the end."""

    articles: tuple[JSON, ...]
    relocations: tuple[JSON, ...]
    statements: tuple[JSON, ...]
    alerts: tuple[JSON, ...]

    def of(self, arc: Arc) -> list[JSON]:
        """The relocations that the arc's articles tell, but what they tell as background only."""
        urls = {a["url"] for a in arc.articles}
        return [r for r in self.told() if not r.get("background") and urls & {s["url"] for s in r["statements"]}]

    def told(self) -> list[JSON]:
        """The relocations that were announced, but those that another one tells now."""
        return [r for r in self.relocations if "merged_into" not in r and r.get("announced")]

    def from_noise(self, arc: Arc) -> list[tuple[JSON, str]]:
        """The relocations to which a noise article says something but as background, and its kind of noise."""
        noise = arc.noise
        return [
            (r, noise[said["url"]])
            for r in self.of(arc)
            for said in r["statements"]
            if said["url"] in noise and not said.get("background")
        ]


MARKS = ("actor", "from", "to", "status", "sources", "disputed")
ABOUT = frozenset(MARKS[:3])
COUNTED = frozenset(MARKS[:-1])
UNDECIDED = {"disputed": "disputed", "sources": "independent_sources"}
"""Not compared where a line of ``undecided`` begins with the word."""
"""What the issue asks for: actor, places, final status, independent sources."""


@dataclass(frozen=True)
class Compared:
    """An expected relocation and the one that was found for it, if any; ``wrong``: which of ``MARKS`` differ, with
    what was found."""

    expected: JSON
    found: JSON | None
    wrong: Mapping[str, str]


def compare(arc: Arc, found: Sequence[JSON]) -> tuple[list[Compared], list[JSON]]:
    """Each expected relocation with the one that is most like it in actor and places (of those alike, the one with the
    most statements), and those that nobody expected."""
    wrong = {(e, f): _wrong(expected, r) for e, expected in enumerate(arc.expected) for f, r in enumerate(found)}
    pairs = sorted(
        (len(ABOUT & differs.keys()), -found[f]["statement_count"], e, f)
        for (e, f), differs in wrong.items()
        if ABOUT - differs.keys()
    )
    taken: dict[int, int] = {}
    for _, _, e, f in pairs:
        if e not in taken and f not in taken.values():
            taken[e] = f
    compared = [
        Compared(expected, found[taken[e]], wrong[e, taken[e]])
        if e in taken
        else Compared(expected, None, dict.fromkeys(MARKS, "no relocation"))
        for e, expected in enumerate(arc.expected)
    ]
    return compared, [r for f, r in enumerate(found) if f not in taken.values()]


def _wrong(expected: JSON, found: JSON) -> dict[str, str]:
    status = "withdrawn" if found.get("withdrawn") else found["status"]
    actor = found["actor"]
    names = {_plain(n) for n in (expected["actor"], *expected.get("actor_alt", ()))}
    wrong = {
        "actor": None if names & {_plain(actor["name"]), _plain(actor["text"])} else actor["text"],
        "from": _place_wrong(expected["from"], found.get("origin")),
        "to": _place_wrong(expected["to"], found.get("destination")),
        "status": None if status == expected["status"] else status,
        "sources": None if found["independent_sources"] == expected["independent_sources"]
        else str(found["independent_sources"]),
        "disputed": None if bool(found.get("disputed")) == expected["disputed"] else str(bool(found.get("disputed"))),
    }  # fmt: skip
    undecided = {line.split()[0] for line in expected.get("undecided", ())}
    open_ = {mark for mark, word in UNDECIDED.items() if word in undecided}
    return {mark: said for mark, said in wrong.items() if said is not None and mark not in open_}


_OFFICIAL = {"Ivory Coast": "Côte d'Ivoire"}
"""Countries that the arcs call by another name than ISO 3166-1."""


def _place_wrong(expected: JSON, found: JSON | None) -> str | None:
    """What was found where it is another place: the city, or the country where the arc names only that."""
    if found is None:
        return "none"
    country = pycountry.countries.lookup(_OFFICIAL.get(expected["country"], expected["country"])).alpha_2
    city = expected.get("city")
    right = found.get("country") == country
    if city:
        right = right and _plain(city) in {_plain(found["name"]), _plain(found["text"])}
    return None if right else f"{found['text']} ({found.get('country')})"


def _plain(name: str) -> str:
    """As compared: without case, accents, article, hyphens and the genitive."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).casefold()
    words = letters.replace("’", "'").replace("'s ", " ").replace("s' ", "s ").replace("-", " ").split()
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("the", "a", "an") else words)


# -- the table


def faults(arc: Arc, news: News) -> list[str]:
    """What keeps the arc from being right, beside its noise: expected relocations that are wrong in what counts, and
    others that its story's articles opened."""
    compared, others = compare(arc, news.of(arc))
    noise = arc.noise
    found = []
    for c in compared:
        what = ", ".join(f"{mark} {c.wrong[mark]!r}" for mark in MARKS if mark in COUNTED & c.wrong.keys())
        if what:
            found.append(f"{c.expected['actor']} → {c.expected['to'].get('city')}: {what}")
    told = [r for r in others if any(s["url"] not in noise for s in r["statements"])]
    return found + [f"also: {brief(r)}" for r in told]


def noise_faults(arc: Arc, news: News, *, strictly: bool) -> list[str]:
    """The relocations that its noise opened or joined; a trip may be told as a visit unless ``strictly``."""
    found = news.from_noise(arc)
    return [brief(r) for r, kind in found if strictly or (kind, r["kind"]) != ("visit", "visit")]


def row(number: int, arc: Arc, news: News) -> str:
    """A line of the table: whether all is right, and what is not."""
    wrong, disputed = faults(arc, news), [c for c in compare(arc, news.of(arc))[0] if "disputed" in c.wrong]
    strict, lenient = (noise_faults(arc, news, strictly=strictly) for strictly in (True, False))
    cells = (
        str(number), arc.name, "no" if wrong else "yes", "; ".join(wrong) or "–",
        ", ".join(c.wrong["disputed"] for c in disputed) or "–",
        "; ".join(strict) or "–", f"{len(strict)} / {len(lenient)}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def brief(relocation: JSON) -> str:
    """A relocation in a few words."""
    off, to = ((relocation.get(side) or {}).get("text", "?") for side in ("origin", "destination"))
    status = "withdrawn" if relocation.get("withdrawn") else relocation["status"]
    sources = relocation["independent_sources"]
    text = f"{relocation['actor']['text']}, {off} → {to}, {relocation['kind']}, {status}, {sources}"
    return text.replace("\n", " ")


def details(arc: Arc, news: News) -> str:
    """What each statement said, by relocation: to find out why something is wrong."""
    ids = {a["url"]: a["id"] for a in arc.articles}
    lines = []
    for relocation in (r for r in news.told() if {s["url"] for s in r["statements"]} & ids.keys()):
        marks = [m for m in ("disputed", "background", "withdrawn") if relocation.get(m)]
        lines.append(f"{brief(relocation)} {marks} announced {[a['kind'] for a in relocation.get('announced', ())]}")
        for said in relocation["statements"]:
            change = next(s for s in news.statements if s["id"] == said["id"])
            lines.append(
                f"   {ids.get(said['url'], '?')}: {said['status']} {brief({**change, 'independent_sources': ''})}"
                f" root={change['actor']['root']} sure={change['confidence']:.2f}"
                f" {[m for m in ('independent', 'background', 'withdrawn') if said.get(m)]} “{said['sentence']}”"
            )
    return "\n".join(lines)


def main(wanted: Sequence[str]) -> None:
    """Print the table, and on standard error the details, of each arc (or of those whose numbers are given), alone."""
    began = time.monotonic()
    configure_logging("error", "arcs")
    for number, arc in enumerate(load_arcs(), 1):
        if wanted and str(number) not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="newswatch-arcs-") as folder:
            news = read_news(Path(folder) / "room", [arc])
        assert len(news.articles) == len({a["url"] for a in arc.articles})
        print(row(number, arc, news), flush=True)
        print(f"\n== {number} {arc.name}\n{details(arc, news)}", file=sys.stderr, flush=True)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
