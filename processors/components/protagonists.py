"""Organisations that a text names and treats as such: whom it means by "the bank", "the payments group"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from spacy.tokens import Doc, Token

from processors.components.model import inputs
from processors.gazetteer import gazetteer
from processors.lexicons import word_lists

_OF = (
    "shareholders|owners|shares|spokes(?:man|woman|person|people)|chief executive|boss|board|staff|employees"
    "|headquarters"
)
_HAS = f"{_OF}|workers|executives|investors|customers|head office|offices"
_STATES = frozenset(["GPE", "LOC", "NORP", "DATE", "TIME", "MONEY", "PERCENT", "LANGUAGE"])


def organisation_before(doc: Doc, before: int) -> Token | None:
    """The last word of the organisation that a description at token ``before`` most likely means: the last one named in
    its sentence, else the one that the text names most often. Only what the text treats as an organisation counts."""
    found = list(_named(doc))
    known = {key for key in {k for k, _ in found} if _does_business(doc, key)}
    found = [(key, last) for key, last in found if key in known and not _is_titled(last)]
    start = doc[before].sent.start
    here = [last for _, last in found if start <= last.i < before]
    if here:
        return here[-1]
    times = Counter(key for key, _ in found)
    best = times.most_common(2)
    if not best or (len(best) > 1 and best[0][1] == best[1][1]):
        return None
    return next(last for key, last in found if key == best[0][0])


def whom_it_is_about(doc: Doc) -> Token | None:
    """The last word of the one organisation that title or lead name and the text names most, in full or in part: whose
    secretariat, staff or headquarters it is where the text says "the secretariat" only. None where two vie."""
    found = list(_named(doc))
    lead = next((s.end for s in doc.sents if s.start_char >= inputs(doc).title_end), len(doc))
    bodies = dict.fromkeys(key for key, last in found if last.i < lead and _is_body(doc, key, last))
    times = {key: sum(_is_of(other, key) for other, _ in found) for key in bodies}
    whole = [key for key in bodies if not any(_is_of(key, other) for other in bodies if len(other) > len(key))]
    best = sorted(whole, key=lambda key: -times[key])[:2]
    if not best or times[best[0]] < LEAST or (len(best) > 1 and times[best[0]] == times[best[1]]):
        return None
    return next(last for key, last in found if key == best[0])


LEAST = 2
"""So often an article names whom it is about, at the least."""


def _is_body(doc: Doc, name: str, last: Token) -> bool:
    lists = word_lists("nouns")
    nouns = lists["group"] | lists["office"] | lists["company"] | _BODIES
    ends_so = " " in name and last.lower_ in nouns
    initials = len(name) > 2 and name.isupper() and name.isalpha()
    return last.ent_type_ not in _PEOPLE and (ends_so or initials or _does_business(doc, name))


_PEOPLE = frozenset(["PERSON", "NORP", "GPE"])
_BODIES = frozenset(
    ["organization", "organisation", "union", "league", "fund", "institute", "programme", "association"]
)


def _is_of(short: str, full: str) -> bool:
    """Whether a name is the other or its beginning or end."""
    return short == full or full.startswith(f"{short} ") or full.endswith(f" {short}")


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


def _is_titled(last: Token) -> bool:
    """Whether the name that ends here is a person's with what the person is before it: "chief executive Ana Ruiz"."""
    entity = next((e for e in last.doc.ents if e.label_ == "PERSON" and e.start <= last.i < e.end), None)
    if entity is None or not entity.start:
        return False
    return last.doc[entity.start - 1].lemma_.lower() in word_lists("nouns")["person"]


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
