"""A poll to what is published of it: decided and encoded behind one guard, so that a bad feed costs only itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from ingest import urls
from ingest.fetch import Failed
from ingest.poll import Polled
from ingest.progress import Elsewhere, Progress, progress
from ingest.records import Append, article_record, state_record
from stream.errors import RecordTooLarge
from stream.log import size_of
from stream.messages import Article, Feed, FeedState
from stream.settings import IngestSettings

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Step:
    """A poll with its progress; ``partition`` is the feed's, ``appends``: the records of a notable one, else none."""

    partition: int
    polled: Polled
    progress: Progress
    appends: tuple[Append, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all keys and values."""
        return sum(size_of(a.key, a.value) for a in self.appends)

    @property
    def articles(self) -> int:
        """How many articles are published."""
        return sum(a.topic == "articles" for a in self.appends)


def guarded_step(
    partition: int, polled: Polled, state: FeedState, published: FeedState | None, settings: IngestSettings,
    elsewhere: Elsewhere,
) -> Step:  # fmt: skip
    """The step from ``state`` by a poll; ``published`` is the state that was published last, ``elsewhere`` what other
    feeds of the publisher carry.

    Never raises: a poll that cannot be decided or encoded, whatever the reason, is a failed poll of its feed.
    """
    try:
        return _step(partition, polled, state, published, settings, elsewhere)
    except Exception as error:
        logger.exception("poll could not be settled", feed=urls.safe(polled.feed.url))
        failed = replace(polled, outcome=Failed(f"what the poll brought cannot be used: {type(error).__name__}"))
    # what is not published yet may be the cause: the next poll starts from what is
    sound = published or FeedState(feed_id=polled.feed.id)
    return _step(
        partition, failed, sound.model_copy(update={"failures": state.failures}), published, settings, elsewhere
    )


def _step(
    partition: int, polled: Polled, state: FeedState, published: FeedState | None, settings: IngestSettings,
    elsewhere: Elsewhere,
) -> Step:  # fmt: skip
    after = progress(polled, state, published.last_polled if published else None, settings, elsewhere)
    if not after.notable:
        return Step(partition, polled, after)
    articles = [record for article in after.articles if (record := _fitting(article, after.feed))]
    return Step(partition, polled, after, (*articles, state_record(after.state, after.feed.publisher)))


def _fitting(article: Article, feed: Feed) -> Append | None:
    try:
        return article_record(article)
    except RecordTooLarge as error:
        logger.warning("article is too large and was left out", feed=urls.safe(feed.url), reason=str(error))
        return None
