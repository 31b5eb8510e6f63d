"""Hypothesis strategies for index documents, for query trees, and a tree's text: full of awkward words on purpose."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from indexer.fields import FIELDS, TIME_FIELD, Field, Kind, default_fields
from indexer.query import And, Equals, Everything, Exists, Matchable, Moment, Node, Not, Or, Range, Wildcard, Words
from indexer.query.values import STANDINS, is_too_hard, micros, split_wildcards, time_of, value_pattern, word_patterns
from indexer.words import fold, words

PIECES = [
    "Hamas", "hamás", "Élan", "can't", "Hamas’s", "d’Ivoire", "U.S.", "3.14", "1,000", "foo_bar", "foo:bar", 'צה"ל',
    "北京大学", "かな", "ガ", "カタカナ", "한국어", "Straße", "STRASSE", "İstanbul", "ΟΔΟΣ", "हिन्दी", "ไทย",
    "x", "ab", "abc", "abd", "ac", "a*c", "a?c", "a[b]c", "so\u00adft", "e\u0301x", "😀", "👨‍👩‍👧", "½", "AND", "TO",
    "now", "\ue000", "\ue027", "a\x00b", "\\", '"', "'", "𝔘𝔫𝔦", "مُحَمَّد",
]  # fmt: skip
SEPARATORS = [" ", " ", " ", ", ", "-", ".", "\n", "\u200b", "\u3000", "", "/", "'"]
LONG = st.sampled_from(["a" * 254, "a" * 255, "a" * 300, "é" * 256, "𐐷" * 200, "a" * 254 + "𐐷"])
ANY = st.text(st.characters(codec="utf-8"), max_size=12)

TEXTS = st.one_of(
    st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(SEPARATORS)), max_size=5).map(
        lambda pairs: "".join(p + s for p, s in pairs)
    ),
    st.sampled_from(PIECES),
    ANY,
    LONG,
)
NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
TIMES = st.sampled_from(
    [NOW - timedelta(hours=h) for h in (1, 2, 5, 30)]  # half past: no test evaluates "2h" to just these
    + [
        datetime(2026, 9, 1, tzinfo=UTC),
        datetime(2026, 9, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(1969, 7, 20, tzinfo=UTC),
    ]
)
NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 1.0, -0.25, 1 << 53, 1e-7, -0.0]))


# -- documents


def _value(field: Field) -> st.SearchStrategy[Any]:
    if field.values:
        return st.sampled_from(field.values)
    if field.country:
        return TEXTS | st.sampled_from(["IQ", "gb", "XK"])
    by_type: dict[str, st.SearchStrategy[Any]] = {
        "keyword": TEXTS,
        "words": TEXTS,
        "date": TIMES.map(lambda t: t.isoformat().replace("+00:00", "Z")),
        "number": NUMBERS,
        "boolean": st.booleans(),
        "geo": st.just({"lat": 33.3, "lon": 44.4}),
    }
    return by_type[field.type]


def documents(kind: Kind, names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Documents with the fields ``names`` (each may be absent, null or empty) and always the kind's time."""
    time = TIME_FIELD[kind]
    chosen = {n: FIELDS[kind][n] for n in names if n != time}
    timed = st.fixed_dictionaries({time: _value(FIELDS[kind][time])})
    return st.tuples(_object(chosen, "", in_array=False), timed).map(lambda pair: {**pair[0], **pair[1]})


def _object(fields: dict[str, Field], prefix: str, *, in_array: bool) -> st.SearchStrategy[dict[str, Any]]:
    """An object of the fields below ``prefix``."""
    members: dict[str, st.SearchStrategy[Any]] = {}
    for path, field in fields.items():
        name, _, rest = path.removeprefix(prefix).partition(".")
        if not rest:
            members[name] = _several(_value(field)) if field.array and not in_array else st.none() | _value(field)
        elif name not in members:
            below = {p: f for p, f in fields.items() if p.startswith(f"{prefix}{name}.")}
            one = _object(below, f"{prefix}{name}.", in_array=in_array or field.array)
            members[name] = _several(one) if field.array and not in_array else st.none() | one
    return st.fixed_dictionaries({}, optional=members)


def _several(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(one, max_size=3)


# -- trees


def trees(kind: Kind, names: list[str]) -> st.SearchStrategy[Node]:
    """Trees over the fields ``names`` (and the default fields), as ``parse`` would make them."""
    leaves = st.one_of([st.just(Everything()), _words(default_fields(kind)), _wild_word(default_fields(kind))])
    leaves = st.one_of(leaves, *[_leaf(FIELDS[kind][n]) for n in names])
    return st.recursive(leaves, _joined, max_leaves=6)


def _joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(inner.map(Not), several.map(And), several.map(Or))


def _leaf(field: Field) -> st.SearchStrategy[Node]:
    exists: st.SearchStrategy[Node] = st.just(Exists(field.path))
    if field.type == "words":
        return st.one_of(exists, _words((field.path,)), _wild_word((field.path,)))
    if field.type == "keyword":
        known = field.values or (("iq", "gb", "xk") if field.country else ())
        values = st.sampled_from(known) if known else TEXTS.map(fold).filter(lambda v: v and fold(v) == v)
        free: list[st.SearchStrategy[Node]] = [] if field.values else [_wild_value(field.path)]
        return st.one_of(exists, values.map(lambda v: Equals(field.path, v)), _range(field.path, values), *free)
    if field.type == "number":
        return st.one_of(exists, NUMBERS.map(lambda v: Equals(field.path, v)), _range(field.path, NUMBERS))
    if field.type == "boolean":
        return st.one_of(exists, st.booleans().map(lambda v: Equals(field.path, v)))
    return st.one_of(exists, _dates(field.path)) if field.type == "date" else exists


def _words(fields: tuple[str, ...]) -> st.SearchStrategy[Node]:
    tokens = TEXTS.map(words).filter(lambda t: bool(t) and words(" ".join(t)) == t)
    return tokens.map(lambda t: Words(fields, tuple(t)))


def _range(path: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Node]:
    def made(low: Any, high: Any, with_low: bool, with_high: bool) -> Node:
        return Range(path, low, high, with_low or low is None, with_high or high is None)

    some = values.filter(lambda v: v != "*")
    ranges = st.builds(made, st.none() | some, st.none() | some, st.booleans(), st.booleans())
    return ranges.filter(lambda r: isinstance(r, Range) and (r.low is not None or r.high is not None))


def _dates(path: str) -> st.SearchStrategy[Node]:
    """Absolute bounds are [low, high) once parsed; relative ones are as written."""
    absolute = TIMES.map(lambda t: Moment(micros(t)))
    ago = st.integers(0, 40).map(lambda hours: Moment(-hours * 3_600_000_000, relative=True))

    def made(low: Moment | None, high: Moment | None, with_low: bool, with_high: bool) -> Node:
        includes_low = with_low if low and low.relative else True
        includes_high = with_high if high and high.relative else high is None
        return Range(path, low, high, includes_low, includes_high)

    bound = st.none() | absolute | ago
    ranges = st.builds(made, bound, bound, st.booleans(), st.booleans())
    return ranges.filter(lambda r: isinstance(r, Range) and (r.low is not None or r.high is not None))


@st.composite
def _pattern(draw: st.DrawFn, text: str) -> list[str]:
    """The text with some characters made wildcards, as ``split_wildcards`` gives it."""
    chosen = draw(st.sets(st.integers(1, max(1, min(len(text), 8))), min_size=1, max_size=3))
    parts, literal = [], ""
    for i, char in enumerate(text):
        if i in chosen:
            parts += [literal, draw(st.sampled_from("*?"))]
            literal = ""
        else:
            literal += char
    if len(text) in chosen:
        parts += [literal, "*"]
        literal = ""
    return [*parts, literal]


def _wild_word(fields: tuple[str, ...]) -> st.SearchStrategy[Node]:
    token = TEXTS.map(words).filter(bool).map(lambda t: t[0])
    patterns = token.flatmap(_pattern).filter(lambda p: len(p) > 1).map(lambda p: (p, word_patterns(p)))
    return patterns.filter(lambda x: x[1] == ["".join(x[0])] and len(x[1][0]) < 200 and not is_too_hard(x[1][0])).map(
        lambda x: Wildcard(fields, x[1][0])
    )


def _wild_value(path: str) -> st.SearchStrategy[Node]:
    value = TEXTS.map(fold).filter(lambda v: 0 < len(v) < 400)
    patterns = value.flatmap(_pattern).filter(lambda p: len(p) > 1 and bool(p[0])).map(value_pattern)
    stable = patterns.filter(lambda p: value_pattern(split_wildcards(p)) == p and p[0] not in "*?")
    return stable.filter(lambda p: not is_too_hard(p)).map(lambda p: Wildcard((path,), p))


@st.composite
def asked_of(draw: st.DrawFn, kind: Kind, document: dict[str, Any]) -> Node:
    """A clause made of what the document says, so that it has a fair chance to match: words of one value, or across
    two; values, bounds and patterns as they are in it."""
    view = Matchable(kind, document)
    field = FIELDS[kind][draw(st.sampled_from(sorted(view.values)))]
    if field.type == "words":
        flat = [t for value in view.tokens(field.path) for t in value]
        start = draw(st.integers(0, max(0, len(flat) - 1)))
        tokens = flat[start : start + draw(st.integers(1, 4))]
        fields = default_fields(kind) if field.default and draw(st.booleans()) else (field.path,)
        if not tokens or words(" ".join(tokens)) != tokens:
            return Exists(field.path)
        patterns = word_patterns(draw(_pattern(tokens[0])))
        wild = len(patterns) == 1 and patterns[0][0] not in "*?" and len(patterns[0]) < 200
        wild = wild and not is_too_hard(patterns[0]) and draw(st.booleans())
        return Wildcard(fields, patterns[0]) if wild and set(patterns[0]) & set("*?") else Words(fields, tuple(tokens))
    values = view.comparable(field.path)
    if not values or field.type == "geo":
        return Exists(field.path)
    value = draw(st.sampled_from(values))
    if field.type == "date":
        return Range(field.path, Moment(value), None) if draw(st.booleans()) else _before(field.path, Moment(value))
    if field.type != "boolean" and draw(st.booleans()):
        return Range(field.path, value, None, includes_low=draw(st.booleans())) if value != "*" else Exists(field.path)
    return Equals(field.path, value)


def _before(path: str, moment: Moment) -> Node:
    return Range(path, None, moment, includes_high=False)


def joined_trees(leaves: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Trees over the leaves."""
    return st.recursive(leaves, _joined, max_leaves=5)


# -- their text


def render(node: Node, kind: Kind) -> str:
    """The text that ``parse`` reads as just this tree."""
    if isinstance(node, Not):
        return f"NOT {_bracketed(node.node, kind)}"
    if isinstance(node, And | Or):
        return (" AND " if isinstance(node, And) else " OR ").join(_bracketed(n, kind) for n in node.nodes)
    if isinstance(node, Everything):
        return "*"
    if isinstance(node, Exists):
        return f"{node.field}:*"
    if isinstance(node, Equals):
        return f"{node.field}:{_literal(node.value)}"
    if isinstance(node, Range):
        opening, closing = "[" if node.includes_low else "{", "]" if node.includes_high else "}"
        return f"{node.field}:{opening}{_bound(node.low)} TO {_bound(node.high)}{closing}"
    field = "" if node.fields == default_fields(kind) and len(node.fields) > 1 else f"{node.fields[0]}:"
    return field + (_quoted(" ".join(node.tokens)) if isinstance(node, Words) else _escaped(node.pattern))


def _bracketed(node: Node, kind: Kind) -> str:
    text = render(node, kind)
    return f"({text})" if isinstance(node, And | Or) else text


def _quoted(text: str) -> str:
    return '"' + re.sub(r'([\\"])', r"\\\1", text) + '"'


def _literal(value: str | float) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _bound(bound: Any) -> str:
    if bound is None:
        return "*"
    if isinstance(bound, Moment):
        return f"{-bound.micros // 3_600_000_000}h" if bound.relative else _quoted(_iso(bound.micros))
    return _literal(bound)


def _iso(at: int) -> str:
    return time_of(at).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _escaped(pattern: str) -> str:
    """A pattern as a word: all but letters, digits and wildcards escaped."""
    return re.sub(r"\\(.)|([^\w*?])", lambda m: "\\" + (m[1] or m[2]), pattern, flags=re.DOTALL)


assert not any(s in p for s in STANDINS.values() for p in PIECES)
