"""Places in a text: what the model and the gazetteer see, what stands after "from" or "to", resolved by the passage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from spacy.language import Language
from spacy.tokens import Doc, Span, Token

from processors.components.anaphors import anaphors
from processors.components.datelines import datelines
from processors.components.model import PlaceMention, inputs, register_extensions
from processors.components.placenames import (
    WELL_KNOWN,
    after_arrival,
    names_organisation,
    no_town,
    trimmed,
    unknown_name,
    with_article,
)
from processors.components.surroundings import (
    container,
    described_country,
    governs,
    likeliest,
    part_of_speech,
    standing,
    with_countries,
)
from processors.gazetteer import Context, Toponym, gazetteer
from processors.lexicons import word_lists
from stream.messages import PlaceRole

PLACE_LABELS = frozenset({"GPE", "LOC", "FAC"})
NO_PLACES = frozenset({"DATE", "TIME", "MONEY", "PERCENT", "CARDINAL", "ORDINAL", "QUANTITY"})
LOCATIVE = frozenset(
    ["from", "to", "into", "toward", "towards", "for", "in", "at", "near", "via", "outside", "inside", "around", "onto",
     "off", "through", "across", "of"]
)  # fmt: skip


@Language.factory("newswatch_places", assigns=["doc._.places"], requires=["doc.ents", "token.dep"])
def make_places(nlp: Language, name: str) -> Places:  # noqa: ARG001 (spaCy passes both)
    """The factory."""
    return Places()


class Places:
    """Sets ``Doc._.places``: the places in reading order, none overlapping another."""

    def __init__(self) -> None:
        register_extensions()
        self._gazetteer = gazetteer()
        self._words = word_lists("placewords")

    def __call__(self, doc: Doc) -> Doc:
        if doc._.datelines is None:
            doc._.datelines = datelines(doc.text, inputs(doc).title_end)
        seen = [*self._special(doc), *self._named(doc), *self._slots(doc)]
        spans = _without_overlaps([(start, self._hyphenated(doc, end), weak) for start, end, weak in seen])
        spans = [s for s in spans if not self._somebody(doc, s[0], s[1])]
        spans = [self._widened(doc, start, end, weak) for start, end, weak in spans]
        context = self._context(doc, spans)
        found = [self._mention(doc, start, end, weak, context) for start, end, weak in spans]
        doc._.places = sorted([*with_countries(found), *anaphors(doc, found)], key=lambda m: m.start)
        return doc

    def place_in(self, doc: Doc, start: int, end: int) -> PlaceMention:
        """The place that the tokens ``start`` to ``end`` name as a whole, else the one found there; an unknown one has
        the country of its surroundings."""
        here: list[PlaceMention] = [p for p in doc._.places if p.start < end and p.end > start]
        if known := next((p for p in here if p.toponym is not None and p.start <= start and p.end >= end), None):
            return known
        context = self._context(doc, [(p.start, p.end, p.weak) for p in doc._.places if not p.anaphor])
        whole = self._mention(doc, start, end, False, context)
        if whole.toponym is not None:
            return whole
        for place in here:
            if place.toponym is not None and not self._goes_on(doc, place, start, end):
                return place
        return with_countries([*(p for p in doc._.places if p not in here), whole])[-1]

    def _somebody(self, doc: Doc, start: int, end: int) -> bool:
        """Initials, addresses, and the family name of a person whom the text names in full ("Kossi": Dossou Kossi)."""
        if _in_dateline(doc, start):
            return False
        if no_town(doc[start:end]):
            return True
        if end - start > 1 or self._gazetteer.special(doc[start].text) or (start and doc[start - 1].lower_ in LOCATIVE):
            return False
        people = (e for e in doc.ents if e.label_ == "PERSON" and len(e) > 1)
        return any(e[-1].text == doc[start].text for e in people)

    def _goes_on(self, doc: Doc, place: PlaceMention, start: int, end: int) -> bool:
        """Whether a name has more words than the place found in it ("Punta" in "Punta del Este")."""
        before, after = place.start - 1, place.end
        while before > start and doc[before].lower_ in _INSIDE_NAMES:
            before -= 1
        while after < end - 1 and doc[after].lower_ in _INSIDE_NAMES:
            after += 1
        return any(
            start <= i < end and doc[i].text[0].isupper() and doc[i].lower_ not in self._words["class"]
            for i in (before, after)
        )

    def _special(self, doc: Doc) -> Iterator[tuple[int, int, bool]]:
        """Countries, capitals, states and the supplement's places, longest first, wherever no other name holds them."""
        i = 0
        while i < len(doc):
            word = doc[i].text
            end = self._longest(doc, i) if word[0].isupper() and self._gazetteer.begins_special(word) else 0
            if end and not self._part_of_name(doc, i, end):
                yield i, end, False
            i = max(end, i + 1)

    def _longest(self, doc: Doc, i: int) -> int:
        for n in range(min(self._gazetteer.longest, len(doc) - i), 0, -1):
            text = doc[i : i + n].text
            if text[-1].isalpha() or text[-1] == ".":
                if n > 1 and not doc[i + n - 1].text[0].isupper():
                    continue
                if self._gazetteer.special(text) and not (n == 1 and text in {"US"} and not text.isupper()):
                    return i + n
        return 0

    def _part_of_name(self, doc: Doc, start: int, end: int) -> bool:
        """Whether the tokens are part of a person's or organisation's name ("Paris Hilton", "Bank of England")."""
        if _in_dateline(doc, start):
            return False
        label = doc[start].ent_type_
        before, after = doc[start - 1] if start else None, doc[end] if end < len(doc) else None
        if label in {"PERSON", "ORG", "WORK_OF_ART", "EVENT", "PRODUCT", "LAW", "NORP"}:
            entity = next((e for e in doc.ents if e.start <= start < e.end), None)
            if (
                entity is not None
                and entity.end - entity.start > end - start
                and not self._loose(doc, entity, start, end)
            ):
                return True
        capital_after = after is not None and after.text[0].isupper() and part_of_speech(after) in {"PROPN", "NOUN"}
        if capital_after and after is not None and after.lower_ not in self._words["class"]:
            # "Chad Street", "Jordan Clarke"; but "Germany Says", "Iraq PM" name the place
            modifies = doc[start].head.i == after.i and doc[start].dep_ == "compound"
            return (
                after.dep_ not in {"nsubj", "conj"}
                and (modifies or not after.pos)
                and not self._gazetteer.meanings(after.text)
                and not after.text.isupper()
                and after.ent_type_ not in PLACE_LABELS
            )
        return before is not None and before.ent_type_ == "PERSON" and label == "PERSON"

    def _loose(self, doc: Doc, entity: Span, start: int, end: int) -> bool:
        """An entity that starts with the place and is otherwise no name ("Qatar's Hamas")."""
        rest = [t for t in entity if not start <= t.i < end]
        if any(t.text in {"'s", "’s", "'", "’"} for t in rest):
            return True
        return (
            entity.label_ == "PERSON"
            and start > 0
            and doc[start - 1].lower_ in LOCATIVE
            and start == entity.start
            and len(rest) == 0
        )

    def _named(self, doc: Doc) -> Iterator[tuple[int, int, bool]]:
        for entity in doc.ents:
            if entity.label_ not in PLACE_LABELS:
                continue
            start, end = trimmed(entity)
            if end > start and any(t.text[0].isupper() for t in doc[start:end]) and not self._common(doc, start, end):
                yield start, end, False

    def _common(self, doc: Doc, start: int, end: int) -> bool:
        """Demonyms and month names that the model took for places, and buildings ("the White House" is an office)."""
        text = doc[start:end].text
        lower = text.lower()
        if lower in self._gazetteer.demonyms or lower in self._words["never"] or names_organisation(doc[start:end]):
            return True
        return (
            end < len(doc)
            and doc[end - 1].i + 1 == end
            and doc[start].ent_type_ == "FAC"
            and not self._gazetteer.meanings(text)
            and doc[start - 1].lower_ not in LOCATIVE
        )

    def _slots(self, doc: Doc) -> Iterator[tuple[int, int, bool]]:
        """Capitalised words after a locative preposition, or objects of leaving and reaching, that the model missed."""
        for token in doc:
            if token.i + 1 >= len(doc) or not (token.lower_ in LOCATIVE or self._takes_place(token)):
                continue
            start = token.i + 1
            if doc[start].lower_ in {"the", "nearby", "neighbouring", "neighboring"} and start + 1 < len(doc):
                start += 1
            end = start
            while end < len(doc) and end - start < 5 and _namelike(doc[end], end > start):
                end += 1
            while end > start and not doc[end - 1].text[0].isupper():
                end -= 1
            if end > start and not self._refused(doc, start, end):
                yield from self._slot(doc, token, start, end)

    def _slot(self, doc: Doc, before: Token, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        label = doc[start].ent_type_
        text = doc[start:end].text
        if before.lower_ == "of":
            if (
                label in {"", *PLACE_LABELS}
                and self._gazetteer.meanings(text)
                and part_of_speech(doc[start]) == "PROPN"
            ):
                yield start, end, label not in PLACE_LABELS
            return
        paired = _from_to(doc, before, end)
        if self._gazetteer.meanings(text):
            person = label == "PERSON" and (end - start > 1 or before.lower_ == "for") and not paired
            yield from () if person or label == "NORP" else ((start, end, label not in PLACE_LABELS),)
        elif (
            (paired and label == "PERSON")
            or after_arrival(doc, start)
            or (
                before.lower_ in {"from", "to", "into"}
                and part_of_speech(doc[start]) == "PROPN"
                and unknown_name(doc, start, end)
            )
        ):
            yield start, end, True

    def _takes_place(self, token: Token) -> bool:
        return token.pos_ == "VERB" and token.lemma_ in self._words["object_verbs"]

    def _refused(self, doc: Doc, start: int, end: int) -> bool:
        words = [t.lower_ for t in doc[start:end]]
        if (
            doc[start].ent_type_ in NO_PLACES
            or words[0] in self._words["never"]
            or words[0] in self._gazetteer.demonyms
        ):
            return True
        if end < len(doc) and (doc[end].text in {"'s", "’s"} and doc[start].ent_type_ in {"PERSON", "ORG"}):
            return True
        return (
            part_of_speech(doc[start]) in {"PRON", "DET", "VERB", "AUX", "ADP"}
            and doc[start].tag_ not in {"NNP"}
            and not (end - start == 1 and self._gazetteer.special(doc[start].text))
        )

    def _hyphenated(self, doc: Doc, end: int) -> int:
        """Where a name ends that goes on behind hyphens, with small words between them ("Argelès-sur-Mer")."""
        last = end
        while (
            last + 1 < len(doc) and doc[last].text == "-" and not (doc[last - 1].whitespace_ or doc[last].whitespace_)
        ):
            last += 2
        small = [t for t in doc[end:last] if t.text != "-"][:-1]
        whole = bool(small) and all(t.is_lower and len(t) <= 4 and t.lower_ not in _BETWEEN for t in small)
        return last if whole and doc[last - 1].text[0].isupper() else end

    def _widened(self, doc: Doc, start: int, end: int, weak: bool) -> tuple[int, int, bool]:
        """With what belongs to the name: "southern" before it, "province" or "airport" after it."""
        while end < len(doc) and doc[end].lower_ in self._words["class"] and not doc[end].is_space:
            end += 1
        while start and doc[start - 1].lower_ in self._words["direction"] and doc[start - 1].i:
            start -= 1
        return start, end, weak

    def _context(self, doc: Doc, spans: list[tuple[int, int, bool]]) -> Context:
        weights: defaultdict[str, float] = defaultdict(float)
        names: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        for start, end, weak in spans:
            name = self._bare(doc, start, end)
            meanings = [] if weak else self._gazetteer.meanings(name)
            if not meanings or meanings[0].country is None:
                continue
            first = meanings[0]
            rival = next((m.prior for m in meanings[1:] if m.country != first.country), 0.0)
            broad = first.kind in {"country", "region"} and rival < 6.0
            weight = 1.0 if broad else 0.8 if first.prior - rival > 1.5 and rival < 6.0 else 0.2
            weights[first.country or ""] += weight
            names[name][first.country or ""] += weight
        inside = {i for start, end, _ in spans for i in range(start, end)}
        capitals = [t for t in doc if t.text[0].isupper()]
        for token in capitals:
            if code := self._people(doc, token):
                weights[code] += 0.7
        for token in capitals:
            if token.i not in inside and (code := self._country_at(doc, token.i)):
                weights[code] += 0.3
        if country := inputs(doc).country:
            weights[country] += 0.3
        return Context(weights, names)

    def _people(self, doc: Doc, token: Token) -> str | None:
        demonyms, own = self._gazetteer.demonyms, token.lower_
        after = f"{own} {doc[token.i + 1].lower_}" if token.i + 1 < len(doc) else own
        return demonyms.get(own) or demonyms.get(after)

    def _country_at(self, doc: Doc, i: int) -> str | None:
        """The country named in a longer name: "Panama Canal Authority"."""
        for name in (doc[i : i + 2].text, doc[i].text) if self._gazetteer.begins_special(doc[i].text) else ():
            if self._gazetteer.special(name):
                first = self._gazetteer.meanings(name)[0]
                return first.country if first.kind == "country" else None
        return None

    def _bare(self, doc: Doc, start: int, end: int) -> str:
        """The name without "southern" and "province", unless the gazetteer knows it with them."""
        text = doc[start:end].text
        if self._gazetteer.meanings(text):
            return text
        while end - start > 1 and doc[start].lower_ in self._words["direction"] | {"the"}:
            start += 1
        while end - start > 1 and doc[end - 1].lower_ in self._words["class"]:
            end -= 1
        name = end
        while name - start > 1 and doc[name - 1].is_lower and doc[name - 1].pos_ == "NOUN":
            name -= 1  # "Esbjerg waterfront"
        return doc[start : name if self._gazetteer.meanings(doc[start:name].text) else end].text

    def _mention(self, doc: Doc, start: int, end: int, weak: bool, context: Context) -> PlaceMention:
        beside = container(doc, end, self._gazetteer)
        within = beside or described_country(doc, start, end, self._gazetteer)
        name = self._bare(doc, start, end)
        toponym = self._gazetteer.resolve(name, context, within)
        if toponym is None:
            toponym = self._gazetteer.resolve(with_article(name), context, within)
        if weak and toponym is not None and toponym.population < 1000 and toponym.kind == "city":
            toponym = None
        after = doc[end : end + 1].text
        if toponym is not None and within and within != toponym.country and _another(after, beside, toponym):
            toponym = None  # "Novo Selo in Kosovo": another place of that name
        country = toponym.country if toponym else within
        if toponym is None and country is None:
            country = likeliest(context)
        role: PlaceRole = "mentioned"
        if _in_dateline(doc, start):
            role = "dateline"
        elif toponym is not None and governs(doc[start:end].root):
            role = "metonym"
        if toponym is None or within:
            return PlaceMention(start, end, toponym, role, country, weak)
        lead, unsupported, rival = standing(name, toponym, context, self._gazetteer)
        return PlaceMention(start, end, toponym, role, country, weak, False, lead, unsupported, rival)


def _another(after: str, beside: str | None, toponym: Toponym) -> bool:
    """Whether a country that the text gives with a name says that a place is meant which the gazetteer has not."""
    return after.lower() == "in" or (beside is None and toponym.prior < WELL_KNOWN)


def _from_to(doc: Doc, before: Token, end: int) -> bool:
    """Whether a name stands in "from … to …" or "quits … for …", where even a person's name is a place."""
    if before.lower_ == "from":
        return end < len(doc) and doc[end].lower_ in {"to", "for", "into", "via", "towards"}
    earlier = {t.lower_ for t in doc[max(0, before.i - 5) : before.i]}
    quitted = bool(_QUITS & {t.lower_ for t in doc[max(0, before.i - 4) : before.i]})
    return (before.lower_ in {"to", "into"} and "from" in earlier) or (
        before.lower_ == "for" and doc[before.i - 1].text[0].isupper() and quitted
    )


_QUITS = frozenset(
    ["quit", "quits", "left", "leave", "leaves", "swap", "swaps", "trade", "abandon", "abandons", "flee", "flees",
     "fled"]
)  # fmt: skip


def _in_dateline(doc: Doc, i: int) -> bool:
    return any(start <= doc[i].idx < end for start, end in doc._.datelines or ())


_INSIDE_NAMES = frozenset(
    ["-", "al", "el", "de", "la", "of", "ash", "es", "i", "du", "da", "do", "di", "e", "del", "los"]
)

_BETWEEN = frozenset(["to", "and", "or", "vs", "run", "led", "held"])
"""Small words between hyphens that join two names ("the Kyiv-to-Warsaw train")."""


def _namelike(token: Token, inside: bool) -> bool:
    if token.is_space or (token.is_punct and token.text != "-"):
        return False
    if token.lower_ in _INSIDE_NAMES:
        return inside
    return token.text[0].isupper()


def _without_overlaps(spans: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """Longest first, the first found among equals."""
    taken: set[int] = set()
    kept = []
    for span in sorted(spans, key=lambda s: (s[2], s[0] - s[1])):
        if not taken & set(range(span[0], span[1])):
            taken |= set(range(span[0], span[1]))
            kept.append(span)
    return sorted(kept)
