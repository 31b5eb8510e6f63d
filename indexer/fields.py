"""The field table: every field of every kind of document, named once; mapping, DDL, queries and docs derive from it.

Types, and how a query compares with them:

- ``keyword``: the whole value, case and diacritics folded (``words.fold``); facets count the values as they are.
- ``words``: text, compared word by word (``words.words``); those with ``facet`` are names, counted as they are.
- ``date``: an ISO 8601 string with a time zone, compared to the microsecond.
- ``number``, ``boolean``: as in JSON.
- ``geo``: ``{"lat": …, "lon": …}``, for maps; a query may only ask whether there is one.

An empty or absent value is no value. A clause on an array means *any of* its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from stream.messages import ActorType, KindOfMove, Origin, PlaceKind, PlaceRole, Severity, Status, TransitionKind

Kind = Literal["articles", "location-changes", "relocations", "alerts", "workers", "feeds", "dead-letters"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OPERATIONS: frozenset[Kind] = frozenset({"workers", "feeds", "dead-letters"})
"""What newswatch tells of itself."""
SHARED: frozenset[Kind] = OPERATIONS | {"alerts"}
"""Kinds of which all generations have one: they are not derived from articles alone."""
Document = Mapping[str, Any]
"""A JSON object with the fields that the table names for its kind, nested as in the messages."""

FieldType = Literal["keyword", "words", "date", "number", "boolean", "geo"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``path`` is dotted as in the document; ``array``: it may hold several values (or lies in an array)."""

    path: str
    type: FieldType
    description: str
    array: bool = False
    default: bool = False
    """Bare words of a query are looked for here."""
    facet: bool = False
    """Its whole values can be counted; so they can for every keyword."""
    values: tuple[str, ...] = ()
    """The only values of a keyword, where they are a closed set: a query that misspells one is refused."""
    country: bool = False
    """A keyword whose values are codes of countries: a query with one that there is not is refused."""

    @property
    def countable(self) -> bool:
        """Whether ``Index.facets`` takes it."""
        return self.facet or self.type == "keyword"


def _one_of(path: str, values: Any, description: str, *, array: bool = False) -> Field:
    """A keyword with a closed set of values: those of a ``Literal`` of the messages."""
    return Field(path, "keyword", description, array, values=get_args(values))


def _under(prefix: str, fields: Iterable[Field], *, array: bool = False, plain: bool = False) -> tuple[Field, ...]:
    """The fields below ``prefix``; ``array`` where it is an array of objects, ``plain``: none searched by default."""
    return tuple(
        replace(f, path=f"{prefix}.{f.path}", array=f.array or array, default=f.default and not plain) for f in fields
    )


_SOURCE = (
    Field("id", "keyword", "Key of the outlet: its registrable domain, else its name in lower case."),
    Field("name", "words", "Name of the outlet.", facet=True),
    Field("domain", "keyword", "Registrable domain of the outlet."),
    Field("country", "keyword", "Country of the outlet, ISO 3166-1 alpha-2."),
    Field("language", "keyword", "Language of the outlet, ISO 639-1."),
)
_ACTOR = (
    Field("text", "words", "The actor as the article words it.", default=True),
    Field("name", "words", "Name of the actor.", default=True, facet=True),
    Field("id", "keyword", "Id of the actor in actors.yml."),
    _one_of("type", ActorType, "What the actor is."),
    Field("root", "keyword", "The organisation behind the actor, else its normalised name."),
)
_PLACE = (
    Field("text", "words", "The place as the article words it.", default=True),
    Field("name", "words", "Name of the place.", default=True, facet=True),
    Field("country", "keyword", "Country of the place, ISO 3166-1 alpha-2.", country=True),
    Field("admin1", "words", "Name or GeoNames code of the first-level division.", facet=True),
    _one_of("kind", PlaceKind, "What the place is."),
    Field("geonames_id", "number", "GeoNames id of the place."),
    Field("location", "geo", "Coordinates of the place, WGS 84."),
)
_MODEL = (
    Field("name", "keyword", "Name of the extraction pipeline."),
    Field("version", "keyword", "Version of the extraction pipeline."),
    Field("lexicons", "keyword", "Hash over the lexicons, the gazetteer and the actors file."),
)
_END = (
    Field("name", "words", "Name of the place.", facet=True),
    Field("country", "keyword", "Country of the place, ISO 3166-1 alpha-2.", country=True),
)

_ARTICLES = (
    Field("id", "keyword", "Id of the article."),
    Field("version", "number", "Version of the revision shown; the higher supersedes."),
    Field("url", "keyword", "Address of the article."),
    Field("title", "words", "Headline.", default=True),
    Field("summary", "words", "What the feed says of the article.", default=True),
    Field("body", "words", "Text of the article.", default=True),
    Field("language", "keyword", "Language of the text, ISO 639-1."),
    Field("authors", "words", "Who wrote it.", array=True, facet=True),
    Field("published", "date", "When the publisher says it was published (else when it was fetched)."),
    _one_of("published_from", Literal["feed", "page", "fetched"], "Where `published` comes from."),
    Field("fetched", "date", "When this revision was first seen."),
    _one_of("origin", Origin, "How the article came; first_poll: it was in the feed when that was added."),
    *_under("source", _SOURCE),
    Field("feed_id", "keyword", "Id of the feed that carried it."),
    Field("feed_url", "keyword", "Address of the feed that carried it."),
    Field("truncated", "boolean", "The text was too long and is cut."),
    Field("update", "boolean", "The same feed carried it before with other content."),
    Field("content_hash", "keyword", "Hash of the content."),
    Field("fingerprint", "keyword", "64-bit SimHash of the text, 16 hex digits."),
    Field("entities.name", "words", "Name of a person, organisation or other entity in the text.", True, facet=True),
    Field("entities.label", "keyword", "Kind of entity as spaCy labels it: PERSON, ORG, GPE, NORP and so on.", True),
    Field("entities.text", "words", "The entity as the article words it.", True),
    *_under("places", [f for f in _PLACE if f.path in {"name", "country", "admin1", "kind", "location"}],
            array=True, plain=True),
    _one_of("places.role", PlaceRole, "What the place is in the text; metonym: it means its government.", array=True),
    Field("location_changes.id", "keyword", "Id of a statement of this revision.", True),
    _one_of("location_changes.kind", KindOfMove, "Kind of move.", array=True),
    _one_of("location_changes.status", Status, "Where the move stands.", array=True),
    Field("location_changes.actor.root", "keyword", "The organisation behind who moves.", True),
    Field("location_changes.actor.name", "words", "Who moves.", True, facet=True),
    *_under("location_changes.origin", _END, array=True),
    *_under("location_changes.destination", _END, array=True),
    *_under("model", _MODEL),
    Field("statements.id", "keyword", "Id of a statement that any revision made.", True),
    Field("statements.version", "number", "The last revision that made it.", True),
    Field("superseded_below", "number", "The last update: statements last made before it are withdrawn."),
)  # fmt: skip

_LOCATION_CHANGES = (
    Field("id", "keyword", "Id of the statement."),
    Field("article_id", "keyword", "Id of the article that makes it."),
    Field("version", "number", "The last revision of the article that makes it."),
    *_under("actor", _ACTOR),
    *_under("origin", _PLACE),
    *_under("destination", _PLACE),
    _one_of("kind", KindOfMove, "Kind of move."),
    _one_of("status", Status, "Where the move stands."),
    Field("trigger", "words", "The word or phrase that tells of the move.", default=True),
    Field("when.text", "words", "The time of the move as the article words it."),
    Field("when.start", "date", "Earliest time of the move."),
    Field("when.end", "date", "Latest time of the move."),
    Field("attribution", "words", "Who says so.", default=True, facet=True),
    Field("reason", "words", "Why, as the article words it.", default=True),
    Field("evidence.sentence", "words", "The sentence that says it.", default=True),
    Field("evidence.start", "number", "Where the sentence starts, in characters of title, newline, body."),
    Field("evidence.end", "number", "Where the sentence ends."),
    Field("confidence", "number", "How sure the extraction is, 0 to 1."),
    Field("background", "boolean", "The move is recalled as background, it is not the news."),
    Field("published", "date", "When the article was published."),
    Field("fetched", "date", "When the revision was first seen."),
    _one_of("origin_of_article", Origin, "How the article came."),
    *_under("source", _SOURCE),
    Field("url", "keyword", "Address of the article."),
    Field("title", "words", "Headline of the article.", default=True),
    Field("fingerprint", "keyword", "64-bit SimHash of the article's text."),
    Field("withdrawn", "boolean", "The publisher changed the article and says it no more; hidden unless asked for."),
    *_under("model", _MODEL),
)  # fmt: skip

_RELOCATIONS = (
    Field("id", "keyword", "Id of the relocation."),
    Field("version", "number", "Grows with each change of the relocation."),
    *_under("actor", _ACTOR),
    *_under("origin", _PLACE),
    *_under("destination", _PLACE),
    _one_of("kind", KindOfMove, "Kind of move."),
    _one_of("status", Status, "Where the move stands, by the last word of the sources that count."),
    Field("confidence", "number", "How sure that is, 0 to 1."),
    Field("independent_sources", "number", "How many say so without copying each other."),
    Field("disputed", "boolean", "Said although it was denied, or told with another destination at the same time."),
    Field("withdrawn", "boolean", "Nobody says it any more, or another relocation tells it; hidden unless asked for."),
    Field("background", "boolean", "Told only as background so far."),
    Field("statements.id", "keyword", "Id of a statement of the timeline.", True),
    Field("statements.article_id", "keyword", "Id of the article that makes it.", True),
    Field("statements.version", "number", "The revision of the article that makes it.", True),
    Field("statements.url", "keyword", "Where it can be read.", True),
    Field("statements.source", "words", "The outlet that says it.", True, default=True, facet=True),
    Field("statements.outlet", "keyword", "Key of the outlet.", True),
    Field("statements.published", "date", "When that article was published.", True),
    Field("statements.fetched", "date", "When the revision that says it was first seen.", True),
    _one_of("statements.origin_of_article", Origin, "How the article came.", array=True),
    _one_of("statements.status", Status, "Where the move stands by this statement.", array=True),
    Field("statements.attribution", "words", "Who says so.", True, default=True, facet=True),
    Field("statements.confidence", "number", "How sure the extraction is, 0 to 1.", True),
    Field("statements.sentence", "words", "The sentence that says it.", True, default=True),
    Field("statements.start", "number", "Where it starts, in characters of title, newline, body.", True),
    Field("statements.end", "number", "Where it ends.", True),
    Field("statements.background", "boolean", "It recalls the move as background.", True),
    Field("statements.withdrawn", "boolean", "Its publisher says it no more.", True),
    Field("statements.independent", "boolean", "It counts as an independent source.", True),
    Field("statement_count", "number", "All statements, also those left out of the timeline."),
    _one_of("history.kind", TransitionKind, "What changed.", array=True),
    Field("history.before", "keyword", "What it was before.", True),
    Field("history.after", "keyword", "What it became.", True),
    Field("history.statement", "keyword", "Id of the statement that changed it.", True),
    Field("history.when", "date", "When that statement was published.", True),
    _one_of("announced.kind", TransitionKind, "What was announced.", array=True),
    Field("announced.after", "keyword", "What was announced that it became.", True),
    Field("announced.id", "keyword", "Id of the transition.", True),
    _one_of("contradictions.about", Literal["denial", "destination"], "What is contradicted.", array=True),
    Field("contradictions.statement", "keyword", "Id of the statement that contradicts.", True),
    Field("contradictions.relocation", "keyword", "Id of the relocation to another destination.", True),
    Field("contradictions.text", "words", "Who says what instead.", True),
    Field("first_seen", "date", "When the first of its statements was published."),
    Field("last_seen", "date", "When the last of its statements was published."),
    Field("merged_into", "keyword", "Id of the relocation that tells it now."),
)

_ALERTS = (
    Field("id", "keyword", "Id of the alert."),
    Field("rule", "keyword", "Id of the rule that matched."),
    Field("rule_name", "words", "Name of the rule.", default=True, facet=True),
    Field("query", "keyword", "The rule's query when it matched."),
    _one_of("severity", Severity, "How grave the rule's author finds it."),
    _one_of("subject.kind", Literal["article", "location-change", "relocation"], "What the alert is about."),
    Field("subject.id", "keyword", "Id of what the alert is about."),
    Field("transition", "keyword", "Id of the transition announced; matched where there is none."),
    Field("title", "words", "Headline of the alert.", default=True),
    Field("text", "words", "Text of the alert.", default=True),
    Field("evidence.sentence", "words", "A sentence that the alert rests on.", True, default=True),
    Field("evidence.start", "number", "Where the sentence starts, in characters of title, newline, body.", True),
    Field("evidence.end", "number", "Where the sentence ends.", True),
    Field("evidence.source", "words", "The outlet that says it.", True, facet=True),
    Field("evidence.url", "keyword", "Where it can be read.", True),
    Field("evidence.article_id", "keyword", "Id of the article that says it.", True),
    Field("evidence.published", "date", "When that article was published.", True),
    Field("evidence.fetched", "date", "When the revision that says it was first seen.", True),
    Field("links", "keyword", "Where to read on.", True),
    Field("created", "date", "When the alert was raised."),
    Field("held_back", "words", "Why the alert is not sent; absent when it is.", facet=True),
    Field("article_version", "number", "The revision of the article that made the rule match; not of a relocation."),
    *_under("model", _MODEL),
)

_WORKERS = (
    Field("id", "keyword", "Id of the worker and a topic that it reads."),
    Field("worker", "keyword", "Id of the worker: HOST-PID-STAGE."),
    Field("stage", "keyword", "Its stage."),
    Field("topic", "keyword", "The topic that it reads."),
    Field("host", "words", "Where it runs.", default=True, facet=True),
    Field("pid", "number", "Its process id."),
    Field("newswatch", "keyword", "Its version of newswatch."),
    Field("started", "date", "When it was started."),
    Field("at", "date", "Its last heartbeat; they come every few seconds."),
    Field("ended", "boolean", "It ended as it should."),
    Field("per_second", "number", "Records that it settled a second before that heartbeat, of all its topics."),
    Field("partitions", "number", "The partitions of the topic that it reads.", True),
    Field("lag", "number", "What its group, all workers together, has yet to do of the topic."),
    Field("done", "number", "Records of the topic that it handled since it was started."),
    Field("rejected", "number", "Records that it made dead letters since then."),
    Field("retried", "number", "How often it had to wait with a record since then."),
    Field("waits", "words", "Which partition of the worker stands still, and why.", True, default=True, facet=True),
)

_FEEDS = (
    Field("id", "keyword", "Id of the feed."),
    Field("url", "keyword", "Its address."),
    Field("publisher", "keyword", "Who is polled as one."),
    Field("title", "words", "Its title.", default=True, facet=True),
    Field("country", "keyword", "Country of the publisher, ISO 3166-1 alpha-2."),
    Field("language", "keyword", "Its language, ISO 639-1, where the feed list says it."),
    Field("last_polled", "date", "When it was last polled."),
    Field("last_success", "date", "When it could last be read."),
    Field("next_poll", "date", "When it is polled again."),
    Field("interval", "number", "Seconds between polls, as often as it brings news."),
    Field("failures", "number", "Failed polls in a row."),
    Field("error", "words", "Why the last poll failed; absent after a success.", default=True, facet=True),
    Field("items_per_day", "number", "New items a day."),
    Field("newest", "date", "When its newest content was first seen."),
    Field("silent_after", "date", "From then on it is silent: it brought nothing for longer than is usual for it."),
    Field("removed", "boolean", "It is no more in the feed list."),
)

_DEAD_LETTERS = (
    Field("id", "keyword", "Id of the dead letter, for newswatch dead-letters."),
    Field("stage", "keyword", "The stage that gave it up."),
    Field("group", "keyword", "The consumer group of that stage."),
    Field("topic", "keyword", "The topic of the record."),
    Field("partition", "number", "Its partition."),
    Field("offset", "number", "Its offset."),
    Field("key", "keyword", "Its key."),
    Field("error", "words", "Why it could not be handled.", default=True, facet=True),
    Field("attempts", "number", "Processes that died on it when it ran alone; 1 for every other."),
    Field("at", "date", "When it was given up."),
    Field("retried", "date", "When it was given back to its stage; absent while it waits."),
)

FIELDS: Mapping[Kind, Mapping[str, Field]] = {
    "articles": {f.path: f for f in _ARTICLES},
    "location-changes": {f.path: f for f in _LOCATION_CHANGES},
    "relocations": {f.path: f for f in _RELOCATIONS},
    "alerts": {f.path: f for f in _ALERTS},
    "workers": {f.path: f for f in _WORKERS},
    "feeds": {f.path: f for f in _FEEDS},
    "dead-letters": {f.path: f for f in _DEAD_LETTERS},
}
TIME_FIELD: Mapping[Kind, str] = {
    "articles": "published", "location-changes": "published", "relocations": "last_seen", "alerts": "created",
    "workers": "at", "feeds": "last_polled", "dead-letters": "at",
}  # fmt: skip
"""The date of each kind that results are sorted by and that ``since``, ``until`` and histograms mean."""


def default_fields(kind: Kind) -> tuple[str, ...]:
    """The fields in which a bare word is looked for."""
    return tuple(f.path for f in FIELDS[kind].values() if f.default)


def _values(field: Field) -> str:
    return f" One of {', '.join(f'`{v}`' for v in field.values)}." if field.values else ""


def field_reference() -> str:
    """The field table as Markdown: a heading and a table a kind, for the docs."""
    parts = []
    for kind, fields in FIELDS.items():
        rows = [
            f"| `{f.path}` | {f.type}{' (several)' if f.array else ''} | {'yes' if f.default else ''} "
            f"| {'yes' if f.countable else ''} | {f.description}{_values(f)} |"
            for f in fields.values()
        ]
        head = [f"### {kind}", "", f"Sorted by `{TIME_FIELD[kind]}`.", ""]
        parts.append(
            "\n".join([*head, "| field | type | bare words | facets | meaning |", "|---|---|---|---|---|", *rows])
        )
    return "\n\n".join(parts) + "\n"
