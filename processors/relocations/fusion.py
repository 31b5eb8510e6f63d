"""Fusion as statements arrive: a batch of one partition in, relocations and transitions out; the same as ``fuse``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from processors.relocations.announcing import Announcing, Gone, announce
from processors.relocations.cache import Cache, Known, contradicted
from processors.relocations.case import Case
from processors.relocations.revisions import newest, superseding
from processors.relocations.root import Walked
from processors.relocations.statement import Statement
from processors.relocations.telling import identifier, relocation_id, said_by, tell
from stream.messages import Announced, Relocation, Said, Superseded, Takedown
from stream.parts import made


@dataclass(slots=True)
class _Came:
    """What a batch brings for one root."""

    statements: dict[str, Statement] = field(default_factory=dict)
    """By id, the newest revision of each."""
    withdrawn: set[str] = field(default_factory=set)
    """Ids of known ones whose article was updated."""
    gone: set[str] = field(default_factory=set)
    """Ids of known ones whose article was taken down."""


class Fusion:
    """Takes batches in and says what is to be published; what it knows is in ``cache``."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def take(
        self, partition: int, batch: Sequence[Statement | Superseded | Takedown]
    ) -> dict[str, list[Announcing | Gone]]:
        """What the batch changes, by root. A relocation is told again only where it changed."""
        updates: dict[str, set[int]] = {}
        for message in batch:
            if isinstance(message, Superseded):
                updates.setdefault(message.article_id, set()).add(message.version)
        down = [m.article_id for m in batch if isinstance(m, Takedown)]
        self._cache.taken_down.update((partition, article_id) for article_id in down)
        came = self._by_root(partition, batch, updates, down)
        found = {root: self._fuse(partition, root, what, updates) for root, what in came.items()}
        self._cache.store(partition, [m for m in batch if isinstance(m, Statement)])
        for article_id, versions in updates.items():  # only now: a root is loaded as it was before the batch
            for version in versions:
                self._cache.update(partition, article_id, version)
        for article_id in down:
            self._cache.take_down(partition, article_id)
        return {root: told for root, told in found.items() if told}

    def read_on(self, partition: int, batch: Sequence[Statement | Superseded | Takedown]) -> None:
        """Take in what was fused before: nothing is published for it."""
        self._cache.forget_roots(partition)
        for message in batch:
            if isinstance(message, Takedown):
                self._cache.take_down(partition, message.article_id)
        self._cache.store(partition, [m for m in batch if isinstance(m, Statement)])
        for message in batch:
            if isinstance(message, Superseded):
                self._cache.update(partition, message.article_id, message.version)

    def _by_root(
        self, partition: int, batch: Sequence[Statement | Superseded | Takedown], updates: Iterable[str],
        down: Iterable[str],
    ) -> dict[str, _Came]:  # fmt: skip
        came: defaultdict[str, _Came] = defaultdict(_Came)
        for message in batch:
            if isinstance(message, Statement) and (partition, message.article_id) not in self._cache.taken_down:
                into = came[message.actor.root].statements
                into[message.id] = newest(into.get(message.id), message)
        for article_id in updates:
            for said in self._cache.said_in(partition, article_id):
                came[said.actor.root].withdrawn.add(said.id)
        for article_id in down:
            for said in self._cache.said_in(partition, article_id):
                came[said.actor.root].gone.add(said.id)
        return came

    def _fuse(self, partition: int, root: str, came: _Came, updates: Mapping[str, set[int]]) -> list[Announcing | Gone]:
        known = self._cache.root(partition, root)
        before = len(known)

        def superseded(statement: Statement) -> int:
            versions = self._cache.updates(partition, statement.article_id)
            return superseding(statement, versions | updates.get(statement.article_id, set()))

        new = [s for s in came.statements.values() if newest(known.get(s.id), s) is s]
        for statement in new:
            statement.superseded = superseded(statement)
        known.add(new)
        for said in came.gone:
            known.remove(said)
        for said in came.withdrawn - came.gone:
            if version := superseded(known.statements[said]):
                known.withdraw(known.statements[said], version)
        walked = known.walk()
        self._cache.grown(len(known) - before)
        fresh = {s.id for s in new} | came.withdrawn
        told: list[Announcing | Gone] = [*self._changed(partition, root, walked, fresh)]
        told += self._merged(partition, root, walked)
        return [*told, *self._taken_down(partition, root, walked)] if came.gone else told

    def _changed(self, partition: int, root: str, walked: Walked, fresh: set[str]) -> list[Announcing]:
        found = []
        for opener, case in walked.changed.items():
            known = self._cache.known(partition, identifier(case))
            taken_from = [o for o in sorted(walked.moved.get(opener, ())) if o != opener]
            inherited = [self._cache.known(partition, relocation_id(root, o)) for o in taken_from]
            version = known.version + 1 if known else 1
            found.append(announce(tell(case), version, _before(known, inherited), _came(case, fresh)))
        for case in walked.touched.values():
            known, told = self._cache.known(partition, identifier(case)), tell(case)
            if known is None or known.contradicted != contradicted(told):
                version = known.version + 1 if known else 1
                came = [said for _, rival in case.rivals for said in _came(rival, fresh)]
                found.append(announce(told, version, _before(known, ()), came))
        return found

    def _merged(self, partition: int, root: str, walked: Walked) -> list[Announcing]:
        """Those that are told by another relocation now."""
        found = []
        for opener, case in walked.vanished.items():
            old = relocation_id(root, opener)
            known = self._cache.known(partition, old)
            if known is not None and known.merged_into != identifier(case):
                found.append(Announcing(_stub(old, case, known), ()))
        return found

    def _taken_down(self, partition: int, root: str, walked: Walked) -> list[Announcing | Gone]:
        """The end of relocations of which nothing is left. What stands for one that was merged into such a one ends
        with it; into one that lost statements, it is made anew, for it tells in their words who goes where."""
        heir: dict[str, Case | None] = {identifier(case): case for case in walked.changed.values()}
        heir |= {relocation_id(root, opener): case for opener, case in walked.vanished.items()}
        heir |= {relocation_id(root, opener): None for opener in walked.gone}
        found: list[Announcing | Gone] = [Gone(relocation_id(root, opener)) for opener in sorted(walked.gone)]
        stubs = {i: known for i, known in self._cache.merged(partition).items() if i not in heir}
        while into := {i: heir[known.merged_into or ""] for i, known in stubs.items() if known.merged_into in heir}:
            for i, case in sorted(into.items()):
                known = stubs.pop(i)
                found.append(Announcing(_stub(i, case, known), ()) if case else Gone(i))
            heir |= into
        return found


def _before(known: Known | None, inherited: Iterable[Known | None]) -> list[Announced]:
    """What was announced: of those whose statements it took over, then its own (the last word)."""
    entries = [a for other in inherited if other for a in other.announced]
    own = {a[0]: a for a in (known.announced if known else ())}
    before = [*{a[0]: a for a in entries if a[0] not in own}.values(), *own.values()]
    return [made(Announced, id=i, kind=k, after=a, times=t) for i, k, a, t in before]


def _came(case: Case, fresh: set[str]) -> list[Said]:
    """The case's statements that came in or were withdrawn just now."""
    places = [p for p, member in enumerate(case.members) if member.id in fresh] if fresh else []
    sources = set(case.sources)
    return [said_by(case.members[p], independent=p in sources) for p in places]


def _stub(identifier_: str, case: Case, known: Known) -> Relocation:
    """What stands for a relocation whose statements another one tells now."""
    told = tell(case)
    gone = {
        "id": identifier_, "version": known.version + 1, "announced": tuple(_before(known, ())), "merged_into": told.id,
        "statements": (), "statement_count": 0, "history": (), "contradictions": (), "disputed": False,
    }  # fmt: skip
    return told.model_copy(update=gone)
