"""The Kafka of the tests in a Docker engine: the same broker, configured alike, from the image ``apache/kafka``."""

from __future__ import annotations

import time
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import UserScramCredentialUpsertion
from testcontainers.core.container import DockerContainer

from tests.service_kafka import PASSWORD, USER, VERSION, answers, prepare
from tests.services import READY_SECONDS, free_ports, scratch

INSIDE = "/mnt/shared/config"
"""Where the image looks for a configuration of one's own."""


class DockerKafka:
    """See ``Server``. A container that was killed is started again with its data; it goes when the test run ends."""

    ours = True

    def __init__(self) -> None:
        self.port, secured_port, controller_port = free_ports(3)
        self.url = f"kafka://127.0.0.1:{self.port}"
        self.folder: Path = scratch("kafka")
        self.folder.chmod(0o755)
        given = prepare(self.folder, self.port, secured_port, controller_port)
        given |= {
            "listeners": given["listeners"].replace("127.0.0.1", "0.0.0.0"),
            "listener.name.sasl_ssl.ssl.keystore.location": f"{INSIDE}/server.pem",
            "log.dirs": "/tmp/newswatch-data",
        }
        (self.folder / "server.properties").write_text("".join(f"{k}={v}\n" for k, v in given.items()))
        self._container = (
            DockerContainer(f"apache/kafka:{VERSION}")
            .with_bind_ports(self.port, self.port)
            .with_bind_ports(secured_port, secured_port)
            .with_env("KAFKA_HEAP_OPTS", "-Xms128m -Xmx384m")
            .with_volume_mapping(str(self.folder), INSIDE, "ro")
        )
        self._made = False

    def start(self) -> None:
        """See ``Server.start``."""
        if self._made:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
        deadline = time.monotonic() + READY_SECONDS
        while not answers(self.port):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.url} does not answer: {self._container.get_logs()!r}"[:3000])
            time.sleep(0.2)
        if not self._made:
            self._made = True
            self._add_user()

    def stop(self) -> None:
        """See ``Server.stop``."""
        self._container.get_wrapped_container().stop()

    def kill(self) -> None:
        """See ``Server.kill``."""
        self._container.get_wrapped_container().kill()

    def _add_user(self) -> None:
        admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{self.port}")
        admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(USER, kind, PASSWORD) for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")]
        )
        admin.close()
