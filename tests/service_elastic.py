"""A real Elasticsearch for the tests, once a test run: named by the environment, from Docker, or from Maven and Java.

``NEWSWATCH_TEST_ELASTICSEARCH`` names one that runs (``http://127.0.0.1:9200``). Maven's is Elastic's own small
distribution for tests: the real server without X-Pack's scripts, SQL and the like, and without a JDK. It refuses to run
as root, so root runs it as nobody.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.services import JAVA_OPTIONS, NAMED, ForeignServer, ProcessServer, Server, cache, free_ports, missing

VERSION = "8.19.21"
VARIABLE = "NEWSWATCH_TEST_ELASTICSEARCH"
HEAP = "-Xms384m -Xmx384m"
START_SECONDS = 300.0
NOBODY = 65534
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
_INSTALL = f"no Elasticsearch to test on: install Docker, or Java 17 and Maven, or set {VARIABLE} to the URL of one"


def elasticsearch() -> Server:
    """The running server; started at the first call, stopped when this process ends."""
    found = _found()
    return missing(found) if isinstance(found, str) else found


@functools.cache
def _found() -> Server | str:
    """The server, or why there is none: tried only once, however many tests ask."""
    if VARIABLE in NAMED:
        return _server(NAMED[VARIABLE])
    try:
        return _server(_from_docker() or Distribution.unpack().start().url)
    except Unavailable as error:
        return str(error)


class Unavailable(Exception):
    """There can be no server; says what to install."""


def _server(url: str) -> Server:
    return ForeignServer(url)


def _from_docker() -> str | None:
    """The URL of a container of the same version; None where no Docker engine answers."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return None
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(f"docker.elastic.co/elasticsearch/elasticsearch:{VERSION}").with_exposed_ports(9200)
    settings = {**BASIC, "network.host": "0.0.0.0", "ES_JAVA_OPTS": HEAP}  # within the container
    for name, value in settings.items():
        container = container.with_env(name, value)
    container.start()
    atexit.register(container.stop)
    url = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(9200)}"
    _wait(url, None)
    return url


BASIC = {
    "discovery.type": "single-node",
    "network.host": "127.0.0.1",
    "xpack.security.enabled": "false",
    "cluster.routing.allocation.disk.threshold_enabled": "false",
}


@dataclass(frozen=True, slots=True)
class Started:
    """A server that runs from a ``Distribution``."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.process.terminate()
        self.process.wait(60)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Elastic's distribution for tests, unpacked into a folder of this test run's own."""

    folder: Path

    @classmethod
    def unpack(cls) -> Distribution:
        """Fetch it (107 MB, kept in the cache) and unpack it; removed when this process ends."""
        archive = _archive()
        folder = Path(tempfile.mkdtemp(prefix="newswatch-elasticsearch-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        home = folder / f"elasticsearch-{VERSION}"
        for program in (home / "bin").iterdir():
            program.chmod(0o755)
        return cls(home)

    def configure(self, settings: Mapping[str, str] | None = None) -> int:
        """Write the server's settings, ``BASIC`` and these; its port."""
        port, transport = free_ports(2)
        given = {**BASIC, "http.port": str(port), "transport.port": str(transport), **(settings or {})}
        lines = [f"{name}: {value}" for name, value in given.items()]
        (self.folder / "config" / "elasticsearch.yml").write_text("\n".join(lines) + "\n")
        give_to_nobody(self.folder)
        return port

    def start(self, settings: Mapping[str, str] | None = None) -> Started:
        """Start the server with ``BASIC`` and ``settings``, and wait until it answers."""
        port = self.configure(settings)
        with (self.folder / "output.log").open("wb") as log:
            process = subprocess.Popen(self.command("elasticsearch"), env=self.environment(), stdout=log, stderr=log)
        started = Started(f"http://127.0.0.1:{port}", process)
        atexit.register(_kill, process)
        if {**BASIC, **(settings or {})}["xpack.security.enabled"] == "false":
            _wait(started.url, process)
        return started

    def command(self, program: str) -> list[str]:
        """A program of the distribution, never as root, and ended with this process even if that is killed."""
        as_nobody = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
        return ["setpriv", "--pdeathsig=TERM", *as_nobody, str(self.folder / "bin" / program)]

    def environment(self) -> dict[str, str]:
        """What its programs need: Java, a heap, and folders that they may write."""
        java = os.environ.get("JAVA_HOME") or Path(shutil.which("java") or "").resolve().parents[1]
        options = " ".join((HEAP, *JAVA_OPTIONS))
        own = {"ES_JAVA_HOME": java, "ES_JAVA_OPTS": options, "HOME": self.folder, "ES_TMPDIR": self.folder / "tmp"}
        (self.folder / "tmp").mkdir(exist_ok=True)
        return {"PATH": os.environ["PATH"], **{name: str(value) for name, value in own.items()}}


class ElasticProcess(ProcessServer):
    """A server of one's own; ``kill`` hits the server itself, not only the launcher that started it."""

    def kill(self) -> None:
        """See ``Server.kill``."""
        if self._process is not None:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            for child in children.read_text().split() if children.exists() else ():
                with suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
        super().kill()


def new_elasticsearch() -> Server:
    """A server of one's own, not started yet, to be killed at will; skips the test where Maven cannot bring one."""
    try:
        distribution = Distribution.unpack()
    except Unavailable as error:
        missing(str(error))
    url = f"http://127.0.0.1:{distribution.configure()}"
    folder, environment = distribution.folder, distribution.environment()
    return ElasticProcess(url, distribution.command("elasticsearch"), folder, lambda: _is_up(url), environment)


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _archive() -> Path:
    """The zip file, fetched with Maven once for all test runs of this user."""
    archive = cache() / f"elasticsearch-{VERSION}.zip"
    if archive.exists():
        return archive
    for tool in ("java", "mvn", "setpriv"):
        if not shutil.which(tool):
            raise Unavailable(f"{_INSTALL} ({tool} is not there)")
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        command = ["mvn", "-q", "-B", _PLUGIN, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={folder}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"{_INSTALL} (Maven: {' '.join(done.stdout.split())[:200]})")
        (Path(folder) / archive.name).replace(archive)
    return archive


def give_to_nobody(folder: Path) -> None:
    """Where root runs the tests: the server must own its files."""
    if os.geteuid() != 0:
        return
    (folder / "tmp").mkdir(exist_ok=True)
    for path in (folder.parent, *folder.parent.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(url: str, process: subprocess.Popen[bytes] | None) -> None:
    """Until the server answers; its ``GET /`` is no sign, the small distribution has none."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=5s", timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise Unavailable(f"Elasticsearch did not start at {url} within {START_SECONDS:.0f} s: is the machine too busy?")
