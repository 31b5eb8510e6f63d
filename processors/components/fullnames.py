"""A short name as the same text gives it in full: initials, a first word, a people, a noun that it says of one only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from spacy.tokens import Doc

from processors.components.model import inputs
from processors.gazetteer import gazetteer
from processors.lexicons import word_lists

_LINKS = frozenset(["of", "for", "and", "the", "in", "on", "to", "de", "du", "la", "al", "&"])
_RUN = re.compile(r"[A-Z][\w'’-]*(?: (?:(?:of|for|and|the|in|on|to|de|du|la|al|&) ){0,2}[A-Z][\w'’-]*)+")
_DAYS = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|January|February|March|April|May|June|July|August|September|October"
    r"|November|December"
)


def in_full(doc: Doc, name: str) -> str:
    """``name`` in full where the text has it; else as it is."""
    if 1 < len(name) < 8 and name.isupper() and name.isalpha():
        return _spelt_out(doc.text, name) or name
    if not name or not name[0].isupper() or name.isupper():
        return name
    lists = word_lists("nouns")
    if " " in name or name.lower() in lists["group"] or name.lower() in lists["military"]:
        return _ended(doc.text, name) or name
    if name.lower() in gazetteer().demonyms:
        return _people(doc, name) or name
    if gazetteer().meanings(name) or any(name.lower() in words for words in word_lists("nouns").values()):
        return name
    return _begun(doc, name) or name


def _spelt_out(text: str, initials: str) -> str | None:
    """What stands before the initials in brackets, "Palestinian Islamic Jihad (PIJ)"; else the words that have them."""
    found = re.search(rf"((?:[A-Z][\w'’-]*\s+(?:(?:of|for|and|the)\s+)*){{2,8}})\({re.escape(initials)}\)", text)
    if found:
        return found[1].strip()
    for run in _RUN.finditer(text):
        words = run.group().split()
        large = [i for i, word in enumerate(words) if word not in _LINKS]
        for at in range(len(large) - len(initials) + 1):
            taken = large[at : at + len(initials)]
            if len(initials) > 2 and "".join(words[i][0] for i in taken) == initials:
                return " ".join(words[taken[0] : taken[-1] + 1])
    return None


def _begun(doc: Doc, name: str) -> str | None:
    """The name that begins with this word in the body: "Fenwright Photonics" for "Fenwright"."""
    body = doc.text[inputs(doc).title_end :]
    longer = (
        found.group() for found in re.finditer(rf"(?<!\w){re.escape(name)}(?: [A-Z][\w-]*)+", body)
        if not re.search(r"[A-Z][\w-]* $", body[: found.start()])
    )  # fmt: skip
    persons = {e.text for e in doc.ents if e.label_ == "PERSON"}
    return next((run for run in longer if not _DAYS.match(run.split()[1]) and run not in persons), None)


def _ended(text: str, name: str) -> str | None:
    """The name that ends with this noun, "Lake Chad Basin Commission" for "the Commission", or leaves words of it out,
    "Lake Chad Commission", or writes them small, "Cashew council", as headlines do: where the text has one such name,
    however short."""
    words = name.split()
    runs = {tuple(_OWNER.sub("", run.group()).split()) for run in _RUN.finditer(text)}
    ended = sorted((run for run in runs if run[-1].lower() == words[-1].lower() and len(run) > 1), key=len)
    if len(words) > 1 and words[-1][0].isupper():
        ended = [run for run in ended if run[0] == words[0]]
    if not ended or len(ended[-1]) <= len(words) or not all(_left_out(run, ended[-1]) for run in [*ended, words]):
        return None
    return " ".join(ended[-1])


_OWNER = re.compile(r"^(?:.*['’]s |\w+ of (?:the )?(?=\S+ \S)|The )+")
"""Before a name: whose it is, and what of it, "Shareholders of the"."""


def _left_out(short: Sequence[str], full: Sequence[str]) -> bool:
    """Whether the short name has words of the full one alone, in their order."""
    rest = iter([word.lower() for word in full])
    return all(word.lower() in rest for word in short)


def _people(doc: Doc, name: str) -> str | None:
    """Who of a people the text is about, where it says it of one group only: "Eritrean refugees" for "Eritreans"."""
    code = gazetteer().demonyms[name.lower()]
    lists = word_lists("nouns")
    nouns = (lists["person"] | lists["group"]) - _SPEAKERS
    found = {
        f"{a.text} {b.lower_}" for a, b in pairwise(doc)
        if gazetteer().demonyms.get(a.lower_) == code and b.tag_ == "NNS" and b.lemma_.lower() in nouns
    }  # fmt: skip
    return min(found) if len({f.split()[1] for f in found}) == 1 else None


_SPEAKERS = frozenset(
    ["official", "minister", "leader", "politician", "diplomat", "member", "lawmaker", "commander", "authority",
     "journalist", "reporter", "expert", "analyst", "mediator", "negotiator", "police", "officer", "adviser"]
)  # fmt: skip
"""Of a people, whom the news asks."""


def said_of(doc: Doc, name: str) -> str:
    """A bare noun with the people or state that the text says it of, where that is one only: "Rohingya refugees"."""
    words = name.split()
    if len(words) != 1 or not name.islower():
        return name
    demonyms = gazetteer().demonyms
    found = {
        demonyms[a.lower_]: f"{a.text} {b.lower_}"
        for a, b in pairwise(doc)
        if b.lower_ == name and a.lower_ in demonyms
    }
    return next(iter(found.values())) if len(found) == 1 else name
