"""Repairs of kafka-python 3.0: a join that ends between two short polls counts, and none is followed by another.

There, a join of a group that was still under way when a poll's time was up, and ends before the next poll, is thrown
away and begun again, which makes every other member join again, too: members that poll for short whiles never come to
rest. Nor does the member send a sign of life between such a join and the next poll. Here the result is kept and given
to the next poll, and heartbeats are sent meanwhile.

There, too, the leader compares the partitions of the topic with those that it knew when it subscribed: none yet. So
every first join was followed by a second one, in whose midst a commit is refused. Here it compares with what it knows
when it joins.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from kafka.errors import KafkaError
from kafka.structs import MemberState


def keep_joins(consumer: Any) -> None:
    """Repair this consumer; call it before its first poll."""
    coordinator = consumer._coordinator
    join = coordinator._do_join_and_sync_async
    kept: list[tuple[Any, bytes]] = []  # the last join's generation and assignment, if it came to its end

    def not_taken() -> bool:
        """After the result was taken the state is stable; when the broker has forgotten the member, unjoined."""
        return bool(kept) and coordinator.state is MemberState.REBALANCING and kept[0][0] == coordinator._generation

    async def join_once() -> bytes:
        if not_taken():
            return kept[0][1]
        kept.clear()
        coordinator.request_rejoin()  # or, begun because the topic changed, it would not be missed by the next poll
        coordinator._metadata_snapshot = coordinator._build_metadata_snapshot(
            coordinator._subscription, coordinator._cluster
        )
        assignment: bytes = await join()
        kept.append((coordinator._generation, assignment))
        coordinator._manager.call_soon(stay)
        return assignment

    async def stay() -> None:
        until = time.monotonic() + coordinator.config["max_poll_interval_ms"] / 1000
        mine = kept[0] if kept else None
        while kept and kept[0] is mine and not_taken() and time.monotonic() < until:
            with suppress(KafkaError):  # what it says has been noted
                await coordinator._send_heartbeat_request()
            await coordinator._net.sleep(coordinator.config["heartbeat_interval_ms"] / 1000)

    coordinator._do_join_and_sync_async = join_once
