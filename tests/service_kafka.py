"""A real Kafka for the tests: one broker that is its own controller, with a plain and a secured listener."""

from __future__ import annotations

import base64
import functools
import socket
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.services import (
    JAVA_OPTIONS,
    NAMED,
    ForeignServer,
    ProcessServer,
    Server,
    cached,
    docker_runs,
    free_ports,
    java_and_maven,
    maven,
    missing,
    scratch,
)

VERSION = "4.4.0"
USER, PASSWORD = "desk", "open sesame"
MISSING = (
    "no Kafka: install Java 17 and Maven, or Docker, or set NEWSWATCH_TEST_KAFKA=kafka://HOST:PORT (with"
    " group.min.session.timeout.ms=1000)"
)
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>newswatch</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.3</version>
</dependency></dependencies></project>
"""
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"


@dataclass(frozen=True, slots=True)
class Secured:
    """The listener that wants TLS and a password: SASL PLAIN and both SCRAMs, user ``USER``, password ``PASSWORD``."""

    url: str
    ca_file: Path


@functools.cache
def kafka() -> Server:
    """The broker of this test run, running; skips the test (fails it in CI) when none is to be had."""
    if url := NAMED.get("NEWSWATCH_TEST_KAFKA"):
        return ForeignServer(url)
    server = new_broker()
    server.start()
    return server


def secured() -> Secured:
    """The secured listener of ``kafka()``; skips the test where the broker is not ours."""
    server = kafka()
    if not server.ours:
        missing("the secured listener is only on a broker that the tests start themselves")
    folder = server.folder  # type: ignore[attr-defined]
    port = (folder / "secured-port").read_text()
    return Secured(f"kafka://127.0.0.1:{port}", folder / "ca.pem")


def answers(port: int) -> bool:
    """Whether a broker at this port of loopback takes part in its cluster.

    The library is asked in a process of its own: where it fails to connect it leaves threads and sockets behind.
    """
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    ask = "import sys, kafka; kafka.KafkaAdminClient(bootstrap_servers=sys.argv[1], bootstrap_timeout_ms=3000).close()"
    command = [sys.executable, "-c", ask, f"127.0.0.1:{port}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def properties(folder: Path, port: int, secured_port: int, controller_port: int) -> dict[str, str]:
    """The broker's configuration: small, quick to give up dead members, and open to PLAIN and SCRAM."""
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    listeners = f"PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secured_port}"
    once = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        **{f"{topic}.replication.factor": "1" for topic in once},
        **{f"{topic}.num.partitions": "5" for topic in once},
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "log.cleaner.backoff.ms": "200",
        "log.retention.check.interval.ms": "500",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": f'{plain} required user_{USER}="{PASSWORD}";',
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": f"{scram} required;",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{scram} required;",
        "listener.name.sasl_ssl.ssl.keystore.type": "PEM",
        "listener.name.sasl_ssl.ssl.keystore.location": str(folder / "server.pem"),
    }


def prepare(folder: Path, port: int, secured_port: int, controller_port: int) -> dict[str, str]:
    """The broker's properties; its certificates are written into ``folder``."""
    write_certificates(folder)
    (folder / "secured-port").write_text(str(secured_port))
    return properties(folder, port, secured_port, controller_port)


def write_certificates(folder: Path) -> None:
    """A certificate authority (``ca.pem``), and a key with a certificate for 127.0.0.1 (``server.pem``)."""
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "newswatch tests")])
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])

    def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey, *, ca: bool) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        )
        if ca:
            usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority = certificate(ca_name, ca_key.public_key(), ca=True)
    (folder / "ca.pem").write_bytes(authority)
    (folder / "server.pem").write_bytes(private + certificate(name, key.public_key(), ca=False) + authority)


def new_broker() -> Server:
    """A broker of one's own, not started yet, to be killed at will; skips the test when none is to be had."""
    if docker_runs():
        from tests.docker_kafka import DockerKafka

        return DockerKafka()
    if not java_and_maven():
        missing(MISSING)
    folder, ports = scratch("kafka"), free_ports(3)
    users = [
        argument
        for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        for argument in ("--add-scram", f"{kind}=[name={USER},password={PASSWORD}]")
    ]
    return from_maven(folder, ports[0], prepare(folder, *ports), ["--standalone", *users])


def from_maven(folder: Path, port: int, given: Mapping[str, str], formatting: Sequence[str]) -> ProcessServer:
    """A broker with these properties, its storage formatted with these arguments; not started yet."""
    libraries = cached(f"kafka-{VERSION}", _fetch)
    (folder / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    heap = ("-Xms128m", "-Xmx384m", "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError")
    java = ["java", *heap, *JAVA_OPTIONS, "-cp", f"{libraries}/*"]
    cluster = "n" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:].rstrip("=")  # "-…" would be an option
    subprocess.run(
        [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", "server.properties", *formatting],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    command = [*java, "kafka.Kafka", "server.properties"]
    return ProcessServer(f"kafka://127.0.0.1:{port}", command, folder, lambda: answers(port))


def _fetch(folder: Path) -> None:
    (folder / "pom.xml").write_text(_POM)
    maven("-f", str(folder / "pom.xml"), _COPY, f"-DoutputDirectory={folder}", "-DincludeScope=runtime")
