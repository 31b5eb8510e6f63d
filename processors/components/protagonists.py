"""Organisations that a text names and treats as such: whom it means by "the bank", "the payments group"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from spacy.tokens import Doc, Token

from processors.gazetteer import gazetteer
from processors.lexicons import word_lists

_OF = "shareholders|shares|spokes(?:man|woman|person|people)|chief executive|boss|board|staff|employees|headquarters"
_HAS = f"{_OF}|workers|executives|investors|customers|head office|offices"
_STATES = frozenset(["GPE", "LOC", "NORP", "DATE", "TIME", "MONEY", "PERCENT", "LANGUAGE"])


def organisation_before(doc: Doc, before: int) -> Token | None:
    """The last word of the organisation that a description at token ``before`` most likely means: the last one named in
    its sentence, else the one that the text names most often. Only what the text treats as an organisation counts."""
    found = list(_named(doc))
    known = {key for key in {k for k, _ in found} if _does_business(doc, key)}
    found = [(key, last) for key, last in found if key in known]
    start = doc[before].sent.start
    here = [last for _, last in found if start <= last.i < before]
    if here:
        return here[-1]
    times = Counter(key for key, _ in found)
    best = times.most_common(2)
    if not best or (len(best) > 1 and best[0][1] == best[1][1]):
        return None
    return next(last for key, last in found if key == best[0][0])


def is_organisation(doc: Doc, token: Token) -> bool:
    """Whether a name ends at ``token`` of what the text treats as an organisation."""
    return any(last.i == token.i and _does_business(doc, key) for key, last in _named(doc))


def _named(doc: Doc) -> Iterator[tuple[str, Token]]:
    """Each run of capitalised proper nouns that is no place, date or people: its words and its last token."""
    places = {i for p in doc._.places or () for i in range(p.start, p.end)}
    run: list[Token] = []
    for token in doc:
        name = token.pos_ == "PROPN" and token.text[0].isupper() and token.i not in places
        if name and token.ent_type_ not in _STATES and token.lower_ not in gazetteer().demonyms and not _dated(token):
            run.append(token)
            continue
        if run:
            yield " ".join(t.text for t in run), run[-1]
        run = []
    if run:
        yield " ".join(t.text for t in run), run[-1]


def _dated(token: Token) -> bool:
    return any(start <= token.idx < end for start, end in token.doc._.datelines or ())


def _does_business(doc: Doc, name: str) -> bool:
    """Whether the text says what only an organisation has or is: "shareholders of X", "X, which", "the firm X"."""
    written, text = re.escape(name), doc.text
    firms = "|".join(sorted(word_lists("nouns")["company"]))
    patterns = (
        rf"\b(?i:{_OF}) (?:of|for|at) (?:the )?{written}\b", rf"\b{written}(?:['’]s?)? (?:{_HAS})\b",
        rf"\b{written},? which\b", rf"\b{written} \w+ its\b", rf"\b(?i:{firms}) {written}\b",
        rf"\b{written}(?: \w+)?, (?:an?|the) (?:\S+ ){{0,4}}(?:{firms})\b",
    )  # fmt: skip
    return any(re.search(pattern, text) for pattern in patterns)
