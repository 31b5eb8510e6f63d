"""The decider of ingest: a parsed feed and what is known of it in, the articles to publish and the new state out.

Pure, and told the time: the same feed twice gives nothing the second time, the order of its items does not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest import language, urls
from ingest.fingerprint import simhash
from ingest.outlets import outlet_of
from ingest.parse import ParsedEntry, ParsedFeed
from ingest.text import cut, length_of
from stream.ids import OWN_VERSION, article_version, digest
from stream.language import detect
from stream.messages import MAX_BODY_BYTES, Article, Feed, FeedState, Origin, SeenEntry

MAX_UPDATES = 24
"""Revisions of one article by one feed after its first; a page that changes at every fetch must not flood.

Beyond them its changes are held until ``SLOW_UPDATES`` have passed since the last revision.
"""

SLOW_UPDATES = timedelta(hours=1)

MAX_ENTRIES = 1_000
"""Entries of one poll that are looked at, the newest first."""

MAX_SEEN = 2_500
"""Seen entries kept of one feed; with 260 bytes each they fit into one record of the log."""

KEEP_SEEN = timedelta(days=30)
"""How long an entry is remembered after the feed last carried it."""

MAX_SUMMARY_BYTES = 10_000
"""Of a summary beside a body; a summary that is all there is may be as long as a body."""

MAX_TITLE_BYTES = 2_000

FUTURE = timedelta(days=1)
"""A publication date further ahead is no date; a nearer one is a clock or a zone that is off, and means now."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a poll means: ``articles`` to publish, the ``entries`` to remember, how many articles are ``new``.

    ``held`` is how many corrections wait for ``SLOW_UPDATES``: they are not remembered and so come with a later poll.
    """

    articles: tuple[Article, ...]
    entries: tuple[SeenEntry, ...]
    new: int
    held: int = 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An entry with its identities."""

    entry: ParsedEntry
    key: str
    article_id: str
    url: str
    canonical_url: str
    content_hash: str


def decide(parsed: ParsedFeed, feed: Feed, state: FeedState, now: datetime) -> Decision:
    """What to publish of a feed polled at ``now``, and what to remember of it.

    An entry whose content was seen before is not published again and keeps its version. Where entries of
    one poll are one article, the newest speaks for it and the others are only remembered.
    """
    by_key = {seen.key: seen for seen in state.entries}
    by_article = _by_article(state.entries)
    origin: Origin = "live" if state.first_success else "first_poll"
    published: list[Article] = []
    remembered: dict[str, SeenEntry] = {}
    new = held = 0
    for group in _grouped(_candidates(parsed, feed, by_key)):
        known = by_article.get(group[0].article_id, [])
        updates = max((s.updates for s in known), default=0)
        article = None
        if _seen_before(group[0], by_key, known) is None:
            if _must_wait(known, updates, now):
                held += 1
                remembered |= {c.key: _still_seen(by_key[c.key], now) for c in group if c.key in by_key}
                continue
            article = _article(group[0], parsed, feed, origin, known, now)
            published.append(article)
            updates += bool(known)
            new += not known
        for c in group:
            remembered[c.key] = _remember(c, _seen_before(c, by_key, known), known, article, updates, now)
    return Decision(tuple(published), _bounded(remembered, state.entries, now), new, held)


def backfilled(parsed: ParsedFeed, feed: Feed, now: datetime) -> tuple[Article, ...]:
    """The entries of an archive, fetched at ``now``, as articles of which nothing is known: each as a first revision.

    Its place among the revisions that the log holds is ``ingest.known.placed``'s to decide.
    """
    return tuple(_article(c, parsed, feed, "backfill", (), now) for c in _candidates(parsed, feed, {}))


def with_text(article: Article, text: str | None) -> Article:
    """``article`` with the ``text`` of its page, where that is more than the feed gives; what tells whether a feed's
    entry has changed (``content_hash``) stays the feed's."""
    if text is None or len(text) <= length_of(article.body, article.summary):
        return article
    body = cut(text, MAX_BODY_BYTES)
    update = {
        "body": body,
        "summary": cut(article.summary, MAX_SUMMARY_BYTES),
        "truncated": body != text,
        "fingerprint": simhash(f"{article.title}\n{body}"),
    }
    return article.model_copy(update=update)


def still_there(entries: Sequence[SeenEntry], now: datetime) -> tuple[SeenEntry, ...]:
    """The ``entries`` after a poll that brought the same body as the one before: those it held are seen again."""
    last = max((s.last_seen for s in entries), default=now)
    refreshed = {s.key: _still_seen(s, now) for s in entries if s.last_seen == last}
    return _bounded(refreshed, entries, now)


def _candidates(parsed: ParsedFeed, feed: Feed, by_key: Mapping[str, SeenEntry]) -> list[_Candidate]:
    """The newest entries with their identities: guid, else link, else a hash of title and content.

    A remembered entry stays the article that it was published as: a link may change (a new slug, another host), also
    together with the content, and a correction must reach the article that it corrects.
    """
    site = urls.canonical(parsed.link) if parsed.link else None
    hashes = {id(e): digest("content", e.title, e.body or e.summary) for e in parsed.entries}
    # by guid and link before content, so that of two entries of one article the same one wins after a change
    entries = sorted(parsed.entries, key=lambda e: (_time(e), e.guid or "", e.link or "", hashes[id(e)]), reverse=True)[
        :MAX_ENTRIES
    ]
    repeated = {guid for guid, n in Counter(e.guid for e in entries if e.guid).items() if n > 1}
    found = []
    for entry in entries:
        content_hash = hashes[id(entry)]
        canonical = urls.canonical(entry.link) if entry.link else None
        if canonical == site or (canonical and canonical.count("/") == 3 and canonical.endswith("/")):
            canonical = None  # a link to the front page is no article's
        parts: tuple[str | None, ...] = (entry.guid or canonical or content_hash,)
        if entry.guid in repeated:
            parts = (entry.guid, canonical or content_hash)
        key = digest("entry", *parts)
        new_id = digest("article", canonical) if canonical else digest("article", feed.id, key)
        article_id = by_key[key].article_id if key in by_key else new_id
        url = entry.link or urls.safe(feed.url)
        found.append(_Candidate(entry, key, article_id, url, canonical or url, content_hash))
    return found


def _first_seen(version: int) -> datetime:
    """The time in ``version``; see ``stream.ids.article_version``."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=version % OWN_VERSION)


def _time(entry: ParsedEntry) -> float:
    return entry.published.timestamp() if entry.published else 0.0


def _grouped(candidates: Iterable[_Candidate]) -> list[list[_Candidate]]:
    """The entries of each article, in the given order; of entries with one key only the first."""
    groups: dict[str, list[_Candidate]] = {}
    keys: set[str] = set()
    for c in candidates:
        if c.key not in keys:
            keys.add(c.key)
            groups.setdefault(c.article_id, []).append(c)
    return list(groups.values())


def _by_article(entries: Iterable[SeenEntry]) -> dict[str, list[SeenEntry]]:
    found: dict[str, list[SeenEntry]] = {}
    for seen in entries:
        found.setdefault(seen.article_id, []).append(seen)
    return found


def _seen_before(c: _Candidate, by_key: Mapping[str, SeenEntry], known: Sequence[SeenEntry]) -> SeenEntry | None:
    """What is remembered of this content: under the entry's key or, for a guid never seen, of its article's present
    content, because some publishers change all guids at once."""
    if c.key in by_key:
        return by_key[c.key] if by_key[c.key].content_hash == c.content_hash else None
    newest = max((s.version for s in known), default=0)
    return next((s for s in known if s.version == newest and s.content_hash == c.content_hash), None)


def _must_wait(known: Sequence[SeenEntry], updates: int, now: datetime) -> bool:
    """Whether an article has changed too often for another revision just now."""
    if updates < MAX_UPDATES:
        return False
    return abs(now - _first_seen(max(s.version for s in known))) < SLOW_UPDATES


def _remember(
    c: _Candidate, before: SeenEntry | None, known: Sequence[SeenEntry], article: Article | None, updates: int,
    now: datetime,
) -> SeenEntry:  # fmt: skip
    newest = max((s.version for s in known), default=0)
    version = before.version if before else article.version if article else newest
    length = max((s.length for s in known if s.version == version), default=0)
    return SeenEntry(
        key=c.key, article_id=c.article_id, content_hash=c.content_hash, version=version, updates=updates,
        length=length, last_seen=now,
    )  # fmt: skip


def _still_seen(seen: SeenEntry, now: datetime) -> SeenEntry:
    return seen.model_copy(update={"last_seen": now})


def _bounded(present: Mapping[str, SeenEntry], before: Iterable[SeenEntry], now: datetime) -> tuple[SeenEntry, ...]:
    """``present`` and those of ``before`` that are not too old, the last seen first, at most ``MAX_SEEN``."""
    kept = [s for s in before if s.key not in present and now - s.last_seen <= KEEP_SEEN]
    newest_first = sorted([*present.values(), *kept], key=lambda s: (s.last_seen, s.key), reverse=True)
    return tuple(newest_first[:MAX_SEEN])


def _article(
    c: _Candidate, parsed: ParsedFeed, feed: Feed, origin: Origin, known: Sequence[SeenEntry], now: datetime
) -> Article:
    """The next revision: above those ``known``, although the clock may have stepped back or the outlet be another."""
    entry = c.entry
    outlet = outlet_of(entry, parsed, feed)
    body, summary = cut(entry.body, MAX_BODY_BYTES), cut(entry.summary, MAX_BODY_BYTES)
    title = cut(entry.title, MAX_TITLE_BYTES)
    truncated = (title, body) != (entry.title, entry.body) or (not body and summary != entry.summary)
    text = f"{title}\n{body or summary}"
    credible = entry.published is not None and entry.published - now <= FUTURE
    return Article(
        id=c.article_id,
        version=max([article_version(now, own=outlet.own), *(s.version + 1 for s in known)]),
        update=bool(known),
        url=c.url,
        canonical_url=c.canonical_url,
        source=outlet.source,
        feed_id=feed.id,
        feed_url=urls.safe(feed.url),
        title=title,
        summary=cut(summary, MAX_SUMMARY_BYTES) if body else summary,
        body=body,
        truncated=truncated,
        language=feed.language or language.declared(entry.language) or detect(text),
        authors=entry.authors,
        published=min(entry.published, now) if entry.published and credible else now,
        published_from="feed" if credible else "fetched",
        published_raw=entry.published_raw,
        fetched=now,
        origin=origin,
        content_hash=c.content_hash,
        fingerprint=simhash(text),
    )
