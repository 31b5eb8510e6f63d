"""A real Elasticsearch with security on, for the tests of it: TLS, users, API keys. From Maven and Java only.

Elastic's small distribution can keep no users and API keys by itself: ``elastic_plugin`` adds the analysis names that
their index asks for (built with javac). Never start its data folder without the plugin.
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
import secrets
import shutil
import ssl
import subprocess
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from elastic_transport import ConnectionError as NotReached
from elasticsearch import ApiError, Elasticsearch

from tests.service_elastic import START_SECONDS, VERSION, Distribution, Unavailable, give_to_nobody
from tests.services import missing

_SOURCE = Path(__file__).parent / "elastic_plugin" / "NamesPlugin.java"
_DESCRIPTOR = f"""description=names for tests
version=1
name=names
classname=newswatch.NamesPlugin
java.version=17
elasticsearch.version={VERSION}
"""


@dataclass(frozen=True, slots=True)
class SecureServer:
    """A running server with TLS; ``ca_file`` is its authority, ``elastic`` its superuser with this password."""

    url: str
    ca_file: Path
    password: str

    def client(self) -> Elasticsearch:
        """A client that may do everything."""
        context = ssl.create_default_context(cafile=self.ca_file)
        return Elasticsearch(self.url, basic_auth=("elastic", self.password), ssl_context=context, request_timeout=60)

    def api_key(self, indices: str, privileges: list[str], cluster: list[str]) -> str:
        """An API key with these privileges, as the settings want it."""
        role = {"cluster": cluster, "indices": [{"names": [indices], "privileges": privileges}]}
        with self.client() as client:
            return str(
                client.security.create_api_key(name=secrets.token_hex(4), role_descriptors={"r": role})["encoded"]
            )


def secure_elasticsearch() -> SecureServer:
    """The running server; started at the first call, stopped when this process ends."""
    found = _found()
    return found if isinstance(found, SecureServer) else missing(found)


@functools.cache
def _found() -> SecureServer | str:
    if not shutil.which("javac"):
        return "no Elasticsearch with security to test on: install a JDK 17 (javac) and Maven"
    try:
        return _started()
    except Unavailable as error:
        return str(error)


def _started() -> SecureServer:
    distribution = Distribution.unpack()
    config = distribution.folder / "config"
    _plugin(distribution.folder)
    _certificate(config)
    password = secrets.token_urlsafe(12)
    give_to_nobody(distribution.folder)
    for arguments, given in ((["create"], ""), (["add", "-x", "bootstrap.password"], password)):
        command = [*distribution.command("elasticsearch-keystore"), *arguments]
        subprocess.run(command, input=given.encode(), env=distribution.environment(), capture_output=True, check=True)
    settings = {
        "xpack.security.enabled": "true",
        "xpack.security.http.ssl.enabled": "true",
        "xpack.security.http.ssl.key": "http.key",
        "xpack.security.http.ssl.certificate": "http.crt",
    }
    started = distribution.start(settings)
    server = SecureServer(started.url.replace("http:", "https:"), config / "http.crt", password)
    _wait(server)
    return server


def _plugin(folder: Path) -> None:
    """Compile the plugin into its place."""
    home = folder / "plugins" / "names"
    classes = folder / "classes"
    home.mkdir(parents=True)
    command = ["javac", "--release", "17", "-cp", str(folder / "lib" / "*"), "-d", str(classes), str(_SOURCE)]
    subprocess.run(command, check=True, capture_output=True)
    (home / "plugin-descriptor.properties").write_text(_DESCRIPTOR)
    with zipfile.ZipFile(home / "names.jar", "w") as jar:
        for path in classes.rglob("*.class"):
            jar.write(path, path.relative_to(classes))


def _certificate(config: Path) -> None:
    """A certificate for this machine, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "newswatch tests")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    (config / "http.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (config / "http.crt").write_bytes(certificate.public_bytes(pem))


def _wait(server: SecureServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    with server.client() as client:
        while not _answers(client):
            if time.monotonic() > deadline:
                raise Unavailable(f"Elasticsearch with security did not start within {START_SECONDS:.0f} s")
            time.sleep(0.5)


def _answers(client: Elasticsearch) -> bool:
    try:
        return bool(client.cluster.health(wait_for_status="yellow", timeout="5s"))
    except (NotReached, ApiError):
        return False
