"""All statements of one actor root, walked in order into cases: in-order arrival appends, a late one walks again."""

from __future__ import annotations

import marshal
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from processors.relocations.case import Case
from processors.relocations.matching import WINDOW, anchor_of, labels, rival_labels, score
from processors.relocations.statement import Key, Statement

_KEY = attrgetter("key")
_PRUNE_EACH = 1_000
FEW = 16
"""Of so few cases each is looked at; of more, those that an index by place gives."""


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk changed."""

    changed: Mapping[str, Case]
    """Cases with other statements than before, or whose statements changed, by opener id."""
    moved: Mapping[str, frozenset[str]]
    """For each opener id of ``changed`` the openers of the cases that some of its statements were in before."""
    touched: Mapping[str, Case]
    """Cases beside ``changed`` that may be disputed now, or not any more."""
    vanished: Mapping[str, Case]
    """Openers that open no case any more, each with the case that it (or, where it was taken down, the first of those
    that were with it) is in now."""
    gone: frozenset[str]
    """Openers of cases all of whose statements were taken down."""


class Root:
    """The statements of one actor root and the cases they make, a pure function of the set of statements.

    ``add``, ``withdraw`` and ``remove`` note what changed; ``walk`` brings the cases up to date. The result is the
    same as if all statements had been walked at once, sorted by (published, id): a statement joins the case that it
    fits best, of those that fit alike the one with the lowest opener id, or else opens one.

    One that was ``asleep`` has the standing of its cases at hand, which is all that a statement in order needs, and the
    ids of its statements; what else there is to it wakes when it is asked for.
    """

    def __init__(self) -> None:
        self._statements: dict[str, Statement] = {}
        self._order: list[Statement] = []
        self._walked = 0
        """How many of ``_order`` are in the cases; all behind are to be walked."""
        self._slept: frozenset[str] = frozenset()
        """While it sleeps: the ids of the statements, all of them walked, that are in the cases alone."""
        self._last: Key = (0, "")
        """The highest key of those that were walked."""
        self._cases: dict[str, Case] = {}
        """By opener id, in the order of the openers' keys."""
        self._places: dict[str, dict[str, Case]] | None = None
        """Where to look for what a statement may join or rival: by label, then by opener id. None: few cases."""
        self._case_of: dict[str, Case] = {}
        self._before: dict[str, str] = {}
        """Of the statements that were walked and are to be walked again: the opener of the case they were in."""
        self._touched: set[str] = set()
        """Openers of cases that lost a rival, if only until they are walked again, since the last walk."""
        self._fresh: set[str] = set()
        """Statements that are new, replaced or withdrawn since the last walk."""
        self._robbed: set[str] = set()
        """Openers of cases that lost a statement for good since the last walk."""

    @property
    def cases(self) -> list[Case]:
        """All cases, in the order of their openers."""
        return list(self._cases.values())

    def __len__(self) -> int:
        """How many statements there are."""
        return len(self._statements) + len(self._slept)

    @property
    def statements(self) -> dict[str, Statement]:
        """All statements, by id."""
        self._wake()
        return self._statements

    def get(self, identifier: str) -> Statement | None:
        """The statement of this id."""
        return self.statements.get(identifier) if identifier in self._slept else self._statements.get(identifier)

    def asleep(self) -> bytes:
        """All of it for ``awakened``; it must be walked."""
        cases = [(*case.asleep(), [(key, rival.id) for key, rival in case.rivals]) for case in self._cases.values()]
        return marshal.dumps((frozenset(self._statements) | self._slept, self._last, cases))

    @classmethod
    def awakened(cls, asleep: bytes) -> Root:
        """The root that was ``asleep``."""
        root = cls()
        root._slept, root._last, cases = marshal.loads(asleep)  # noqa: S302 - written by this very process
        root._cases = {values[0]: Case.awakened(*values[:-1]) for values in cases}
        for identifier, *_, rivals in cases:
            root._cases[identifier].rivals = [(key, root._cases[rival]) for key, rival in rivals]
        if len(root._cases) > FEW:
            root._prune(max(case.standing.last for case in root._cases.values()))
        return root

    def _wake(self) -> None:
        if not self._slept:
            return
        self._slept = frozenset()
        self._case_of = {member.id: case for case in self._cases.values() for member in case.members}
        walked = sorted((member for case in self._cases.values() for member in case.members), key=_KEY)
        self._order = walked + self._order[self._walked :]
        self._walked = len(walked)
        self._statements = {statement.id: statement for statement in self._order}

    def add(self, statements: Iterable[Statement]) -> None:
        """Add statements; one whose id is there replaces it."""
        new = sorted(statements, key=_KEY)
        if not new:
            return
        if new[0].key < self._last or not self._slept.isdisjoint(s.id for s in new):
            self._wake()
        for old in [old for s in new if (old := self._statements.get(s.id)) is not None]:
            self._rewind(old.key)
            del self._order[bisect_left(self._order, old.key, key=_KEY)]
        if self._order and new[0].key < self._order[-1].key:
            self._rewind(new[0].key)
            for statement in new:
                insort(self._order, statement, key=_KEY)
        else:
            self._order.extend(new)
        self._statements.update((s.id, s) for s in new)
        self._fresh.update(s.id for s in new)

    def withdraw(self, statement: Statement, version: int) -> None:
        """One of ``statements`` is not said any more since this version of its article (above its own)."""
        if not statement.withdrawn or version < statement.superseded:
            self._rewind(statement.key)
            statement.superseded = version
            self._fresh.add(statement.id)

    def remove(self, identifier: str) -> None:
        """A statement was taken down: as if it had never been told. Nothing happens where there is none."""
        statement = self.statements.pop(identifier, None)
        if statement is None:
            return
        self._rewind(statement.key)
        del self._order[bisect_left(self._order, statement.key, key=_KEY)]
        self._fresh.discard(identifier)
        if (opener := self._before.pop(identifier, None)) is not None:
            self._robbed.add(opener)

    def walk(self) -> Walked:
        """Take in all that is not yet."""
        changed: dict[str, Case] = {}
        moved: dict[str, set[str]] = {}
        heirs: dict[str, Case] = {}
        again = self._order[self._walked :]
        for count, statement in enumerate(again, 1):
            case = self._take(statement)
            before, now = self._before.get(statement.id), case.id
            if before is not None:
                heirs.setdefault(before, case)
            if before != now or statement.id in self._fresh:
                changed[now] = case
                if before is not None:
                    moved.setdefault(now, set()).add(before)
                    if before in self._cases:
                        changed.setdefault(before, self._cases[before])
            if count % _PRUNE_EACH == 0:
                self._prune(statement.published)
        self._walked = len(self._order)
        if again:
            self._last = again[-1].key
        changed |= {o: self._cases[o] for o in self._robbed if o in self._cases and o not in changed}
        vanished = {o: self._case_of.get(o, case) for o, case in heirs.items() if o not in self._cases}
        gone = frozenset(o for o in self._robbed if o not in self._cases and o not in vanished)
        touched = {o: self._cases[o] for o in self._touched if o in self._cases and o not in changed}
        for case in list(changed.values()):
            touched |= {r.id: r for _, r in case.rivals if r.id not in changed}
        self._before, self._touched, self._fresh, self._robbed = {}, set(), set(), set()
        return Walked(changed, {o: frozenset(m) for o, m in moved.items()}, touched, vanished, gone)

    def _take(self, statement: Statement) -> Case:
        case = self._best(statement)
        if case is None:
            case = self._cases[statement.id] = Case.opened(statement)
            self._place(case)
        self._case_of[statement.id] = case
        if case.take(statement):
            self._place(case)
            for other in self._near(case):
                case.face(other, statement)
        return case

    def _best(self, statement: Statement) -> Case | None:
        best, most = None, 0
        places = self._places
        around = [self._cases] if places is None else [places.get(x, {}) for x in labels(anchor_of(statement))]
        for cases in around:
            for identifier, case in cases.items():
                standing = case.standing
                fit = score(standing.anchor, statement, statement.published - standing.last)
                if fit > most or (fit == most and best is not None and identifier < best.id):
                    best, most = case, fit
        return best

    def _near(self, case: Case) -> list[Case]:
        """Those that could be its rivals."""
        if self._places is None:
            return [other for other in self._cases.values() if other is not case]
        found = {
            identifier: other
            for label in rival_labels(case.standing.anchor)
            for identifier, other in self._places.get(label, {}).items()
            if other is not case
        }
        return sorted(found.values(), key=attrgetter("key"))

    def _place(self, case: Case) -> None:
        """Make a new or changed case be found."""
        if self._places is None:
            if len(self._cases) > FEW:
                self._prune(case.standing.last)
            return
        anchor = case.standing.anchor
        for label in {*labels(anchor), *rival_labels(anchor)}:
            self._places.setdefault(label, {})[case.id] = case

    def _prune(self, now: int) -> None:
        """Look no more at cases that are too old for ``now`` (microseconds) and all behind it."""
        self._places = {} if len(self._cases) > FEW else None
        if self._places is not None:
            for case in self._cases.values():
                if case.standing.last >= now - WINDOW:
                    self._place(case)

    def _rewind(self, key: Key) -> None:
        """Undo the walk from ``key`` on."""
        place = bisect_left(self._order, key, 0, self._walked, key=_KEY)
        if place == self._walked:
            return
        for statement in self._order[place : self._walked]:
            case = self._case_of.pop(statement.id)
            self._before[statement.id] = case.id
        for statement in self._order[place : self._walked]:
            undone = self._cases.pop(statement.id, None)
            if undone is not None and undone.rivals:
                self._touched.add(statement.id)
        self._touched.update(identifier for identifier, case in self._cases.items() if case.give_back(key))
        # as of the last statement that is left, not of the undone one: an earlier one may come next
        self._prune(max((case.standing.last for case in self._cases.values()), default=0))
        self._walked = place
