"""Statements of an invented root for the tests: written in a line, or drawn at random from a small world."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from stream.ids import article_version, digest, statement_id
from stream.messages import Actor, Evidence, KindOfMove, LocationChange, Place, Source, Status, Superseded, Takedown

DAY_ONE = datetime(2026, 3, 1, tzinfo=UTC)
ROOT = "harbour-council"

PLACES = {
    p.name: p
    for p in (
        Place(text="Doha", name="Doha", geonames_id=290030, country="QA", admin1="01", kind="city"),
        Place(text="Qatar", name="Qatar", geonames_id=289688, country="QA", kind="country"),
        Place(text="Baghdad", name="Baghdad", geonames_id=98182, country="IQ", admin1="07", kind="city"),
        Place(text="Erbil", name="Erbil", geonames_id=95446, country="IQ", admin1="11", kind="city"),
        Place(text="Iraq", name="Iraq", geonames_id=99237, country="IQ", kind="country"),
        Place(text="Ankara", name="Ankara", geonames_id=323786, country="TR", admin1="68", kind="city"),
        Place(text="the Gulf", name="the Gulf", kind="region"),
        Place(text="the camp", name="Camp Nine", kind="camp"),
    )
}


def told(
    outlet: str,
    day: float,
    status: Status = "planned",
    origin: str | None = "Doha",
    destination: str | None = "Baghdad",
    *,
    kind: KindOfMove = "relocation",
    name: str = "Harbour Council leaders",
    text: int | None = None,
    article: str | None = None,
    revision: float = 0,
    confidence: float = 0.8,
    background: bool = False,
    trigger: str = "move",
    root: str = ROOT,
) -> LocationChange:
    """What ``outlet`` says on ``day`` (days after the first). ``text`` is its fingerprint (else its own); articles of
    one name are one; ``revision``: days after which this content was seen."""
    published = DAY_ONE + timedelta(days=day)
    fetched = published + timedelta(days=revision, minutes=5)
    article_id = digest("article", article or f"{outlet} {day}")
    off, to = (PLACES[n] if n else None for n in (origin, destination))
    fingerprint = text if text is not None else random.Random(f"{outlet} {article or day}").getrandbits(64)
    return LocationChange(
        id=statement_id(article_id, root, off, to, kind, 0), article_id=article_id,
        version=article_version(fetched, own=True),
        actor=Actor(text=name, name=name, id=root, type="group", root=root), origin=off, destination=to, kind=kind,
        status=status, trigger=trigger, evidence=Evidence(sentence=f"{name}, {status}.", start=0, end=20),
        confidence=confidence, background=background, published=published, fetched=fetched, origin_of_article="live",
        source=Source(id=outlet, name=outlet.title()), url=f"https://{outlet}.example/{article_id}", title="News",
        fingerprint=f"{fingerprint:016x}",
    )  # fmt: skip


def update(article: str, day: float, revision: float) -> Superseded:
    """The publisher changed the article of that name, published on ``day``, ``revision`` days later."""
    seen = DAY_ONE + timedelta(days=day + revision, minutes=5)
    return Superseded(article_id=digest("article", article), version=article_version(seen, own=True))


def takedown(article: str) -> Takedown:
    """The article of that name was taken down."""
    return Takedown(article_id=digest("article", article), at=DAY_ONE)


_TEXTS = [random.Random(n).getrandbits(64) for n in range(4)]


@st.composite
def statements(draw: st.DrawFn) -> LocationChange:
    """Any statement of a small world: few places, outlets, texts, days and articles, so that everything meets."""
    places = st.sampled_from([None, *PLACES])
    return told(
        draw(st.sampled_from("abcd")),
        draw(st.sampled_from([0, 0.5, 1, 2, 9, 20, 50, 75, 140])),
        draw(st.sampled_from(["rumoured", "planned", "approved", "completed", "denied", "cancelled"])),
        draw(places), draw(places),
        kind=draw(st.sampled_from(["relocation", "office_move", "visit", "deployment", "flight"])),
        name=draw(st.sampled_from(["Harbour Council leaders", "The Harbour Council"])),
        text=draw(st.none() | st.sampled_from(_TEXTS).map(lambda t: t ^ 1)),
        article=draw(st.none() | st.sampled_from(["one", "two", "three"])),
        revision=draw(st.sampled_from([0, 0, 0, 0.1, 0.2])), confidence=draw(st.sampled_from([0.3, 0.8])),
        background=draw(st.sampled_from([False, False, False, True])),
        trigger=draw(st.sampled_from(["move", "arrived"])),
    )  # fmt: skip


@st.composite
def updates(draw: st.DrawFn) -> Superseded:
    """Any update of an article that ``statements`` may be of."""
    article = draw(st.sampled_from(["one", "two", "three"]))
    return update(article, draw(st.sampled_from([0, 1, 9])), draw(st.sampled_from([0.1, 0.15, 0.2])))


def takedowns() -> st.SearchStrategy[Takedown]:
    """Any takedown of an article that ``statements`` may be of."""
    return st.sampled_from(["one", "two", "three"]).map(takedown)


def rival_reports(chance: random.Random, root: str = ROOT) -> list[LocationChange | Superseded | Takedown]:
    """Reports, each of its own article, that one actor goes to one of three places, told or denied about a week apart,
    with updates and takedowns: cases that become each other's rivals, and are none any more when a late report, an
    update or a takedown comes."""
    said: list[LocationChange | Superseded | Takedown] = []
    for n in range(14):
        day = chance.choice([0, 8, 15, 22, 30, 37]) + chance.random()
        status: Status = chance.choice(["planned", "planned", "denied"])
        place = chance.choice(["Baghdad", "Erbil", "Ankara"])
        said.append(told(f"outlet{chance.randrange(9)}", day, status, destination=place, article=str(n), root=root))
        if chance.random() < 0.3:
            said.append(update(str(n), day, chance.choice([0.1, 0.5])))
        if chance.random() < 0.15:
            said.append(takedown(str(n)))
    chance.shuffle(said)
    return said
