"""What travels on the topics: frozen, versioned messages and their encoding as JSON. Ids: ``stream/ids.py``.

Every message names its class (``message``) and the version of its shape (``schema_version``), so that a record
explains itself. Unknown fields are ignored; a *newer* ``schema_version`` raises ``NewerSchema`` and pauses its
partition until the worker is upgraded. All times are UTC; all offsets count Unicode characters of ``Article.text``.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field, ValidationError

from stream.backfills import Backfill
from stream.cases import Announced, Change, Contradiction, Relocation, Said, Transition, TransitionKind
from stream.errors import InvalidMessage, NewerSchema
from stream.lineage import Generation
from stream.parts import (
    Actor,
    ActorType,
    KindOfMove,
    Location,
    Message,
    Origin,
    Part,
    Place,
    PlaceKind,
    PlaceRole,
    Severity,
    Source,
    Status,
    Utc,
)

__all__ = [
    "MAX_BODY_BYTES", "MAX_MENTIONS", "MESSAGES", "Actor", "ActorType", "Alert", "AlertEvidence", "Announced",
    "AnyMessage", "Article", "Backfill", "Change", "Contradiction", "Delivery", "EnrichedArticle", "Entity", "Evidence",
    "Feed", "FeedState", "Generation", "Heartbeat", "KindOfMove", "Location", "LocationChange", "Message", "Model",
    "Origin", "Part", "Place", "PlaceKind", "PlaceRole", "Relocation", "Said", "SeenEntry", "Severity", "Source",
    "Standing", "Status", "Subject", "Superseded", "Takedown", "Transition", "TransitionKind", "Utc", "When", "decode",
    "encode", "refuse_newer",
]  # fmt: skip

MAX_BODY_BYTES = 200_000
"""A body is cut at this many bytes of UTF-8, at a character border, and the article marked ``truncated``."""

MAX_MENTIONS = 2_000
"""At most this many entities and as many places travel with an article."""


class Feed(Message):
    """What to poll and how; written only by the command line. ``id`` = digest("feed", url)."""

    message: Literal["Feed"] = "Feed"
    id: str
    url: str
    publisher: str
    """Who is paced as one: what the feed list says, else the registrable domain of the URL (or address and port)."""
    title: str | None = None
    country: str | None = None
    """ISO 3166-1 alpha-2 of the publisher."""
    language: str | None = None
    """ISO 639-1; overrides what the feed says of itself."""
    fulltext: bool = False
    """Whether the text of its articles is taken from their pages."""


class SeenEntry(Part):
    """One entry that a feed carried lately, so that it is not taken for new again."""

    key: str
    """The entry's identity within its feed: guid, else link, else a hash of title and content."""
    article_id: str
    content_hash: str
    version: int
    updates: int = 0
    """How many revisions were published after the first."""
    length: int = 0
    """Characters of the text that was published last (its body, else its summary); 0: not known."""
    last_seen: Utc


class FeedState(Message):
    """Where the polling of a feed stands; written only by the worker that owns its publisher. Key: feed id."""

    message: Literal["FeedState"] = "FeedState"
    feed_id: str
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    """Hash of the last body, so that an unchanged one is not parsed again."""
    title: str | None = None
    first_success: Utc | None = None
    """The first poll that could be read; its entries have the origin ``first_poll``."""
    last_polled: Utc | None = None
    last_success: Utc | None = None
    next_poll: Utc | None = None
    interval: float = 1800.0
    """Seconds; the adaptive base between polls, which follows how often the feed brings news."""
    failures: int = 0
    """Failed polls in a row."""
    error: str | None = None
    """Why the last poll failed, in one line; null after a success."""
    items_per_day: float = 0.0
    entries: tuple[SeenEntry, ...] = ()


class Article(Message):
    """One revision of an article as fetched. ``id`` = digest("article", the canonical URL under which the feed first
    carried it): an update whose link changed keeps its id.

    An item without a link has no URL: its id is digest("article", feed id, entry key) and ``url`` is the feed's.
    """

    message: Literal["Article"] = "Article"
    id: str
    version: int
    update: bool = False
    """The same feed carried this article before with other content: what only older revisions say is withdrawn. Not set
    where the text is much shorter than what another feed of the publisher carries just now: it takes nothing back."""
    url: str
    canonical_url: str
    source: Source
    feed_id: str
    feed_url: str
    title: str
    summary: str = ""
    body: str = ""
    truncated: bool = False
    language: str | None = None
    authors: tuple[str, ...] = ()
    published: Utc
    published_from: Literal["feed", "page", "fetched"]
    published_raw: str | None = None
    fetched: Utc
    origin: Origin
    content_hash: str
    fingerprint: str
    """64-bit SimHash of the text, 16 hex digits; near copies differ in few bits."""

    @property
    def text(self) -> str:
        """What the extraction reads and all offsets count in: the title, a newline, the body (else the summary)."""
        return f"{self.title}\n{self.body or self.summary}"


class Entity(Part):
    """A named entity. ``start`` and ``end`` are character offsets in the article's text (end exclusive)."""

    text: str
    label: str
    name: str
    id: str | None = None
    start: int
    end: int


class When(Part):
    """A time expression of the move, resolved against the date of publication where possible."""

    text: str
    start: Utc | None = None
    end: Utc | None = None


class Evidence(Part):
    """The sentence that a statement rests on, with its character offsets in the article's text."""

    sentence: str
    start: int
    end: int


class LocationChange(Message):
    """A statement: what one article says of one actor's one move. See ``statement_id`` for its id."""

    message: Literal["LocationChange"] = "LocationChange"
    id: str
    article_id: str
    version: int
    actor: Actor
    origin: Place | None
    destination: Place | None
    kind: KindOfMove
    status: Status
    trigger: str
    when: When | None = None
    attribution: str | None = None
    reason: str | None = None
    evidence: Evidence
    confidence: float = Field(ge=0, le=1)
    background: bool = False
    published: Utc
    fetched: Utc
    origin_of_article: Origin
    source: Source
    url: str
    title: str
    fingerprint: str


class Superseded(Message):
    """A publisher changed an article: its statements below ``version`` no longer count. Goes to every partition."""

    message: Literal["Superseded"] = "Superseded"
    article_id: str
    version: int


class Takedown(Message):
    """An article was taken down: nothing of it is kept, shown or sent, and nothing under its id is published again.

    Written only by the command line, to ``takedowns``, which all ask who could bring it back, and to every partition of
    ``location-changes``, where fusion reads it. It says nothing of the article but its id. Key in the latter:
    ``takedown:`` and the article's id.
    """

    message: Literal["Takedown"] = "Takedown"
    article_id: str
    at: Utc


class Model(Part):
    """What made an extraction: enough to know whether another run would say the same."""

    name: str
    version: str
    lexicons: str
    """Hash over the lexicons, the gazetteer and the actors file."""


class EnrichedArticle(Message):
    """An article with what the extraction found in it."""

    message: Literal["EnrichedArticle"] = "EnrichedArticle"
    article: Article
    entities: tuple[Entity, ...] = Field(default=(), max_length=MAX_MENTIONS)
    places: tuple[Place, ...] = Field(default=(), max_length=MAX_MENTIONS)
    location_changes: tuple[LocationChange, ...] = ()
    model: Model


class Subject(Part):
    """What an alert is about."""

    kind: Literal["article", "location-change", "relocation"]
    id: str


class AlertEvidence(Part):
    """A sentence that an alert rests on, and where it can be read."""

    sentence: str
    """In the article's words; the end of a very long one is left out."""
    start: int | None = None
    """Character offset of the sentence in the article's text; null where it is not from there (from the summary of an
    article with a body)."""
    end: int | None = None
    """Where the whole sentence ends, exclusive."""
    source: str
    url: str
    article_id: str
    published: Utc
    fetched: Utc
    """When the revision that says it was first seen."""


class Alert(Message):
    """A rule matched. ``id`` = digest("alert", rule, subject id, transition); raised once, in whatever generation.

    Where it was held back and later has a cause that is not, a second record of the id follows, which is to be sent.
    """

    message: Literal["Alert"] = "Alert"
    id: str
    rule: str
    rule_name: str
    query: str
    """The rule's query as it was when it matched."""
    severity: Severity
    subject: Subject
    transition: str = "matched"
    """The id of the transition that was announced; ``matched`` where there is none."""
    title: str
    text: str
    evidence: tuple[AlertEvidence, ...]
    links: tuple[str, ...]
    created: Utc
    held_back: str | None = None
    """Why it is not to be sent; null when it is."""
    article_version: int | None = None
    """Of an alert about an article or a statement: the revision that made the rule match."""
    model: Model | None = None
    """Of such an alert: what made the extraction. Those of a relocation's articles may differ."""


class Delivery(Message):
    """An alert on its way to one target. ``id`` = digest("delivery", alert id, target) is the idempotency key that is
    sent along. A record that says ``waiting`` comes first, then one that says what became of it."""

    message: Literal["Delivery"] = "Delivery"
    id: str
    alert_id: str
    target: str
    """The target's name; of mail with the address, ``desk:anna@example.org``."""
    state: Literal["waiting", "delivered", "given_up"]
    at: Utc
    """When it came into this state."""
    attempts: int = 0
    """By the process that ended it."""
    reason: str | None = None
    """Why it was given up, without secrets."""
    alert: Alert | None = None
    """While it waits."""


class Standing(Part):
    """Where a worker stands on one topic (as named in ``TOPICS``); counts since it started."""

    topic: str
    partitions: tuple[int, ...]
    lag: int
    """What its group, all workers together, has left: records to commit; for ``feeds``, feeds that are overdue."""
    done: int = 0
    rejected: int = 0
    retried: int = 0
    waits: tuple[str, ...] = ()
    """Which partition of this worker stands still and why: a record that needs an upgrade, an index that is away."""


class Heartbeat(Message):
    """A worker is alive and stands so; published every few seconds, and a tombstone when it leaves. Key: ``id``."""

    message: Literal["Heartbeat"] = "Heartbeat"
    id: str
    """``HOST-PID-STAGE``."""
    stage: str
    host: str
    pid: int
    newswatch: str
    """The version of newswatch."""
    started: Utc
    at: Utc
    per_second: float = 0.0
    """Records settled a second, since the last heartbeat."""
    standings: tuple[Standing, ...] = ()


AnyMessage = (
    Feed | FeedState | Article | EnrichedArticle | LocationChange | Superseded | Takedown | Relocation | Transition
    | Alert | Delivery | Heartbeat | Backfill | Generation
)  # fmt: skip

MESSAGES: dict[str, type[AnyMessage]] = {
    c.__name__: c
    for c in (
        Feed, FeedState, Article, EnrichedArticle, LocationChange, Superseded, Takedown, Relocation, Transition, Alert,
        Delivery, Heartbeat, Backfill, Generation,
    )
}  # fmt: skip


def encode(message: AnyMessage) -> bytes:
    """The message as UTF-8 JSON."""
    return message.model_dump_json().encode()


def refuse_newer(cls: type[Message], schema_version: object) -> None:
    """Raise ``NewerSchema`` when a record of ``cls`` with this ``schema_version`` was written by a newer newswatch."""
    if isinstance(schema_version, int) and schema_version > cls.SCHEMA:
        raise NewerSchema(
            f"{cls.__name__} has schema_version {schema_version}, this newswatch knows {cls.SCHEMA}:"
            " upgrade this worker"
        )


def decode(value: bytes) -> AnyMessage:
    """The message in ``value``.

    Raises ``NewerSchema`` when a newer newswatch wrote it, ``InvalidMessage`` when it is no message of ours.
    """
    try:
        fields: Any = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidMessage(f"the record is not JSON: {error}") from error
    named = fields.get("message") if isinstance(fields, dict) else None
    if not isinstance(named, str) or named not in MESSAGES:
        raise InvalidMessage(f"the record names no known message (message: {str(named)[:100]!r})")
    cls = MESSAGES[named]
    refuse_newer(cls, fields.get("schema_version", 1))
    try:
        return cls.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(p) for p in first["loc"])
        raise InvalidMessage(f"{cls.__name__}.{where}: {first['msg']}") from error
