"""Hypothesis strategies for the messages, built from the models: a new field is covered without a word here."""

from __future__ import annotations

import types
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from stream.messages import MESSAGES, AnyMessage, Article, EnrichedArticle, LocationChange, Part

P = TypeVar("P", bound=Part)

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
"""Any Unicode but lone surrogates, which UTF-8 cannot hold."""
INTEGERS = st.integers(0, 2**53 - 1)
"""What JSON holds exactly everywhere."""
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001
"""Times of any zone; the messages hold them in UTC."""
NEWS_TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@cache
def instances(cls: type[P]) -> st.SearchStrategy[P]:
    """Any valid instance of a model in ``stream.messages``."""
    fields = {name: _field(info) for name, info in cls.model_fields.items() if name != "schema_version"}
    return st.builds(cls, **fields)


def messages() -> st.SearchStrategy[AnyMessage]:
    """Any message of any class."""
    return st.one_of([instances(cls) for cls in MESSAGES.values()])


@st.composite
def enriched_articles(draw: st.DrawFn, article: st.SearchStrategy[Article] | None = None) -> EnrichedArticle:
    """An enriched article whose statements are of that article, with distinct ids, as the pipeline makes them."""
    enriched: EnrichedArticle = draw(instances(EnrichedArticle))
    of: Article = draw(article or st.builds(_dated, instances(Article), NEWS_TIMES, NEWS_TIMES))
    changes = draw(st.lists(instances(LocationChange), max_size=3, unique_by=lambda c: c.id))
    shared = {
        "article_id": of.id, "version": of.version, "published": of.published, "fetched": of.fetched,
        "origin_of_article": of.origin, "source": of.source, "url": of.url, "title": of.title,
    }  # fmt: skip
    told = tuple(change.model_copy(update=shared) for change in changes)
    return enriched.model_copy(update={"article": of, "location_changes": told})


def _dated(article: Article, published: datetime, fetched: datetime) -> Article:
    return article.model_copy(update={"published": published, "fetched": fetched})


def _field(info: FieldInfo) -> st.SearchStrategy[Any]:
    return _of_type(info.annotation, tuple(info.metadata))


def _of_type(annotation: Any, metadata: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of_type(arguments[0], arguments[1:])
    if origin in (Union, types.UnionType):
        return st.one_of([_of_type(a, metadata) for a in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_of_type(arguments[0]), max_size=2).map(tuple)
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return instances(annotation)
    return _scalar(annotation, metadata)


def _scalar(annotation: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if annotation is float:
        low = next((m.ge for m in metadata if hasattr(m, "ge")), None)
        high = next((m.le for m in metadata if hasattr(m, "le")), None)
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    strategies = {str: TEXT, int: INTEGERS, bool: st.booleans(), type(None): st.none(), AwareDatetime: TIMES}
    return strategies[annotation]
