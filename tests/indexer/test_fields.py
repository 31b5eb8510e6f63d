"""The field table: complete for the messages, and readable as documentation."""

from __future__ import annotations

import pytest

from indexer.fields import FIELDS, KINDS, TIME_FIELD, Kind, default_fields, field_reference


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_is_sound(kind: Kind) -> None:
    fields = FIELDS[kind]
    assert fields[TIME_FIELD[kind]].type == "date"
    assert default_fields(kind)
    for path, field in fields.items():
        assert field.path == path
        assert field.description.endswith("."), path
        assert not any(other.startswith(f"{path}.") for other in fields), f"{path} is a value and an object"
        assert field.type == "words" or not field.default, f"{path}: bare words are looked for in words only"
        assert field.type == "words" or not field.facet, f"{path}: keywords are countable anyway"
        assert field.type == "keyword" or not field.values


def test_the_reference_names_every_field_once_a_kind() -> None:
    text = field_reference()
    sections = dict(zip(KINDS, text.split("### ")[1:], strict=True))
    for kind, section in sections.items():
        assert section.startswith(kind)
        rows = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| `")]
        assert rows == [f"`{path}`" for path in FIELDS[kind]]
    assert "| `status` | keyword |  | yes | Where the move stands. One of `rumoured`, `conditional`" in text
