"""Consumer groups on SQLite: members with leases, and ownership of partitions fenced by an epoch.

A member's row says until when it is alive; a thread renews it, so that slow work between two polls costs nothing, and
stops with its process. Whoever polls and finds partitions that nobody living owns takes its fair
share of them, which raises their epoch; whoever holds more than its share gives the rest up. A commit checks, inside
its transaction, that the member still owns the partition under the epoch it knows: a process that was paused past
its lease and lost a partition is refused, whatever it believes.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream.errors import Fenced
from stream.fairness import share_out
from stream.log import Offset, Record

if TYPE_CHECKING:
    from stream.sqlite import SqliteLog

IDLE_SECONDS = 0.02  # between two looks for new records
POLL_SECONDS = 300.0  # a member that does not poll for so long hangs: its lease is not renewed any more


@dataclass(frozen=True, slots=True)
class Membership:
    """What a member sees of its group: who lives until when, and who owns each partition under which epoch."""

    expires: Mapping[str, float]
    owners: Mapping[int, tuple[str | None, int]]


@dataclass(frozen=True, slots=True)
class Move:
    """What a member should do about its membership."""

    renew: bool
    claim: tuple[int, ...]
    release: tuple[int, ...]

    def __bool__(self) -> bool:
        return self.renew or bool(self.claim) or bool(self.release)


def decide(me: str, seen: Membership, partitions: int, now: float, longest: float = math.inf) -> Move:
    """The next move of member ``me``: a fair share is ``partitions`` / living members, the rest to the lowest names.

    A lease that runs for longer than ``longest`` seconds is over, too: it was given before the clock was set back.
    """

    def lives(expires: float) -> bool:
        return now < expires <= now + longest

    living = sorted({m for m, expires in seen.expires.items() if lives(expires)} | {me})
    share = partitions // len(living) + (living.index(me) < partitions % len(living))
    mine = [p for p in range(partitions) if seen.owners.get(p, (None, 0))[0] == me]
    free = [p for p in range(partitions) if seen.owners.get(p, (None, 0))[0] not in living]
    return Move(
        renew=not lives(seen.expires.get(me, 0.0)),
        claim=tuple(free[: max(0, share - len(mine))]),
        release=tuple(mine[share:]),
    )


def _epoch(seen: Membership, partition: int) -> int:
    return seen.owners.get(partition, (None, 0))[1]


class SqliteConsumer:
    """See ``Consumer`` in ``stream/log.py``."""

    def __init__(self, log: SqliteLog, topic: str, group: str) -> None:
        self.topic = topic
        self.group = group
        self._log = log
        self._topic, numbers = log.topic(topic)
        self._partitions = len(numbers)
        self._member = uuid.uuid4().hex
        self._epochs: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._turn = 0
        self._look_again_at = 0.0
        self._heartbeat: Heartbeat | None = None

    # -- reading

    def poll(self, max_records: int, timeout: float, max_bytes: int = 8_000_000) -> list[Record]:
        """See ``Consumer.poll``."""
        deadline = time.monotonic() + timeout
        if self._heartbeat is None:
            self._heartbeat = Heartbeat(self._log.path, self._log.session, self._member)
        self._heartbeat.polled()
        while True:
            self._keep_membership()
            seen = self._log.changes()
            if records := self._fetch(max_records, max_bytes):
                return records
            if not self._await_change(seen, deadline):
                return []

    def _await_change(self, seen: int, deadline: float) -> bool:
        """Until another connection committed or a member may have died; False when the time is up before."""
        while (left := deadline - time.monotonic()) > 0:
            if self._log.changes() != seen or time.monotonic() >= self._look_again_at:
                return True
            time.sleep(min(IDLE_SECONDS, left))
        return False

    def _fetch(self, max_records: int, max_bytes: int) -> list[Record]:
        """Up to a fair part from each partition."""
        self._turn += 1
        active = sorted(self._epochs.keys() - self._paused)
        records = share_out(active, self._turn, max_records, max_bytes, self._peek)
        positions = {r.partition: r.offset + 1 for r in records}
        self._positions |= positions  # only now: a read that fails must not skip what was read before it
        return records

    def _peek(self, partition: int, count: int, size: int) -> list[Record]:
        return self._log.read(self.topic, partition, self._positions[partition], count, size)

    def assignment(self) -> frozenset[int]:
        """See ``Consumer.assignment``."""
        return frozenset(self._epochs)

    def position(self, partition: int) -> int:
        """See ``Consumer.position``."""
        return self._positions[partition]

    def seek(self, partition: int, offset: int) -> None:
        """See ``Consumer.seek``."""
        if partition in self._epochs:
            self._positions[partition] = offset

    def pause(self, partition: int) -> None:
        """See ``Consumer.pause``."""
        self._paused.add(partition)

    def resume(self, partition: int) -> None:
        """See ``Consumer.resume``."""
        self._paused.discard(partition)

    # -- membership

    def _keep_membership(self) -> None:
        """Join, take free partitions and give up those over the share, where there is need."""
        now = time.time()
        with self._log.reading() as db:
            seen = self._look(db)
        self._forget_lost(seen)
        self._look_again_at = time.monotonic() + self._log.session * 0.3
        if not decide(self._member, seen, self._partitions, now, 2 * self._log.session):
            return
        with self._log.writing() as db:
            now = time.time()  # the lock may have taken a while
            seen = self._look(db)
            move = decide(self._member, seen, self._partitions, now, 2 * self._log.session)
            self._write(db, seen, move, now)
            starts = self._starts() if move.claim else {}  # in here: a claim that cannot be begun is not made
        self._forget_lost(seen)
        for partition in move.release:
            self._drop(partition)
        for partition in move.claim:
            self._epochs[partition] = _epoch(seen, partition) + 1
            self._positions[partition] = starts[partition]
            self._paused.discard(partition)

    def _look(self, db: sqlite3.Connection) -> Membership:
        group = (self._topic, self.group)
        members = db.execute("SELECT member, expires FROM members WHERE topic = ? AND grp = ?", group).fetchall()
        owners = db.execute("SELECT partition, member, epoch FROM owners WHERE topic = ? AND grp = ?", group).fetchall()
        return Membership(dict(members), {partition: (member, epoch) for partition, member, epoch in owners})

    def _write(self, db: sqlite3.Connection, seen: Membership, move: Move, now: float) -> None:
        group = (self._topic, self.group)
        db.execute("DELETE FROM members WHERE topic = ? AND grp = ? AND expires <= ?", (*group, now))
        db.execute(
            "INSERT INTO members (topic, grp, member, expires) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET expires = excluded.expires",
            (*group, self._member, now + self._log.session),
        )
        for partition in move.release:
            self._set_owner(db, partition, None, _epoch(seen, partition))
        for partition in move.claim:
            self._set_owner(db, partition, self._member, _epoch(seen, partition) + 1)

    def _set_owner(self, db: sqlite3.Connection, partition: int, member: str | None, epoch: int) -> None:
        db.execute(
            "INSERT INTO owners (topic, grp, partition, member, epoch) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET member = excluded.member, epoch = excluded.epoch",
            (self._topic, self.group, partition, member, epoch),
        )

    def _starts(self) -> dict[int, int]:
        """Where to begin in each partition."""
        committed = self._log.committed(self.topic, self.group)
        bounds = self._log.bounds(self.topic)
        return {p: max(b.start, committed[p].offset if p in committed else 0) for p, b in bounds.items()}

    def _forget_lost(self, seen: Membership) -> None:
        for partition, epoch in list(self._epochs.items()):
            if seen.owners.get(partition) != (self._member, epoch):
                self._drop(partition)

    def _drop(self, partition: int) -> None:
        self._epochs.pop(partition, None)
        self._positions.pop(partition, None)
        self._paused.discard(partition)

    # -- committing

    def write_offsets(self, db: sqlite3.Connection, offsets: Mapping[int, Offset]) -> None:
        """Inside a transaction of the log: write the positions, or raise ``Fenced`` when one is not ours any more."""
        seen = self._look(db) if offsets else None
        for partition, offset in offsets.items():
            epoch = self._epochs.get(partition)
            if seen is None or epoch is None or seen.owners.get(partition) != (self._member, epoch):
                raise Fenced(f"topic {self.topic}: group {self.group} gave partition {partition} to another member")
            db.execute(
                "INSERT INTO offsets (topic, grp, partition, offset, metadata) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET offset = excluded.offset, metadata = excluded.metadata",
                (self._topic, self.group, partition, offset.offset, offset.metadata[:1000]),
            )

    def close(self) -> None:
        """See ``Consumer.close``."""
        if self._heartbeat is None:
            return
        self._heartbeat.stop()
        self._heartbeat = None
        for partition in list(self._epochs):
            self._drop(partition)
        with self._log.writing() as db:
            group = (self._topic, self.group)
            db.execute("DELETE FROM members WHERE topic = ? AND grp = ? AND member = ?", (*group, self._member))
            db.execute(
                "UPDATE owners SET member = NULL WHERE topic = ? AND grp = ? AND member = ?", (*group, self._member)
            )


class Heartbeat:
    """Renews a member's lease from a thread of its own for as long as its process runs and polls."""

    def __init__(self, path: str, session: float, member: str) -> None:
        self._path = path
        self._session = session
        self._member = member
        self._polled = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._thread.start()

    def polled(self) -> None:
        """The member has polled just now."""
        self._polled = time.monotonic()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._session * 0.3):
            if time.monotonic() - self._polled > POLL_SECONDS:
                continue
            with suppress(sqlite3.Error):  # the next beat may succeed; if none does the lease runs out, as it should
                self._beat()

    def _beat(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=self._session, isolation_level=None)) as db:
            now = time.time()
            db.execute(
                "UPDATE members SET expires = ? WHERE member = ? AND expires > ?",
                (now + self._session, self._member, now),
            )
