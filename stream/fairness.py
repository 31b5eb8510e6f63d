"""How one poll is shared out among partitions: each gets its turn, however full another one is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stream.log import Record, size_of

Peek = Callable[[int, int, int], Sequence[Record]]
"""(partition, at most so many records, at most so many bytes but at least one record) → what comes next there."""


def share_out(active: Sequence[int], turn: int, max_records: int, max_bytes: int, peek: Peek) -> list[Record]:
    """Up to ``max_records`` of the ``active`` partitions, beginning at another one each ``turn``, in order within each.

    No more than ``max_bytes`` of them, but at least one.
    """
    if not active:
        return []
    first = turn % len(active)
    records: list[Record] = []
    room = max_bytes
    for left, partition in zip(range(len(active), 0, -1), [*active[first:], *active[:first]], strict=True):
        count = -(-(max_records - len(records)) // left)
        got = peek(partition, count, room // left)
        size = sum(size_of(r.key, r.value) for r in got)
        if not got or (records and size > room):
            continue  # a record too large for what is left comes when its partition is the first
        records += got
        room -= size
    return records
