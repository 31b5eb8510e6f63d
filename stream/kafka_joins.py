"""A repair of kafka-python 3.0: a join that ends between two short polls counts.

There, a join of a group that was still under way when a poll's time was up, and ends before the next poll, is thrown
away and begun again, which makes every other member join again, too: members that poll for short whiles never come to
rest. Here its result is kept and given to the next poll.
"""

from __future__ import annotations

from typing import Any

from kafka.structs import MemberState  # type: ignore[import-untyped]


def keep_joins(consumer: Any) -> None:
    """Repair this consumer; call it before its first poll."""
    coordinator = consumer._coordinator
    join = coordinator._do_join_and_sync_async
    kept: list[tuple[Any, bytes]] = []  # the last join's generation and assignment, if it came to its end

    async def join_once() -> bytes:
        # after a result was taken the state is stable, so this one was not
        if kept and coordinator.state is MemberState.REBALANCING and kept[0][0] == coordinator._generation:
            return kept[0][1]
        kept.clear()
        coordinator.request_rejoin()  # or, begun because the topic changed, it would not be missed by the next poll
        assignment: bytes = await join()
        kept.append((coordinator._generation, assignment))
        return assignment

    coordinator._do_join_and_sync_async = join_once
