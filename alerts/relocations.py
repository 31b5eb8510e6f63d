"""Which rules match a transition of a relocation, and the alerts that tell a person what changed: pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from alerts.matching import alert_id, reason_to_hold
from alerts.rules import On, Rule
from alerts.wording import MAX_SENTENCE, cut, kind_name, minute, quoted_sentence, route
from indexer.documents import relocation_document
from indexer.query import Matchable, matches
from stream.messages import Alert, AlertEvidence, Relocation, Said, Subject, Transition

MAX_QUOTES = 10
"""So many sources are quoted: those that made the change, then the others in the order of their words."""
MAX_AGAINST = 3
"""So many contradictions are told."""
AGAINST = frozenset({"denied", "cancelled"})
"""The statuses that speak against a move."""


def told_by(
    rules: Sequence[Rule], transition: Transition, now: datetime, max_age: timedelta, *, replayed: bool = False
) -> list[Alert]:
    """The alerts for which the transition gives cause, one for each rule on relocations that wants and matches it.

    A rule is matched against the relocation as it is with the change. ``max_age`` and ``replayed``: see ``held_back``.
    Raises ``indexer.query.InvalidDocument`` for a relocation that could not be indexed either.
    """
    wanting = [r for r in rules if r.target == "relocations" and wants(r, transition)]
    if not wanting:
        return []
    document = relocation_document(transition.relocation)
    shown = Matchable("relocations", {**document, "withdrawn": False})
    whole = Matchable("relocations", document)
    held = held_back(transition, max_age, replayed=replayed)
    # A query that does not name ``withdrawn`` hides what is; who heard of a move shall hear of its withdrawal, too.
    return [
        _alert(rule, transition, now, held)
        for rule in wanting
        if matches(rule.query, whole if "withdrawn" in rule.query.names else shown, now)
    ]


def without(transition: Transition, gone: Collection[str]) -> Transition | None:
    """The transition without the words of articles that were taken down (their ids); None where they made it."""
    if not gone:
        return transition
    cause = tuple(said for said in transition.cause if said.article_id not in gone)
    kept = tuple(said for said in transition.relocation.statements if said.article_id not in gone)
    relocation = transition.relocation.model_copy(update={"statements": kept})
    return transition.model_copy(update={"cause": cause, "relocation": relocation}) if cause else None


def wants(rule: Rule, transition: Transition) -> bool:
    """Whether the rule asks for such a transition of a relocation that is told so well.

    Of a withdrawn relocation, which nobody tells any more, count the sources that were announced; its confidence, which
    is none, is not asked for. So who heard of a move through its sources hears of its end.
    """
    sure = transition.kind == "withdrawn" or transition.relocation.confidence >= rule.min_confidence
    asked = change_of(transition) in rule.on or (is_first(transition) and "appeared" in rule.on)
    return asked and sure and heard(transition.relocation) >= rule.min_sources


def is_first(transition: Transition) -> bool:
    """Whether nothing was announced of the relocation before: it appears, be it as completed or denied already."""
    return transition.before is None and transition.kind in ("appeared", "completed", "denied")


def change_of(transition: Transition) -> On:
    """The word of a rule's ``on`` for this transition."""
    return "settled" if (transition.kind, transition.after) == ("disputed", "settled") else transition.kind


def heard(relocation: Relocation) -> int:
    """By how many independent sources the move is told, or was when that was announced last; at least one."""
    announced = (int(a.after) for a in relocation.announced if a.kind == "corroborated")
    return max(1, relocation.independent_sources, *announced)


def held_back(transition: Transition, max_age: timedelta, *, replayed: bool = False) -> str | None:
    """Why alerts about the transition are not sent; None when they are: one article that made the change is enough,
    if an alert about that article would be sent (``alerts.matching.held_back``)."""
    reasons = [_reason(said, max_age, replayed=replayed) for said in transition.cause]
    return None if None in reasons else (reasons[-1] if reasons else "nothing says what made the change")


def _reason(said: Said, max_age: timedelta, *, replayed: bool) -> str | None:
    """Of an article whose feed does not say when it was published, ``published`` is when it was first fetched."""
    age = said.fetched - said.published
    return reason_to_hold(said.origin_of_article, age or None, max_age, replayed=replayed)


# -- what a person reads


def _alert(rule: Rule, transition: Transition, now: datetime, held: str | None) -> Alert:
    relocation = transition.relocation
    quoted = voices(transition)
    return Alert(
        id=alert_id(rule.id, relocation.id, transition.id),
        rule=rule.id,
        rule_name=rule.name,
        query=rule.query.text,
        severity=rule.severity,
        subject=Subject(kind="relocation", id=relocation.id),
        transition=transition.id,
        title=_title(transition),
        text="\n".join([*_told(transition), *map(_says, quoted)]),
        evidence=tuple(map(_evidence, quoted)),
        links=tuple(dict.fromkeys(said.url for said in quoted)),
        created=now,
        held_back=held,
    )


def voices(transition: Transition) -> list[Said]:
    """The best sentence of each outlet that made the change, then of each other independent source, oldest first."""
    causes = _best(transition.cause, transition)
    known = {_voice(said) for said in causes}
    living = [s for s in transition.relocation.statements if not s.withdrawn and not s.background]
    independent = {_voice(s) for s in living if s.independent} - known
    others = _best((s for s in living if _voice(s) in independent), transition)
    return [*causes, *others][:MAX_QUOTES]


def _voice(said: Said) -> tuple[str, bool]:
    """An outlet that says so and denies it later is heard on both sides."""
    return said.outlet, said.status in AGAINST


def _best(said: Iterable[Said], transition: Transition) -> list[Said]:
    """One statement of each voice: one that says what is so now, of these the surest, of these the latest."""
    best: dict[tuple[str, bool], Said] = {}
    now = transition.relocation.status
    for one in sorted(said, key=lambda s: (s.status == now, s.confidence, s.published, s.id)):
        best[_voice(one)] = one
    return sorted(best.values(), key=lambda s: (s.published, s.id))


def _title(transition: Transition) -> str:
    relocation = transition.relocation
    where = route(relocation.origin, relocation.destination)
    new = f"new: {transition.after} {kind_name(relocation.kind)}"
    what = new if is_first(transition) else _change(transition)
    return cut(f"{cut(relocation.actor.name, 100)}: {where} ({what})")


def _change(transition: Transition) -> str:
    """What changed, in a few words."""
    if is_first(transition):
        return f"told for the first time, {transition.after}"
    was = f", {transition.before} before" if transition.before else ""
    match change_of(transition):
        case "corroborated":
            return f"{_sources(int(transition.after))}{was}"
        case "settled":
            return "no longer disputed"
        case "withdrawn":
            return "withdrawn, nobody says it any more"
        case "disputed":
            return "disputed"
        case _:
            return f"{transition.after}{was}"


def _told(transition: Transition) -> Iterator[str]:
    relocation = transition.relocation
    count = relocation.statement_count
    yield f"Who: {cut(relocation.actor.name)}"
    yield f"Where: {route(relocation.origin, relocation.destination)}"
    yield f"What: {kind_name(relocation.kind)}, {'withdrawn' if relocation.withdrawn else relocation.status}"
    yield f"Changed: {_change(transition)}"
    yield f"Since: {minute(transition.when)} UTC; the move is told since {minute(relocation.first_seen)} UTC"
    yield f"Sources: {_by_whom(relocation)}; {count} statement{'' if count == 1 else 's'}" + _confidence(relocation)
    yield from (f"But: {cut(c.text)}" for c in relocation.contradictions[-MAX_AGAINST:])


def _by_whom(relocation: Relocation) -> str:
    if relocation.withdrawn:
        return f"none any more, {_sources(heard(relocation))} before"
    if relocation.status not in AGAINST:
        return _sources(relocation.independent_sources)
    sides = [_voice(s)[1] for s in relocation.statements if s.independent]
    told = f", {_sources(relocation.independent_sources)} for it" if False in sides else ""
    return f"{_sources(sides.count(True))} against it{told}"


def _confidence(relocation: Relocation) -> str:
    return "" if relocation.withdrawn else f"; confidence {relocation.confidence:.2f}"


def _sources(count: int) -> str:
    return f"{count} independent source{'' if count == 1 else 's'}"


def _says(said: Said) -> str:
    by = f" by {cut(said.attribution)}" if said.attribution else ""
    taken_back = ", taken back since" if said.withdrawn else ""
    words = cut(said.sentence, MAX_SENTENCE)
    return f"{cut(said.source)}, {minute(said.published)} UTC, {said.status}{by}{taken_back}: “{words}”"


def _evidence(said: Said) -> AlertEvidence:
    return AlertEvidence(
        sentence=quoted_sentence(said.sentence),
        start=said.start,
        end=said.end,
        source=cut(said.source),
        url=said.url,
        article_id=said.article_id,
        published=said.published,
        fetched=said.fetched,
    )
