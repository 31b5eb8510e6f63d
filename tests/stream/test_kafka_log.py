"""What only the log on Kafka does: settings, security, outages, and what the brokers do by themselves."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    NotEnoughReplicasError,
    TransactionalIdAuthorizationFailedError,
)
from pydantic import SecretStr

from stream.errors import ConfigError, LogError, NewswatchError
from stream.kafka import KafkaLog
from stream.kafka_client import Cluster, cluster
from stream.kafka_writer import Attempt
from stream.log import Consumer, Log, Offset, open_log
from stream.logs import redact
from stream.settings import KafkaSettings
from stream.table import KeyTable
from stream.topics import Topic
from tests.contracts.processes import Child, Desk, join, poll
from tests.contracts.stores import KafkaStore, kafka_store
from tests.service_kafka import PASSWORD, USER, kafka, secured
from tests.services import free_ports

A = Topic("t.a", "", "", "", compacted=False)
B = Topic("t.b", "", "", "", compacted=False)
SAID_WITHIN = 15.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KafkaStore]:
    """A corner of the broker for this test."""
    made = kafka_store(tmp_path)
    yield made
    made.discard()
    gc.collect()


@pytest.fixture
def open_store(store: KafkaStore) -> Iterator[Callable[[], Log]]:
    """Opens the store, as often as wanted."""
    logs: list[Log] = []

    def open_one() -> Log:
        logs.append(store.in_production().open())
        return logs[-1]

    yield open_one
    for log in logs:
        log.close()
    gc.collect()


@pytest.fixture
def log(open_store: Callable[[], Log]) -> Log:
    """The store's log, with two topics."""
    opened = open_store()
    opened.create_topics([A, B], 2)
    return opened


def put(log: Log, topic: str, *values: str) -> None:
    """Publish the values in one transaction."""
    with log.transaction() as tx:
        for value in values:
            tx.publish(topic, 0, value, value.encode())


def refused(url: str, settings: KafkaSettings | None = None) -> NewswatchError:
    """What opening the log raises, within the time promised and in one line."""
    began = time.monotonic()
    with pytest.raises(NewswatchError) as caught:
        open_log(url, kafka=settings)
    assert time.monotonic() - began < SAID_WITHIN
    assert "\n" not in str(caught.value)
    return caught.value


# -- where the brokers are, and how they are spoken to


@pytest.mark.parametrize(
    "url",
    [
        "kafka://",
        "kafka:///x",
        "kafka://host:x",
        "kafka://host:0",
        "kafka://a:1,",
        "kafka://h:1/topic",
        "kafka://:9092",
    ],
)
def test_a_url_without_brokers_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="log_url"):
        open_log(url)


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match=r"kafka\.password") as caught:
        open_log("kafka://user:hunter2@host:9092")
    assert "hunter2" not in str(caught.value)


def test_several_brokers_and_the_usual_port() -> None:
    assert cluster("kafka://one,two:1234,[::1]:5", KafkaSettings()).servers == (
        ("one", 9092),
        ("two", 1234),
        ("::1", 5),
    )


def test_nobody_listens() -> None:
    error = refused(f"kafka://127.0.0.1:{free_ports(1)[0]}")
    assert isinstance(error, LogError)
    assert "refused" in str(error)


def test_a_host_that_is_not_there() -> None:
    assert "nowhere.invalid" in str(refused("kafka://nowhere.invalid:9092"))


def test_somebody_listens_who_is_not_kafka() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = refused(f"kafka://127.0.0.1:{server.getsockname()[1]}")
    assert "kafka.security_protocol" in str(error)


def test_the_second_broker_does_when_the_first_is_away(log: Log) -> None:
    address = kafka().url.removeprefix("kafka://")
    with closing(open_log(f"kafka://127.0.0.1:{free_ports(1)[0]},{address}")) as other, suppress(ConfigError):
        other.partitions("t.nil")


# -- TLS and passwords


def entrance(**changes: object) -> KafkaSettings:
    """The settings for the secured listener, with changes."""
    given = {
        "user": USER,
        "password": SecretStr(PASSWORD),
        "ca_file": secured().ca_file,
        "security_protocol": "sasl_ssl",
    }
    return KafkaSettings.model_validate({**given, **changes})


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_the_log_over_tls_with_a_password(store: KafkaStore, mechanism: str) -> None:
    topic = f"{store.prefix}t.a"
    with closing(KafkaLog(secured().url, entrance(sasl_mechanism=mechanism))) as log:
        log.create_topics([Topic(topic, "", "", "", compacted=False)], 1)
        consumer = log.consumer(topic, "g")
        put(log, topic, "behind the door")
        records = []
        deadline = time.monotonic() + 60
        while not records and time.monotonic() < deadline:
            records = consumer.poll(10, 0.5)
        assert [r.value for r in records] == [b"behind the door"]
        with log.transaction(consumer) as tx:
            tx.commit({0: Offset(1)})
        assert log.committed(topic, "g") == {0: Offset(1)}
        assert [r.value for r in log.read(topic, 0, 0, 10)] == [b"behind the door"]


def test_a_password_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    KafkaLog(secured().url, entrance(password=None, password_file=file)).close()


@pytest.fixture(scope="module")
def refusals() -> Mapping[str, NewswatchError]:
    """What those are told who come in wrongly; all at once, because each is told only after some seconds."""
    wrong = {m: entrance(password=SecretStr("wrong one"), sasl_mechanism=m) for m in ("PLAIN", "SCRAM-SHA-512")}
    asked: dict[str, KafkaSettings | None] = {**wrong, "distrust": entrance(ca_file=None), "plain text": None}
    url = secured().url  # the tests are skipped where the broker is not ours
    with ThreadPoolExecutor(len(asked)) as pool:
        told = pool.map(lambda settings: refused(url, settings), asked.values())
        return dict(zip(asked, told, strict=True))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password(refusals: Mapping[str, NewswatchError], mechanism: str) -> None:
    error = refusals[mechanism]
    assert isinstance(error, ConfigError)
    assert "does not let user 'desk' in" in str(error)
    assert "wrong one" not in str(error)


def test_a_certificate_that_is_not_trusted(refusals: Mapping[str, NewswatchError]) -> None:
    error = refusals["distrust"]
    assert isinstance(error, ConfigError)
    assert "kafka.ca_file" in str(error)


def test_tls_where_there_is_none() -> None:
    port = secured().url  # the test is skipped where the broker is not ours
    assert port
    assert "does not speak TLS" in str(refused(kafka().url, entrance()))


def test_plain_text_where_tls_is_wanted(refusals: Mapping[str, NewswatchError]) -> None:
    assert "kafka.security_protocol" in str(refusals["plain text"])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    sasl = {"user": "u", "security_protocol": "sasl_plaintext"}
    for given, name in (
        (KafkaSettings(ca_file=tmp_path / "ca.pem", security_protocol="ssl"), "kafka.ca_file"),
        (KafkaSettings(ca_file=tmp_path / "nil", security_protocol="ssl"), "kafka.ca_file"),
        (KafkaSettings.model_validate(sasl | {"password_file": tmp_path / "nil"}), "kafka.password_file"),
    ):
        with pytest.raises(ConfigError, match=name) as caught:
            cluster("kafka://h", given)
        assert str(given.ca_file or given.password_file) in redact(str(caught.value))


# -- topics


def test_differences_are_reported_by_their_names_and_nothing_is_changed(store: KafkaStore, log: Log) -> None:
    kept = Topic("t.kept", "", "", "", compacted=False, retention=timedelta(days=14))
    log.create_topics([kept], 2)
    lines = log.create_topics([Topic("t.kept", "", "", "", compacted=True)], 3)
    assert [line.partition(": ")[2] for line in lines] == [
        "partitions is 2, the settings say 3 (left as it is)",
        "cleanup.policy is delete, the settings say compact (left as it is)",
        "retention.ms is 1209600000, the settings say -1 (left as it is)",
    ]
    assert log.create_topics([kept], 2) == []


def test_a_topic_that_somebody_else_made_stamps_by_another_clock(store: KafkaStore, log: Log) -> None:
    name = f"{store.prefix}t.foreign"
    with closing(KafkaAdminClient(bootstrap_servers=store.url.removeprefix("kafka://"))) as admin:
        admin.create_topics({name: {"num_partitions": 2, "replication_factor": 1, "configs": {"retention.ms": "-1"}}})
    (line,) = log.create_topics([Topic("t.foreign", "", "", "", compacted=False)], 2)
    assert "message.timestamp.type is CreateTime" in line


def test_compaction_by_the_broker_leaves_the_newest_of_each_key(store: KafkaStore, log: Log) -> None:
    log.create_topics([Topic("t.compacted", "", "", "", compacted=True)], 1)
    quick = {
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "1",
        "segment.bytes": "1048576",
    }
    with closing(KafkaAdminClient(bootstrap_servers=store.url.removeprefix("kafka://"))) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, f"{store.prefix}t.compacted", quick)])
    consumer = log.consumer("t.compacted", "g")
    put(log, "t.compacted", *[f"key {n % 3}" for n in range(30)])
    deadline = time.monotonic() + 60
    while len(left := log.read("t.compacted", 0, 0, 100)) > 4:  # the last ones are in the segment that is written
        assert time.monotonic() < deadline
        time.sleep(0.3)
        put(log, "t.compacted", "key 0")
    assert {r.key for r in left} == {"key 0", "key 1", "key 2"}
    seen = poll_until(consumer, lambda keys: {"key 0", "key 1", "key 2"} <= set(keys))
    assert len(seen) < 30


def poll_until(consumer: Consumer, enough: Callable[[list[str]], bool], within: float = 60.0) -> list[str]:
    """Poll, outages or not, until the keys read are enough; returns them."""
    keys: list[str] = []
    deadline = time.monotonic() + within
    while not enough(keys):
        assert time.monotonic() < deadline, keys
        with suppress(LogError):
            keys += [r.key for r in consumer.poll(100, 0.2)]
    return keys


# -- outages


def test_a_broker_that_was_killed_and_comes_back(open_store: Callable[[], Log], log: Log) -> None:
    server = kafka()
    if not server.ours:
        pytest.skip("the broker is not ours to kill")
    other = open_store()
    consumer = log.consumer("t.a", "g")
    put(other, "t.a", "before")
    poll_until(consumer, lambda keys: keys == ["before"])
    assert log.partitions("t.b") == 2
    server.kill()
    try:
        with pytest.raises(LogError, match="is Kafka up"):
            poll_for(consumer, 30.0)
        with pytest.raises(LogError, match=r"no broker answers|nothing was published"):
            commit(log, consumer)
    finally:
        server.start()
    back = time.monotonic()
    retried(lambda: put(other, "t.a", "after"))
    poll_until(consumer, lambda keys: keys[-1:] == ["after"])
    noticed = time.monotonic() - back
    retried(lambda: commit(log, consumer))
    assert [r.value for r in log.read("t.b", 0, 0, 10)] == [b"after the outage"]
    assert log.committed("t.a", "g")[0].offset == 1
    print(f"noticed after {noticed:.1f} s")
    assert noticed < 25


def test_one_that_died_inside_a_transaction_is_taken_over_in_time(store: KafkaStore, log: Log) -> None:
    put(log, "t.a", "work")
    child = Child(store.in_production())
    try:
        child.call(join, "t.a", "g")
        while not child.call(poll, 10, 0.5):
            pass
        child.begin(publish_and_die)
        deadline = time.monotonic() + 60
        while child.alive():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        child.kill()
    died = time.monotonic()
    consumer = log.consumer("t.a", "g")
    assert poll_until(consumer, bool) == ["work"]
    commit(log, consumer)
    assert time.monotonic() - died < 25
    assert [r.value for r in log.read("t.b", 0, 0, 10)] == [b"after the outage"]


def publish_and_die(desk: Desk) -> None:
    """Everything of a transaction is sent but its end."""
    Attempt.begin_commit = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign,assign,return-value]
    with desk.log.transaction(desk.consumer) as tx:
        tx.publish("t.b", 0, "k", b"never to be seen")
        tx.commit({0: Offset(1)})


@pytest.mark.parametrize(
    ("lost", "happened"),
    [
        (KafkaTimeoutError(), True),
        (KafkaTimeoutError(), False),
        (NotEnoughReplicasError(), True),
        (TransactionalIdAuthorizationFailedError(), True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, KafkaError) else str(value),
)
def test_a_batch_whose_commit_was_not_answered_is_published_once(
    log: Log, open_store: Callable[[], Log], monkeypatch: pytest.MonkeyPatch, lost: KafkaError, happened: bool
) -> None:
    put(open_store(), "t.a", "work")
    consumer = log.consumer("t.a", "g")
    poll_until(consumer, bool)
    faults = Faults(monkeypatch, lost, happened=happened)
    with pytest.raises(LogError, match="it shows later"):
        commit(log, consumer)
    with pytest.raises(LogError, match="a transaction is still open"):
        consumer.poll(1, 0.0)
    faults.end()
    retried(lambda: consumer.poll(1, 0.0) and None)
    if not happened:
        commit(log, consumer)
    assert [r.value for r in open_store().read("t.b", 0, 0, 10)] == [b"after the outage"]
    assert log.committed("t.a", "g")[0].offset == 1


@pytest.mark.parametrize("happened", [True, False])
def test_a_write_without_a_consumer_that_was_not_answered_is_published_once_when_it_is_repeated(
    log: Log, open_store: Callable[[], Log], monkeypatch: pytest.MonkeyPatch, happened: bool
) -> None:
    faults = Faults(monkeypatch, KafkaTimeoutError(), happened=happened)
    with pytest.raises(LogError, match="it shows later"):
        put(log, "t.b", "command")
    faults.end()
    retried(lambda: put(log, "t.b", "command"))
    put(log, "t.b", "another")
    put(log, "t.b", "another")  # on purpose
    assert [r.key for r in open_store().read("t.b", 0, 0, 10)] == ["command", "another", "another"]


class Faults:
    """The answer to the next commit is lost; then no producer gets ready, then no consumer, until all is well again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: KafkaError, *, happened: bool) -> None:
        self._error = error
        self._left = {"commit": 1, "ready": 1, "look": 10**9}
        commit_transaction, ready = KafkaProducer.commit_transaction, KafkaProducer.init_transactions
        consumer = Cluster.consumer

        def unanswered(producer: KafkaProducer) -> None:
            if happened or not self._left["commit"]:
                commit_transaction(producer)
            self._fail("commit")

        def not_ready(producer: KafkaProducer) -> None:
            if not self._left["commit"]:
                self._fail("ready")
            ready(producer)

        def blind(there: Cluster, **options: object) -> object:
            self._fail("look")
            return consumer(there, **options)

        monkeypatch.setattr("stream.kafka_writer.WAIT_SECONDS", 3.0)
        monkeypatch.setattr(KafkaProducer, "commit_transaction", unanswered)
        monkeypatch.setattr(KafkaProducer, "init_transactions", not_ready)
        monkeypatch.setattr(Cluster, "consumer", blind)

    def _fail(self, at: str) -> None:
        if self._left[at] > 0:
            self._left[at] -= 1
            raise self._error

    def end(self) -> None:
        """All is well again."""
        self._left = dict.fromkeys(self._left, 0)


def poll_for(consumer: Consumer, seconds: float) -> None:
    """Poll for so long, whatever comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        consumer.poll(10, 0.2)


def commit(log: Log, consumer: Consumer) -> None:
    """Publish and commit."""
    with log.transaction(consumer) as tx:
        tx.publish("t.b", 0, "k", b"after the outage")
        tx.commit({0: Offset(1)})


def retried(work: Callable[[], None], within: float = 60.0) -> None:
    """Do it until it does not raise a ``LogError``, as a worker does."""
    deadline = time.monotonic() + within
    while True:
        try:
            return work()
        except LogError:
            assert time.monotonic() < deadline
            time.sleep(0.5)


# -- a partition that several groups write


def test_a_refresh_waits_for_the_open_transaction_of_another_group_in_front(store: KafkaStore, log: Log) -> None:
    producer = cluster(store.url, KafkaSettings()).producer(transactional_id=f"{store.prefix}other")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(f"{store.prefix}t.a", b"theirs", partition=0)
    producer.flush()
    put(log, "t.a", "ours")  # is committed, but nobody sees it before what is in front has ended
    table = KeyTable(log, "t.a", lambda _: True)
    end = threading.Timer(1.0, producer.commit_transaction)
    end.start()
    table.refresh(0)
    assert table.get(0, "ours")
    end.join()
    producer.close()
