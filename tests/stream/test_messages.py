"""The messages: round trips, ids and versions, and every way in which a record can be no message of ours.

The golden files are written by hand with ``python -m tests.stream.golden`` (see there for when).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stream.errors import InvalidMessage, NewerSchema
from stream.ids import article_version, digest, statement_id
from stream.messages import MESSAGES, AnyMessage, Article, FeedState, LocationChange, Place, Superseded, decode, encode
from tests.strategies import INTEGERS, NEWS_TIMES, TEXT, instances, messages
from tests.stream.golden import ARTICLE, BAGHDAD, CHANGE, DOHA, FOLDER

GOLDEN = sorted(FOLDER.glob("*.json"))
JSON = st.recursive(
    TEXT | INTEGERS | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("message") | TEXT, inner, max_size=3),
)


# -- round trips


@given(messages())
def test_what_is_encoded_decodes_to_the_same(message: AnyMessage) -> None:
    assert decode(encode(message)) == message


@given(messages())
def test_encoding_is_stable(message: AnyMessage) -> None:
    assert encode(decode(encode(message))) == encode(message)


@given(messages(), st.dictionaries(TEXT.map(lambda name: f"x-{name}"), TEXT | INTEGERS | st.none(), min_size=1))
def test_unknown_fields_are_ignored(message: AnyMessage, unknown: dict[str, object]) -> None:
    assert decode(json.dumps(json.loads(encode(message)) | unknown).encode()) == message


def test_unknown_fields_of_a_part_are_ignored() -> None:
    fields = json.loads(encode(ARTICLE))
    fields["source"]["owner"] = "somebody"
    assert decode(json.dumps(fields).encode()) == ARTICLE


@given(messages())
def test_all_times_are_utc(message: AnyMessage) -> None:
    times = [value for _, value in message if isinstance(value, datetime)]
    assert all(time.tzinfo is UTC for time in times)


def test_messages_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ARTICLE.title = "another"  # type: ignore[misc]


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_number_that_json_cannot_hold_is_refused_at_once(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        FeedState(feed_id="f", interval=value)


# -- golden files


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_files_decode_and_encode_to_the_same(path: Path) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert json.loads(encode(decode(path.read_bytes()))) == stored


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_has_a_golden_file_of_its_schema_version(name: str) -> None:
    path = FOLDER / f"{name}.v{MESSAGES[name].SCHEMA}.json"
    assert path in GOLDEN, "run: python -m tests.stream.golden"
    assert decode(path.read_bytes()).message == name


# -- what is no message


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"", "not JSON"),
        (b"<rss/>", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "no known message"),
        (b"[1]", "no known message"),
        (b"{}", "no known message"),
        (b'{"message": "Weather"}', "'Weather'"),
        (b'{"message": ["Feed"]}', "no known message"),
        (b'{"message": "Superseded", "version": 1}', r"Superseded\.article_id: Field required"),
        (b'{"message": "Superseded", "article_id": "a", "version": "new"}', r"Superseded\.version: .*integer"),
        (b'{"message": "Superseded", "article_id": "a", "version": 1, "schema_version": 0}', "schema_version"),
        (b'{"message": "FeedState", "feed_id": "f", "last_polled": "2024-01-01T00:00:00"}', r"last_polled: .*timezone"),
        (b'{"message": "FeedState", "feed_id": "f", "last_polled": "9999-12-31T23:59:59-12:00"}', "out of range"),
        (b'{"message": "FeedState", "feed_id": "f", "interval": 1e999}', r"FeedState\.interval: .*finite"),
        (b'{"message": "FeedState", "feed_id": "f", "entries": [{"key": "k"}]}', r"FeedState\.entries\.0\.article_id"),
    ],
)  # fmt: skip
def test_what_is_no_message_of_ours_says_why(value: bytes, says: str) -> None:
    with pytest.raises(InvalidMessage, match=says) as caught:
        decode(value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_decode_or_are_refused(value: bytes) -> None:
    with pytest.raises(InvalidMessage):
        decode(value)


@given(messages(), st.data())
def test_a_damaged_message_decodes_or_is_refused_by_name(message: AnyMessage, data: st.DataObject) -> None:
    fields = json.loads(encode(message))
    name = data.draw(st.sampled_from([n for n in fields if n not in ("message", "schema_version")]))
    fields[name] = data.draw(st.none() | st.booleans() | INTEGERS | TEXT | st.lists(TEXT, max_size=2))
    error = _refusal(json.dumps(fields).encode())
    assert error is None or str(error).startswith(f"{message.message}.{name}")


def _refusal(value: bytes) -> InvalidMessage | None:
    try:
        decode(value)
    except InvalidMessage as error:
        return error
    return None


@pytest.mark.parametrize("name", MESSAGES)
def test_a_newer_schema_is_told_apart_from_rubbish(name: str) -> None:
    newer = {"message": name, "schema_version": MESSAGES[name].SCHEMA + 1, "shape": "nobody knows"}
    with pytest.raises(NewerSchema, match=rf"{name} has schema_version 2.*upgrade"):
        decode(json.dumps(newer).encode())


# -- ids and versions


@pytest.mark.parametrize(
    ("parts", "pinned"),
    [
        (("article", "https://example.org/a"), "2f498e166a85ed6b252bf8aa"),
        (("feed", "https://example.org/Größe"), "49dab8ac5558fb5709501716"),
        (("alert", "rule", "subject", "matched"), "dcb70b7b10b427977db4bb25"),
        (("statement", "a", "hamas", 290030, ["IQ", "baghdad"], "relocation", 0), "d0455d5828a917fd45d65f2a"),
        ((None, True, 1.5), "3c71eeb04a6ce1a020e05b74"),
    ],
)  # fmt: skip
def test_digests_never_change(parts: tuple[object, ...], pinned: str) -> None:
    assert digest(*parts) == pinned


@given(st.lists(TEXT, max_size=4), st.lists(TEXT, max_size=4))
def test_digests_tell_parts_apart(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


@given(NEWS_TIMES, NEWS_TIMES)
def test_an_own_version_beats_a_second_hand_one_whatever_the_time(one: datetime, other: datetime) -> None:
    assert article_version(one, own=True) > article_version(other, own=False)


@given(NEWS_TIMES, NEWS_TIMES, st.booleans())
def test_versions_are_ordered_by_time_and_exact_in_json(one: datetime, other: datetime, own: bool) -> None:
    first, second = article_version(one, own=own), article_version(other, own=own)
    assert (first < second) == (one < other)
    assert 0 < first < 2**53
    assert int(float(first)) == first


def _statement_id(change: LocationChange) -> str:
    return statement_id(change.article_id, change.actor.root, change.origin, change.destination, change.kind, 0)


@given(instances(LocationChange), instances(LocationChange))
def test_a_statement_keeps_its_id_when_only_what_is_said_of_it_changes(
    one: LocationChange, other: LocationChange
) -> None:
    said: dict[str, Any] = {
        name: getattr(other, name)
        for name in ("version", "status", "trigger", "when", "attribution", "reason", "evidence", "confidence", "title")
    }
    moved = {"start": 7, "end": 9, "text": other.title}
    places = {
        n: p and p.model_copy(update=moved) for n, p in (("origin", one.origin), ("destination", one.destination))
    }
    assert _statement_id(one.model_copy(update=said | places)) == _statement_id(one)


def test_a_statement_is_another_when_actor_place_kind_or_ordinal_differ() -> None:
    ids = {
        statement_id("a", root, origin, destination, kind, ordinal)
        for root, origin, destination, kind, ordinal in [
            ("hamas", DOHA, BAGHDAD, "relocation", 0),
            ("hamas", BAGHDAD, DOHA, "relocation", 0),
            ("hamas", None, BAGHDAD, "relocation", 0),
            ("hamas", DOHA, None, "relocation", 0),
            ("hamas", DOHA, BAGHDAD, "visit", 0),
            ("hamas", DOHA, BAGHDAD, "relocation", 1),
            ("fatah", DOHA, BAGHDAD, "relocation", 0),
        ]
    }
    assert len(ids) == 7
    assert CHANGE.id == statement_id(ARTICLE.id, "harbour council", DOHA, BAGHDAD, "relocation", 0)


@given(instances(Place), TEXT)
def test_a_place_counts_by_its_geonames_id_else_by_country_and_name(place: Place, name: str) -> None:
    known = place.model_copy(update={"geonames_id": 290030})
    renamed = known.model_copy(update={"name": name, "country": None})
    assert statement_id("a", "r", known, None, "visit", 0) == statement_id("a", "r", renamed, None, "visit", 0)
    unknown = place.model_copy(update={"geonames_id": None, "name": "Doha"})
    shouted = unknown.model_copy(update={"name": "DOHA"})
    assert statement_id("a", "r", unknown, None, "visit", 0) == statement_id("a", "r", shouted, None, "visit", 0)


@given(instances(Article))
def test_the_text_of_an_article_is_its_title_and_body_else_summary(article: Article) -> None:
    assert article.text == article.title + "\n" + (article.body or article.summary)


def test_superseded_says_nothing_more_than_article_and_version() -> None:
    assert set(Superseded.model_fields) == {"schema_version", "message", "article_id", "version"}
