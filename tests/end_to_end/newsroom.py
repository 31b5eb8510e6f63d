"""``newswatch run`` on feeds that the demo's server serves, as a user has it: its processes, its log, its index."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from indexer.fields import KINDS, OPERATIONS
from indexer.query import everything, parse
from newswatch.demo.play import RULES
from newswatch.demo.server import FeedServer
from newswatch.demo.world import Outlet
from newswatch.wiring import STAGES, connect_index, connect_log, names
from stream.dead_letters import list_dead_letters
from stream.errors import ConfigError
from stream.log import Log, Record, lag
from stream.messages import Article, decode
from stream.settings import load_settings
from tests.end_to_end import chaos

SETTINGS = """\
{servers}
data_dir = {data}
feeds_file = {feeds}
rules_dir = {rules}
log_level = "warning"
[ingest]
allow_networks = ["127.0.0.0/8"]
min_interval = "1s"
max_interval = "1s"
"""
SUPERVISOR = "run"
PROCESSES = (SUPERVISOR, *STAGES)
PROCESSORS = tuple(stage for stage in STAGES if stage != "ingest")
"""In the order of the flow."""
PUBLISHED = ("articles", "enriched", "location-changes", "alerts")
FREE = {
    "fetched": "the time of a fetch, in an alert's evidence as well",
    "version": "of articles and statements, in statements[] as well: the fetch that first saw the content",
    "article_version": "the same in an alert",
    "superseded_below": "the same of the update that withdrew a statement",
    "created": "the time when the alert was raised",
    "announced": "what of a relocation was announced depends on what came together in a batch",
}
"""What may differ between two runs on the same news, and what it is."""

Document = dict[str, Any]


def fixed(document: Document) -> Document:
    """The document without what may differ."""
    kept: Document = {k: v for k, v in document.items() if k not in FREE}
    if "statements" in kept:
        kept["statements"] = [s["id"] for s in kept["statements"]]
    if isinstance(kept.get("evidence"), list):  # of an alert
        kept["evidence"] = [{k: v for k, v in sentence.items() if k not in FREE} for sentence in kept["evidence"]]
    if "history" in kept:  # a withdrawal is dated by the fetch of the revision that took the statement back
        kept["history"] = [{**turn, "when": None} if turn["kind"] == "withdrawn" else turn for turn in kept["history"]]
    return kept


FREE_IN_CASES = {
    "title": "how far it went in one step (3 independent sources, 1 or 2 before)",
    "evidence": "what came in last stands first",
    "links": "the same",
    "text": "the same",
    "held_back": "by the statements that made the change",
}
"""What may differ of an alert about a case besides: one change of it may be announced in one step or in two, as its
statements come together in one batch or not (``announced``), and another case may tell later of one that was announced.
So such alerts may be more in one run than in the other; the rules and the cases that they end at are the same."""


@dataclass(frozen=True)
class Outcome:
    """What a run ended with: documents by kind and id, the case that tells another one's statements now by that one's
    id, how many records came in each partition, dead letters."""

    documents: dict[tuple[str, str], Document]
    told_by: dict[str, str]
    records: dict[str, dict[int, int]]
    dead_letters: int

    def differences(self, other: Outcome) -> list[str]:
        """One line for each document, and for each field of a document in both, that is not the same."""
        lines = []
        for key in sorted(self.documents.keys() | other.documents.keys()):
            one, two = self.documents.get(key), other.documents.get(key)
            if one is None or two is None:
                lines.append(f"{key}: only in the {'first' if one else 'second'}")
                continue
            fields = sorted(one.keys() | two.keys())
            lines += [f"{key} {f}: {one.get(f)} ≠ {two.get(f)}" for f in fields if one.get(f) != two.get(f)]
        return lines

    def cases(self) -> dict[tuple[str, str], tuple[str, str]]:
        """The alerts about cases: rule and the case that tells of it in the end, by the alert's key."""
        alerts = {key: document for key, document in self.documents.items() if key[0] == "alerts"}
        return {
            key: (document["rule"], self._end(document["subject"]["id"]))
            for key, document in alerts.items()
            if document["subject"]["kind"] == "relocation"
        }

    def _end(self, case: str) -> str:
        while case in self.told_by:
            case = self.told_by[case]
        return case

    def settled(self, steps: Collection[tuple[str, str]]) -> Outcome:
        """The outcome without ``steps``, and without what depends on which statements came together."""
        cases = self.cases()
        documents = {
            key: {k: v for k, v in document.items() if key not in cases or k not in FREE_IN_CASES}
            for key, document in self.documents.items()
            if key not in steps
        }
        return replace(self, documents=documents)


class Newsroom:
    """A user's folder with ``newswatch run`` in it; ``with`` leaves no process behind. ``servers``: lines of settings
    that name the log and the index, where they are not files of the folder."""

    def __init__(self, folder: Path, world: Mapping[str, Outlet], server: FeedServer, servers: str = "") -> None:
        folder.mkdir()
        self._folder = folder
        self._world = world
        self._servers = servers
        self._config = self._configure(server)
        self._settings = load_settings(self._config)
        self._names = names(self._settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Log | None = None

    def _configure(self, server: FeedServer) -> Path:
        feeds = [
            {"url": server.url(o.feed), "title": o.title, "publisher": o.domain, "country": o.country}
            for o in self._world.values()
        ]
        (self._folder / "feeds.yml").write_text(yaml.safe_dump(feeds), encoding="utf-8")
        (self._folder / "rules").mkdir()
        shutil.copy(RULES, self._folder / "rules")
        paths = {"data": "data", "feeds": "feeds.yml", "rules": "rules"}
        quoted = {name: json.dumps(str(self._folder / path)) for name, path in paths.items()}
        config = self._folder / "newswatch.toml"
        config.write_text(SETTINGS.format(servers=self._servers, **quoted), encoding="utf-8")
        return config

    # -- processes

    def start(self) -> None:
        """Start ``newswatch run``."""
        self._process = self._newswatch(SUPERVISOR)

    def _newswatch(self, command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "stderr").open("ab") as stderr:
            return subprocess.Popen(
                [sys.executable, "-m", "newswatch", "--config", str(self._config), command],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> bool:
        """SIGKILL for the supervisor, which is started again at once, or for one of its stages; False if it has none
        running at the moment, or if the stage runs records one by one: it must not be mistaken for killed by them."""
        assert self._process is not None
        if name == SUPERVISOR:
            self._process.kill()
            self._process.wait()
            self.start()
            return True
        pids = [pid for pid, parent, stage in self._processes() if stage == name and parent == self._process.pid]
        if not pids or self._is_careful(name):
            return False
        with suppress(ProcessLookupError):
            os.kill(pids[0], signal.SIGKILL)
        return True

    def is_up(self) -> bool:
        """Whether the supervisor has started all stages."""
        assert self._process is not None
        return {stage for _, parent, stage in self._processes() if parent == self._process.pid} == set(STAGES)

    def stop(self) -> int:
        """SIGTERM for the supervisor; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(120)

    def __enter__(self) -> Newsroom:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            print(self.said()[-5_000:])
        if self._process is not None:
            self._process.kill()  # no stage is started any more
            self._process.wait()
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process[0], signal.SIGKILL)
        if self._log is not None:
            self._log.close()

    def _processes(self) -> list[tuple[int, int, str]]:
        """Process id, parent's id and command of every process that was started with this folder's settings."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
                parent = int((folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue  # it has ended meanwhile
            if str(self._config) in words:
                found.append((int(folder.name), parent, words[words.index(str(self._config)) + 1]))
        return found

    def leftovers(self) -> list[str]:
        """The commands of this folder that still run."""
        return [command for _, _, command in self._processes()]

    def said(self) -> str:
        """What all processes wrote to standard error."""
        return (self._folder / "stderr").read_text(encoding="utf-8", errors="replace")

    # -- its log and its index

    def _ask(self, question: Callable[[Log], bool]) -> bool:
        """The answer from the log, opened for the first question; False before there is one with topics."""
        try:
            self._log = self._log or connect_log(self._settings)
            return question(self._log)
        except ConfigError:
            return False

    def _groups(self, stage: str) -> list[tuple[str, str]]:
        """The full names of the stage's topics and groups."""
        return [(self._names.topic(s), self._names.group(stage, s)) for s in STAGES[stage].sources]

    def _is_careful(self, stage: str) -> bool:
        return self._ask(lambda log: any(chaos.one_by_one(log, *group) for group in self._groups(stage)))

    def holds(self, instalment: int) -> bool:
        """Whether the log holds all that the feeds carried up to this instalment."""
        told = sum(1 for o in self._world.values() for t in o.articles if t.instalment <= instalment)
        return self._ask(lambda log: len({(a.feed_id, a.id, a.content_hash) for a in self._articles(log)}) == told)

    def _articles(self, log: Log) -> list[Article]:
        topic = self._names.topic("articles")
        records = [r for p in range(log.partitions(topic)) for r in log.read(topic, p, 0, 10_000)]
        messages = [decode(r.value) for r in records if r.value is not None]
        return [m for m in messages if isinstance(m, Article)]

    def is_idle(self, stage: str) -> bool:
        """Whether the stage has committed all records that there are."""
        return self._ask(lambda log: not any(lag(log, *group) for group in self._groups(stage)))

    def is_through(self) -> bool:
        """Whether no stage has anything left to do; asked in the order of the flow."""
        return all(self.is_idle(stage) for stage in PROCESSORS)

    def appended(self, topic: str) -> list[Record]:
        """All records of a topic, of which no more than 10,000 are in one partition."""
        with closing(connect_log(self._settings)) as log:
            name = self._names.topic(topic)
            return [r for p in range(log.partitions(name)) for r in log.read(name, p, 0, 10_000, 1 << 30)]

    def outcome(self) -> Outcome:
        """What is in the log and the index now."""
        with closing(connect_index(self._settings)) as index, closing(connect_log(self._settings)) as log:
            documents: dict[tuple[str, str], Document] = {
                (kind, hit.id): fixed(dict(hit.document))
                for kind in KINDS
                if kind not in OPERATIONS
                for query in (
                    everything(kind),
                    *([parse("withdrawn:true", kind)] if kind == "location-changes" else []),
                )
                for hit in index.search(kind, query, limit=1000).hits
            }
            hidden = index.search("relocations", parse("withdrawn:true", "relocations"), limit=1000).hits
            told_by = {hit.id: into for hit in hidden if (into := hit.document.get("merged_into"))}
            topics = {name: self._names.topic(name) for name in PUBLISHED}
            records = {n: {p: b.end for p, b in log.bounds(topic).items()} for n, topic in topics.items()}
            return Outcome(documents, told_by, records, len(list_dead_letters(log, self._names)))
