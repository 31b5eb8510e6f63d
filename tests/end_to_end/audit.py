"""After the chaos: is everything there, once, at its newest revision? The counts that show it, and what is wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from indexer.fields import Kind
from indexer.index import Index
from indexer.query import everything, parse
from newswatch.wiring import connect_index, names
from processors.enrich import Enricher
from processors.pipeline import load_pipeline
from stream.log import Log, Record
from stream.messages import Alert, Article, EnrichedArticle, LocationChange, Relocation, Transition, decode
from stream.settings import Settings
from tests.end_to_end.newsflow import WORD, Story

CONSUMERS = {"articles": ("enrich",), "enriched": ("alert", "index"), "location-changes": ("fuse",)}
"""Who makes a dead letter of a bad record in a topic."""


@dataclass
class Audit:
    """What was counted (one line each), and what is wrong (one line each; none: nothing lost, nothing twice)."""

    counts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def compare(self, what: str, wanted: Iterable[object], found: Iterable[object]) -> None:
        """Both must hold the same, each once."""
        expected, there = Counter(list(wanted)), Counter(list(found))
        self.counts.append(f"{what:<44} {expected.total():>6,} expected  {there.total():>6,} found")
        for label, wrong in (("lost", expected - there), ("too many", there - expected)):
            if wrong:
                some = ", ".join(map(str, list(wrong)[:5]))
                self.faults.append(f"{what}: {wrong.total():,} {label}: {some}")


def audit(log: Log, settings: Settings, stories: Sequence[Story], bad: Mapping[tuple[str, str], bytes]) -> Audit:
    """``bad``: the bytes of the bad records that were put on the topics, by topic and key."""
    found = Audit()
    topics = {
        name: list(_records(log, names(settings).topic(name)))
        for name in ("articles", "enriched", "location-changes", "relocations", "transitions", "alerts", "dead-letters")
    }
    with closing(connect_index(settings)) as index:
        enriched = _articles(found, topics, index, [s for s in stories if not s.kills])
        _statements(found, topics, index, enriched, settings)
        _relocations(found, topics, index)
        _alerts(found, topics, index, enriched)
    _dead_letters(found, topics, bad, [s for s in stories if s.kills])
    return found


def _records(log: Log, topic: str) -> Iterator[Record]:
    for partition in range(log.partitions(topic)):
        offset = 0
        while records := log.read(topic, partition, offset, 5_000):
            yield from records
            offset = records[-1].offset + 1


def _messages(records: Iterable[Record], kind: type[Any]) -> list[Any]:
    found = []
    for record in records:
        if (record.value or b"").startswith(b'{"schema_version"'):  # what is bad is not
            message = decode(record.value or b"")
            found += [message] if isinstance(message, kind) else []
    return found


def _indexed(index: Index, kind: Kind, query: str | None = None) -> dict[str, Mapping[str, Any]]:
    wanted, cursor, found = parse(query, kind) if query else everything(kind), None, {}
    while True:
        page = index.search(kind, wanted, limit=1000, cursor=cursor)
        found |= {hit.id: hit.document for hit in page.hits}
        if (cursor := page.cursor) is None:
            return found


def _articles(
    found: Audit, topics: Mapping[str, list[Record]], index: Index, stories: Sequence[Story]
) -> dict[str, EnrichedArticle]:
    """The newest revision of each article, by id."""
    final = {s.url: s.title(revised=s.revised is not None) for s in stories}
    read = [a for a in _messages(topics["articles"], Article) if a.url in final]
    found.compare("revisions of articles, each published once", {(a.id, a.version) for a in read},
                  [(a.id, a.version) for a in read])  # fmt: skip
    contents = [(a.url, a.content_hash) for a in read]
    found.compare("contents of articles, each published once", set(contents), contents)
    newest = {a.url: a for a in sorted(read, key=lambda a: a.version)}
    found.compare("articles in the log, newest title", final.items(), ((u, a.title) for u, a in newest.items()))
    enriched = [e for e in _messages(topics["enriched"], EnrichedArticle) if e.article.url in final]
    found.compare("revisions enriched once", [(a.id, a.version) for a in read],
                  [(e.article.id, e.article.version) for e in enriched])  # fmt: skip
    documents = _indexed(index, "articles").values()
    found.compare("articles in the index, at their newest revision",
                  [(a.url, a.title, a.version) for a in newest.values()],
                  [(d["url"], d["title"], d["version"]) for d in documents])  # fmt: skip
    by_version = sorted(enriched, key=lambda e: e.article.version)
    return {e.article.id: e for e in by_version}


def _statements(
    found: Audit,
    topics: Mapping[str, list[Record]],
    index: Index,
    enriched: Mapping[str, EnrichedArticle],
    settings: Settings,
) -> None:
    sample = {_told(e.article.body): e.article for e in enriched.values()}
    pure = {
        e.article.id: len(e.location_changes)
        for e in Enricher(load_pipeline(settings.spacy_model)).enrich(list(sample.values()))
    }
    each = {told: pure[article.id] for told, article in sample.items()}
    found.compare("location changes of the newest revisions",
                  [(e.article.id, n) for e in enriched.values() for n in range(each[_told(e.article.body)])],
                  [(e.article.id, n) for e in enriched.values() for n in range(len(e.location_changes))])  # fmt: skip
    said = [(c.id, c.version) for c in _messages(topics["location-changes"], LocationChange)]
    all_of = [(c.id, c.version) for e in _messages(topics["enriched"], EnrichedArticle) for c in e.location_changes]
    found.compare("location changes in the log, each revision once", all_of, said)
    wanted = [(c.id, c.version) for e in enriched.values() for c in e.location_changes]
    shown = [(i, d["version"]) for i, d in _indexed(index, "location-changes").items()]
    found.compare("location changes in the index", wanted, shown)
    gone = {c for c, _ in said} - {c for c, _ in wanted}
    taken_back = _indexed(index, "location-changes", "withdrawn:true")
    found.compare("location changes withdrawn by a correction", gone, taken_back)


def _told(body: str) -> str:
    """The move that a body tells, if any: what comes before the number."""
    return body.partition("This is file")[0]


def _relocations(found: Audit, topics: Mapping[str, list[Record]], index: Index) -> None:
    newest: dict[str, int] = {}
    for r in _messages(topics["relocations"], Relocation):
        newest[r.id] = max(r.version, newest.get(r.id, 0))
    stored = index.get("relocations", list(newest))
    found.compare(
        "relocations in the index, newest version", newest.items(), ((i, s.version) for i, s in stored.items())
    )
    transitions = [t.id for t in _messages(topics["transitions"], Transition)]
    found.compare("transitions, each announced once", set(transitions), transitions)


def _alerts(
    found: Audit, topics: Mapping[str, list[Record]], index: Index, enriched: Mapping[str, EnrichedArticle]
) -> None:
    raised: list[Alert] = _messages(topics["alerts"], Alert)
    words = [e.article.id for e in enriched.values() if WORD in e.article.body]
    found.compare("alerts on words, one an article", words, [a.subject.id for a in raised if a.rule == "words"])
    statements = {c.id for e in _messages(topics["enriched"], EnrichedArticle) for c in e.location_changes}
    found.compare("alerts on moves, one a statement", statements, [a.subject.id for a in raised if a.rule == "moves"])
    told = [t.id for t in _messages(topics["transitions"], Transition) if t.kind != "withdrawn"]
    cases = [a.transition for a in raised if a.rule == "cases"]
    found.compare("alerts on cases, one a transition", {*told, *cases}, cases)
    if lost := set(cases) - {t.id for t in _messages(topics["transitions"], Transition)}:
        found.faults.append(f"alerts on cases: {len(lost)} without a transition")
    found.compare("alerts in the index", [a.id for a in raised], _indexed(index, "alerts"))
    held = [a for a in raised if a.held_back]
    found.faults += [f"alert {a.id} was held back: {a.held_back}" for a in held[:5]]


def _dead_letters(
    found: Audit,
    topics: Mapping[str, list[Record]],
    bad: Mapping[tuple[str, str], bytes],
    killers: Sequence[Story],
) -> None:
    letters = topics["dead-letters"]
    wanted = [(stage, key, value) for (topic, key), value in bad.items() for stage in CONSUMERS[topic]]
    deadly = {s.title(revised=False) for s in killers}
    came = [(r.headers["stage"], r.key, r.value or b"") for r in letters if r.headers["attempts"] == "1"]
    found.compare("bad records in dead letters, bytes unchanged", wanted, came)
    killed = [json.loads(r.value or b"{}").get("title") for r in letters if r.headers["attempts"] == "3"]
    found.compare("records that kill, in dead letters", deadly, killed)
