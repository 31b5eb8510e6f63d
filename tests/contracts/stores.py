"""The stores under test: how the contract suites open each backend's log, from this process and from others."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kafka import KafkaAdminClient

from stream import kafka as kafka_backend
from stream.kafka import KafkaLog
from stream.log import Log
from stream.settings import KafkaSettings
from stream.sqlite import SESSION_SECONDS, SqliteLog
from tests.contracts.prefixed import PrefixedLog
from tests.service_kafka import kafka


class Store(Protocol):
    """A place that holds one log; picklable, so that a child process opens the same one."""

    @property
    def session(self) -> float:
        """A member is dead so many seconds after its last sign of life."""

    def open(self) -> Log:
        """The log, opened anew; its topics and records are those of all who opened this store."""

    def in_production(self) -> Store:
        """The same store with the timing that users get: this one gives up dead members sooner, to be fast."""

    def discard(self) -> None:
        """Give back what it takes up; nobody has it open any more."""


@dataclass(frozen=True)
class SqliteStore:
    """A file; ``session`` seconds after its last sign of life a member is dead."""

    path: str
    session: float = 1.0

    def open(self) -> SqliteLog:
        """See ``Store.open``."""
        return SqliteLog(self.path, self.session)

    def in_production(self) -> SqliteStore:
        """See ``Store.in_production``."""
        return SqliteStore(self.path, SESSION_SECONDS)

    def discard(self) -> None:
        """See ``Store.discard``: the file goes with its folder."""


@dataclass(frozen=True)
class KafkaStore:
    """Topics whose names begin with ``prefix``, on the test run's broker."""

    url: str
    prefix: str
    session: float = 1.5

    def open(self) -> PrefixedLog:
        """See ``Store.open``."""
        return PrefixedLog(KafkaLog(self.url, KafkaSettings(), self.session), self.prefix)

    def in_production(self) -> KafkaStore:
        """See ``Store.in_production``."""
        return KafkaStore(self.url, self.prefix, kafka_backend.SESSION_SECONDS)

    def discard(self) -> None:
        """See ``Store.discard``."""
        with closing(KafkaAdminClient(bootstrap_servers=self.url.removeprefix("kafka://"))) as admin:
            admin.delete_topics([t for t in admin.list_topics() if t.startswith(self.prefix)])


def kafka_store(folder: Path) -> KafkaStore:
    """An empty store on the broker; skips the test where there is none."""
    return KafkaStore(kafka().url, f"{uuid.uuid4().hex[:8]}.")


STORES: dict[str, Callable[[Path], Store]] = {
    "kafka": kafka_store,
    "sqlite": lambda folder: SqliteStore(str(folder / "log.db")),
}
"""A backend joins the contract by one line here: a store that is empty, given a folder of the test's own."""

KEPT_UP_BY_US = ("sqlite",)
"""Backends whose ``maintain`` does something; servers retain and compact by themselves."""
