"""The decider of backfill: what was read of an archive and what the log holds in, the articles to publish out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ingest import urls
from ingest.archives import Archive
from ingest.articles import backfilled
from ingest.items import Item
from ingest.known import Revision, placed, revision_of
from ingest.pages import ReadPage, is_front
from ingest.parse import ParsedFeed, Unreadable
from ingest.records import Append, article_record
from stream.backfills import Backfill, Reason
from stream.errors import LogError, RecordTooLarge
from stream.ids import digest
from stream.messages import Article, Feed

MAX_REASONS = 40
"""Reasons that are counted each for itself; the rarer ones that come later are ``other``."""

Known = Callable[[str], Sequence[Revision]]


@dataclass(slots=True)
class Decided:
    """What a batch of items comes to: records to publish, and the counts for the state. ``named`` are the refusals and
    damages as (where, reason)."""

    appends: list[Append] = field(default_factory=list)
    known: int = 0
    skipped: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    named: list[tuple[str, str]] = field(default_factory=list)
    damage: str | None = None


def with_page(item: Item, page: ReadPage | Unreadable) -> Item:
    """The item of a raw page after it was read."""
    if isinstance(page, Unreadable):
        return replace(item, page=None, refused=page.reason)
    if page.entry.link and is_front(page.entry.link):
        return replace(item, page=None, skipped="front page")
    return replace(item, page=None, entry=page.entry, note=page.note)


def decide(
    items: Sequence[Item], archive: Archive, feeds: Mapping[str, Feed], known: Known, gone: Collection[str],
    now: datetime,
) -> Decided:  # fmt: skip
    """What to publish of ``items``, read at ``now``, of whose pages there are the entries (``with_page``).

    ``feeds`` is the feed list by publisher; ``known`` gives the revisions of an article that the log holds; ``gone``
    are the ids of those that were taken down.
    """
    decided = Decided()
    fresh: dict[str, list[Revision]] = {}
    for item in items:
        if item.note:
            decided.reasons[item.note] += 1
        if item.damage:
            decided.damage = item.damage
            decided.named.append((item.where, item.damage))
        elif item.skipped:
            decided.skipped += 1
            decided.reasons[item.skipped] += 1
        elif item.refused or item.entry is None:
            _refuse(decided, item, item.refused or "nothing was read of it")
        else:
            _take(decided, item, archive, feeds, lambda i: [*known(i), *fresh.get(i, ())], gone, fresh, now)
    return decided


def after(state: Backfill, items: Sequence[Item], decided: Decided, now: datetime) -> Backfill:
    """The state when ``decided`` is published, read on behind the last of ``items``."""
    reasons = Counter({r.reason: r.count for r in state.reasons})
    for reason, count in decided.reasons.items():
        reasons[reason if reason in reasons or len(reasons) < MAX_REASONS else "other"] += count
    return state.model_copy(
        update={
            "position": items[-1].after if items else state.position,
            "published": state.published + len(decided.appends),
            "known": state.known + decided.known,
            "skipped": state.skipped + decided.skipped,
            "refused": state.refused + decided.refused,
            "reasons": tuple(Reason(reason=reason, count=count) for reason, count in reasons.most_common()),
            "damage": decided.damage or state.damage,
            "at": now,
        }
    )


def _take(
    decided: Decided, item: Item, archive: Archive, feeds: Mapping[str, Feed], known: Known, gone: Collection[str],
    fresh: dict[str, list[Revision]], now: datetime,
) -> None:  # fmt: skip
    """One entry: published, known, or refused, whatever is wrong with it."""
    try:
        article = _article(item, archive, feeds, known, now)
        if article is None:
            decided.known += 1
            return
        if article.id in gone:
            decided.skipped += 1
            decided.reasons["taken down"] += 1
            return
        decided.appends.append(article_record(article))
    except LogError:  # no fault of the entry: it comes again when the log, or what is kept of it, can be read
        raise
    except RecordTooLarge as error:
        _refuse(decided, item, str(error))
    except Exception as error:  # noqa: BLE001 - a bad entry costs only itself
        _refuse(decided, item, f"cannot be used: {type(error).__name__}")
    else:
        fresh.setdefault(article.id, []).append(revision_of(article))


def _refuse(decided: Decided, item: Item, reason: str) -> None:
    decided.refused += item.weight
    decided.reasons[reason.partition(":")[0][:80]] += item.weight
    decided.named.append((item.where, reason))


def _article(
    item: Item, archive: Archive, feeds: Mapping[str, Feed], known: Known, now: datetime
) -> Article | None:  # fmt: skip
    """The item's entry as an article of its archive; None where the log knows what it says.

    Where the archive does not say when it fetched a content, that was not before its publication: by that it is placed,
    and ``fetched`` is when the file was written.
    """
    assert item.entry is not None
    entry = item.entry
    context = item.feed or ParsedFeed("", None, None, None, (), archive.kind)
    publisher = (urls.domain(context.link) if context.link else None) or urls.domain(entry.link or "") or "unknown"
    listed = feeds.get(publisher)
    partial = archive.kind == "warc" and not entry.body
    feed = Feed(
        id=digest("backfill", archive.kind, partial, publisher), url=f"file:{archive.name}", publisher=publisher,
        country=listed.country if listed else None, language=listed.language if listed else None,
    )  # fmt: skip
    published = entry.published if entry.published and entry.published <= now else None
    fetched = min(now, item.fetched or max(archive.modified, published or archive.modified))
    first_seen = fetched if item.fetched else published or fetched
    (article,) = backfilled(replace(context, entries=(entry,)), feed, fetched)
    if archive.kind == "warc" and article.published_from == "feed":
        article = article.model_copy(update={"published_from": "page"})
    return placed(article, first_seen, known(article.id), certain=item.fetched is not None, partial=partial)
