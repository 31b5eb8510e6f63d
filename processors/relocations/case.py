"""A relocation while statements are walked in order: takes one in, and gives the latest back when a late one comes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from processors.relocations import standing as fold
from processors.relocations.matching import DAY, RIVALS, rivals
from processors.relocations.standing import RANK, Standing
from processors.relocations.statement import Key, Statement
from stream.messages import TransitionKind

NEAR = 16
"""Fingerprints that differ in at most so many of 64 bits are of one text. Of the pairs of independent news texts of 100
to 350 words (they differ in 32 ± 4) 1 in 20,000 is so near; of copies that lack a tenth of the text and have three
words changed, as outlets print a wire story, 97 of 100 are. (At 10, as for crawled pages, it would be 64 of 100.)"""
AKIN = 24
"""Of two texts that differ in at most so many bits, and say it in the same sentence, one was made of the other, too."""
SENTENCE = 12
"""Words of its own that a sentence must have to be known again,"""
SAME_WORDS = 0.75
"""and the share of the words of both that both must have."""
COPIED_WITHIN = 5 * DAY
LOOK_BACK = 128
"""A copy is looked for among so many of the statements before."""
MOST_TOLD = 10
"""Up to so many independent sources each new one is a corroboration of its own."""


class Turn(NamedTuple):
    """An entry of the history, with the key of the statement that made it."""

    key: Key
    kind: TransitionKind
    before: str | None
    after: str


_Heard = tuple[str, str]
"""What was heard, with the side it is on: for or against the move, or that it is done."""


_TEXT = {side: f"text {side}" for side in ("for", "against")}
_OUTLET = {side: f"outlet {side}" for side in ("for", "against", "done")}
_SOURCE = {side: f"source {side}" for side in ("for", "against", "done")}


def _voice(statement: Statement, text: str, side: str) -> tuple[_Heard, _Heard]:
    return (_OUTLET[side], statement.outlet), (_SOURCE[side], text)


class Case:
    """One move of one actor: its statements in the order of their keys, and what they amount to after each."""

    __slots__ = ("_heard", "_new", "_standings", "_texts", "members", "opener", "rivals", "sources", "turns")

    def __init__(self, opener: Statement) -> None:
        """A case without statements; ``opener`` is the first to ``take``."""
        self.opener = opener
        self.members: list[Statement] = []
        self.sources: list[int] = []
        """Which of ``members`` are independent sources, for or against."""
        self.turns: list[Turn] = []
        self.rivals: list[tuple[Key, Case]] = []
        """Cases that tell of another destination, with the key of the statement that made them rivals."""
        self._standings: list[Standing] = []
        self._texts: list[str | None] = []
        """For each member the id of the first that has its text; None for mute ones."""
        self._heard: set[_Heard] = set()
        """What was heard so far: outlets and texts of the independent sources, and all texts."""
        self._new: list[tuple[_Heard, ...]] = []
        """For each member what was heard with it first."""

    @property
    def standing(self) -> Standing:
        """After the last member."""
        return self._standings[-1] if self._standings else fold.opened_by(self.opener)

    @property
    def alive(self) -> bool:
        """Somebody says that it is to come or under way: another destination at once contradicts it."""
        status = self.standing.status
        return status is not None and RANK.get(status, 5) < 5

    @property
    def disputed(self) -> bool:
        """It is contested, or told with another destination that is as good."""
        return self.standing.contested or (self.alive and any(rival.alive for _, rival in self.rivals))

    def take(self, statement: Statement) -> bool:
        """Add the next statement; True where it changes what the case is about, or is the first that counts."""
        before = self.standing
        self.members.append(statement)
        if statement.mute:
            self._texts.append(None)
            self._new.append(())
            self._standings.append(before)
            return False
        text = self._text_of(statement)
        side = "for" if statement.status in RANK else "against"
        copy = (_TEXT[side], text) in self._heard
        new: tuple[_Heard, ...] = () if copy else ((_TEXT[side], text),)
        if source := self._independent(statement, text, side):
            new += _voice(statement, text, side)
            self.sources.append(len(self.members) - 1)
        if completes := statement.status == "completed" and self._independent(statement, text, "done"):
            new += _voice(statement, text, "done")
        now = fold.after(before, statement, source=source, completes=completes, copy=copy)
        self._texts.append(text)
        self._heard.update(new)
        self._new.append(new)
        self._standings.append(now)
        self._tell(before, now, statement.key)
        return before.counting == 0 or before.anchor is not now.anchor

    def face(self, other: Case, statement: Statement) -> None:
        """Note it on both sides where the two are rivals now that ``statement`` came in here."""
        recent = statement.published - other.standing.last <= RIVALS
        if not (recent and self.alive and other.alive and rivals(self.standing.anchor, other.standing.anchor)):
            return
        if any(case is other for _, case in self.rivals):
            return
        for case, rival in ((self, other), (other, self)):
            case.rivals.append((statement.key, rival))
            case.turns.append(Turn(statement.key, "disputed", None, "disputed"))

    def give_back(self, key: Key) -> bool:
        """Undo all that came with ``key`` or later; whether it is a rival less."""
        rivals_before = len(self.rivals)
        while self.members and self.members[-1].key >= key:
            self.members.pop()
            self._texts.pop()
            self._heard.difference_update(self._new.pop())
            self._standings.pop()
        while self.sources and self.sources[-1] >= len(self.members):
            self.sources.pop()
        while self.turns and self.turns[-1].key >= key:
            self.turns.pop()
        while self.rivals and self.rivals[-1][0] >= key:
            self.rivals.pop()
        return len(self.rivals) < rivals_before

    def _text_of(self, statement: Statement) -> str:
        """The id of the member that has the same text already, else its own."""
        print_ = statement.fingerprint
        if not print_:
            return statement.id  # an article without words
        oldest = statement.published - COPIED_WITHIN
        for place in range(len(self.members) - 2, max(-1, len(self.members) - 2 - LOOK_BACK), -1):
            member = self.members[place]
            if member.published < oldest:
                break
            text = self._texts[place]
            if text is not None and _is_copy(member, statement):
                return text
        return statement.id

    def _independent(self, statement: Statement, text: str, side: str) -> bool:
        """Whether neither the outlet nor the text was heard before on this side."""
        return self._heard.isdisjoint(_voice(statement, text, side))

    def _tell(self, before: Standing, now: Standing, key: Key) -> None:
        """Write the history on."""
        assert now.status is not None
        if before.status is None:
            self.turns.append(Turn(key, "appeared", None, now.status))
        elif before.status != now.status:
            self.turns.append(Turn(key, kind_of(now.status), before.status, now.status))
        if before.sources_for < now.sources_for and 2 <= now.sources_for <= MOST_TOLD:
            self.turns.append(Turn(key, "corroborated", str(before.sources_for), str(now.sources_for)))
        if now.contested and not before.contested:
            self.turns.append(Turn(key, "disputed", None, "disputed"))


def _is_copy(one: Statement, other: Statement) -> bool:
    """Whether the two articles have one text, more or less."""
    apart = (one.fingerprint ^ other.fingerprint).bit_count()
    return apart <= NEAR or (apart <= AKIN and _same_sentence(one.sentence, other.sentence))


def _same_sentence(one: str, other: str) -> bool:
    first, second = _words(one), _words(other)
    return min(len(first), len(second)) >= SENTENCE and len(first & second) >= SAME_WORDS * len(first | second)


@lru_cache(1 << 12)
def _words(sentence: str) -> frozenset[str]:
    return frozenset(_WORD.findall(sentence.casefold()))


_WORD = re.compile(r"\w+")


def kind_of(status: str) -> TransitionKind:
    """The kind of transition to ``status``."""
    if status == "denied":
        return "denied"
    if status == "completed":
        return "completed"
    return "withdrawn" if status == "withdrawn" else "status"
