"""Real servers and one worker process a stage on them, all to be killed: what the chaos on real servers is done to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import yaml

from newswatch.wiring import STAGES
from stream.settings import PREFIX, Settings, load_settings
from tests.end_to_end.newsflow import FEEDS, KILLER, WORD, NewsServer
from tests.service_elastic import new_elasticsearch
from tests.service_kafka import new_broker
from tests.services import Server

RULES = f"""\
- {{id: words, name: Word, target: articles, query: {WORD}}}
- {{id: moves, name: Move, target: location-changes, query: "*"}}
- {{id: cases, name: Case, target: relocations, query: "*"}}
"""
SETTINGS = """\
log_url = "{log}"
index_url = "{index}"
feeds_file = "{folder}/feeds.yml"
rules_dir = "{folder}/rules"
data_dir = "{folder}/data"
partitions = 4
[ingest]
allow_networks = ["127.0.0.0/8"]
min_interval = "2s"
max_interval = "2s"
[elasticsearch]
replicas = 0
"""
DEADLY = f"""\
import os, signal
from processors.stages import EnrichArticles
from newswatch.cli import main
handle = EnrichArticles.__call__
def call(self, batch):
    if any(getattr(i.message, "title", "").startswith("{KILLER}") for i in batch):
        os.kill(os.getpid(), signal.SIGKILL)
    return handle(self, batch)
EnrichArticles.__call__ = call
main()
"""
"""``newswatch``, but an article whose title begins with ``KILLER`` kills the process that reads it."""


class Fleet:
    """Broker, Elasticsearch and workers; a worker that is dead is started anew at once. ``with`` ends them all."""

    def __init__(self, folder: Path, news: NewsServer) -> None:
        self.folder = folder
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        self.servers: dict[str, Server] = {"kafka": new_broker(), "elasticsearch": new_elasticsearch()}
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self.killed: Counter[str] = Counter()
        """How often a stage's worker was killed by ``kill``."""
        self.died: Counter[str] = Counter()
        """How often it ended otherwise."""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._config = self._configure(news)

    @property
    def settings(self) -> Settings:
        """The workers' settings."""
        return load_settings(self._config)

    def _configure(self, news: NewsServer) -> Path:
        feeds = [{"url": news.url(n), "publisher": f"paper{n}.example"} for n in range(FEEDS)]
        (self.folder / "feeds.yml").write_text(yaml.safe_dump(feeds), encoding="utf-8")
        (self.folder / "rules").mkdir()
        (self.folder / "rules" / "rules.yml").write_text(RULES, encoding="utf-8")
        urls = {"log": self.servers["kafka"].url, "index": self.servers["elasticsearch"].url}
        config = self.folder / "newswatch.toml"
        config.write_text(SETTINGS.format(folder=self.folder, **urls), encoding="utf-8")
        return config

    def __enter__(self) -> Fleet:
        starting = threading.Thread(target=self.servers["kafka"].start)
        starting.start()
        self.servers["elasticsearch"].start()  # it ends with the thread that started it
        starting.join()
        setup = [sys.executable, "-m", "newswatch", "--config", str(self._config), "setup"]
        try:
            subprocess.run(setup, env=self._environment, check=True, capture_output=True)
            for stage in STAGES:
                self._start(stage)
        except BaseException:
            self.__exit__()
            raise
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with suppress(RuntimeError):  # it was not started
            self._keeper.join()
        for process in self._workers.values():
            process.kill()
            process.wait()
        for server in self.servers.values():
            server.kill()

    def pids(self) -> set[int]:
        """Of the workers that there are now."""
        with self._lock:
            return {worker.pid for worker in self._workers.values()}

    def _start(self, stage: str) -> None:
        program = ["-c", DEADLY] if stage == "enrich" else ["-P", "-m", "newswatch"]
        with (self.folder / f"{stage}.log").open("ab") as stderr:
            self._workers[stage] = subprocess.Popen(
                [sys.executable, *program, "--config", str(self._config), stage, "--supervised"],
                stdin=subprocess.PIPE, stderr=stderr, start_new_session=True, env=self._environment,
            )  # fmt: skip

    def _keep(self) -> None:
        while not self._over.wait(0.1):
            for stage in STAGES:
                with self._lock:
                    if self._workers[stage].poll() is not None:
                        self.died[stage] += 1
                        self._start(stage)

    def kill(self, stage: str) -> None:
        """SIGKILL for the stage's worker, which is started anew at once."""
        with self._lock:
            self._workers[stage].kill()
            self._workers[stage].wait()
            self.killed[stage] += 1
            self._start(stage)

    def break_down(self, server: str, seconds: float) -> float:
        """SIGKILL for the server, which is started again ``seconds`` later; for how long it did not answer."""
        began = time.monotonic()
        self.servers[server].kill()
        time.sleep(seconds)
        self.servers[server].start()
        return time.monotonic() - began

    def stop(self) -> dict[str, int]:
        """SIGTERM for the workers; their exit codes."""
        self._over.set()
        self._keeper.join()
        for process in self._workers.values():
            process.send_signal(signal.SIGTERM)
        return {stage: process.wait(60) for stage, process in self._workers.items()}

    def said(self, stage: str, *events: str) -> list[dict[str, str]]:
        """What the stage's workers logged, the events of these names."""
        lines = (self.folder / f"{stage}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        logged = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in logged if not events or line["event"] in events]
