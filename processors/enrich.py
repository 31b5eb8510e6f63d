"""The pure core of the enrich stage: articles in, enriched articles and their statements out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from spacy.language import Language

from processors.readers import Readers, language_of
from processors.readings import Findings, Reading, Statement
from stream.ids import statement_id
from stream.messages import MAX_MENTIONS, Article, EnrichedArticle, LocationChange, Superseded, encode
from stream.topics import Outgoing

MAX_ENCODED = 850_000
"""Bytes of an enriched article as JSON; entities and places are cut until it fits (a log record ends at 900 KB)."""


class Enricher:
    """Extracts with the pipeline of each article's language. One object serves one thread."""

    def __init__(self, nlp: Language, others: Mapping[str, Language] | None = None) -> None:
        """``nlp`` reads English (see ``processors.pipeline.load_pipeline``), ``others`` the languages of the settings;
        in articles of all other languages only names are found (``processors.readers``), and their model says so."""
        self._readers = Readers(nlp, others)

    def enrich(self, articles: Sequence[Article]) -> list[EnrichedArticle]:
        """The articles with what was found in them, in order."""
        languages = [language_of(a.language, a.text) for a in articles]
        found = self._readers.read([_reading(a) for a in articles], languages)
        return [self._enriched(a, f, x) for a, f, x in zip(articles, found, languages, strict=True)]

    def _enriched(self, article: Article, findings: Findings, language: str) -> EnrichedArticle:
        changes = location_changes(article, findings.statements)
        size = MAX_MENTIONS
        while True:
            enriched = EnrichedArticle(
                article=article, entities=tuple(findings.entities[:size]), places=tuple(findings.places[:size]),
                location_changes=changes, model=self._readers.model(language),
            )  # fmt: skip
            if size == 0 or len(encode(enriched)) <= MAX_ENCODED:
                return enriched
            size //= 2


def _reading(article: Article) -> Reading:
    return Reading(article.title, article.body or article.summary, article.published, article.source.country)


def location_changes(article: Article, statements: Sequence[Statement]) -> tuple[LocationChange, ...]:
    """The statements as messages; those alike in all that makes an id are told apart by their order."""
    ordinals: Counter[str] = Counter()
    result = []
    for s in statements:
        first = statement_id(article.id, s.actor.root, s.origin, s.destination, s.kind, 0)
        ordinal = ordinals[first]
        ordinals[first] += 1
        result.append(LocationChange(
            id=statement_id(article.id, s.actor.root, s.origin, s.destination, s.kind, ordinal),
            article_id=article.id, version=article.version, actor=s.actor, origin=s.origin, destination=s.destination,
            kind=s.kind, status=s.status, trigger=s.trigger, when=s.when, attribution=s.attribution, reason=s.reason,
            evidence=s.evidence, confidence=s.confidence, background=s.background, published=article.published,
            fetched=article.fetched, origin_of_article=article.origin, source=article.source, url=article.url,
            title=article.title, fingerprint=article.fingerprint,
        ))  # fmt: skip
    return tuple(result)


def outputs(enriched: EnrichedArticle, headers: Mapping[str, str] | None = None) -> tuple[Outgoing, ...]:
    """What the stage publishes for one article, all with ``headers``: itself, its statements and, for an update, what
    it supersedes."""
    article = enriched.article
    records = [Outgoing("enriched", article.id, article.id, enriched, headers)]
    records += [
        Outgoing("location-changes", f"{c.id}:{c.version}", c.actor.root, c, headers) for c in enriched.location_changes
    ]
    if article.update:
        superseded = Superseded(article_id=article.id, version=article.version)
        key = f"superseded:{article.id}:{article.version}"
        records.append(Outgoing("location-changes", key, None, superseded, headers))
    return tuple(records)
