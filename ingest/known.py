"""Which revisions of which articles the log holds, and where among them a copy from an archive belongs.

The topic ``articles`` is read once from its start, then on from there: identities only, into a temporary SQLite file,
so that memory does not grow with the log.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ingest.text import length_of
from stream.errors import LogError
from stream.ids import OWN_VERSION, article_version
from stream.log import Log, Record
from stream.messages import Article

_READ = 1_000


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of an article that the log holds. ``live``: polled, not from an archive."""

    version: int
    content_hash: str
    feed_id: str
    live: bool
    length: int = 0
    """Characters of its text (``length_of``)."""
    text: bool = True
    """It has a text, not only a summary."""
    seen: int = 0
    """When its content was first fetched, in microseconds since 1970: its version's time, or before that where it was
    placed above what has no text."""


def revision_of(article: Article) -> Revision:
    """What is to be known of a revision once it is published."""
    fetched = article_version(article.fetched, own=False)
    return Revision(
        article.version, article.content_hash, article.feed_id, article.origin != "backfill",
        length_of(article.body, article.summary), bool(article.body), min(fetched, article.version % OWN_VERSION),
    )  # fmt: skip


def placed(
    article: Article, first_seen: datetime, known: Sequence[Revision], *, certain: bool, partial: bool
) -> Article | None:
    """``article`` with its version among those ``known``; None where it tells nothing new.

    ``first_seen`` is when its content was first fetched; not ``certain`` where the archive does not say so. Then any
    live revision counts as newer. A copy never gets above a live revision that is newer than it, also where it is its
    outlet's own and that one second-hand: what was polled knows better what the outlet says today. A ``partial`` copy
    (a page without its text) adds nothing to what was polled, and no copy without text to an archived text. Nor does an
    older copy where what is newer is of the same kind of archive, or was polled with as much text: it is an older
    wording, which nobody says any more, and nothing would take back what it says. But a text gets above archived
    captures that have none, be they newer.
    """
    bare = not article.body
    if any(r.content_hash == article.content_hash or (partial if r.live else bare and r.text) for r in known):
        return None
    own = article.version >= OWN_VERSION
    version = article_version(first_seen, own=own)
    seen = article_version(first_seen, own=False)
    if not bare and not any(r.text and r.seen > seen for r in known):
        version = max([version, *(r.version + 1 for r in known if not (r.live or r.text))])
    newer = [r.version for r in known if r.live and (not certain or r.version % OWN_VERSION >= seen)]
    taken = {r.version for r in known}
    free = version
    while free in taken:
        free += 1
    if newer and free >= min(newer):
        free = min(seen, min(newer) - 1)
        while free in taken:
            free -= 1
    length = length_of(article.body, article.summary)
    for r in (r for r in known if r.version > free or (r.seen > seen and not r.live)):
        if r.length >= length if r.live else r.feed_id == article.feed_id and (r.text or bare):
            return None
    update = any(r.feed_id == article.feed_id and r.version < free and not r.live for r in known)
    return article.model_copy(update={"version": free, "update": update})


class KnownArticles:
    """The revisions that the log's topic ``articles`` (its full name) holds. For one thread."""

    def __init__(self, log: Log, topic: str) -> None:
        self._log = log
        self._topic = topic
        self._next = dict.fromkeys(range(log.partitions(topic)), 0)
        # "": a temporary file that SQLite removes by itself; it is closed by whatever thread collects this object
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(_TABLE)

    def refresh(self, told: Callable[[int], None] = lambda _: None) -> None:
        """Read on to the end of the log; ``told`` hears of each batch how many records it had. Raises ``LogError``."""
        for partition in self._next:
            while records := self._log.read(self._topic, partition, self._next[partition], _READ):
                self._take(records)
                self._next[partition] = records[-1].offset + 1
                told(len(records))

    def of(self, article_id: str) -> list[Revision]:
        """The revisions of an article as of the last refresh. Raises ``LogError``."""
        try:
            rows = self._db.execute(_FIND, (article_id,)).fetchall()
        except sqlite3.Error as error:
            raise _full(error) from error
        return [
            Revision(version, content, feed, bool(live), length, bool(text), seen)
            for version, content, feed, live, length, text, seen in rows
        ]

    def _take(self, records: Iterable[Record]) -> None:
        try:
            self._db.execute("BEGIN")
            for record in records:
                if record.value is None:
                    article_id, _, version = record.key.rpartition(":")
                    if version.isdigit():
                        self._db.execute(_FORGET, (article_id, int(version)))
                else:
                    self._keep(record.value)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise _full(error) from error

    def _keep(self, value: bytes) -> None:
        """What is no article is passed over: whoever consumes the topic makes it a dead letter."""
        with suppress(ValueError, KeyError, TypeError, OverflowError, RecursionError):
            row = json.loads(value)
            identity = (str(row["id"]), int(row["version"]), str(row["content_hash"]), str(row["feed_id"]))
            length, text = length_of(row.get("body"), row.get("summary")), bool(row.get("body"))
            seen = min(article_version(datetime.fromisoformat(row["fetched"]), own=False), identity[1] % OWN_VERSION)
            self._db.execute(_KEEP, (*identity, row["origin"] != "backfill", length, text, seen))


def _full(error: sqlite3.Error) -> LogError:
    return LogError(f"what the log holds: temporary file: {error}; make room in the temp folder")


_TABLE = (
    "CREATE TABLE known (article TEXT, version INTEGER, content TEXT, feed TEXT, live INTEGER, length INTEGER,"
    " text INTEGER, seen INTEGER, PRIMARY KEY (article, version)) WITHOUT ROWID"
)
_FIND = "SELECT version, content, feed, live, length, text, seen FROM known WHERE article = ? ORDER BY version"
_KEEP = "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_FORGET = "DELETE FROM known WHERE article = ? AND version = ?"
