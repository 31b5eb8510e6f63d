"""Transactions on Kafka: one producer that publishes records and commits a group's offsets together.

A transaction runs in a thread of its own, for the library waits for an absent broker without end. Who waits for it
longer than ``WAIT_SECONDS`` gets a ``LogError``: if the last step, the commit, had not begun, it is not going to;
if it had, the outcome is open until the broker is back, and ``settle`` says then what it was.

Two processes never share a transactional id, so a stale owner is fenced not by it but by the group's generation, which
every commit names (KIP-447).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kafka import TopicPartition
from kafka.errors import CommitFailedError, KafkaError, KafkaTimeoutError
from kafka.structs import OffsetAndMetadata

from stream.errors import Fenced, LogError
from stream.kafka_client import Cluster
from stream.log import Offset, refuse_late

WAIT_SECONDS = 20.0
TRANSACTION_SECONDS = 10.0
"""The broker ends a transaction that is open for longer: its process died."""
_METADATA_CHARACTERS = 1_000
_ASK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Publication:
    """A record to append."""

    topic: str
    partition: int
    key: str
    value: bytes | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction publishes and commits; ``membership`` is the library's proof of being in the group."""

    publications: Sequence[Publication]
    topic: str = ""
    group: str = ""
    offsets: Mapping[int, Offset] = field(default_factory=dict)
    membership: Any = None
    before: datetime | None = None
    """Not to be committed unless all is sent by then."""

    def library_offsets(self) -> dict[Any, Any]:
        """The offsets in the library's terms."""
        return {
            TopicPartition(self.topic, p): OffsetAndMetadata(o.offset, o.metadata[:_METADATA_CHARACTERS], -1)
            for p, o in self.offsets.items()
        }


class Attempt:
    """A transaction under way: between the thread that runs it and the one that waits for it."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.done = threading.Event()
        self.error: Exception | None = None
        self.doubt: Exception = KafkaTimeoutError()
        """Why it is not known yet whether it happened."""
        self._lock = threading.Lock()
        self._committing = False
        self._given_up = False

    def begin_commit(self) -> bool:
        """Whether the last step may be taken: nobody has given the transaction up."""
        with self._lock:
            self._committing = not self._given_up
            return self._committing

    def give_up(self) -> bool:
        """Whether it is certain that nothing of it will happen: the last step has not begun, and will not."""
        with self._lock:
            self._given_up = not self._committing
            return self._given_up


class Writer:
    """The transactions of one consumer, or those without one; for one thread."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._id = f"newswatch-{uuid.uuid4().hex}"
        self._producer: Any = None
        self._open: Attempt | None = None

    def write(self, batch: Batch) -> None:
        """All of ``batch`` or nothing. Raises ``Fenced``, ``LogError``; when the outcome is open, says so."""
        attempt = Attempt(batch)
        threading.Thread(target=self._run, args=(attempt,), name="kafka-transaction", daemon=True).start()
        if not attempt.done.wait(WAIT_SECONDS):
            self._open = attempt
            certain = attempt.give_up()
            what = "nothing was published" if certain else "it shows later whether all or nothing was published"
            raise LogError(
                f"log {self._cluster.url}: a transaction did not end within {WAIT_SECONDS:.0f} s; {what}; is Kafka up?"
            )
        if attempt.error is not None:
            raise attempt.error

    def settle(self, seconds: float) -> Batch | None:
        """The batch of a ``write`` that raised and happened all the same; None when there is none.

        Raises ``LogError`` when that is not known after ``seconds``: then no other may be written.
        """
        attempt = self._open
        if attempt is None:
            return None
        if not attempt.done.wait(seconds):
            raise LogError(f"{self._cluster.said(attempt.doubt)} (a transaction is still open)")
        self._open = None
        return attempt.batch if attempt.error is None else None

    def close(self) -> None:
        """Disconnect."""
        if self._open is None:
            self._discard()

    # -- in the transaction's own thread

    def _run(self, attempt: Attempt) -> None:
        try:
            self._transact(attempt)
        except CommitFailedError:
            batch = attempt.batch
            attempt.error = Fenced(f"topic {batch.topic}: group {batch.group} gave its partitions to other members")
        except KafkaError as error:
            attempt.error = LogError(self._cluster.said(error))
        except Exception as error:  # noqa: BLE001 (raised by the thread that waits)
            attempt.error = error
        finally:
            attempt.done.set()

    def _transact(self, attempt: Attempt) -> None:
        batch = attempt.batch
        try:
            producer = self._ready()
            producer.begin_transaction()
            sent = [_send(producer, p) for p in batch.publications]
            producer.flush()
            for one in sent:
                one.get(timeout=0)  # a batch that failed must not be followed by a commit
            if batch.offsets:
                producer.send_offsets_to_transaction(batch.library_offsets(), batch.membership)
            refuse_late(batch.before)
            if not attempt.begin_commit():
                raise KafkaTimeoutError
        except BaseException:
            self._abort()
            raise
        try:
            producer.commit_transaction()
        except Exception:  # whatever it is: the answer may be lost, and the commit have happened
            if not self._turned_out(attempt, sent):
                raise

    def _ready(self) -> Any:
        """The producer; a new one ends what one with its id left open before."""
        if self._producer is None:
            self._producer = self._cluster.producer(
                transactional_id=self._id, transaction_timeout_ms=int(TRANSACTION_SECONDS * 1000),
                compression_type="zstd", batch_size=262_144, max_block_ms=10_000,
                linger_ms=100,  # all is sent by the flush, in batches as large as may be
                retry_backoff_ms=10,  # the broker asks for patience while it ends the transaction before
            )  # fmt: skip
            self._producer.init_transactions()
        return self._producer

    def _turned_out(self, attempt: Attempt, sent: Sequence[Any]) -> bool:
        """Whether the batch is in the log after all: asked until there is an answer, for a wrong no publishes twice.

        The producer is made anew first, which ends the transaction where it is still open.
        """
        while True:
            try:
                self._discard()
                self._ready()
                return self._happened(attempt.batch, sent)
            except Exception as error:  # noqa: BLE001 (told by ``settle``: until then nothing else is written)
                attempt.doubt = error
                time.sleep(_ASK_AGAIN_SECONDS)

    def _abort(self) -> None:
        try:
            if self._producer is not None:
                self._producer.abort_transaction()
        except KafkaError:
            self._discard()

    def _discard(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                producer.close(timeout=2)

    def _happened(self, batch: Batch, sent: Sequence[Any]) -> bool:
        """Whether the batch is in the log, asked when nothing of it can be open any more."""
        if sent:
            first = sent[0].get(timeout=0)
            place, offset = TopicPartition(first.topic, first.partition), first.offset
            consumer = self._cluster.consumer()
            try:
                consumer.assign([place])
                consumer.seek(place, offset)
                found: list[Any] = []
                while not found and consumer.position(place) <= offset:
                    found = consumer.poll(timeout_ms=1_000, max_records=1).get(place, [])
                return bool(found) and found[0].offset == offset
            finally:
                consumer.close(autocommit=False)
        consumer = self._cluster.consumer(group_id=batch.membership.group_id)
        try:
            return all(consumer.committed(p, metadata=True) == o for p, o in batch.library_offsets().items())
        finally:
            consumer.close(autocommit=False)


def _send(producer: Any, one: Publication) -> Any:
    headers = [(name, value.encode()) for name, value in one.headers.items()]
    return producer.send(one.topic, one.value, one.key.encode(), headers, partition=one.partition)
