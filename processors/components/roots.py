"""What statements of one actor are grouped by: the organisation's root, else the actor's name without what varies."""

from __future__ import annotations

import functools
import re

from spacy.tokens import Doc, Token

from processors.cities import fold
from processors.components.actors import organisations
from processors.components.fullnames import in_full, said_of
from processors.components.model import ActorMention
from processors.components.naming import name_of, untitled
from processors.components.phrases import phrase
from processors.gazetteer import gazetteer
from processors.lexicons import word_lists

_ARTICLES = "the|a|an|its|their|his|her|this|that|these|those|all|both|other|another|more(?! than)|further"
_ABOUT = (
    "some|about|around|nearly|almost|roughly|approximately|over|under|up to|at least|at most|more than|fewer than"
    "|less than|as many as|an estimated|estimated|the remaining|remaining|several|many|most"
)
_NUMBERS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    "|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|dozen|half"
)
_COUNT = rf"(?:[\d.,]*\d|(?:{_NUMBERS})(?:[ -](?:{_NUMBERS}))*)"
_PART = (
    r"(?:group|groups|number|dozens|scores|hundreds|thousands|tens|convoy|batch|party|part|half|majority|rest"
    r"|members|families)"
)
_LEADING = re.compile(
    rf"^(?:(?:{_ARTICLES}|{_ABOUT})\s+|(?:first|last)\s+(?={_COUNT}\s)|{_COUNT}\s+(?:of\s+)?(?=\S)|{_PART}\s+(?:of\s+(?=\S)|(?=more\s))|of\s+(?:the\s+)?)",
    re.IGNORECASE,
)
"""What stands before the noun of a group and changes from article to article: articles, counts, "a group of"."""

_NUMBERED = re.compile(rf"^({_COUNT})\s+(\S.*)$", re.IGNORECASE)
_SMALL = {"of", "the", "and", "for"}
_PLURAL = re.compile(r"(?:[^s]s|people|men|women|children|police|staff|crew|personnel)$")

_WHOSE = re.compile(r"(?:['’]s|(?<=s)['’])( )")
_OWNED = re.compile(r"['’]s$|(?<=s)['’]$")


def root_of(doc: Doc, actor: ActorMention) -> str:
    """What statements are grouped by: the organisation's root, else the normalised name."""
    if actor.organisation is not None:
        return actor.organisation.root
    owner = doc[actor.extra[0]] if actor.extra and not actor.pronoun and actor.type != "person" else None
    if owner is not None and owner.ent_type_ not in {"GPE", "LOC", "NORP"} and not _own_name(doc, actor):
        name = named(doc, *phrase(owner))
    elif (full := name_of(doc, actor)) != doc[actor.start : actor.end].text:
        name = full
    else:
        name = named(doc, actor.start, actor.end)
    if actor.type != "person" or name.lower() in gazetteer().demonyms:
        name = in_full(doc, _counted(name))
    else:
        name = untitled(doc, name)
    known = organisations().get(name)
    return known.root if known else normalised(said_of(doc, _counted(name)))


def telling(doc: Doc, actor: ActorMention) -> int:
    """How much a phrase says of who moves: 3 with a name, 2 with a people or state or whose they are, 1 with a noun
    for what they are, 0 with no more than "people", "those", a number."""
    words = doc[actor.start : actor.end]
    head = doc[actor.head]
    demonyms, places = gazetteer().demonyms, {i for p in doc._.places or () for i in range(p.start, p.end)}
    plain = head.is_lower and head.pos_ == "NOUN"  # "the Juba embassy" does not say whose
    if actor.organisation or any(
        t.ent_type_ in {"PERSON", "ORG"} and not (plain and (t.is_lower or t.i in places)) for t in words
    ):
        return 3
    if any(t.lower_ in demonyms for t in words):
        return 2
    if actor.extra and is_body(doc, doc[actor.extra[0]]):
        return 3
    if any(t.pos_ == "PROPN" and t.text[0].isupper() and t.i not in places and _name(t) for t in words):
        return 3
    if actor.extra and (doc[actor.extra[0]].pos_ == "PROPN" or doc[actor.extra[0]].ent_type_):
        return 2
    counted = head.pos_ in {"NUM", "PRON", "DET"} or head.lemma_.lower() in {
        "people",
        "person",
        "those",
        "other",
        "rest",
    }
    return 0 if counted else 1


def is_body(doc: Doc, owner: Token) -> bool:
    """Whether an owner is named and no person, place or people: "its headquarters", of the International Committee."""
    places = {i for p in doc._.places or () for i in range(p.start, p.end)}
    name = owner.text[0].isupper() and owner.pos_ == "PROPN" and owner.i not in places
    return name and owner.ent_type_ not in _STATES and owner.lower_ not in gazetteer().demonyms


_STATES = frozenset(["PERSON", "GPE", "LOC", "NORP"])


def _name(token: Token) -> bool:
    """Whether a capital is a name's: in the middle of a sentence, or elsewhere in a text that has no such word."""
    if not token.is_sent_start:
        return True
    others = {t.text for t in token.doc if not t.is_sent_start}
    return token.text in others and token.text.lower() not in others


def _own_name(doc: Doc, actor: ActorMention) -> bool:
    """Whether what is owned has a name of its own: "the Nepali Army's Bhairav Engineer Company"; a "Central Command" or
    "Political Bureau" has none."""
    first = actor.head
    while first > actor.start and doc[first - 1].text[0].isupper():
        first -= 1
    return (
        doc[actor.head].text[0].isupper()
        and first < actor.head
        and not all(t.lower_ in _OF_BODIES or t.lower_ in _kinds() for t in doc[first : actor.head + 1])
    )


def named(doc: Doc, start: int, end: int) -> str:
    """The name in a phrase: without what follows its noun ("from Libya"), of an apposition ("Swiss drugmaker Velanta",
    "the frigate Te Kaha"), of people of an organisation ("leaders of the Azawad Front", "the Azawad Front leaders") and
    of a part that the text also names alone ("the Bhairav Company of the Nepali Army") that name alone."""
    last = doc[end - 1]
    if end - start > 1 and last.is_lower and last.lemma_.lower() in PEOPLE and _names_a_body(last.nbor(-1)):
        first = next((e.start for e in doc.ents if e.start < end - 1 <= e.end), start)
        first = next(i for i in range(max(first, start), end - 1) if i == end - 2 or not doc[i].like_num)
        return named(doc, first, end - 1)
    for i in range(start + 1, end):
        if doc[i].text in _AFTER and not (doc[i].ent_type_ in _NAMES and doc[i - 1].ent_type_ in _NAMES):
            end = i
            break
        if doc[i].text == "of" and of_it(doc[i - 1]) and (_is_name(doc[end - 1]) or _begins_name(doc, i + 1, end)):
            return named(doc, i + 1, end)
        if doc[i].text == "of" and (_also_alone(doc, start, i) or _part_by_name(doc, start, i, end)):
            end = i
            break
    first = end - 1
    while first > start and (doc[first - 1].text[0].isupper() or doc[first - 1].text[0].isdigit()):
        first -= 1
    if first < end - 1 and doc[first].is_sent_start and doc[first].lemma_.lower() in _kinds():
        first += 1  # "Frigate Te Kaha"
    described = doc[start:first]
    apposed = doc[end - 1].text[0].isupper() and any(t.pos_ in {"NOUN", "PROPN"} for t in described)
    alone = apposed and all(t.pos_ in _DESCRIBING for t in described)
    return doc[first:end].text if alone else doc[start:end].text


def _is_name(last: Token) -> bool:
    """Whether a phrase that ends so names somebody, and no place or people."""
    if last.text[0].isupper() and last.i and last.nbor(-1).text[0].isupper() and last.lower_ in _kinds():
        return True  # "the Lake Chad Basin Commission", whatever the model takes it for
    if last.ent_type_:
        return last.ent_type_ in _NAMES
    return last.text[0].isupper() and last.lower_ not in gazetteer().demonyms and not gazetteer().meanings(last.text)


def _also_alone(doc: Doc, start: int, end: int) -> bool:
    """Whether the capitalised words before ``end``, two or more, stand elsewhere in the text with no "of" behind."""
    first = end
    while first > start and doc[first - 1].text[0].isupper():
        first -= 1
    name = re.escape(doc[first:end].text)
    return end - first > 1 and re.search(rf"(?<!\w){name}(?!\w| of\b)", doc.text) is not None


def _names_a_body(token: Token) -> bool:
    """Whether a name ends there that is no place, people or word of the language: "Kobowave shareholders"."""
    if token.ent_type_ == "ORG":
        return True
    places = {i for p in token.doc._.places or () for i in range(p.start, p.end)}
    name = token.pos_ == "PROPN" and token.text[0].isupper() and token.i not in places
    return name and token.lower_ not in word_lists("common")["lower"] | gazetteer().demonyms.keys()


def of_it(noun: Token) -> bool:
    """Whether a noun says who or what an organisation has: "fighters of X", "member governments of X"."""
    words = {noun.lemma_.lower(), noun.lower_.removesuffix("s")}
    return bool(words & PEOPLE) or (noun.i > 0 and noun.nbor(-1).lower_ == "member")


def _begins_name(doc: Doc, start: int, end: int) -> bool:
    """Whether a name begins there that is no place or people: "the Front for the Liberation of Ashar"."""
    if doc[start].lower_ == "the" and start + 1 < end:
        start += 1
    places = {i for p in doc._.places or () if not p.weak for i in range(p.start, p.end)}
    first = doc[start]
    return first.text[0].isupper() and start not in places and first.lower_ not in gazetteer().demonyms


def _part_by_name(doc: Doc, start: int, of: int, end: int) -> bool:
    """Whether the words before "of" are the name of a part of the body behind it, and more than what any such body
    has: "the Bhairav Engineer Company of the Nepali Army", no "Northern Command of the Army"."""
    first = of
    while first > start and doc[first - 1].text[0].isupper():
        first -= 1
    whole = doc[end - 1]
    if of - first < 2 or not whole.text[0].isupper() or whole.lower_ not in _kinds() | _OF_BODIES:
        return False
    plain = word_lists("common")["lower"] | gazetteer().demonyms.keys() | _OF_BODIES | _kinds()
    return any(t.lower_ not in plain for t in doc[first:of])


_OF_BODIES = frozenset(
    ["central", "political", "supreme", "high", "executive", "general", "national", "joint", "leadership", "shura",
     "command", "committee", "bureau", "council", "office", "secretariat", "board", "headquarters", "staff",
     "department"]
)  # fmt: skip


@functools.cache
def _kinds() -> frozenset[str]:
    """Nouns that say what somebody or a ship is."""
    lists = word_lists("nouns")
    return lists["person"] | lists["military"] | lists["company"] | lists["group"] | lists["carrier"]


PEOPLE = frozenset(
    ["leader", "leadership", "member", "fighter", "official", "commander", "chief", "representative", "bureau",
     "headquarters", "office", "address", "seat", "board", "management", "staff", "employee", "worker",
     "crew", "wing", "branch", "shareholder", "soldier", "troop", "sailor", "battalion", "contingent", "detachment",
     "secretariat"]
)  # fmt: skip
"""Who and what an organisation has: "the leaders of X" are X."""
_AFTER = frozenset(["from", "in", "at", "near", "to", "who", "which", "that", "(", ","])
_NAMES = frozenset(["ORG", "PERSON", "FAC", "PRODUCT", "WORK_OF_ART", "EVENT", "LAW"])
_DESCRIBING = frozenset(["DET", "ADJ", "NOUN", "PROPN", "PUNCT", "PART"])


def normalised(name: str) -> str:
    """A name without article, count and genitive; of a country's the country first ("Canada's embassy" and "the
    Canadian embassy" are "canada embassy"). "unknown" where nothing is left."""
    text = _SHIP.sub("", _legal(_counted(name)))
    return _OWNED.sub("", _WHOSE.sub(r"\1", _with_country(fold(text)))) or "unknown"


def _counted(name: str) -> str:
    """A name without the articles and counts in front."""
    text = " ".join(name.split())
    while not _numbered(text) and (shorter := _LEADING.sub("", text)) != text:
        text = shorter
    return text


_FORMS = re.compile(
    r"(?:,? (?:Technolog(?:y|ies)|Holdings?|Group|Inc|Incorporated|Ltd|Limited|plc|PLC|LLC|Corp|Corporation|& Co|SA|AG"
    r"|SE|GmbH|NV|BV|AB|ASA|AS|Oyj|SpA|Pte|Pty)\.?)+$"
)
"""What a firm leaves out when it is called by its name."""


_SHIP = re.compile(
    r"^(?:HMAS|HMCS|HMNZS|HMS|USS|USNS|USCGC|INS|BRP|KRI|RFA|RSS|TCG|ARA|ROKS|HNLMS|HDMS|HNoMS|FGS|MV|M/V)\s+(?=[A-Z])"
)
"""Whose a ship is, before its name: the news leaves it out at will."""


def _legal(name: str) -> str:
    """A firm's name without its legal form, where a name of its own is left ("Kobowave Technologies" is Kobowave)."""
    short = _FORMS.sub("", name)
    words = short.lower().split()
    plain = word_lists("common")["lower"] | gazetteer().demonyms.keys()
    own = bool(words) and not all(w in plain for w in words) and not gazetteer().special(short.lower())
    return short if own else name


def _numbered(name: str) -> bool:
    """Whether the number in front belongs to the name, "One Nation", "3 Commando Brigade": it does where all is written
    large and what follows cannot be counted by it ("Two Marines", "One Soldier" and "Three Eritrean Refugees" can)."""
    found = _NUMBERED.match(name)
    if found is None or any(w[0].islower() for w in name.split() if w not in _SMALL):
        return False
    rest = found[2].lower().split()
    if rest[0] == "of" or rest[0] in gazetteer().demonyms:
        return False
    return rest[-1] not in _kinds() if found[1].lower() in {"one", "1"} else not _PLURAL.search(rest[-1])


def _seatless(words: list[str]) -> str:
    """What a country has, without the town where it is: "Juba embassy" is its embassy."""
    town = " ".join(words[:-1]).title()
    seated = words[-1] in {"embassy", "consulate"} and gazetteer().meanings(town)
    return words[-1] if seated else " ".join(words)


_EMBASSY = frozenset(["diplomatic mission", "embassy staff", "ambassador and staff"])
"""A country's, other words for its embassy."""


def _with_country(name: str) -> str:
    """A leading country, its genitive or demonym as the country's usual name, where more follows."""
    names, words = gazetteer(), name.split()
    for n in (3, 2, 1):
        start = " ".join(words[:n])
        code = names.demonyms.get(start)
        if code is None and names.special(_OWNED.sub("", start)):
            meaning = names.meanings(_OWNED.sub("", start))[0]
            code = meaning.country if meaning.kind == "country" else None
        country = names.country(code) if code else None
        if country is not None and len(words) > n:
            rest = _seatless(words[n:])
            return f"{fold(country.name)} {'embassy' if rest in _EMBASSY else rest}"
    return name
