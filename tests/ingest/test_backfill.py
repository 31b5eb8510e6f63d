"""Backfill: what of an archive is new, its place among the revisions of the log, and turns on one log."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import backfill, urls
from ingest.archives import items, recognise
from ingest.articles import decide as decide_poll
from ingest.backfill import Backfiller, Standing
from ingest.copies import Decided, decide
from ingest.feeds import make_feed
from ingest.fulltext import PageReaders
from ingest.known import KnownArticles, Revision, placed, revision_of
from ingest.parse import ParsedFeed, parse
from ingest.records import article_record
from stream import outage
from stream.backfills import Backfill, Position
from stream.errors import Fenced, LogError
from stream.ids import OWN_VERSION, article_version, digest
from stream.log import Log, open_log, partition_of
from stream.messages import Article, Feed, FeedState, Takedown, encode
from stream.settings import IngestSettings
from tests.ingest.golden import FOLDER
from tests.ingest.warcs import Answer, answers, story, write
from tests.ingest.worker import NAMES, PARTITIONS, Failing, published
from tests.strategies import NEWS_TIMES
from tests.stream.golden import ARTICLE

RSS = (FOLDER / "rss20.xml").read_bytes()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def readers() -> Iterator[PageReaders]:
    with PageReaders(full_text=False, processes=1) as found:
        yield found


@contextmanager
def backfiller(
    log: Log,
    readers: PageReaders,
    feeds: Mapping[str, Feed] | None = None,
    told: list[Standing] | None = None,
    behind: Sequence[int] = (),
    limits: IngestSettings | None = None,
) -> Iterator[Backfiller]:
    lags = iter(behind)
    made = Backfiller(
        log,
        NAMES,
        limits or IngestSettings(),
        readers,
        feeds or {},
        lambda: next(lags, 0),
        (told if told is not None else []).append,
        lambda: NOW,
    )
    with closing(made):
        yield made


def fill(log: Log, readers: PageReaders, path: Path, **given: object) -> Backfill:
    with backfiller(log, readers, **given) as made:  # type: ignore[arg-type]
        state = made.run(recognise(path, IngestSettings().max_bytes, full_text=False), threading.Event())
    assert state is not None
    return state


def publish(log: Log, *articles: Article) -> None:
    with log.transaction() as tx:
        for record in map(article_record, articles):
            partition = partition_of(record.partition_key, PARTITIONS)
            tx.publish(NAMES.topic("articles"), partition, record.key, record.value)


# -- an archive into the log


def test_pages_become_articles_dated_by_publication(log: Log, readers: PageReaders, tmp_path: Path) -> None:
    listed = make_feed("https://www.site1.example/feed", country="LV")
    path = write(tmp_path / "crawl.warc.gz", answers(4), members=True)
    state = fill(log, readers, path, feeds={listed.publisher: listed})
    assert (state.published, state.skipped, state.finished) == (4, 1, True)
    article = next(a for a in published(log) if "news/1" in a.url)
    assert (article.origin, article.published_from) == ("backfill", "page")
    assert article.published == datetime(2026, 1, 1, 6, tzinfo=UTC)
    assert article.fetched == datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert article.version == article_version(article.fetched, own=True)
    assert (article.source.id, article.source.name, article.source.country) == ("site1.example", "The Site", "LV")
    assert (article.feed_url, article.language, article.body) == ("file:crawl.warc.gz", "en", "")
    assert article.summary == "Embassy number 1 moves to Tallinn."


def test_the_same_archive_or_content_again_publishes_nothing(log: Log, readers: PageReaders, tmp_path: Path) -> None:
    fill(log, readers, write(tmp_path / "a.warc", answers(5)))
    again = fill(log, readers, write(tmp_path / "a.warc", answers(5)))
    assert (again.published, again.known) == (5, 0)  # what it was the first time; nothing was read
    other = fill(log, readers, write(tmp_path / "b.warc", [*answers(5), *answers(7)[3:]]))
    assert (other.published, other.known) == (2, 7)
    assert len({a.id for a in published(log)}) == len(published(log)) == 7


def test_a_saved_feed_that_was_polled_is_known(log: Log, readers: PageReaders, tmp_path: Path) -> None:
    feed = make_feed("https://www.example.org/feed")
    polled = parse(RSS, "", feed.url)
    assert isinstance(polled, ParsedFeed)
    live = decide_poll(polled, feed, FeedState(feed_id=feed.id), NOW).articles
    publish(log, *live[1:])
    path = tmp_path / "saved.xml"
    path.write_bytes(RSS)
    state = fill(log, readers, path)
    linked = [a for a in live if a.url != feed.url]
    assert state.known == len([a for a in live[1:] if a in linked])
    assert state.published == len(linked) - state.known
    without_link = [e for e in polled.entries if not e.link]
    assert state.refused == len(without_link) + polled.skipped


def test_an_old_copy_never_supersedes_a_newer_live_revision(log: Log, readers: PageReaders, tmp_path: Path) -> None:
    rows = [
        {
            "url": f"https://a.example/{n}",
            "title": "Old",
            "text": f"Old text {n}, and more of it.",
            "published": "2026-01-01T00:00:00Z",
            **({"fetched": "2026-01-01T01:00:00Z"} if n % 2 else {}),
        }
        for n in range(4)
    ]
    path = tmp_path / "old.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    lone = fill(log, readers, path)
    assert lone.published == 4
    first = {a.url: a for a in published(log)}
    fresh = open_log(f"sqlite:///{tmp_path / 'fresh.db'}")
    fresh.create_topics(NAMES.described(), PARTITIONS)
    seen = datetime(2026, 2, 1, tzinfo=UTC)
    live = [
        a.model_copy(
            update={
                "version": article_version(seen, own=n >= 2),
                "origin": "live",
                "content_hash": "live",
                "feed_id": "f",
                "body": "It was not.",
            }
        )
        for n, a in enumerate(first.values())
    ]
    publish(fresh, *live)
    assert fill(fresh, readers, path).published == 4
    newest = {a.id: a for a in sorted(published(fresh), key=lambda a: a.version)}
    assert {a.origin for a in newest.values()} == {"live"}
    assert not any(a.update for a in published(fresh) if a.origin == "backfill")
    fresh.close()


def test_an_older_wording_does_not_stand_beside_a_correction(log: Log, readers: PageReaders, tmp_path: Path) -> None:
    """The feed was first polled after the correction, so the poll is no update; and archives come newest first."""
    row = {"url": "https://a.example/1", "title": "Council", "published": "2026-01-01T00:00:00Z"}
    old = {**row, "text": "The council moves to Doha.", "fetched": "2026-01-01T01:00:00Z"}
    new = {**row, "text": "The council does not move at all.", "fetched": "2026-01-02T01:00:00Z"}
    path = tmp_path / "new.jsonl"
    path.write_text(json.dumps(new), encoding="utf-8")
    assert fill(log, readers, path).published == 1
    (archived,) = published(log)
    fresh = open_log(f"sqlite:///{tmp_path / 'fresh.db'}")
    fresh.create_topics(NAMES.described(), PARTITIONS)
    polled = {"origin": "first_poll", "feed_id": "f", "version": article_version(NOW, own=True)}
    publish(fresh, archived.model_copy(update=polled))
    for at in (log, fresh):
        path.write_text(json.dumps(old), encoding="utf-8")
        state = fill(at, readers, path)
        assert (state.published, state.known) == (0, 1)
    path.write_text(json.dumps({**new, "text": "", "summary": "Nobody moves.", "url": "https://a.example/2"}))
    assert fill(log, readers, path).published == 1  # the whole text is told, although what is newer has none
    path.write_text(json.dumps({**old, "url": "https://a.example/2"}))
    assert fill(log, readers, path).published == 1
    assert max(published(log), key=lambda a: (a.canonical_url, a.version)).body == old["text"]
    fuller = {**old, "text": "The council moves to Doha. It said so on Monday, after a long sitting."}
    path.write_text(json.dumps(fuller), encoding="utf-8")
    assert fill(fresh, readers, path).published == 1  # the feed had its beginning alone
    assert max(published(fresh), key=lambda a: a.version).origin == "first_poll"
    fresh.close()


def test_a_later_crawl_of_a_page_is_an_update_and_a_page_without_text_adds_nothing_to_what_is_live(
    log: Log, readers: PageReaders, tmp_path: Path
) -> None:
    url = "https://www.site.example/news/1"
    first = Answer(url, story(1, "It moves."), "2026-01-05T00:00:00Z")
    second = Answer(url, story(1, "It does not move."), "2026-01-06T00:00:00Z")
    assert fill(log, readers, write(tmp_path / "a.warc", [first, second])).published == 2
    old, new = sorted(published(log), key=lambda a: a.version)
    assert (old.summary, old.update, new.summary, new.update) == ("It moves.", False, "It does not move.", True)
    publish(log, new.model_copy(update={"version": new.version + 1, "origin": "live", "content_hash": "x"}))
    third = Answer(url, story(1, "It may move."), "2026-02-06T00:00:00Z")
    assert fill(log, readers, write(tmp_path / "b.warc", [third])).known == 1


def test_a_full_text_wins_over_captures_without(log: Log, readers: PageReaders, tmp_path: Path) -> None:
    """A crawl is backfilled without texts at first, then with them; then comes a later one without."""
    url = "https://www.site.example/news/1"
    crawl = [
        Answer(url, story(1, f"It moves {n}.", words=f"The embassy moves {n}, it said."), f"2026-01-0{n}T00:00:00Z")
        for n in (5, 6, 7)
    ]
    path = write(tmp_path / "a.warc", crawl[:2])
    assert fill(log, readers, path).published == 2
    with PageReaders(full_text=True, processes=1) as full, backfiller(log, full) as made:
        state = made.run(recognise(path, IngestSettings().max_bytes, full_text=True), threading.Event())
    assert state is not None
    assert state.published == 2
    assert fill(log, readers, write(tmp_path / "b.warc", crawl[2:])).known == 1
    *_, first, newest = sorted(published(log), key=lambda a: a.version)
    assert ("moves 5, it said" in first.body, first.update) == (True, False)
    assert ("moves 6, it said" in newest.body, newest.update) == (True, True)


@pytest.mark.parametrize("order", [*itertools.permutations([(1, True), (2, False), (3, True), (4, False)])])
def test_in_whatever_order_they_come_the_newest_text_is_shown(order: Sequence[tuple[int, bool]]) -> None:
    known: list[Revision] = []
    for day, text in order:
        seen = NOW + timedelta(days=day)
        said = {"body": f"Text {day}." if text else "", "summary": "Short.", "content_hash": f"{day} {text}"}
        copy = {"version": article_version(seen, own=True), "feed_id": f"{text}", "fetched": seen, "origin": "backfill"}
        placed_ = placed(ARTICLE.model_copy(update=said | copy), seen, known, certain=True, partial=not text)
        if placed_ is not None:
            known.append(revision_of(placed_))
    assert max(known, key=lambda r: r.version).content_hash == "3 True"
    assert len({r.version for r in known}) == len(known)


def test_what_is_refused_is_counted_and_named(
    log: Log, readers: PageReaders, tmp_path: Path, logged: list[Mapping[str, object]]
) -> None:
    path = tmp_path / "bad.jsonl"
    good = json.dumps({"url": "https://a.example/1", "title": "T", "text": "Text."})
    path.write_text(f"{good}\nbroken\n" + json.dumps({"url": "https://a.example/2"}), encoding="utf-8")
    state = fill(log, readers, path)
    assert (state.published, state.refused) == (1, 2)
    assert {r.reason: r.count for r in state.reasons} == {"not JSON": 1, "neither title nor text": 1}
    assert [e["where"] for e in logged if e["event"] == "refused"] == ["line 2", "line 3"]


def test_a_front_page_is_no_article(log: Log, readers: PageReaders, tmp_path: Path) -> None:
    state = fill(
        log,
        readers,
        write(tmp_path / "a.warc", [Answer("https://a.example/?x", story(1)), Answer("https://a.example/", story(2))]),
    )
    assert "front page" in {r.reason for r in state.reasons}
    assert published(log) == [] or all(a.url != "https://a.example/" for a in published(log))


def test_what_was_taken_down_does_not_come_back(log: Log, readers: PageReaders, tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc", answers(3), info=False)
    gone = digest("article", urls.canonical(answers(3)[1].url))
    takedown = Takedown(article_id=gone, at=NOW)
    with log.transaction() as tx:
        tx.publish(NAMES.topic("takedowns"), partition_of(gone, PARTITIONS), gone, encode(takedown))
    state = fill(log, readers, path)
    assert (state.published, state.skipped) == (2, 1)
    assert {r.reason: r.count for r in state.reasons} == {"taken down": 1}
    assert gone not in {a.id for a in published(log)}


def test_a_log_that_cannot_be_asked_refuses_no_entry(tmp_path: Path) -> None:
    def known(_: str) -> list[Revision]:
        raise LogError("temporary file: disk full")

    path = tmp_path / "a.jsonl"
    path.write_text('{"url": "https://a.example/1", "title": "T", "text": "Text."}', encoding="utf-8")
    archive = recognise(path, IngestSettings().max_bytes, full_text=False)
    found = list(items(archive, Position(), IngestSettings().max_bytes, parse))
    with pytest.raises(LogError):
        decide(found, archive, {}, known, (), NOW)


# -- stopping, waiting, taking turns


def test_it_goes_on_behind_what_was_published(
    log: Log, readers: PageReaders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MAX_ITEMS", 4)
    archive = recognise(
        write(tmp_path / "a.warc.gz", answers(14), members=True), IngestSettings().max_bytes, full_text=False
    )
    runs = 0
    state: Backfill | None = None
    while state is None or not state.finished:
        runs += 1
        before = len(published(log))
        stop = threading.Event()

        def stop_behind(s: Standing, stop: threading.Event = stop, before: int = before) -> None:
            if s.state and s.state.published > before:
                stop.set()

        with backfiller(log, readers, told=_Told(stop_behind)) as made:
            state = made.run(archive, stop)
        assert len(published(log)) - before <= 4
    assert runs >= 4
    assert sorted(a.url for a in published(log)) == sorted(a.url for a in answers(14))
    assert (state.published, state.known) == (14, 0)


class _Told(list[Standing]):
    def __init__(self, then: Callable[[Standing], None]) -> None:
        super().__init__()
        self.append = then  # type: ignore[method-assign]


def test_it_waits_while_enrich_is_behind(
    log: Log, readers: PageReaders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "LOOK_EVERY", 0.01)
    told: list[Standing] = []
    path = write(tmp_path / "a.warc", answers(3))
    limits = IngestSettings(backfill_max_lag=10)
    assert fill(log, readers, path, told=told, behind=[11, 11, 10], limits=limits).published == 3
    assert [s.waits is not None and "backfill_max_lag" in s.waits for s in told].count(True) == 2


def test_a_log_that_fails_is_tried_again_and_nothing_comes_twice(
    log: Log, readers: PageReaders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MAX_ITEMS", 5)
    monkeypatch.setattr(outage, "MAX_LOG_WAIT", 0.01)
    failing = Failing(log, LogError("disk full"))
    assert fill(failing, readers, write(tmp_path / "a.warc", answers(12))).published == 12  # type: ignore[arg-type]
    assert len(published(log)) == 12


def test_two_at_once_take_turns(
    log: Log, url: str, readers: PageReaders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MAX_ITEMS", 3)
    path = write(tmp_path / "a.warc", answers(60))
    found: list[Backfill] = []

    def other() -> None:
        mine = open_log(url)
        with PageReaders(full_text=False, processes=1) as pages:
            found.append(fill(mine, pages, path))
        mine.close()

    thread = threading.Thread(target=other)
    thread.start()
    found.append(fill(log, readers, path))
    thread.join(60)
    assert [s.finished for s in found] == [True, True]
    assert sorted(a.url for a in published(log)) == sorted(a.url for a in answers(60))


def test_who_has_lost_the_lock_publishes_nothing(
    log: Log, readers: PageReaders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = recognise(write(tmp_path / "a.warc", answers(3)), IngestSettings().max_bytes, full_text=False)
    with backfiller(log, readers) as made:
        state = made.run(archive, threading.Event())
        assert state is not None
        position = made._consumer.position(0)
        monkeypatch.setattr(made._consumer, "position", lambda _: position)  # as of a process that does not know it yet
        made._consumer.close()
        with pytest.raises(Fenced):
            made._publish(state, Decided(appends=[article_record(ARTICLE)]))
    assert len(published(log)) == 3


# -- the place among revisions


REVISIONS = st.lists(
    st.builds(
        Revision,
        st.builds(lambda t, own: article_version(t, own=own), NEWS_TIMES, st.booleans()),
        st.sampled_from("abc"),
        st.sampled_from("fg"),
        st.booleans(),
        st.sampled_from([0, 10_000]),
        st.booleans(),
        st.sampled_from([0, 1 << 60]),
    ),
    unique_by=lambda r: r.version,
    max_size=5,
)


@settings(deadline=None)
@given(REVISIONS, NEWS_TIMES, st.booleans(), st.booleans(), st.booleans())
def test_a_copy_never_gets_above_a_newer_live_revision_nor_onto_another(
    known: list[Revision], seen: datetime, own: bool, certain: bool, partial: bool
) -> None:
    article = ARTICLE.model_copy(
        update={"version": article_version(seen, own=own), "content_hash": "z", "feed_id": "f"}
    )
    found = placed(article, seen, known, certain=certain, partial=partial)
    moment = article_version(seen, own=False)
    if found is None:
        assert (partial and any(r.live for r in known)) or any(r.length if r.live else r.feed_id == "f" for r in known)
        return
    assert found.version not in {r.version for r in known}
    for r in known:
        if r.live and (not certain or r.version % OWN_VERSION > moment):
            assert found.version < r.version
    assert not found.update or any(not r.live and r.feed_id == "f" and r.version < found.version for r in known)


@settings(deadline=None)
@given(REVISIONS, NEWS_TIMES)
def test_a_content_that_is_known_is_not_published(known: list[Revision], seen: datetime) -> None:
    for r in known:
        article = ARTICLE.model_copy(update={"content_hash": r.content_hash})
        assert placed(article, seen, known, certain=True, partial=False) is None


def test_what_the_log_holds_is_read_on(log: Log) -> None:
    held = KnownArticles(log, NAMES.topic("articles"))
    held.refresh()
    assert held.of(ARTICLE.id) == []
    later = replace_version(ARTICLE, ARTICLE.fetched + timedelta(hours=1))
    publish(log, ARTICLE, later)
    with log.transaction() as tx:
        tx.publish(NAMES.topic("articles"), 0, "junk", b"no json")
        tx.publish(NAMES.topic("articles"), 0, "deep", b"[" * 200_000)
        tx.publish(NAMES.topic("articles"), 0, "odd", b'{"id": [], "version": {}, "content_hash": 1, "feed_id": 2}')
    held.refresh()
    assert [r.version for r in held.of(ARTICLE.id)] == [ARTICLE.version, later.version]
    assert held.of(ARTICLE.id)[0] == revision_of(ARTICLE)
    record = article_record(ARTICLE)
    with log.transaction() as tx:  # a takedown
        tx.publish(NAMES.topic("articles"), partition_of(ARTICLE.id, PARTITIONS), record.key, None)
    held.refresh()
    assert [r.version for r in held.of(ARTICLE.id)] == [later.version]


def replace_version(article: Article, seen: datetime) -> Article:
    return article.model_copy(update={"version": article_version(seen, own=True)})
