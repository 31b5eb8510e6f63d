"""Rules and articles that the tests of this folder share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from alerts.rules import Rule, Target
from indexer.query import parse
from stream.messages import Article, EnrichedArticle, LocationChange
from tests.strategies import enriched_articles
from tests.stream import golden

NOW = datetime(2024, 11, 20, 10, tzinfo=UTC)
DAY = timedelta(hours=24)

ARTICLE = golden.ARTICLE
CHANGE = golden.CHANGE
ENRICHED = golden.ENRICHED


def rule(query: str, target: Target = "location-changes", identifier: str = "r", **fields: Any) -> Rule:
    """A rule as ``load_rules`` would make it."""
    values: dict[str, Any] = {"name": f"Rule {identifier}", "severity": "medium", "where": "rules.yml:1"}
    return Rule(id=identifier, query=parse(query, target), target=target, **(values | fields))


def article(**fields: Any) -> Article:
    """The example article with other values."""
    return ARTICLE.model_copy(update=fields)


def enriched(of: Article = ARTICLE, *changes: LocationChange) -> EnrichedArticle:
    """``of`` with the statements given (the example's, where none is)."""
    told = tuple(c.model_copy(update={"article_id": of.id, "version": of.version}) for c in changes or (CHANGE,))
    return ENRICHED.model_copy(update={"article": of, "location_changes": told})


EVERYTHING = (rule("*", "articles", "all-articles"), rule("*", "location-changes", "all-changes"))
VARIED = (
    *EVERYTHING,
    rule("status:planned", identifier="planned"),
    rule("background:true", identifier="background"),
    rule("origin:live OR a*", "articles", "live"),
)


def revisions() -> st.SearchStrategy[list[EnrichedArticle]]:
    """Records of a few articles, several revisions of each: any content, few ids."""
    of = st.sampled_from("abcd")
    return st.lists(
        st.builds(_renamed, enriched_articles(), of, st.lists(st.sampled_from("uvw"), unique=True)), max_size=6
    )


def _renamed(message: EnrichedArticle, article_id: str, change_ids: list[str]) -> EnrichedArticle:
    of = message.article.model_copy(update={"id": article_id})
    changes = tuple(
        c.model_copy(update={"id": f"{article_id}-{name}", "article_id": article_id})
        for c, name in zip(message.location_changes, change_ids, strict=False)
    )
    return message.model_copy(update={"article": of, "location_changes": changes})
