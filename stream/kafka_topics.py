"""Topics on Kafka: made as described, and compared with their description; never changed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError, for_code

from stream.errors import ConfigError, LogError
from stream.kafka_client import Cluster
from stream.topics import Topic

GONE_SECONDS = 10.0
TIMESTAMPS = "message.timestamp.type"


def configuration(topic: Topic) -> dict[str, str]:
    """What a topic is configured with. The broker's clock stamps records: retention and replay go by the append."""
    return {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "retention.ms": str(round(topic.retention.total_seconds() * 1000)) if topic.retention else "-1",
        TIMESTAMPS: "LogAppendTime",
    }


def create(cluster: Cluster, admin: Any, topics: Sequence[Topic], partitions: int) -> list[str]:
    """See ``Log.create_topics``."""
    with cluster.guarded():
        present = describe(admin, [t.name for t in topics])
        lines: list[str] = []
        for topic in topics:
            if topic.name not in present and _make(cluster, admin, topic, partitions):
                lines.append(f"topic {topic.name}: created with {partitions} partitions")
            else:
                have = present.get(topic.name) or describe(admin, [topic.name])[topic.name]
                lines += differences(topic, partitions, have, _configuration_of(admin, topic.name))
        return lines


def differences(topic: Topic, partitions: int, have: int, configured: Mapping[str, str]) -> list[str]:
    """A line for each way in which a topic is not as described."""
    found = [("partitions", str(have), str(partitions))]
    found += [(name, configured[name], value) for name, value in configuration(topic).items()]
    return [
        f"topic {topic.name}: {name} is {is_}, the settings say {wanted} (left as it is)"
        for name, is_, wanted in found
        if is_ != wanted
    ]


def describe(admin: Any, names: Sequence[str]) -> dict[str, int]:
    """The number of partitions of those topics that there are."""
    found: dict[str, int] = {}
    for topic in admin.describe_topics(list(names)) if names else ():
        error = for_code(topic["error_code"])
        if topic["error_code"] == 0:
            found[topic["name"]] = len(topic["partitions"])
        elif topic["error_code"] != 3:  # UNKNOWN_TOPIC_OR_PARTITION
            raise error(topic["name"])
    return found


def remove_groups(admin: Any, groups: Mapping[str, str]) -> None:
    """Remove groups (the broker's id → ours). Raises ``ConfigError`` when one has members."""
    for identifier, result in admin.delete_groups(list(groups)).items() if groups else ():
        if result == "NonEmptyGroupError":
            raise ConfigError(f"group {groups[identifier]} is at work: stop its workers first")
        if result not in ("OK", "GroupIdNotFoundError"):
            raise LogError(f"group {groups[identifier]} cannot be removed: {result}; grant Delete on groups")


def remove(admin: Any, topics: Sequence[str]) -> list[str]:
    """Remove those topics that there are, and wait until they are gone; which."""
    present = [topic for topic in topics if topic in describe(admin, topics)]
    if present:
        admin.delete_topics(present)
    deadline = time.monotonic() + GONE_SECONDS
    while present and describe(admin, present) and time.monotonic() < deadline:
        time.sleep(0.1)
    return present


def _make(cluster: Cluster, admin: Any, topic: Topic, partitions: int) -> bool:
    """Make the topic and wait until it can be used; False when another made it meanwhile."""
    description = {
        "num_partitions": partitions,
        "replication_factor": cluster.settings.replication_factor or -1,
        "configs": configuration(topic),
    }
    try:
        admin.create_topics({topic.name: description})
    except TopicAlreadyExistsError:
        return False
    admin.wait_for_topics([topic.name])
    return True


def _configuration_of(admin: Any, name: str) -> dict[str, str]:
    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
    try:
        return {key: str(entry["value"]) for key, entry in found["topic"][name].items()}
    except KeyError:
        raise LogError(f"topic {name}: its configuration cannot be read; grant DescribeConfigs") from None
