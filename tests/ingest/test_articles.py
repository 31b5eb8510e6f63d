"""The decider: identity, updates, versions, outlets, limits; idempotent, and the order of items does not matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import articles
from ingest.articles import Decision, decide, still_there
from ingest.feeds import make_feed
from ingest.parse import ParsedEntry, ParsedFeed
from stream.ids import OWN_VERSION, article_version, digest
from stream.messages import MAX_BODY_BYTES, Article, FeedState, SeenEntry

FEED = make_feed("https://feeds.paper.example/world.rss")
NEW = FeedState(feed_id=FEED.id)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXT = "The embassy of Freedonia moves to Osterlich, its ambassador said on Monday."


def entry(number: int = 1, **fields: object) -> ParsedEntry:
    base = ParsedEntry(f"guid-{number}", f"https://paper.example/{number}", f"Story {number}", TEXT, "")
    return replace(base, **fields)  # type: ignore[arg-type]


def feed(*entries: ParsedEntry) -> ParsedFeed:
    return ParsedFeed("The Paper", "https://www.paper.example/", None, None, tuple(entries), "rss20")


def poll(entries: Sequence[ParsedEntry], state: FeedState = NEW, now: datetime = NOW) -> tuple[Decision, FeedState]:
    decision = decide(feed(*entries), FEED, state, now)
    first = state.first_success or now
    return decision, state.model_copy(update={"entries": decision.entries, "first_success": first})


def one(entries: Sequence[ParsedEntry]) -> Article:
    (article,) = poll(entries)[0].articles
    return article


SHORT = st.sampled_from(["a", "b", "c"])
DATES = st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2026, 4, 1), timezones=st.just(UTC))  # noqa: DTZ001
ENTRIES = st.lists(
    st.builds(
        ParsedEntry,
        guid=st.none() | SHORT,
        link=st.none() | st.sampled_from(["https://paper.example/", *(f"https://paper.example/{n}" for n in range(3))]),
        title=SHORT,
        summary=SHORT,
        body=st.just(""),
        published=DATES,
    ),
    max_size=8,
)


@given(ENTRIES)
def test_the_same_feed_twice_gives_nothing_the_second_time(entries: list[ParsedEntry]) -> None:
    _, state = poll(entries)
    again, after = poll(entries, state, NOW + timedelta(hours=1))
    assert again.articles == ()
    assert {(s.key, s.content_hash, s.version) for s in after.entries} == {
        (s.key, s.content_hash, s.version) for s in state.entries
    }


@given(ENTRIES, st.randoms(use_true_random=False), ENTRIES)
def test_the_order_of_items_does_not_matter(
    entries: list[ParsedEntry], random: object, later: list[ParsedEntry]
) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, state = poll(entries)
    other, other_state = poll(shuffled)
    assert set(_facts(first)) == set(_facts(other))
    assert state.entries == other_state.entries
    assert _facts(poll(later, state)[0]) == _facts(poll(later, other_state)[0])


def _facts(decision: Decision) -> list[tuple[object, ...]]:
    return [(a.id, a.version, a.title, a.summary, a.published, a.update) for a in decision.articles]


def _settled(entries: list[ParsedEntry]) -> list[ParsedEntry]:
    """Each guid with a link of its own, as publishers mean it."""
    return [replace(e, link=f"https://paper.example/{e.guid}") if e.guid else e for e in entries]


@given(st.lists(ENTRIES.map(_settled), max_size=4))
def test_an_article_is_published_once_a_poll_and_each_time_under_a_higher_version(
    polls: list[list[ParsedEntry]],
) -> None:
    state, versions = NEW, dict[str, int]()
    for number, entries in enumerate(polls):
        decision, state = poll(entries, state, NOW + timedelta(hours=number))
        assert len({a.id for a in decision.articles}) == len(decision.articles)
        for article in decision.articles:
            assert article.update == (article.id in versions)
            assert article.version > versions.get(article.id, 0)
            versions[article.id] = article.version
    assert {s.article_id for s in state.entries} >= set(versions)


def test_an_article_in_full() -> None:
    published = NOW - timedelta(hours=2)
    article = one([entry(published=published, published_raw="raw", authors=("Ada",), body="Body", language="en-GB")])
    canonical = "https://paper.example/1"
    assert article.id == digest("article", canonical)
    assert (article.url, article.canonical_url) == (canonical, canonical)
    assert article.version == article_version(NOW, own=True)
    assert (article.published, article.published_from, article.published_raw) == (published, "feed", "raw")
    assert (article.fetched, article.origin, article.update, article.truncated) == (NOW, "first_poll", False, False)
    assert (article.language, article.authors) == ("en", ("Ada",))
    assert (article.source.id, article.source.name) == ("paper.example", "The Paper")
    assert article.content_hash == digest("content", "Story 1", "Body")


def test_entries_after_the_first_poll_are_live() -> None:
    _, state = poll([])
    assert poll([entry()], state)[0].articles[0].origin == "live"


def test_changed_content_is_an_update_and_changed_dates_are_not() -> None:
    _, state = poll([entry()])
    later = NOW + timedelta(hours=1)
    assert poll([entry(published=later, authors=("Ada",))], state, later)[0].articles == ()
    decision, state = poll([entry(summary="Corrected.")], state, later)
    (article,) = decision.articles
    assert (article.update, article.version, decision.new) == (True, article_version(later, own=True), 0)
    assert state.entries[0].updates == 1
    back = poll([entry()], state, later + timedelta(hours=1))[0].articles
    assert [a.update for a in back] == [True]


def test_at_most_so_many_updates_then_one_an_hour() -> None:
    state, published, held = NEW, list[str](), 0
    for number in range(40):
        decision, state = poll([entry(summary=f"Visitors: {number}")], state, NOW + timedelta(minutes=number))
        published += [a.summary for a in decision.articles]
        held += decision.held
    assert published == [f"Visitors: {n}" for n in range(1 + articles.MAX_UPDATES)]
    assert held == 40 - len(published)
    again = [entry(summary="Visitors: 39")]
    last = NOW + timedelta(minutes=articles.MAX_UPDATES) + articles.SLOW_UPDATES
    assert poll(again, state, last - timedelta(seconds=1))[0].articles == ()
    decision, state = poll(again, state, last)
    assert [(a.summary, a.update) for a in decision.articles] == [("Visitors: 39", True)]
    decision, state = poll(again, state, last + timedelta(hours=9))
    assert (decision.articles, decision.held) == ((), 0)


def test_a_held_correction_keeps_its_entry_alive() -> None:
    state = NEW
    for number in range(1 + articles.MAX_UPDATES):
        _, state = poll([entry(summary=f"{number}")], state, NOW + timedelta(minutes=number))
    now = NOW + timedelta(minutes=30)
    _, after = poll([entry(summary="Held"), entry(2)], state, now)
    held = next(s for s in after.entries if s.key == state.entries[0].key)
    assert held == state.entries[0].model_copy(update={"last_seen": now})


@pytest.mark.parametrize("clock", [timedelta(hours=1), timedelta(0), -timedelta(hours=3)])
@pytest.mark.parametrize("link", ["https://www.paper.example/", "https://other.example/", None])
def test_an_update_supersedes_what_it_corrects(clock: timedelta, link: str | None) -> None:
    listed = make_feed("https://cdn.host.example/x", publisher="The Paper")
    first = decide(feed(entry()), listed, FeedState(feed_id=listed.id), NOW)
    state = FeedState(feed_id=listed.id, first_success=NOW, entries=first.entries)
    (article,) = decide(replace(feed(entry(summary="Corrected.")), link=link), listed, state, NOW + clock).articles
    assert article.update
    assert article.version > first.articles[0].version


def test_all_guids_changing_at_once_gives_nothing_new() -> None:
    _, state = poll([entry(n) for n in range(5)])
    moved = [entry(n, guid=f"other-{n}") for n in range(5)]
    assert poll(moved, state)[0].articles == ()
    changed = [entry(n, guid=f"third-{n}", summary="Corrected.") for n in range(5)]
    assert [a.update for a in poll(changed, state)[0].articles] == [True] * 5


def test_a_link_that_changes_without_the_content_gives_nothing() -> None:
    _, state = poll([entry(1)])
    decision, after = poll([entry(1, link="https://www2.paper.example/new-slug")], state, NOW + timedelta(hours=1))
    assert decision.articles == ()
    assert [s.article_id for s in after.entries] == [s.article_id for s in state.entries]


def test_a_link_that_changes_with_the_content_is_an_update_of_the_same_article() -> None:
    first, state = poll([entry(1, link="https://paper.example/leaders-move")])
    corrected = entry(1, link="https://paper.example/leaders-stay", title="Leaders stay", summary="Correction.")
    decision, after = poll([corrected], state, NOW + timedelta(hours=1))
    (article,) = decision.articles
    assert (article.id, article.update, decision.new) == (first.articles[0].id, True, 0)
    assert article.version > first.articles[0].version
    assert article.url == "https://paper.example/leaders-stay"
    back = poll([entry(1, link="https://paper.example/leaders-move")], after, NOW + timedelta(hours=2))[0].articles
    assert [(a.id, a.update) for a in back] == [(article.id, True)]


def test_guids_that_repeat_are_made_distinct() -> None:
    same = [entry(n, guid="same") for n in range(3)]
    decision, state = poll(same)
    assert len(decision.articles) == len(state.entries) == 3
    without_links = [entry(n, guid="same", link=None) for n in range(3)]
    assert len({a.id for a in poll(without_links)[0].articles}) == 3


def test_the_same_item_twice_has_one_winner_whatever_the_order() -> None:
    older = entry(1, guid="a", published=NOW - timedelta(hours=2), summary="Old.")
    newer = entry(1, guid="b", published=NOW - timedelta(hours=1), summary="New.")
    for entries in ([older, newer], [newer, older]):
        decision, state = poll(entries)
        assert [a.summary for a in decision.articles] == ["New."]
        assert poll([older], state)[0].articles == ()  # the newer one left the feed: nothing oscillates
        assert poll(entries, poll([older], state)[1])[0].articles == ()


def test_two_feeds_with_one_article_agree_on_its_id() -> None:
    other = make_feed("https://aggregator.example/all.rss")
    through = decide(
        replace(feed(entry(link="https://paper.example/1?utm_source=agg")), link="https://aggregator.example/"),
        other, FeedState(feed_id=other.id), NOW + timedelta(days=1),
    ).articles[0]  # fmt: skip
    own = one([entry()])
    assert own.id == through.id
    assert through.version < OWN_VERSION < own.version
    assert through.source.id == own.source.id == "paper.example"


def test_an_item_without_link_has_the_feeds_url() -> None:
    article = one([entry(link=None, guid=None, published=None)])
    assert article.url == FEED.url
    assert (article.published, article.published_from) == (NOW, "fetched")
    assert article.source.id == "paper.example"


def test_links_to_the_front_page_do_not_merge_stories() -> None:
    fronts = [entry(1, link="https://paper.example/"), entry(2, link="https://www.paper.example/")]
    decision, _ = poll(fronts)
    assert len({a.id for a in decision.articles}) == 2
    assert decision.articles[0].url.endswith("paper.example/")


def test_a_source_element_names_the_outlet_and_makes_the_item_second_hand() -> None:
    article = one([entry(source_name="Osterlich Tribune", source_url="https://www.tribune.example/rss")])
    assert (article.source.id, article.source.name) == ("tribune.example", "Osterlich Tribune")
    assert article.version < OWN_VERSION
    named = one([entry(source_name="Osterlich Tribune")])
    assert (named.source.id, named.source.domain) == ("osterlich tribune", None)


def test_the_publisher_of_the_feed_list_and_the_feeds_site_are_own() -> None:
    listed = make_feed("https://feeds.host.example/x", publisher="News.example", country="GB", title="News")
    parsed = replace(feed(entry(link="https://news.example/1")), link=None)
    article = decide(parsed, listed, FeedState(feed_id=listed.id), NOW).articles[0]
    assert article.version > OWN_VERSION
    assert (article.source.name, article.source.country) == ("News", "GB")


@pytest.mark.parametrize(
    ("ahead", "published", "origin"),
    [(timedelta(hours=2), NOW, "feed"), (timedelta(days=400), NOW, "fetched"), (-timedelta(days=9), None, "feed")],
)
def test_the_future_is_clamped(ahead: timedelta, published: datetime | None, origin: str) -> None:
    article = one([entry(published=NOW + ahead)])
    assert (article.published, article.published_from) == (published or NOW + ahead, origin)


def test_a_long_body_is_cut_at_a_character_border_and_marked() -> None:
    article = one([entry(body="é" * 2_500_000)])
    assert article.truncated
    assert article.body == "é" * (MAX_BODY_BYTES // 2)
    long_summary = one([entry(summary="x" * 5_000_000)])
    assert long_summary.truncated
    assert len(long_summary.summary) == MAX_BODY_BYTES
    both = one([entry(summary="x" * 50_000, body="Body")])
    assert (len(both.summary), both.truncated) == (articles.MAX_SUMMARY_BYTES, False)
    _, state = poll([entry(body="é" * 2_500_000)])
    assert poll([entry(body="é" * 2_500_000)], state)[0].articles == ()


def test_the_language_of_the_feed_list_wins_then_the_declared_then_the_text() -> None:
    listed = make_feed(FEED.url, language="fr")
    assert decide(feed(entry(language="de")), listed, NEW, NOW).articles[0].language == "fr"
    assert one([entry(language="de-AT")]).language == "de"
    assert one([entry()]).language == "en"
    assert one([entry(summary="", title="Ö")]).language is None


def test_seen_entries_outlive_the_feeds_window() -> None:
    _, state = poll([entry(1), entry(2)])
    _, state = poll([entry(2)], state, NOW + timedelta(days=29))
    assert poll([entry(1), entry(2)], state, NOW + timedelta(days=30))[0].articles == ()
    _, state = poll([entry(2)], state, NOW + timedelta(days=31))
    assert len(state.entries) == 1


def test_unchanged_polls_keep_what_the_feed_holds_alive_and_forget_the_rest() -> None:
    _, state = poll([entry(1), entry(2)])
    _, state = poll([entry(2)], state, NOW + timedelta(days=1))
    entries = state.entries
    for day in range(2, 40):
        entries = still_there(entries, NOW + timedelta(days=day))
    assert [s.last_seen for s in entries] == [NOW + timedelta(days=39)]
    assert still_there((), NOW) == ()


def test_the_seen_entries_are_bounded_and_those_of_the_feed_stay() -> None:
    old = tuple(
        SeenEntry(key=f"k{n}", article_id=f"a{n}", content_hash="c", version=1, last_seen=NOW) for n in range(3_000)
    )
    state = NEW.model_copy(update={"entries": old, "first_success": NOW})
    decision, after = poll([entry(n) for n in range(1_500)], state, NOW + timedelta(hours=1))
    assert len(decision.articles) == articles.MAX_ENTRIES
    assert len(after.entries) == articles.MAX_SEEN
    assert poll([entry(n) for n in range(1_500)], after, NOW + timedelta(hours=2))[0].articles == ()
