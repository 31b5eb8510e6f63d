"""Archives into the log: read in pieces, published in transactions that also keep where the reading stands.

The topic ``backfills`` has a record for each archive, all in partition 0, and whoever owns that partition in the group
of ``backfill`` is the only one to publish: each transaction holds the articles of a batch, the archive's state behind
it, and a commit for partition 0, which is refused when another process has taken over. So a killed backfill goes on
behind the last batch that was published, nothing is lost and nothing comes twice, and two at a time take turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from ingest.archives import Archive, items
from ingest.copies import Decided, after, decide, with_page
from ingest.fulltext import PageReaders
from ingest.items import Item
from ingest.known import KnownArticles
from ingest.pages import ReadPage
from ingest.parse import Unreadable
from ingest.poll import Clock, utc_now
from stream.backfills import Backfill
from stream.errors import Fenced, LogError, NewswatchError
from stream.log import Log, Offset, partition_of
from stream.logs import redact
from stream.messages import Feed, encode
from stream.outage import Outage
from stream.settings import IngestSettings
from stream.table import Table
from stream.takedowns import Takedowns
from stream.topics import Names

logger = structlog.get_logger()

MAX_ITEMS = 200
"""Lines, records or entries of one transaction."""

MAX_BYTES = 8_000_000
"""Of pages, before they are read, or texts of one transaction."""

MAX_PAGES = 16
"""Pages that are read between two signs of life: if each takes its whole time, the group must not give us up."""

LOOK_EVERY = 1.0
"""Seconds between two looks at how far behind enrich is."""

_LOCK = 0  # the partition of the topic backfills that all records are in


@dataclass(frozen=True, slots=True)
class Standing:
    """What a backfill does just now: at which archive, how far (None while it is not known), and why it ``waits``."""

    archive: Archive
    state: Backfill | None = None
    waits: str | None = None


class Backfiller:
    """Publishes archives. Make, run and close it in one thread, which is the log's."""

    def __init__(
        self, log: Log, names: Names, settings: IngestSettings, readers: PageReaders, feeds: Mapping[str, Feed],
        behind: Callable[[], int], tell: Callable[[Standing], None] = lambda _: None, clock: Clock = utc_now,
    ) -> None:  # fmt: skip
        """``feeds``: the feed list by publisher; ``behind``: how many articles enrich has yet to read."""
        self._log = log
        self._names = names
        self._settings = settings
        self._readers = readers
        self._feeds = feeds
        self._behind = behind
        self._tell = tell
        self._clock = clock
        self._articles = names.topic("articles")
        self._partitions = log.partitions(self._articles)
        self._states: Table[Backfill] = Table(log, names.topic("backfills"), Backfill)
        self._takedowns = Takedowns(log, names)
        self._known = KnownArticles(log, self._articles)
        self._consumer = log.consumer(names.topic("backfills"), names.group("backfill", "backfills"))
        self._look_at = 0.0

    def close(self) -> None:
        """Leave the group."""
        with suppress(LogError):  # the lease runs out by itself
            self._consumer.close()

    def run(self, archive: Archive, stop: threading.Event) -> Backfill | None:
        """Publish what ``archive`` holds; returns where it stands at its end, or at ``stop`` (None: not begun).

        While the log is away it waits. Raises ``NewswatchError`` when the file cannot be read any more.
        """
        state: Backfill | None = None
        outage = Outage(stop)
        while not stop.is_set():
            try:
                state = self._state(archive, stop)
                if state is None or state.finished:
                    return state
                for reached in self._steps(archive, state, stop):
                    state = reached
                    outage.over()
                break
            except Fenced as error:
                logger.info("another backfill has taken over", file=archive.name, reason=str(error))
            except LogError as error:
                outage.wait(error)
            except OSError as error:
                raise NewswatchError(f"{archive.path}: cannot be read: {error.strerror}") from error
        return state

    def _state(self, archive: Archive, stop: threading.Event) -> Backfill | None:
        """The archive's state, as soon as nobody else can change it; None at ``stop``."""
        began = time.monotonic()
        while not stop.is_set():
            self._consumer.poll(100, 0.2)
            if _LOCK in self._consumer.assignment():
                break
            if time.monotonic() - began > 2:
                self._tell(Standing(archive, waits="another backfill is at work, or was killed just now"))
        else:
            return None
        self._states.refresh(_LOCK)
        now = self._clock()
        new = Backfill(id=archive.id, name=archive.name, kind=archive.kind, size=archive.size, began=now, at=now)
        stored = self._states.get(_LOCK, archive.id) or new
        # a damaged feed is read again from its start: it is small, and what it held is known
        return new if stored.damage and not stored.finished and archive.kind == "feed" else stored

    def _steps(self, archive: Archive, state: Backfill, stop: threading.Event) -> Iterator[Backfill]:
        """Publish batch by batch; the state after each. Raises ``Fenced``, ``LogError``, ``OSError``."""
        self._tell(Standing(archive, state))
        found = items(archive, state.position, self._settings.max_bytes, self._readers.parse_feed)
        for batch in _batches(found):
            self._wait(archive, state, stop)
            if stop.is_set():
                return
            read = self._with_pages(batch)
            self._refresh_known(archive, state)
            gone = self._takedowns.all()
            decided = decide(read, archive, self._feeds, self._known.of, gone, self._clock())
            state = after(state, read, decided, self._clock())
            self._publish(state, decided)
            for where, reason in decided.named:
                logger.warning("refused", file=archive.name, where=where, reason=redact(reason))
            self._tell(Standing(archive, state))
            yield state
        whole = not (archive.kind == "feed" and state.damage)
        finished = state.model_copy(update={"finished": whole, "at": self._clock()})
        self._hold()
        self._publish(finished, Decided())
        self._tell(Standing(archive, finished))
        yield finished

    def _with_pages(self, batch: Sequence[Item]) -> list[Item]:
        raw = [item.page for item in batch if item.page]
        pages: list[ReadPage | Unreadable] = []
        for start in range(0, len(raw), MAX_PAGES):
            self._hold()
            pages += self._readers.read(raw[start : start + MAX_PAGES])
        read = iter(pages)
        return [with_page(item, next(read)) if item.page else item for item in batch]

    def _refresh_known(self, archive: Archive, state: Backfill) -> None:
        """At first this reads the whole topic, which takes a minute for some million articles."""
        seen, shown = 0, time.monotonic()

        def told(records: int) -> None:
            nonlocal seen, shown
            seen += records
            if time.monotonic() - shown >= LOOK_EVERY:
                self._hold()
                self._tell(Standing(archive, state, waits=f"reading what the log holds: {seen:,} articles so far"))
                shown = time.monotonic()

        self._hold()
        self._known.refresh(told)

    def _wait(self, archive: Archive, state: Backfill, stop: threading.Event) -> None:
        """Wait while enrich is too far behind: its worker must have room for what is live."""
        while not stop.is_set() and time.monotonic() >= self._look_at:
            self._hold()
            behind = self._behind()
            if behind <= self._settings.backfill_max_lag:
                self._look_at = time.monotonic() + LOOK_EVERY
                return
            limit = f"ingest.backfill_max_lag is {self._settings.backfill_max_lag:,}"
            why = f"enrich is {behind:,} articles behind ({limit}): 'newswatch run' must be running to go on"
            self._tell(Standing(archive, state, waits=why))
            stop.wait(LOOK_EVERY)

    def _hold(self) -> None:
        """Show that this process lives. Raises ``Fenced`` when another has taken over."""
        self._consumer.poll(100, 0.0)
        if _LOCK not in self._consumer.assignment():
            raise Fenced("the partition of backfills went to another process")

    def _publish(self, state: Backfill, decided: Decided) -> None:
        with self._log.transaction(self._consumer) as tx:
            for a in decided.appends:
                tx.publish(self._articles, partition_of(a.partition_key, self._partitions), a.key, a.value)
            tx.publish(self._names.topic("backfills"), _LOCK, state.id, encode(state))
            tx.commit({_LOCK: Offset(self._consumer.position(_LOCK))})


def _batches(found: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in found:
        batch.append(item)
        size += len(item.page.body) if item.page else len(item.entry.body) if item.entry else 0
        if len(batch) >= MAX_ITEMS or size >= MAX_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
