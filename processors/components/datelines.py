"""Datelines ("DOHA, March 3 (Reuters) -"): found at a text's start, so that they are not read as places of events."""

from __future__ import annotations

import re

from spacy.language import Language
from spacy.tokens import Doc

from processors.components.model import inputs, register_extensions

_CITY = r"[A-ZÀ-Þ][A-ZÀ-Þ.'’\-]*(?:[ ][A-ZÀ-Þ.'’\-]+){0,3}"
_NAMED = r"[A-ZÀ-Þ][\w.'’\-]*(?:[ ](?:[A-ZÀ-Þ][\w.'’\-]*|of|al|el|de)){0,3}"
_DATE = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d{1,2}(?:, \d{4})?"
_SOURCE = r"\([A-Z][^()\n]{1,40}\)"
DATELINE = re.compile(
    rf"\s*(?:(?P<caps>{_CITY})(?:, {_NAMED})?(?:, ?{_DATE})?(?: {_SOURCE})?\s*(?:[-–—]{{1,2}}|:)\s"
    rf"|(?P<mixed>{_NAMED})(?:, {_NAMED})?(?:, ?{_DATE})? (?:{_SOURCE}\s*[-–—]{{1,2}}|[–—])\s)"
)


@Language.factory("newswatch_datelines", assigns=["doc._.datelines"])
def make_datelines(nlp: Language, name: str) -> Datelines:  # noqa: ARG001 (spaCy passes both)
    """The factory."""
    return Datelines()


class Datelines:
    """Sets ``Doc._.datelines``: character spans (start, end) of the datelines, at the text's and the body's start."""

    def __init__(self) -> None:
        register_extensions()

    def __call__(self, doc: Doc) -> Doc:
        doc._.datelines = datelines(doc.text, inputs(doc).title_end)
        return doc


def datelines(text: str, title_end: int) -> list[tuple[int, int]]:
    """The spans of datelines in ``text``; the body starts after ``title_end`` (a line break otherwise)."""
    found = []
    first_break = text.find("\n")
    starts = {0 if not title_end else title_end + 1, *([first_break + 1] if 0 < first_break < 300 else [])}
    for start in sorted(starts):
        match = DATELINE.match(text, start)
        if match and len(match.group()) < 90:
            found.append((start, match.end()))
    return found
