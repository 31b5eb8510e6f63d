"""The golden messages: one of each class at its present schema version, as JSON in ``tests/golden/messages``.

They are what older workers wrote: today's code must read them and write them back unchanged. Run by hand, only when a
message is new or its ``SCHEMA`` was raised (a file of an older version stays as it is):
``python -m tests.stream.golden``. A file that exists is never overwritten.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from stream.backfills import Position, Reason
from stream.ids import article_version, digest, statement_id
from stream.messages import (
    MESSAGES,
    Actor,
    Alert,
    AlertEvidence,
    Announced,
    AnyMessage,
    Article,
    Backfill,
    Change,
    Contradiction,
    Delivery,
    EnrichedArticle,
    Entity,
    Evidence,
    Feed,
    FeedState,
    Generation,
    Heartbeat,
    Location,
    LocationChange,
    Model,
    Place,
    Relocation,
    Said,
    SeenEntry,
    Source,
    Standing,
    Subject,
    Superseded,
    Takedown,
    Transition,
    When,
    encode,
)

FOLDER = Path(__file__).parents[1] / "golden" / "messages"

FEED_URL = "https://www.example.org/world/rss.xml"
URL = "https://www.example.org/world/harbour-council-to-leave-doha"
PUBLISHED = datetime(2024, 11, 20, 9, 30, tzinfo=UTC)
FETCHED = datetime(2024, 11, 20, 9, 41, 12, 345678, tzinfo=UTC)
VERSION = article_version(FETCHED, own=True)
SOURCE = Source(id="example.org", name="The Example", domain="example.org", country="GB", language="en")
MODEL = Model(name="en_core_web_sm", version="3.8.0", lexicons="0123456789abcdef")
SENTENCE = "The Harbour Council’s leaders plan to leave Doha for Baghdad next week, two officials said."

FEED = Feed(
    id=digest("feed", FEED_URL), url=FEED_URL, publisher="example.org", title="World", country="GB", fulltext=True
)
ARTICLE = Article(
    id=digest("article", URL), version=VERSION, update=True, url=URL, canonical_url=URL, source=SOURCE,
    feed_id=FEED.id, feed_url=FEED_URL, title="Harbour Council to leave Doha", summary="Leaders plan to move.",
    body=f"{SENTENCE}\nQatar declined to comment.", language="en", authors=("A. Writer", "B. Übersetzer"),
    published=PUBLISHED, published_from="feed", published_raw="Wed, 20 Nov 2024 09:30:00 GMT", fetched=FETCHED,
    origin="live", content_hash="9f86d081884c7d659a2feaa0", fingerprint="00ff00ff00ff00ff",
)  # fmt: skip
START = ARTICLE.text.index(SENTENCE)


def _place(text: str, geonames_id: int, country: str, lat: float, lon: float) -> Place:
    at = ARTICLE.text.index(text, START)
    return Place(
        text=text, name=text, geonames_id=geonames_id, country=country, admin1="01",
        location=Location(lat=lat, lon=lon), kind="city", start=at, end=at + len(text),
    )  # fmt: skip


DOHA = _place("Doha", 290030, "QA", 25.28545, 51.53096)
BAGHDAD = _place("Baghdad", 98182, "IQ", 33.34058, 44.40088)
ACTOR = Actor(
    text="The Harbour Council’s leaders", name="Harbour Council leaders", id="Q1", type="group", root="harbour council"
)
CHANGE = LocationChange(
    id=statement_id(ARTICLE.id, ACTOR.root, DOHA, BAGHDAD, "relocation", 0), article_id=ARTICLE.id, version=VERSION,
    actor=ACTOR, origin=DOHA, destination=BAGHDAD, kind="relocation", status="planned", trigger="leave",
    when=When(text="next week", start=datetime(2024, 11, 25, tzinfo=UTC), end=datetime(2024, 12, 2, tzinfo=UTC)),
    attribution="two officials", reason="host", confidence=0.875,
    evidence=Evidence(sentence=SENTENCE, start=START, end=START + len(SENTENCE)), published=PUBLISHED,
    fetched=FETCHED, origin_of_article="live", source=SOURCE, url=URL, title=ARTICLE.title,
    fingerprint=ARTICLE.fingerprint,
)  # fmt: skip
ENRICHED = EnrichedArticle(
    article=ARTICLE,
    entities=(Entity(text="Qatar", label="GPE", name="Qatar", id="QA", start=0, end=5),),
    places=(DOHA, BAGHDAD),
    location_changes=(CHANGE,),
    model=MODEL,
)
STATE = FeedState(
    feed_id=FEED.id, etag='W/"5e"', last_modified="Wed, 20 Nov 2024 09:40:00 GMT", body_hash="ab12", title="World",
    first_success=PUBLISHED, last_polled=FETCHED, last_success=FETCHED,
    next_poll=datetime(2024, 11, 20, 10, tzinfo=UTC), interval=1125.5, failures=0, error=None, items_per_day=12.25,
    entries=(SeenEntry(key="guid-1", article_id=ARTICLE.id, content_hash=ARTICLE.content_hash, version=VERSION,
                       updates=1, last_seen=FETCHED),),
)  # fmt: skip
ALERT = Alert(
    id=digest("alert", "harbour-council", CHANGE.id, "matched"), rule="harbour-council", rule_name="Harbour Council",
    query="actor.root:harbour", severity="high", subject=Subject(kind="location-change", id=CHANGE.id),
    title="Harbour Council leaders: Doha → Baghdad (planned)", text="Who: Harbour Council leaders",
    evidence=(AlertEvidence(sentence=SENTENCE, start=START, end=START + len(SENTENCE), source="The Example", url=URL,
                            article_id=ARTICLE.id, published=PUBLISHED, fetched=FETCHED),),
    links=(URL,), created=FETCHED, held_back="from a backfill", article_version=VERSION, model=MODEL,
)  # fmt: skip

SAID = Said(
    id=CHANGE.id, article_id=ARTICLE.id, version=VERSION, url=URL, source="The Example", outlet="example.org",
    published=PUBLISHED, fetched=FETCHED, origin_of_article="live", status="planned", attribution="two officials",
    confidence=0.875, sentence=SENTENCE, start=START, end=START + len(SENTENCE), independent=True,
)  # fmt: skip
RELOCATION_ID = digest("relocation", ACTOR.root, CHANGE.id)
RELOCATION = Relocation(
    id=RELOCATION_ID, version=2, actor=ACTOR, origin=DOHA, destination=BAGHDAD, kind="relocation", status="planned",
    confidence=0.6125, independent_sources=1, disputed=True, statements=(SAID,), statement_count=1,
    history=(Change(kind="appeared", after="planned", statement=CHANGE.id, when=PUBLISHED),
             Change(kind="disputed", before=None, after="disputed", statement="another", when=FETCHED)),
    announced=(Announced(id=digest("transition", RELOCATION_ID, "appeared", "planned", 0), kind="appeared",
                         after="planned"),),
    contradictions=(Contradiction(about="destination", statement="another", relocation="another relocation",
                                  text="told to Ankara, TR instead"),),
    first_seen=PUBLISHED, last_seen=PUBLISHED,
)  # fmt: skip
TRANSITION = Transition(
    id=digest("transition", RELOCATION_ID, "disputed", "disputed", 0), kind="disputed", before="settled",
    after="disputed", cause=(SAID,), when=PUBLISHED, relocation=RELOCATION,
)  # fmt: skip

DELIVERY = Delivery(
    id=digest("delivery", ALERT.id, "desk:anna@example.org"), alert_id=ALERT.id, target="desk:anna@example.org",
    state="given_up", at=FETCHED, attempts=7, reason="the mail server refuses the recipient: 550", alert=ALERT,
)  # fmt: skip
HEARTBEAT = Heartbeat(
    id="example-4711-enrich", stage="enrich", host="example", pid=4711, newswatch="0.1.0", started=PUBLISHED,
    at=FETCHED,
    per_second=12.5,
    standings=(Standing(topic="articles", partitions=(0, 2), lag=17, done=1000, rejected=1, retried=2),),
)  # fmt: skip

GENERATION = Generation(id="g2", created=PUBLISHED, since=PUBLISHED, live_from=FETCHED, searched_from=FETCHED)
BACKFILL = Backfill(
    id=digest("backfill", 5_000_000_000, "0" * 32, False), name="CC-NEWS-20241120094112-00042.warc.gz", kind="warc",
    size=5_000_000_000, position=Position(member=123_456, inner=0, number=42), published=17, known=2, skipped=22,
    refused=1, reasons=(Reason(reason="HTTP 404", count=22), Reason(reason="no HTTP answer in it", count=1)),
    began=PUBLISHED, at=FETCHED,
)  # fmt: skip

GOLDEN: tuple[AnyMessage, ...] = (
    FEED, STATE, ARTICLE, ENRICHED, CHANGE, Superseded(article_id=ARTICLE.id, version=VERSION),
    Takedown(article_id=ARTICLE.id, at=FETCHED), RELOCATION, TRANSITION, ALERT, DELIVERY, HEARTBEAT, BACKFILL,
    GENERATION,
)  # fmt: skip


def write() -> list[Path]:
    """Write what is missing; the paths that were written."""
    written = []
    for message in GOLDEN:
        path = FOLDER / f"{message.message}.v{MESSAGES[message.message].SCHEMA}.json"
        if not path.exists():
            fields = json.loads(encode(message))
            path.write_text(json.dumps(fields, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            written.append(path)
    return written


if __name__ == "__main__":
    for path in write():
        print(path.name)
