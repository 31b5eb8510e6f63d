"""A relocation while statements are walked in order: takes one in, and gives the latest back when a late one comes."""

from __future__ import annotations

import marshal
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from processors.relocations import standing as fold
from processors.relocations.matching import DAY, RIVALS, rivals
from processors.relocations.standing import RANK, Standing
from processors.relocations.statement import Key, Statement, from_values, values_of
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


_AHEAD = frozenset(status for status, rank in RANK.items() if rank < RANK["completed"])

_Heard = tuple[str, str]
"""What was heard, with the side it is on: for or against the move, or that it is done."""


_TEXT = {side: f"text {side}" for side in ("for", "against")}
_OUTLET = {side: f"outlet {side}" for side in ("for", "against", "done")}
_SOURCE = {side: f"source {side}" for side in ("for", "against", "done")}


def _voice(statement: Statement, text: str, side: str) -> tuple[_Heard, _Heard]:
    return (_OUTLET[side], statement.outlet), (_SOURCE[side], text)


class Case:
    """One move of one actor: its statements in the order of their keys, and what they amount to after each.

    A case that was ``asleep`` has its standing and its rivals at hand; the rest wakes when it is asked for.
    """

    __slots__ = (
        "_asleep", "_heard", "_members", "_new", "_sources", "_standings", "_texts", "_turns",
        "id", "key", "rivals", "standing",
    )  # fmt: skip

    def __init__(self, identifier: str, key: Key, standing: Standing) -> None:
        self.id = identifier
        """The id of its opener, the first of its statements,"""
        self.key = key
        """and that one's key."""
        self.standing = standing
        """After the last member; before the first what its opener says."""
        self.rivals: list[tuple[Key, Case]] = []
        """Cases that tell of another destination, with the key of the statement that made them rivals."""
        self._members: list[Statement] = []
        self._sources: list[int] = []
        self._turns: list[Turn] = []
        self._standings: list[Standing] = []
        self._texts: list[str | None] = []
        """For each member the id of the first that has its text; None for mute ones."""
        self._heard: set[_Heard] = set()
        """What was heard so far: outlets and texts of the independent sources, and all texts."""
        self._new: list[tuple[_Heard, ...]] = []
        """For each member what was heard with it first."""
        self._asleep: bytes | None = None
        """While it sleeps: turns and members."""

    @classmethod
    def opened(cls, opener: Statement) -> Case:
        """A case without statements; ``opener`` is the first to ``take``."""
        return cls(opener.id, opener.key, fold.opened_by(opener))

    @property
    def members(self) -> Sequence[Statement]:
        """Its statements in the order of their keys."""
        if self._asleep is not None:
            self._wake(self._asleep)
        return self._members

    @property
    def sources(self) -> Sequence[int]:
        """Which of ``members`` are independent sources, for or against."""
        if self._asleep is not None:
            self._wake(self._asleep)
        return self._sources

    @property
    def turns(self) -> Sequence[Turn]:
        """The history."""
        if self._asleep is not None:
            self._wake(self._asleep)
        return self._turns

    @property
    def alive(self) -> bool:
        """Somebody says that it is to come or under way: another destination at once contradicts it."""
        return self.standing.status in _AHEAD

    @property
    def disputed(self) -> bool:
        """It is contested, or told with another destination that is as good."""
        return self.standing.contested or (self.alive and any(rival.alive for _, rival in self.rivals))

    def asleep(self) -> tuple[Any, ...]:
        """All of it for ``awakened`` but the rivals, in what marshal knows; cheap where it slept until now."""
        rest = self._asleep
        if rest is None:
            rest = marshal.dumps(([tuple(t) for t in self._turns], [values_of(m) for m in self._members]))
        return self.id, self.key, self.standing.plain(), rest

    @classmethod
    def awakened(cls, identifier: str, key: Key, standing: tuple[Any, ...], rest: bytes) -> Case:
        """The case that was ``asleep``, without its rivals."""
        case = cls(identifier, key, Standing.of_plain(standing))
        case._asleep = rest
        return case

    def _wake(self, rest: bytes) -> None:
        self._asleep = None
        turns, members = marshal.loads(rest)  # noqa: S302 - written by this very process
        statements = [from_values(m) for m in members]
        self.standing = fold.opened_by(statements[0])
        for statement in statements:
            self.take(statement)
        self._turns = [Turn._make(t) for t in turns]  # with those that the rivals made

    def take(self, statement: Statement) -> bool:
        """Add the next statement; True where it changes what the case is about, or is the first that counts."""
        if self._asleep is not None:
            self._wake(self._asleep)
        before = self.standing
        self._members.append(statement)
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
            self._sources.append(len(self._members) - 1)
        if completes := statement.status == "completed" and self._independent(statement, text, "done"):
            new += _voice(statement, text, "done")
        now = fold.after(before, statement, source=source, completes=completes, copy=copy)
        self._texts.append(text)
        self._heard.update(new)
        self._new.append(new)
        self._standings.append(now)
        self.standing = now
        self._tell(before, now, statement.key)
        return before.counting == 0 or before.anchor is not now.anchor

    def face(self, other: Case, statement: Statement) -> None:
        """Note it on both sides where the two are rivals now that ``statement`` came in here."""
        if statement.published - other.standing.last > RIVALS or not (other.alive and self.alive):
            return
        if not rivals(self.standing.anchor, other.standing.anchor) or any(case is other for _, case in self.rivals):
            return
        for case, rival in ((self, other), (other, self)):
            if case._asleep is not None:
                case._wake(case._asleep)
            case.rivals.append((statement.key, rival))
            case._turns.append(Turn(statement.key, "disputed", None, "disputed"))

    def give_back(self, key: Key) -> bool:
        """Undo all that came with ``key`` or later, which the opener did not; whether it is a rival less."""
        rivals_before = len(self.rivals)
        if self._asleep is not None:
            self._wake(self._asleep)
        while self._members[-1].key >= key:
            self._members.pop()
            self._texts.pop()
            self._heard.difference_update(self._new.pop())
            self._standings.pop()
        self.standing = self._standings[-1]
        while self._sources and self._sources[-1] >= len(self._members):
            self._sources.pop()
        while self._turns and self._turns[-1].key >= key:
            self._turns.pop()
        while self.rivals and self.rivals[-1][0] >= key:
            self.rivals.pop()
        return len(self.rivals) < rivals_before

    def _text_of(self, statement: Statement) -> str:
        """The id of the member that has the same text already, else its own."""
        print_ = statement.fingerprint
        if not print_:
            return statement.id  # an article without words
        oldest = statement.published - COPIED_WITHIN
        for place in range(len(self._members) - 2, max(-1, len(self._members) - 2 - LOOK_BACK), -1):
            member = self._members[place]
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
            self._turns.append(Turn(key, "appeared", None, now.status))
        elif before.status != now.status:
            self._turns.append(Turn(key, kind_of(now.status), before.status, now.status))
        if before.sources_for < now.sources_for and 2 <= now.sources_for <= MOST_TOLD:
            self._turns.append(Turn(key, "corroborated", str(before.sources_for), str(now.sources_for)))
        if now.contested and not before.contested:
            self._turns.append(Turn(key, "disputed", None, "disputed"))


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
