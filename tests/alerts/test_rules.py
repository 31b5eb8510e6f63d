"""The rules: what a good file gives, and one line with file, line and fix for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import alerts
from alerts.rules import MAX_SOURCES, USUAL, Rule, RuleErrors, load_rules
from processors.relocations.case import MOST_TOLD
from stream.errors import ConfigError
from stream.messages import TransitionKind

Write = Callable[..., Path]
EXAMPLE = Path(alerts.__file__).parent / "data" / "example.yml"

GOOD = """\
- id: hamas-to-iraq
  name: Hamas leaders leave for Iraq
  query: 'actor.root:hamas AND destination.country:IQ'
  target: location-changes
  severity: high

- id: aden
  name: News of Aden
  query: port AND aden
  target: articles
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str | bytes, name: str = "rules.yml") -> Path:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return write


def problems(folder: Path) -> list[str]:
    """The problems as lines, without the folder's path."""
    with pytest.raises(RuleErrors) as caught:
        load_rules(folder)
    assert isinstance(caught.value, ConfigError)
    assert str(caught.value) == "\n".join(str(p) for p in caught.value.problems)
    return [str(p).replace(f"{folder}/", "") for p in caught.value.problems]


# -- good rules


def test_rules_are_read_with_their_parsed_queries(write: Write) -> None:
    first, second = load_rules(write(GOOD))
    assert (first.id, first.name, first.target, first.severity) == (
        "hamas-to-iraq", "Hamas leaders leave for Iraq", "location-changes", "high",
    )  # fmt: skip
    assert (first.query.kind, first.query.text) == (first.target, "actor.root:hamas AND destination.country:IQ")
    assert (second.severity, second.query.kind) == ("medium", "articles")
    assert (first.where, second.where) == ("rules.yml:1", "rules.yml:7")


def test_a_file_may_hold_one_rule_and_files_come_by_name(write: Write) -> None:
    one = "id: {}\nname: n\nquery: x\ntarget: articles\n"
    write(one.format("b"), "b.yml")
    write(one.format("a"), "a.yaml")
    write("\ufeff" + one.format("c"), "c.yml")
    assert [rule.id for rule in load_rules(write("garbage: [", ".hidden.yml"))] == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "[]\n"])
def test_an_empty_file_has_no_rules(write: Write, text: str) -> None:
    assert load_rules(write(text)) == ()


def test_an_absent_folder_has_no_rules(tmp_path: Path) -> None:
    assert load_rules(tmp_path / "absent") == ()


def test_a_query_over_several_lines_is_one(write: Write) -> None:
    folder = write("id: a\nname: n\nquery: >-\n  port AND\n  aden\ntarget: articles\n")
    assert load_rules(folder)[0].query.text == "port AND aden"


def test_the_example_is_good(write: Write) -> None:
    rules = load_rules(write(EXAMPLE.read_bytes()))
    assert {rule.target for rule in rules} == {"articles", "location-changes", "relocations"}
    assert all(isinstance(rule, Rule) for rule in rules)


MOVES = """\
- {id: hamas, name: Hamas moves, target: relocations, query: hamas}
- id: sure
  name: n
  target: relocations
  query: x
  on:
    - denied
    - appeared
    - appeared
  min_sources: 3
  min_confidence: .75
"""


def test_a_rule_on_relocations_says_which_transitions_it_wants(write: Write) -> None:
    plain, sure = load_rules(write(MOVES))
    assert (plain.target, plain.query.kind) == ("relocations", "relocations")
    assert (plain.on, plain.min_sources, plain.min_confidence) == (USUAL, 1, 0.0)
    assert "settled" not in plain.on
    assert (sure.on, sure.min_sources, sure.min_confidence) == (("appeared", "denied"), 3, 0.75)
    (one,) = load_rules(write(MOVES.splitlines()[0].replace("}", ", on: settled, min_sources: '2'}")))
    assert (one.on, one.min_sources) == (("settled",), 2)


def test_on_and_number_of_sources_are_those_of_the_fusion() -> None:
    assert {*USUAL} == {*get_args(TransitionKind)}
    assert MAX_SOURCES == MOST_TOLD


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("on: [denial]", "on: 'denial' must be one of appeared, corroborated, status, disputed, settled, denied, "
         "withdrawn, completed; did you mean denied?"),
        ("on: []", "on must be a list of words, e.g. on: [appeared, corroborated]"),
        ("on: {}", "on must be a list of words, e.g. on: [appeared, corroborated]"),
        ("on: [[denied]]", "on must be a list of words, e.g. on: [appeared, corroborated]"),
        ("on: [denied, 7]", "on must be a list of words, e.g. on: [appeared, corroborated]"),
        ("on: true", "on must be a list of words, e.g. on: [appeared, corroborated]"),
        ("on:", "on is empty; write e.g. on: [appeared, corroborated]"),
        ("on: ['']", "on is empty; write e.g. on: [appeared, corroborated]"),
        ("min_sources: 0", "min_sources: '0' must be a whole number from 1 to 10, e.g. min_sources: 2"),
        ("min_sources: 11", "min_sources: '11' must be a whole number from 1 to 10, e.g. min_sources: 2"),
        ("min_sources: 1.5", "min_sources: '1.5' must be a whole number from 1 to 10, e.g. min_sources: 2"),
        ("min_sources: [2]", "min_sources must be a number, e.g. min_sources: 2"),
        ("min_sources: true", "min_sources must be a number, e.g. min_sources: 2"),
        ("min_confidence: 70%", "min_confidence: '70%' must be a number from 0 to 1, e.g. min_confidence: 0.7"),
        ("min_confidence: 1.01", "min_confidence: '1.01' must be a number from 0 to 1, e.g. min_confidence: 0.7"),
        ("min_confidence: .nan", "min_confidence: '.nan' must be a number from 0 to 1, e.g. min_confidence: 0.7"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_rule_on_relocations_is_told(write: Write, more: str, says: str) -> None:
    assert problems(write(f"id: a\nname: n\nquery: x\ntarget: relocations\n{more}\n")) == [f"rules.yml:5: {says}"]


@pytest.mark.parametrize("more", ["on: denied", "min_sources: 2", "min_confidence: 0.5"])
@pytest.mark.parametrize("target", ["articles", "location-changes"])
def test_what_only_relocations_have_is_refused_elsewhere(write: Write, more: str, target: str) -> None:
    key = more.partition(":")[0]
    assert problems(write(f"id: a\nname: n\nquery: x\ntarget: {target}\n{more}\n")) == [
        f"rules.yml:5: {key} is only for target: relocations; take it out, or change the target"
    ]


# -- wrong rules


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            GOOD.replace("severity: high", "severty: high"),
            ["rules.yml:5: unknown key 'severty'; did you mean severity?"],
        ),
        (
            GOOD.replace("severity: high", "colour: red"),
            ["rules.yml:5: unknown key 'colour'; the keys are id, name, query, target, severity, on, min_sources,"],
        ),
        (
            GOOD.replace("  query: port AND aden\n", ""),
            ["rules.yml:7: the rule has no query; add a line query: 'actor.root:hamas AND destination.country:IQ'"],
        ),
        (GOOD.replace("query: port", "qeury: port"), ["rules.yml:9: unknown key 'qeury'; did you mean query?"]),
        (
            GOOD.replace("severity: high", "severity: hihg"),
            ["rules.yml:5: severity: 'hihg' must be one of low, medium, high, critical; did you mean high?"],
        ),
        (
            GOOD.replace("target: articles", "target: article"),
            ["rules.yml:10: target: 'article' must be one of articles, location-changes, relocations; did you mean"],
        ),
        (
            GOOD.replace("id: aden", "id: News of Aden!"),
            ["rules.yml:7: id: 'News of Aden!' must be small letters, digits and single hyphens, e.g. news-of-aden"],
        ),
        (
            GOOD.replace("id: aden", "id: hamas-to-iraq"),
            ["rules.yml:7: id 'hamas-to-iraq' is taken by the rule at rules.yml:1; give this one another id"],
        ),
        (GOOD.replace("id: aden", "id: 7"), ["rules.yml:7: id must be a text; put it in single quotes: id: '…'"]),
        (
            GOOD.replace("query: port AND aden", "query: [2020 TO 2021]"),
            ["rules.yml:9: query must be a text; put it in single quotes: query: '…'"],
        ),
        (
            GOOD.replace("query: port AND aden", "query:"),
            ["rules.yml:9: query is empty; write e.g. query: 'actor.root:hamas AND destination.country:IQ'"],
        ),
        (GOOD.replace("severity: high", "severity: ''"), ["rules.yml:5: severity is empty; write e.g. severity: high"]),
        (GOOD + "  name: again\n", ["rules.yml:11: name is there twice (before on line 8); remove one"]),
        (GOOD.replace("name: News", 'name: "a\\nb"\n  # '), ["rules.yml:8: name: must be one line of at most 200"]),
        (
            "- hamas\n- [a]\n" + GOOD,
            ["rules.yml:1: a rule must be lines of key: value; the keys", "rules.yml:2: a rule must be lines of key"],
        ),
        ("just a text", ["rules.yml:1: a rule must be lines of key: value; the keys are"]),
        ('id: a\nquery: "a" AND b\n', ["rules.yml:2: not YAML: "]),
        ("id: a\nname: a: b\n", ["rules.yml:2: not YAML: mapping values are not allowed here; put texts in single"]),
        ("id: a\n\tname: b\n", ["rules.yml:2: not YAML: "]),
        ("id: a\n---\nid: b\n", ["rules.yml:2: not YAML: "]),
        (b"id: a\nname: \xff\n", ["rules.yml:2: not UTF-8; save the file in the encoding UTF-8"]),
        (b"id: a\nname: \x07\n", ["rules.yml:2: not YAML: special characters are not allowed (character U+0007)"]),
        ("[" * 5_000, ["rules.yml:1: not YAML of rules: nested too deep"]),
    ],
)
def test_each_problem_has_its_file_line_and_fix(write: Write, text: str | bytes, expected: list[str]) -> None:
    found = problems(write(text))
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("hamas AND (", "query, position 11: found the end, expected "),
        ("weather:rain", "query, position 0: found weather:, expected a field of articles"),
        ("actor.root:hamas", "query, position 0: found actor.root:, expected a field of articles"),
    ],
)
def test_a_wrong_query_says_where_and_what_was_expected(write: Write, query: str, says: str) -> None:
    folder = write(f"id: a\nname: n\nquery: '{query}'\ntarget: articles\n")
    (line,) = problems(folder)
    assert line.startswith(f"rules.yml:3: {says}")


def test_all_problems_of_all_files_come_in_one_error(write: Write) -> None:
    write(GOOD.replace("severity: high", "severity: hihg"), "a.yml")
    write("id: [", "b.yml")
    folder = write(GOOD.replace("query: port AND aden", "query: port AND").replace("hamas-to-iraq", "other"), "c.yml")
    assert [line.partition(": ")[0] for line in problems(folder)] == ["a.yml:5", "b.yml:1", "c.yml:7", "c.yml:9"]


def test_what_is_no_folder_and_what_is_no_file_is_told(write: Write, tmp_path: Path) -> None:
    with pytest.raises(RuleErrors, match=r"rules\.yml: cannot be read as the folder of rules: Not a directory; set"):
        load_rules(write(GOOD) / "rules.yml")
    (tmp_path / "folder.yml").mkdir()
    assert problems(tmp_path) == [
        "folder.yml: cannot be read: Is a directory; make it readable or take it out of the folder"
    ]


YAMLISH = st.text(st.sampled_from("id:name query target-[]{}'\"\n\t #&*!|>%@`\\\x00é"), max_size=60)


@given(YAMLISH | st.text(st.characters(codec="utf-8"), max_size=60).map(str) | st.binary(max_size=60))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    folder = tmp_path_factory.mktemp("rules")
    (folder / "x.yml").write_bytes(content if isinstance(content, bytes) else content.encode())
    error = _refusal(folder)
    assert error is None or len(str(error).splitlines()) == len(error.problems)


def _refusal(folder: Path) -> RuleErrors | None:
    try:
        load_rules(folder)
    except RuleErrors as error:
        return error
    return None
