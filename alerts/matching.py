"""Which rules match an enriched article and its statements, and the alerts that a person reads: pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from alerts.evidence import Quote, telling_sentences
from alerts.rules import Rule
from alerts.wording import MAX_SENTENCE, cut, kind_name, minute, quoted_sentence, route, span
from indexer.documents import article_document, statement_document
from indexer.query import Matchable, matches
from stream.ids import digest
from stream.messages import Alert, AlertEvidence, Article, EnrichedArticle, LocationChange, Origin, Subject

REPLAYED = "found by a replay of kept articles"
"""Why an alert is held back that a replay found."""


def candidates(
    rules: Sequence[Rule], enriched: EnrichedArticle, now: datetime, max_age: timedelta, *, replayed: bool = False
) -> list[Alert]:
    """The alerts for which the article gives cause, each id once; whether one was raised before is not known here.

    A rule on location changes is matched against each statement of the article; what is told as background only counts
    when the rule's query names the field ``background``. ``max_age`` and ``replayed``: see ``held_back``.
    Raises ``indexer.query.InvalidDocument`` for an article that could not be indexed either.
    """
    held = held_back(enriched.article, max_age, replayed=replayed)
    found = [
        *_about_article([r for r in rules if r.target == "articles"], enriched, now, held),
        *_about_changes([r for r in rules if r.target == "location-changes"], enriched, now, held),
    ]
    return list({alert.id: alert for alert in found}.values())


def held_back(article: Article, max_age: timedelta, *, replayed: bool = False) -> str | None:
    """Why alerts about the article are not sent, in plain words; None when they are.

    Sent are those about live articles and, of the articles that a feed held when it was added, about those published
    at most ``max_age`` before they were fetched (a feed without dates must not page for all that it holds); nothing
    that a replay brings.
    """
    age = None if article.published_from == "fetched" else article.fetched - article.published
    return reason_to_hold(article.origin, age, max_age, replayed=replayed)


def reason_to_hold(origin: Origin, age: timedelta | None, max_age: timedelta, *, replayed: bool) -> str | None:
    """Of an article that came by ``origin``; ``age`` is how long before its fetch it was published, None if unknown."""
    if replayed:
        return REPLAYED
    if origin == "backfill":
        return "from a backfill of archived articles"
    if origin == "first_poll" and age is None:
        return "already in the feed when it was added, which does not say when it was published"
    if origin == "first_poll" and age is not None and age > max_age:
        return f"already in the feed when it was added, published {span(age)} before"
    return None


def alert_id(rule: str, subject: str, transition: str = "matched") -> str:
    """The id of the alert that ``rule`` raises about ``subject``: the same in every generation."""
    return digest("alert", rule, subject, transition)


# -- rules on articles


def _about_article(
    rules: Sequence[Rule], enriched: EnrichedArticle, now: datetime, held: str | None
) -> Iterator[Alert]:
    if not rules:
        return
    view = Matchable("articles", article_document(enriched))
    article = enriched.article
    for rule in rules:
        if matches(rule.query, view, now):
            quotes = telling_sentences(rule.query, article, now)
            lines = [f"Article: {cut(article.title)}", _outlet(article), *_quoted(quotes)]
            subject = Subject(kind="article", id=article.id)
            yield _alert(rule, enriched, subject, now, held, article.title.strip() or rule.name, lines, quotes)


# -- rules on location changes


def _about_changes(
    rules: Sequence[Rule], enriched: EnrichedArticle, now: datetime, held: str | None
) -> Iterator[Alert]:
    if not rules:
        return
    for change in enriched.location_changes:
        view = Matchable("location-changes", statement_document(change, enriched.model))
        for rule in rules:
            wanted = not change.background or "background" in rule.query.names
            if wanted and matches(rule.query, view, now):
                said = change.evidence
                quotes = (Quote(said.sentence, said.start, said.end),)
                move = f"{change.status} {kind_name(change.kind)}"
                title = f"{cut(change.actor.name, 100)}: {route(change.origin, change.destination)} ({move})"
                lines = [*_told(change), _outlet(enriched.article), *_quoted(quotes)]
                subject = Subject(kind="location-change", id=change.id)
                yield _alert(rule, enriched, subject, now, held, title, lines, quotes)


def _told(change: LocationChange) -> list[str]:
    actor = change.actor
    same = actor.text.casefold() == actor.name.casefold()
    when = f", {cut(change.when.text)}" if change.when else ""
    background = ", told as background" if change.background else ""
    return [
        f"Who: {cut(actor.name)}" + ("" if same else f" (“{cut(actor.text)}”)"),
        f"Where: {route(change.origin, change.destination)}",
        f"What: {kind_name(change.kind)}, {change.status}{when}{background}",
        f"Says: {cut(change.attribution) if change.attribution else 'the article itself'}",
    ]


# -- what all alerts share


def _alert(
    rule: Rule, enriched: EnrichedArticle, subject: Subject, now: datetime, held: str | None,
    title: str, lines: Sequence[str], quotes: Sequence[Quote],
) -> Alert:  # fmt: skip
    article = enriched.article
    return Alert(
        id=alert_id(rule.id, subject.id),
        rule=rule.id,
        rule_name=rule.name,
        query=rule.query.text,
        severity=rule.severity,
        subject=subject,
        title=cut(title),
        text="\n".join(lines),
        evidence=tuple(_evidence(quote, article) for quote in quotes),
        links=(article.url,),
        created=now,
        held_back=held,
        article_version=article.version,
        model=enriched.model,
    )


def _evidence(quote: Quote, article: Article) -> AlertEvidence:
    return AlertEvidence(
        sentence=quoted_sentence(quote.sentence),
        start=quote.start,
        end=quote.end,
        source=article.source.name,
        url=article.url,
        article_id=article.id,
        published=article.published,
        fetched=article.fetched,
    )


def _outlet(article: Article) -> str:
    time = article.published if article.published_from != "fetched" else article.fetched
    did = "published" if article.published_from != "fetched" else "no date given, first seen"
    return f"Outlet: {cut(article.source.name)}, {did} {minute(time)} UTC"


def _quoted(quotes: Sequence[Quote]) -> list[str]:
    return [f"Evidence: “{cut(quote.sentence, MAX_SENTENCE)}”" for quote in quotes]
