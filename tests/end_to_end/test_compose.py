"""Every service of docker-compose.yml, run as it is written there: its command, its variables, its health check.

The broker is configured with the very variables of the service ``kafka``, Elasticsearch has its security on; only
addresses, ports and folders are this machine's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import AuthenticationException, AuthorizationException, Elasticsearch

from newswatch.wiring import STAGES
from tests import compose, service_kafka
from tests.newswatch.kibana.server import serve
from tests.service_elastic_secure import SecureServer, secure_elasticsearch
from tests.services import free_ports, java_and_maven, missing, scratch

READY_SECONDS = 400.0  # on a machine that is busy
TARGETS = """\
[[notify.webhook]]
name = "desk"
url = "https://desk.example/alerts"
secret = "whsec_bmV3c3dhdGNoIHRlc3RzIG5ld3N3YXRjaA=="
rules = ["one"]
"""
BIN = Path(sys.executable).parent


def kafka_properties(environment: dict[str, Any]) -> dict[str, str]:
    """What the image ``apache/kafka`` makes of its variables: ``KAFKA_A_B__C`` is the property ``a.b_c``."""
    kept = {k: str(v) for k, v in environment.items() if k.startswith("KAFKA_") and k != "KAFKA_HEAP_OPTS"}
    names = {k: k.removeprefix("KAFKA_").lower().replace("__", "\0").replace("_", ".").replace("\0", "_") for k in kept}
    return {names[k]: value for k, value in kept.items()}


class Stack:
    """The services on this machine. ``environment`` and ``command`` of a service are as the file has them."""

    def __init__(self, elastic: SecureServer, rules: Path, settings: Path) -> None:
        self.kafka_port, self._broker_port, controller = free_ports(3)
        self.elastic = elastic
        filled = {name: value or f"secretOf{name.title()}" for name, value in compose.example().items()}
        self.passwords = {**filled, "ELASTIC_PASSWORD": elastic.password}
        self.services: dict[str, dict[str, Any]] = compose.read(self.passwords)["services"]
        self._places = {
            "CLIENTS://:9092": f"CLIENTS://127.0.0.1:{self.kafka_port}",
            "kafka:9092": f"127.0.0.1:{self.kafka_port}",
            "localhost:9093": f"127.0.0.1:{controller}",
            "localhost:9094": f"127.0.0.1:{self._broker_port}",
            "http://elasticsearch:9200": elastic.url,
            "/opt/newswatch/accounts.py": str(compose.ROOT / "deploy" / "accounts.py"),
        }
        self._exactly = {"/rules": str(rules), "/settings": str(settings)}

    def here(self, text: str) -> str:
        """With this machine's addresses and folders."""
        for there, place in self._places.items():
            text = text.replace(there, place)
        return self._exactly.get(text, text)

    def environment(self, service: str) -> dict[str, str]:
        """The service's variables, and what only this machine needs."""
        given = {k: self.here(str(v)) for k, v in self.services[service]["environment"].items()}
        if "NEWSWATCH_INDEX_URL" in given:  # the tests' server has TLS besides
            given["NEWSWATCH_ELASTICSEARCH__CA_FILE"] = str(self.elastic.ca_file)
        return {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(compose.ROOT), **given}

    def command(self, service: str) -> list[str]:
        """The service's command line; the image's entry point is ``newswatch``."""
        fields = self.services[service]
        return [self.here(word) for word in (*fields.get("entrypoint", ["newswatch"]), *fields["command"])]

    def folder(self, service: str) -> Path | None:
        """Where the service works, if it says so."""
        there = self.services[service].get("working_dir")
        return Path(self.here(there)) if there else None

    @contextmanager
    def kafka(self) -> Iterator[None]:
        """The broker of the service ``kafka``."""
        folder = scratch("compose-kafka")
        properties = {k: self.here(v) for k, v in kafka_properties(self.services["kafka"]["environment"]).items()}
        properties["log.dirs"] = str(folder / "data")
        broker = service_kafka.from_maven(
            folder, self._broker_port, properties, []
        )  # where it is asked without a password
        broker.start()
        try:
            yield
        finally:
            broker.kill()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not java_and_maven():
        missing("the services of docker-compose.yml cannot be run: install Java 17 and Maven")
    rules = tmp_path_factory.mktemp("rules")
    (rules / "one.yml").write_text("- {id: one, name: One, target: articles, query: harbour}\n", encoding="utf-8")
    settings = tmp_path_factory.mktemp("settings")
    (settings / "newswatch.toml").write_text(TARGETS, encoding="utf-8")
    stack = Stack(secure_elasticsearch(), rules, settings)
    with stack.kafka():
        try:
            yield stack
        finally:
            with stack.elastic.client() as client:
                client.options(ignore_status=404).security.delete_user(username="newswatch")
                client.indices.delete(index=list(client.indices.get(index="newswatch-*", features="aliases")))
                client.indices.delete_index_template(name="newswatch-*")


def set_up(stack: Stack, service: str = "setup", kibana: str = "") -> str:
    done = subprocess.run(
        [word.replace("http://kibana:5601", kibana) for word in stack.command(service)],
        cwd=stack.folder(service),
        env=stack.environment(service),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_setup_makes_users_topics_and_index_and_can_be_repeated(stack: Stack) -> None:
    said = set_up(stack)
    assert "users newswatch, analyst, kibana_system have their passwords" in said
    assert "topic news.articles: created with 8 partitions" in said
    assert "index: newswatch-g1-articles" in said
    assert set_up(stack).splitlines()[1:] == ["everything is there; nothing to do"]
    for user in ("WORKER", "ANALYST", "KIBANA"):
        name = {"WORKER": "newswatch", "ANALYST": "analyst", "KIBANA": "kibana_system"}[user]
        with _as(stack, name, stack.passwords[f"{user}_PASSWORD"]) as client:
            assert client.security.authenticate()["username"] == name
    with _as(stack, "newswatch", stack.passwords["WORKER_PASSWORD"]) as client:
        assert client.count(index="newswatch-articles")["count"] == 0
        with pytest.raises(AuthorizationException):
            client.indices.create(index="elsewhere")
    with _as(stack, "newswatch", "wrong") as client, pytest.raises(AuthenticationException):
        client.security.authenticate()


def test_the_dashboards_are_brought_into_kibana_and_nothing_else_is_changed(stack: Stack) -> None:
    set_up(stack)
    with serve() as kibana:
        said = set_up(stack, "dashboards", kibana.url).splitlines()
        assert "kibana, space default: dashboard newswatch: Moves created" in said
        assert all(line.startswith("kibana, ") for line in said)
        assert set_up(stack, "dashboards", kibana.url) == "everything is there; nothing to do\n"


def _as(stack: Stack, user: str, password: str) -> Elasticsearch:
    return Elasticsearch(stack.elastic.url, basic_auth=(user, password), ca_certs=str(stack.elastic.ca_file))


def test_every_stage_gets_ready_and_two_enrich_workers_share_the_work(stack: Stack, tmp_path: Path) -> None:
    set_up(stack)
    with ExitStack() as running:
        workers = [_Worker(running, stack, name, tmp_path / f"{n}.log") for n, name in enumerate([*STAGES, "enrich"])]
        deadline = time.monotonic() + READY_SECONDS
        while waiting := [w for w in workers if not w.is_ready()]:
            assert not [w for w in waiting if w.process.poll() is not None], "\n".join(w.said() for w in waiting)
            assert time.monotonic() < deadline, "\n".join(w.said() for w in waiting)
            time.sleep(0.5)
        shared: set[tuple[int, ...]] = set()
        while len(shared) != 2 or not all(shared):
            assert time.monotonic() < deadline, f"the workers of enrich own {shared}"
            command = [str(BIN / "newswatch"), "status", "--json"]
            done = subprocess.run(command, env=stack.environment("index"), capture_output=True, text=True, check=True)
            (row,) = [r for r in map(json.loads, done.stdout.splitlines()) if r.get("stage") == "enrich"]
            shared = {tuple(s["partitions"]) for worker in row["workers"] for s in worker["standings"]}
        assert sorted(p for some in shared for p in some) == list(range(8))
        for worker in workers:
            worker.process.terminate()
        assert [worker.process.wait(45) for worker in workers] == [0] * len(workers)


class _Worker:
    """A container's process: the service's command and variables, with a port of its own for its health."""

    def __init__(self, running: ExitStack, stack: Stack, service: str, log: Path) -> None:
        self._log = log
        self._port = free_ports(1)[0]
        self._check = stack.services[service]["healthcheck"]["test"][1:]
        environment = stack.environment(service)
        assert environment["NEWSWATCH_METRICS_ADDRESS"] == "0.0.0.0:9100"
        environment["NEWSWATCH_METRICS_ADDRESS"] = f"127.0.0.1:{self._port}"
        folder = log.with_suffix("")
        folder.mkdir()
        self.process = subprocess.Popen(
            stack.command(service),
            cwd=stack.folder(service) or folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=running.enter_context(log.open("wb")),
        )
        running.callback(self._end)

    def is_ready(self) -> bool:
        """What the service's health check says."""
        command = [
            sys.executable if word == "python" else word.replace("9100", str(self._port)) for word in self._check
        ]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def said(self) -> str:
        """The end of what it wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def _end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
