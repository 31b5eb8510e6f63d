"""Alerts of two generations side by side: a replay pages nobody, and each article alerts through one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.matching import REPLAYED
from alerts.stages import RaiseAlerts, alert_ledger
from stream.lineage import ALWAYS, EVER, NEVER, Turn, marked
from stream.log import Log, Record
from stream.messages import Alert, EnrichedArticle, decode
from stream.stage import Incoming
from stream.takedowns import Takedowns
from tests.alerts.examples import DAY, EVERYTHING, NOW, article, enriched, rule
from tests.alerts.test_relocations import said
from tests.alerts.test_stages import NAMES, PARTITIONS, commit, fresh_log
from tests.alerts.test_stages import incoming as unmarked
from tests.stream.golden import TRANSITION

T = NOW
OLD, NEW, REPLAY = Turn(EVER, T), Turn(T, NEVER), Turn(NEVER, NEVER)
SECOND = timedelta(seconds=1)


def stage(log: Log, turn: Turn) -> RaiseAlerts:
    rules = (*EVERYTHING, rule("*", "relocations", "cases"))
    ledger, takedowns = alert_ledger(log, NAMES.topic("alerts")), Takedowns(log, NAMES)
    return RaiseAlerts(lambda: rules, ledger, takedowns, lambda: NOW, DAY, lambda: turn)


def fetched_at(moment: datetime, name: str = "a") -> EnrichedArticle:
    of = article(id=name, origin="live", fetched=moment, published=moment)
    message = enriched(of)
    changes = tuple(c.model_copy(update={"id": f"{name}-said"}) for c in message.location_changes)
    return message.model_copy(update={"location_changes": changes})


def incoming(messages: Sequence[EnrichedArticle], lag: timedelta = timedelta(0)) -> list[Incoming]:
    """As enrich publishes them, when it lags so much behind the fetch."""
    found = zip(unmarked(messages), messages, strict=True)
    return [
        replace(i, record=replace(i.record, timestamp=m.article.fetched + lag, headers=marked(m.article.fetched)))
        for i, m in found
    ]


def told(log: Log) -> list[Alert]:
    records = [r for p in range(PARTITIONS) for r in log.read(NAMES.topic("alerts"), p, 0, 10_000)]
    found = [decode(r.value) for r in records if r.value]
    return [a for a in found if isinstance(a, Alert)]


def sent(log: Log) -> Counter[str]:
    return Counter(a.id for a in told(log) if a.held_back is None)


@given(st.lists(st.tuples(st.integers(-3, 3), st.sampled_from(["old first", "new first", "at once"])), max_size=5))
@settings(max_examples=25, deadline=None)
def test_each_article_is_sent_once_by_the_generation_whose_turn_it_was(moments: list[tuple[int, str]]) -> None:
    """Both read every article, in whatever order, also at once: neither sees then what the other is about to write."""
    with fresh_log() as log:
        old, new = stage(log, OLD), stage(log, NEW)
        for number, (seconds, order) in enumerate(moments):
            batch = incoming([fetched_at(T + seconds * SECOND, f"a{number}")])
            first, second = (new, old) if order == "new first" else (old, new)
            outcomes = first(batch)
            if order == "at once":
                late = second(batch)
                commit(log, outcomes)
                commit(log, late)
            else:
                commit(log, outcomes)
                commit(log, second(batch))
        assert sent(log) == Counter(dict.fromkeys({a.id for a in told(log)}, 1))
        assert len(sent(log)) == 2 * len(moments)
        for number, (seconds, _) in enumerate(moments):  # whatever comes again says nothing new, also after a restart
            commit(
                log,
                stage(log, NEW if seconds >= 0 else OLD)(incoming([fetched_at(T + seconds * SECOND, f"a{number}")])),
            )
        assert len(sent(log)) == sent(log).total()


def test_what_a_replay_finds_is_listed_and_never_sent() -> None:
    with fresh_log() as log:
        commit(log, stage(log, REPLAY)(incoming([fetched_at(T - SECOND), fetched_at(T + SECOND, "b")])))
        assert {a.held_back for a in told(log)} == {REPLAYED}
        assert len(told(log)) == 4
        commit(log, stage(log, REPLAY)(incoming([fetched_at(T - SECOND)])))
        assert len(told(log)) == 4
        commit(log, stage(log, ALWAYS)(incoming([fetched_at(T - SECOND)])))  # the live generation had yet to come
        assert len(sent(log)) == 2


def test_the_record_of_a_sent_alert_is_not_overwritten_by_a_replay_that_did_not_see_it() -> None:
    with fresh_log() as log:
        replay, live = stage(log, REPLAY), stage(log, ALWAYS)
        batch = incoming([fetched_at(T - SECOND)])
        held = replay(batch)
        commit(log, live(batch))
        commit(log, held)
        keys = [r.key for p in range(PARTITIONS) for r in log.read(NAMES.topic("alerts"), p, 0, 100)]
        assert len(set(keys)) == len(keys) == 4
        commit(log, stage(log, ALWAYS)(batch))
        assert sent(log).total() == 2


def test_however_far_a_generation_lags_each_article_alerts_through_one() -> None:
    """The extractions differ, and so do the alerts' ids: no ledger tells what the other generation has sent."""
    for seconds, through in ((-1, (2, 0)), (0, (0, 2))):
        found = []
        for turn in (OLD, NEW):
            with fresh_log() as log:
                commit(log, stage(log, turn)(incoming([fetched_at(T + seconds * SECOND)], timedelta(hours=1))))
                found.append(sent(log).total())
        assert tuple(found) == through


def test_a_change_of_a_case_is_told_by_the_generation_of_the_articles_that_made_it() -> None:
    """However long ago the case's other articles were fetched: an update withdraws what was told before."""
    of = TRANSITION.model_copy(update={"cause": (said("b", fetched=T - SECOND),)})
    for moment, through in ((T - SECOND, (1, 0)), (T, (0, 1))):
        found = []
        for turn in (OLD, NEW):
            with fresh_log() as log:
                record = Record("transitions", 0, 0, T + timedelta(hours=1), "k", None, marked(moment))
                commit(log, stage(log, turn)([Incoming(record, of)]))
                found.append(sent(log).total())
        assert tuple(found) == through
