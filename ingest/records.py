"""The records of a poll: articles and state as bytes that fit into the log, whatever a publisher sends."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.text import cut
from stream.errors import RecordTooLarge
from stream.log import check_size
from stream.messages import Article, FeedState, encode

_SHORTEST = 1_000  # bytes of text below which cutting further is no help


@dataclass(frozen=True, slots=True)
class Append:
    """A record to publish: its topic as named in ``TOPICS``, its key and what partitions it."""

    topic: str
    key: str
    partition_key: str
    value: bytes


def article_record(article: Article) -> Append:
    """The article as a record, its text cut further where JSON's escapes make it too large.

    Raises ``RecordTooLarge`` when that does not help.
    """
    key = f"{article.id}:{article.version}"
    limit = max(len(article.body.encode()), len(article.summary.encode()))
    while True:
        value = encode(article)
        try:
            check_size("articles", key, value)
        except RecordTooLarge:
            if limit < _SHORTEST:
                raise
            limit //= 2
            shorter = {"body": cut(article.body, limit), "summary": cut(article.summary, limit), "truncated": True}
            article = article.model_copy(update=shorter)
        else:
            return Append("articles", key, article.id, value)


def state_record(state: FeedState, publisher: str) -> Append:
    """The state as a record, without the entries seen longest ago where it is too large."""
    while True:
        value = encode(state)
        try:
            check_size("feed-state", state.feed_id, value)
        except RecordTooLarge:
            if not state.entries:
                raise
            state = state.model_copy(update={"entries": state.entries[: len(state.entries) // 2]})
        else:
            return Append("feed-state", state.feed_id, publisher, value)
