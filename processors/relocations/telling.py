"""A case as the relocation that travels: its timeline, history, sources and contradictions; pure."""

from __future__ import annotations

from functools import lru_cache

from processors.relocations.case import Case
from processors.relocations.standing import RANK
from processors.relocations.statement import Spot, Statement, time_of
from stream.ids import OWN_VERSION, digest
from stream.messages import Change, Contradiction, Relocation, Said
from stream.parts import made

MAX_STATEMENTS = 50
"""Statements that travel with a relocation; the others are found by a search for its places and actor."""
MAX_TURNS = 200
"""Entries of ``history`` and of ``announced``: the first and the latest."""
LATEST = 200
"""Among so many of the last statements the latest of each outlet is looked for."""
MAX_AGAINST = 10
MAX_NAMED = 3
"""So many of those who tell of another destination are named."""


@lru_cache(1 << 14)
def relocation_id(root: str, opener: str) -> str:
    """The id of the relocation of ``root`` that the statement ``opener`` opens."""
    return digest("relocation", root, opener)


def identifier(case: Case) -> str:
    """The id of the case's relocation."""
    return relocation_id(case.standing.anchor.actor.root, case.id)


def tell(case: Case) -> Relocation:
    """The case as a relocation, of version 0 and with nothing announced."""
    standing, anchor = case.standing, case.standing.anchor
    withdrawn = standing.counting == 0 and any(not m.background for m in case.members)
    last, independent = case.members[-1], set(case.sources)
    return made(
        Relocation,
        schema_version=1,
        message="Relocation",
        id=identifier(case),
        version=0,
        actor=anchor.actor.message(),
        origin=anchor.origin.message() if anchor.origin else None,
        destination=anchor.destination.message() if anchor.destination else None,
        kind=anchor.kind,
        status=standing.status or last.status,
        confidence=confidence(case),
        independent_sources=sources(case),
        disputed=case.disputed,
        withdrawn=withdrawn,
        background=standing.counting == 0 and not withdrawn,
        statements=tuple(said_by(case.members[p], independent=p in independent) for p in _chosen(case)),
        statement_count=len(case.members),
        history=_history(case, withdrawn),
        announced=(),
        contradictions=(*_denials(case), *_other_destinations(case)),
        first_seen=time_of(case.members[0].published),
        last_seen=time_of(last.published),
        merged_into=None,
    )


def sources(case: Case) -> int:
    """How many independent sources there are for the move; against it, where nobody is for it."""
    return case.standing.sources_for or case.standing.sources_against


def confidence(case: Case) -> float:
    """How sure the status is: what is left to doubt when independent sources err independently; less if disputed."""
    standing = case.standing
    doubt = standing.doubt_for if standing.status in RANK else standing.doubt_against
    sure = 0.0 if standing.status is None else min(0.99, 1 - doubt)
    return round(sure * 0.7 if case.disputed else sure, 4)


def said_by(s: Statement, *, independent: bool = False) -> Said:
    """The statement as a timeline tells it."""
    return made(
        Said, id=s.id, article_id=s.article_id, version=s.version, url=s.url, source=s.source, outlet=s.outlet,
        published=time_of(s.published), fetched=time_of(s.fetched), origin_of_article=s.origin_of_article,
        status=s.status, attribution=s.attribution, confidence=s.confidence, sentence=s.sentence, start=s.start,
        end=s.end, background=s.background, withdrawn=s.withdrawn, independent=independent,
    )  # fmt: skip


def _chosen(case: Case) -> list[int]:
    """The opener, the first and latest independent sources, the latest of each outlet: places in ``members``."""
    count = len(case.members)
    if count <= MAX_STATEMENTS:
        return list(range(count))
    chosen = {0, *case.sources[:15], *case.sources[-10:]}
    outlets: set[str] = set()
    for place in range(count - 1, max(-1, count - 1 - LATEST), -1):
        if len(chosen) >= MAX_STATEMENTS:
            break
        if case.members[place].outlet not in outlets:
            outlets.add(case.members[place].outlet)
            chosen.add(place)
    return sorted(chosen)


def _history(case: Case, withdrawn: bool) -> tuple[Change, ...]:
    turns = case.turns if len(case.turns) <= MAX_TURNS else [case.turns[0], *case.turns[1 - MAX_TURNS :]]
    told = [
        made(Change, kind=t.kind, before=t.before, after=t.after, statement=t.key[1], when=time_of(t.key[0]))
        for t in turns
    ]
    if withdrawn:
        last = max((m for m in case.members if not m.background), key=lambda m: (m.superseded, m.id))
        when = time_of(last.superseded % OWN_VERSION)
        told.append(Change(kind="withdrawn", before=last.status, after="withdrawn", statement=last.id, when=when))
    return tuple(told)


def _denials(case: Case) -> list[Contradiction]:
    standing = case.standing
    if not (standing.sources_for and standing.sources_against):
        return []
    against = [case.members[p] for p in case.sources if case.members[p].status not in RANK]
    return [
        Contradiction(about="denial", statement=s.id, text=f"{s.source}: {s.status}{_by(s)}")
        for s in against[-MAX_AGAINST:]
    ]


def _other_destinations(case: Case) -> list[Contradiction]:
    found = [r for _, r in case.rivals if r.alive and r.standing.anchor.destination] if case.alive else []
    return [
        Contradiction(
            about="destination", statement=r.id, relocation=identifier(r),
            text=f"{_tellers(r)}: to {_where(r.standing.anchor.destination)} instead",
        )
        for r in found[-MAX_AGAINST:]
    ]  # fmt: skip


def _tellers(case: Case) -> str:
    """The outlets that were the first to tell of the move, each with a text of its own."""
    named = list(dict.fromkeys(m.source for m in (case.members[p] for p in case.sources) if m.status in RANK))
    return ", ".join(named[:MAX_NAMED]) + (" and others" if len(named) > MAX_NAMED else "")


def _by(statement: Statement) -> str:
    return f" ({statement.attribution})" if statement.attribution else ""


def _where(spot: Spot | None) -> str:
    if spot is None:
        return "an unknown place"
    return f"{spot.name}, {spot.country}" if spot.country and spot.kind != "country" else spot.name
