"""The worker loop on Kafka beside a bare kafka-python transactional loop: articles in, the same articles out."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from benchmarks.extraction import articles
from benchmarks.measure import compare
from benchmarks.servers import url_of
from stream.log import Log, open_log, partition_of
from stream.messages import Article, encode
from stream.stage import Done, Incoming, Outcome
from stream.topics import Names, Outgoing
from stream.worker import Limits, Worker
from tests.service_kafka import kafka

RECORDS, BATCH, PARTITIONS = 20_000, 500, 4


def run() -> None:
    """Print the comparison. Both loops join a new group on a full topic, read batches of ``BATCH``, publish each record
    to another topic and commit in one transaction a batch, until the topic is drained; the bare one passes bytes on,
    newswatch decodes and encodes every message."""
    title = f"worker loop on Kafka, articles of 3 KiB, transactions of {BATCH}"
    url = url_of(kafka, title)
    if url is None:
        return
    names = Names(prefix=f"bench-{secrets.token_hex(3)}.")
    log = open_log(url)
    log.create_topics(names.described(), PARTITIONS)
    _fill(log, names)

    def ours() -> int:
        stage = f"loop{secrets.token_hex(3)}"
        worker = Worker(log, names, stage, "articles", _pass_on, Limits(records=BATCH))
        done = 0
        while done < RECORDS:
            done += worker.step(1.0)
        worker.close()
        return done

    def bare() -> int:
        return _bare(url.removeprefix("kafka://"), names.topic("articles"), names.topic("enriched"))

    compare(title, "records", ours, "kafka-python", bare, at_least=0.8)
    log.close()


def _pass_on(batch: Sequence[Incoming]) -> Sequence[Outcome]:
    return [Done((Outgoing("enriched", i.record.key, i.record.key, i.message),)) for i in batch]


def _fill(log: Log, names: Names) -> None:
    told: list[Article] = [a.model_copy(update={"body": a.body[:2_400]}) for a in articles()]
    for start in range(0, RECORDS, BATCH):
        with log.transaction() as tx:
            for n in range(start, start + BATCH):
                partition = partition_of(str(n), PARTITIONS)
                tx.publish(names.topic("articles"), partition, str(n), encode(told[n % len(told)]))


def _bare(server: str, source: str, target: str) -> int:
    group = secrets.token_hex(6)
    consumer = KafkaConsumer(
        source, bootstrap_servers=server, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
        isolation_level="read_committed", metrics_enabled=False,
    )  # fmt: skip
    producer = KafkaProducer(
        bootstrap_servers=server, transactional_id=group, compression_type="zstd", linger_ms=100, batch_size=262_144,
        metrics_enabled=False,
    )  # fmt: skip
    producer.init_transactions()
    done = 0
    while done < RECORDS:
        records = [r for found in consumer.poll(1_000, max_records=BATCH).values() for r in found]
        if not records:
            continue
        producer.begin_transaction()
        for r in records:
            producer.send(target, r.value, r.key, partition=r.partition)
        offsets = {TopicPartition(source, r.partition): OffsetAndMetadata(r.offset + 1, "", -1) for r in records}
        producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
        producer.commit_transaction()
        done += len(records)
    producer.close()
    consumer.close(autocommit=False)
    return done
