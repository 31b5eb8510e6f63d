"""What a batch of enriched articles changes in the index: pure, and the same in whatever order revisions arrive.

Of all revisions of an article the one with the highest version is shown. A statement is shown as its last revision
made it; it is withdrawn when a later revision was an ``update`` (the publisher changed the article) and no longer makes
it. Another feed's copy (no ``update``) withdraws nothing. To decide this from documents alone an article's document
carries ``statements`` (all that any revision made, each with the last that did) and ``superseded_below`` (the last
update). These grow also when the version shown stays, so versions alone do not guard them: an article is stored only
over the document that it was made from, else planned again. So is the withdrawal of a statement: that of another worker
who knew fewer revisions has the same version, the update's, and other words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from indexer.documents import article_document, statement_document
from indexer.index import ABSENT, Put, Stored
from stream.messages import EnrichedArticle

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to put, in this order: all ``statements`` (withdrawn ones first), when they are stored the ``articles``.

    A crash in between is healed by the batch coming again: the articles' documents still tell what was before. So is
    an article that another worker changed since, or a withdrawn statement of it (``Report`` says ``changed``): the
    article is not stored, its revisions are planned again.
    """

    statements: list[Put]
    articles: list[Put]


def statements_named(batch: Sequence[EnrichedArticle], articles: Mapping[str, Stored]) -> list[str]:
    """The ids of the statements whose documents ``plan`` needs: those that the present documents of articles tell of,
    and of articles with an update, whose statements may be withdrawn, those of ``batch``, too."""
    named = {s["id"] for stored in articles.values() for s in stored.document.get("statements", ())}
    updated = {e.article.id for e in batch if e.article.update}
    updated |= {id_ for id_, stored in articles.items() if stored.document.get("superseded_below")}
    return list(named | {c.id for e in batch if e.article.id in updated for c in e.location_changes})


def plan(batch: Sequence[EnrichedArticle], articles: Mapping[str, Stored], statements: Mapping[str, Stored]) -> Plan:
    """What the index must be told so that it holds ``batch``, too.

    ``articles``: the present documents of the batch's articles by id; ``statements``: those of ``statements_named``.
    """
    states: dict[str, _State] = {}
    for enriched in batch:
        key = enriched.article.id
        if key not in states:
            states[key] = _State.of(articles.get(key), statements)
        states[key].take(enriched)
    puts = [p for state in states.values() for p in state.statement_puts(statements)]
    puts.sort(key=lambda p: not p.document["withdrawn"])
    return Plan(puts, [p for state in states.values() if (p := state.article_put())])


@dataclass(slots=True)
class _State:
    """What is known of one article: its shown revision, and of each statement the last revision that made it."""

    present: Stored | None
    version: int = -1
    document: Json = field(default_factory=dict)
    superseded_below: int = 0
    said: dict[str, int] = field(default_factory=dict)
    content: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def of(cls, present: Stored | None, statements: Mapping[str, Stored]) -> _State:
        """The state that the present documents tell of."""
        if present is None:
            return cls(None)
        document = dict(present.document)
        said = {s["id"]: int(s["version"]) for s in document.get("statements", ())}
        content = {s: dict(statements[s].document) for s in said if s in statements}
        return cls(present, present.version, document, int(document.get("superseded_below", 0)), said, content)

    def take(self, enriched: EnrichedArticle) -> None:
        """Add one revision."""
        version = enriched.article.version
        if enriched.article.update:
            self.superseded_below = max(self.superseded_below, version)
        if version >= self.version:
            self.version, self.document = version, article_document(enriched)
        for change in enriched.location_changes:
            if version >= self.said.get(change.id, -1):
                self.said[change.id] = version
                self.content[change.id] = statement_document(change, enriched.model)

    def statement_puts(self, present: Mapping[str, Stored]) -> list[Put]:
        """The statements whose documents differ from the present ones. A withdrawal is written at the version of the
        update that caused it, so that no earlier revision, however late, brings the statement back."""
        puts = []
        for id_, content in self.content.items():
            withdrawn = self.said[id_] < self.superseded_below
            version = self.superseded_below if withdrawn else self.said[id_]
            document = {**content, "withdrawn": withdrawn}
            before = present.get(id_)
            if before is None or (before.version, before.document) != (version, document):
                over = (before.etag if before else ABSENT) if withdrawn else None
                puts.append(Put("location-changes", id_, version, document, if_match=over))
        return puts

    def article_put(self) -> Put | None:
        """The article as it is to be shown; None where that is what the index holds."""
        document = {k: v for k, v in self.document.items() if k not in {"statements", "superseded_below"}}
        if self.said:
            document["statements"] = [{"id": id_, "version": v} for id_, v in sorted(self.said.items())]
        if self.superseded_below:
            document["superseded_below"] = self.superseded_below
        if self.present and (self.present.version, self.present.document) == (self.version, document):
            return None
        etag = self.present.etag if self.present else ABSENT
        return Put("articles", str(document["id"]), self.version, document, if_match=etag)
