"""A replay with a changed lexicon while articles go on coming in: killed twice, resumed, compared, promoted.

``python -m tests.end_to_end.replaying [--articles 5000] [--per-second 10] [--servers]`` is the full-size form: on a
file or, with ``--servers``, on real Kafka and Elasticsearch. ``test_replay.py`` does a small one of each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alerts.matching import alert_id
from indexer.fields import Kind
from indexer.query import everything, parse
from newswatch.flow import Flow
from newswatch.promotion import AHEAD
from newswatch.wiring import connect_index, connect_log, names, set_up
from stream.errors import LogError
from stream.generations import Generations
from stream.ids import article_version, digest
from stream.lineage import live_of
from stream.log import lag, partition_of
from stream.messages import Article, Source, encode
from stream.settings import PREFIX, Settings, load_settings
from stream.topics import Names
from tests.alerts.receivers import SECRET, Hook, hook
from tests.end_to_end.chaos import wait

PATIENCE = 900.0  # seconds; on a machine that is busy
WORD = "alarm"
NEW_ROOT = "velanta-holding"
"""The root that only the changed lexicon knows."""
ACTORS = "actors:\n  - {root: nobody-at-all, name: Nobody At All, type: company}\n"
ENTRY = f"  - {{root: {NEW_ROOT}, name: Velanta Group, type: company, aliases: [Velanta]}}\n"
RULES = f"""\
- {{id: words, name: Word, target: articles, query: {WORD}}}
- {{id: company, name: Company, target: location-changes, query: "actor.root:{NEW_ROOT}"}}
"""
SETTINGS = """\
{servers}
data_dir = "{folder}/data"
rules_dir = "{folder}/rules"
log_level = "info"
[enrich]
actors_file = "{folder}/actors.yml"
[[notify.webhook]]
name = "desk"
url = "{hook}"
secret = "{secret}"
"""
CITIES = ("Doha", "Baghdad", "Ankara", "Vienna", "Munich", "Oslo", "Cairo", "Tunis", "Lisbon", "Athens", "Nairobi")
COMPARED: tuple[Kind, ...] = ("articles", "location-changes", "relocations")

Document = dict[str, Any]


def story(number: int, now: datetime, revision: int = 0) -> Article:
    """The article of this number; its second revision does not tell the move any more."""
    outlet = f"paper{number % 7}.example"
    url = f"https://{outlet}/news/{number}"
    there, back = CITIES[number % 11], CITIES[(number * 5 + 3) % 11]
    who = "The Velanta Group" if number % 4 == 1 else "Siemens"
    move = f"{who} will move its headquarters from {there} to {back}, the company said. " if number % 3 < 2 else ""
    word = f"The {WORD} was heard twice. " if number % 5 == 0 else ""
    body = f"{'' if revision else move}{word}The market of {there} opened late on day {number}, and bread was cheap."
    return Article(
        id=digest("article", url), version=article_version(now, own=True), update=revision > 0, url=url,
        canonical_url=url, source=Source(id=outlet, name=outlet, domain=outlet, country="GB"), feed_id=digest(outlet),
        feed_url=f"https://{outlet}/feed", title=f"Report {number}", body=body, language="en", published=now,
        published_from="feed", fetched=now, origin="live", content_hash=digest(body), fingerprint=digest(number)[:16],
    )  # fmt: skip


@dataclass
class News:
    """Appends articles to the log: many at once, then so many a second from a thread; keeps all that it appended."""

    settings: Settings
    per_second: float
    articles: list[Article] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def append(self, articles: Sequence[Article]) -> None:
        """In one transaction."""
        topic = names(self.settings).topic("articles")
        with closing(connect_log(self.settings)) as log:
            self._append(log, topic, articles)

    def _append(self, log: Any, topic: str, articles: Sequence[Article]) -> None:
        count = log.partitions(topic)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with log.transaction() as tx:
                    for one in articles:
                        tx.publish(topic, partition_of(one.id, count), f"{one.id}:{one.version}", encode(one))
                break
            except LogError:  # the broker is busy; what is repeated just so comes once
                assert time.monotonic() < deadline
        self.articles += articles

    def begin(self, count: int) -> None:
        """``count`` at once; and go on."""
        now = datetime.now(UTC)
        for first in range(0, count, 200):
            self.append([story(n, now) for n in range(first, min(first + 200, count))])
        self._thread = threading.Thread(target=self._go_on, args=(count,), daemon=True)
        self._thread.start()

    def _go_on(self, number: int) -> None:
        topic = names(self.settings).topic("articles")
        with closing(connect_log(self.settings)) as log:
            while not self._stop.wait(1 / self.per_second):
                some = [story(number, datetime.now(UTC))]
                if number % 7 == 0:  # and an earlier one is corrected
                    some.append(story(number - 7, datetime.now(UTC), revision=1))
                self._append(log, topic, some)
                number += 1

    def has_told_since(self, moment: datetime) -> bool:
        """Whether an article fetched from then on tells a move of the actor that only the changed lexicon knows."""
        return any(a.fetched >= moment and "The Velanta Group will move" in a.body for a in list(self.articles))

    def end(self) -> None:
        """No more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()


class Watcher:
    """Searches all the time: an article that was found once must be found by every later search."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.seen: set[str] = set()
        self.lost: list[str] = []
        self.searches = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._search, daemon=True)
        self._thread.start()

    def _search(self) -> None:
        with closing(connect_index(self._settings)) as index:
            while not self._stop.wait(0.1):
                found = {d["id"] for d in documents(index, "articles", everything("articles"))}
                self.lost += sorted(self.seen - found)
                self.seen |= found
                self.searches += 1

    def end(self) -> None:
        """No more."""
        self._stop.set()
        self._thread.join()


def documents(index: Any, kind: Kind, query: Any) -> Iterator[Document]:
    """All that match."""
    cursor = None
    while True:
        page = index.search(kind, query, limit=1000, cursor=cursor)
        yield from (dict(hit.document) for hit in page.hits)
        cursor = page.cursor
        if cursor is None:
            return


def state(settings: Settings) -> dict[tuple[str, str], Document]:
    """What is searched, by kind and id, but for what may differ between two runs."""
    found: dict[tuple[str, str], Document] = {}
    with closing(connect_index(settings)) as index:
        for kind in COMPARED:
            for query in (everything(kind), *([] if kind == "articles" else [parse("withdrawn:true", kind)])):
                for document in documents(index, kind, query):
                    if kind == "relocations":
                        if "merged_into" in document:
                            continue
                        document = {k: v for k, v in document.items() if k not in ("version", "announced")}
                    found[kind, document["id"]] = document
    return found


class Room:
    """A user's folder with ``newswatch run`` and ``newswatch replay`` in it; ``with`` leaves no process behind."""

    def __init__(self, folder: Path, target: Hook, servers: str = "") -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "rules").mkdir()
        (folder / "rules" / "rules.yml").write_text(RULES, encoding="utf-8")
        (folder / "actors.yml").write_text(ACTORS, encoding="utf-8")
        self.config = folder / "newswatch.toml"
        self.config.write_text(
            SETTINGS.format(folder=folder, hook=target.url, secret=SECRET, servers=servers), encoding="utf-8"
        )
        self.settings = load_settings(self.config)
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        self._started: list[subprocess.Popen[bytes]] = []

    def upgrade(self) -> None:
        """From now on every process that starts knows one actor more."""
        made = self.folder / "actors.new"
        made.write_text(ACTORS + ENTRY, encoding="utf-8")
        made.rename(self.folder / "actors.yml")

    def command(self, *words: str) -> list[str]:
        """``newswatch`` with these settings."""
        return [sys.executable, "-P", "-m", "newswatch", "--config", str(self.config), *words]

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on."""
        with (self.folder / f"{words[0]}.log").open("ab") as said:
            process = subprocess.Popen(
                self.command(*words), stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
                env=self._environment, cwd=self.folder,
            )  # fmt: skip
        self._started.append(process)
        return process

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, env=self._environment, cwd=self.folder,
            timeout=PATIENCE, check=False,
        )  # fmt: skip

    def ok(self, *words: str) -> str:
        """Run a command that must succeed; what it printed."""
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.said()}"
        return done.stdout

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL for a process and all its children."""
        children = tree(process.pid)
        process.kill()
        process.wait()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def said(self) -> str:
        """The ends of what the processes said."""
        return "\n".join(
            f"-- {file.name}\n{file.read_text(encoding='utf-8', errors='replace')[-3000:]}"
            for file in sorted(self.folder.glob("*.log"))
        )

    def __enter__(self) -> Room:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            print(self.said())
        for process in self._started:
            if process.poll() is None:
                self.kill(process)


def tree(pid: int) -> list[int]:
    """The children of a process."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


@dataclass(frozen=True)
class Report:
    """How it ended."""

    articles: int
    searches: int
    compared: Counter[str]
    changed: int
    sent: int
    through_new: int


def play(folder: Path, servers: str, count: int, per_second: float, *, to_the_end: bool) -> Report:
    """All of it; raises where a promise is broken. ``to_the_end``: until the old generation has drained and is
    dropped."""
    with hook() as target, Room(folder / "live", target, servers) as room:
        set_up(room.settings)
        room.start("run")
        news, watcher = News(room.settings, per_second), Watcher(room.settings)
        try:
            changed = _replayed(room, news, watcher, count)
            moment = _promoted(room)
            wait(lambda: datetime.now(UTC) > moment, PATIENCE, "the hand-over", look=0.2)
            wait(lambda: news.has_told_since(moment), PATIENCE, "a move that only the new lexicon reads", look=0.2)
            time.sleep(1)
            news.end()
            _settle(room, "g2")
            every = {article.id for article in news.articles}
            wait(lambda: every <= watcher.seen, PATIENCE, "a search that finds all", look=0.2)
            watcher.end()
            through_new = _check_alerts(room, target, news, moment)
            _check_searches(watcher, news)
            if to_the_end:
                _dropped(room)
        finally:
            news.end()
            watcher.end()
        ended, sent = state(room.settings), len(target.ids())
        compared = _compare(ended, _from_scratch(folder / "scratch", target, news.articles))
    return Report(len(news.articles), watcher.searches, compared, changed, sent, through_new)


def _replayed(room: Room, news: News, watcher: Watcher, count: int) -> int:
    """Live articles, then a replay with another lexicon, killed twice; how many differences it makes."""
    begun = datetime.now(UTC)
    news.begin(count)
    wait(lambda: len(watcher.seen) >= count, PATIENCE * max(1, count // 500), "live articles", look=0.2)
    room.upgrade()
    words = ("replay", "--since", begun.isoformat(), "--into", "g2")
    topics = Names(room.settings.topic_prefix, "g2")
    group = topics.topic("articles"), topics.group("enrich", "articles")
    with closing(connect_log(room.settings)) as log:
        for part in (0.7, 0.4):
            process = room.start(*words)
            wait(lambda: bool(log.committed(*group)), PATIENCE, "the start of the replay", look=0.1)
            wait(lambda: lag(log, *group) < part * count, PATIENCE * 3, "a part of it", look=0.1)  # noqa: B023
            room.kill(process)
        room.start(*words)
        flow = Flow(log, topics)
        wait(lambda: flow.look() is None, PATIENCE * 3, "the replay", look=0.3)
    shown = room.ok("replay", "--into", "g2", "--diff", "--json").splitlines()
    found = [json.loads(line) for line in shown]
    assert {d["in"] for d in found} == {"location-changes", "relocations"}
    assert any(NEW_ROOT in line for line in shown), "what the lexicon changes is said otherwise"
    return len(found)


def _promoted(room: Room) -> datetime:
    """Promote; the instant from which on articles alert through the new generation."""
    print(room.ok("promote", "g2"), end="")
    with closing(connect_log(room.settings)) as log:
        known = Generations(log, names(room.settings)).read()
    assert live_of(known) == "g2"
    moment = known["g2"].live_from
    assert moment is not None
    assert known["g1"].live_until == moment
    refused = room.run("generations", "drop", "g1")
    assert refused.returncode == 2
    assert "has yet to raise alerts" in refused.stderr
    return moment


def _settle(room: Room, generation: str) -> None:
    """Until everything has gone through, deliveries too."""
    topics = Names(room.settings.topic_prefix, generation)
    others = [("index", "alerts"), ("notify", "alerts"), ("notify", "deliveries")]
    with closing(connect_log(room.settings)) as log:
        old = Flow(log, Names(room.settings.topic_prefix), ("enrich", "fuse", "alert")) if generation != "g1" else None
        flow = Flow(log, topics)
        wait(lambda: flow.look() is None and (old is None or old.look() is None), PATIENCE, "all stages", look=0.2)
        for stage, topic in others:
            wait(
                lambda: not lag(log, topics.topic(topic), topics.group(stage, topic)),  # noqa: B023
                PATIENCE, f"{stage} {topic}", look=0.2,
            )  # fmt: skip


def _check_alerts(room: Room, target: Hook, news: News, moment: datetime) -> int:
    """The webhook got each alert about live articles once, through the generation whose turn it was, and none that
    only the replay found; how many came through the new one."""
    wanted = {alert_id("words", a.id) for a in news.articles if WORD in a.body}
    with closing(connect_index(room.settings)) as index:
        told = parse(f"actor.root:{NEW_ROOT} AND withdrawn:(true OR false)", "location-changes")
        fetched = {
            alert_id("company", m["id"]): datetime.fromisoformat(m["fetched"])
            for m in documents(index, "location-changes", told)
        }
        held = {d["id"] for d in documents(index, "alerts", parse("held_back:replay", "alerts"))}
    with target.lock:
        got = Counter(json.loads(body)["data"]["id"] for _, body in target.got)
    late = {id_ for id_, at in fetched.items() if at >= moment}
    # fetched when the stages had changed over: read for the old generation, too, with the lexicon that is there now
    between = {id_ for id_, at in fetched.items() if moment - AHEAD <= at < moment}
    replayed = fetched.keys() - late - between
    assert late
    assert replayed
    assert replayed <= held <= replayed | between
    sent = wanted | late | (between - held)
    assert got == Counter(sent), f"not sent: {sent - got.keys()}; sent besides: {got - Counter(sent)}"
    return len(late)


def _check_searches(watcher: Watcher, news: News) -> None:
    assert not watcher.lost, f"{len(watcher.lost)} articles vanished from searches, e.g. {watcher.lost[:3]}"
    assert {a.id for a in news.articles} == watcher.seen


def _dropped(room: Room) -> None:
    def drained() -> bool:
        with closing(connect_log(room.settings)) as log:
            return Generations(log, names(room.settings)).read()["g1"].drained is not None

    wait(drained, PATIENCE, "the end of the old generation", look=1.0)
    time.sleep(3)  # its workers leave
    print(room.ok("generations", "drop", "g1"), end="")
    print(room.ok("generations", "list"), end="")


def _from_scratch(folder: Path, target: Hook, articles: Sequence[Article]) -> dict[tuple[str, str], Document]:
    """What one run makes of these articles with the changed lexicon."""
    with Room(folder, target) as room:
        room.upgrade()
        room.config.write_text(
            room.config.read_text(encoding="utf-8").partition("[[notify")[0], encoding="utf-8"
        )  # nobody is told
        set_up(room.settings)
        room.start("run")
        news = News(room.settings, 1)
        for first in range(0, len(articles), 200):
            news.append(articles[first : first + 200])
        _settle(room, "g1")
        return state(room.settings)


def _compare(ended: dict[tuple[str, str], Document], wanted: dict[tuple[str, str], Document]) -> Counter[str]:
    different = [key for key in sorted(ended.keys() | wanted.keys()) if ended.get(key) != wanted.get(key)]
    for key in different[:5]:
        one, two = ended.get(key) or {}, wanted.get(key) or {}
        fields = [f for f in sorted(one.keys() | two.keys()) if one.get(f) != two.get(f)]
        print(key, {f: (one.get(f), two.get(f)) for f in fields[:4]})
    assert not different, f"{len(different)} documents differ from a run from scratch, e.g. {different[:3]}"
    return Counter(kind for kind, _ in ended)


@contextmanager
def real_servers() -> Iterator[str]:
    """Lines of settings that name real Kafka and Elasticsearch; what was made there is removed."""
    import secrets

    from tests.contracts.index_stores import ElasticIndexStore
    from tests.contracts.stores import KafkaStore
    from tests.service_elastic import elasticsearch
    from tests.service_kafka import kafka

    name = f"replay-{secrets.token_hex(3)}"
    log, index = KafkaStore(kafka().url, f"{name}."), ElasticIndexStore(elasticsearch().url, name)
    dotted = {"log_url": log.url, "index_url": index.url, "topic_prefix": log.prefix,
              "elasticsearch.prefix": name, "elasticsearch.replicas": 0}  # fmt: skip
    try:
        yield "\n".join(f"{setting} = {json.dumps(value)}" for setting, value in dotted.items())
    finally:
        log.discard()
        index.remove()


def main() -> None:
    """The full-size form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=5000)
    parser.add_argument("--per-second", type=float, default=10.0)
    parser.add_argument("--servers", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        if given.servers:
            with real_servers() as servers:
                print(play(folder, servers, given.articles, given.per_second, to_the_end=True))
        else:
            print(play(folder, "", given.articles, given.per_second, to_the_end=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
