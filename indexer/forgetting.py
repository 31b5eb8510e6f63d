"""What the index holds of an article that is taken down: found, and removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from indexer.fields import Kind
from indexer.index import Index, Stored
from indexer.query import parse

_PAGE = 500
_MENTIONS: dict[Kind, str] = {
    "location-changes": "article_id:{} AND withdrawn:(true OR false)",
    "relocations": "statements.article_id:{} AND withdrawn:(true OR false)",
    "alerts": "evidence.article_id:{}",
}
"""The query that finds the documents of a kind that tell of an article; withdrawn ones, too."""


def telling_of(index: Index, kind: Kind, article_id: str) -> Iterator[Stored]:
    """The documents of ``kind`` (``_MENTIONS``) that tell of the article or quote it. Raises ``IndexUnavailable``."""
    query, cursor = parse(_MENTIONS[kind].format(article_id), kind), None
    while True:
        page = index.search(kind, query, limit=_PAGE, cursor=cursor)
        yield from page.hits
        cursor = page.cursor
        if cursor is None:
            return


def forget_articles(index: Index, article_ids: Sequence[str]) -> int:
    """Remove the articles with all statements that any of their revisions made; how many statements.

    The articles go last: until then they tell which statements there are, also those that no search sees yet. So it
    may be done again after a failure. Raises ``IndexUnavailable``.
    """
    present = index.get("articles", article_ids)
    statements = {s["id"] for article in present.values() for s in article.document.get("statements", ())}
    for article_id in article_ids:
        statements |= {hit.id for hit in telling_of(index, "location-changes", article_id)}
    count = index.remove("location-changes", sorted(statements)) if statements else 0
    index.remove("articles", list(present))
    return count
