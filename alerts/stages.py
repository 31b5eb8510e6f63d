"""The alert stage: a handler that raises each alert once, and the rules folder that it follows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from alerts.matching import REPLAYED, candidates
from alerts.relocations import told_by, without
from alerts.rules import Rule, RuleErrors, load_rules, rule_files
from stream.lineage import ALWAYS, Turn, moment_of
from stream.log import Log
from stream.messages import Alert, EnrichedArticle, Transition
from stream.stage import Done, Incoming, Outcome, Reject
from stream.table import KeyTable
from stream.takedowns import Takedowns
from stream.topics import Outgoing

logger = structlog.get_logger()

LOOK_EVERY = 3.0
"""Seconds between two looks at the files of the rules folder."""

_Signature = tuple[tuple[str, int, int], ...]


class RulesFolder:
    """The rules of a folder, followed while it changes; calling it gives the rules of now.

    Making it loads them and raises ``RuleErrors``. After that broken rules never stop the stage: the last good ones
    stay in force and the problems are logged once a change.
    """

    def __init__(self, folder: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``monotonic`` is the clock, in seconds, by which ``LOOK_EVERY`` counts."""
        self._folder = folder
        self._monotonic = monotonic
        self._looked = monotonic()
        self._signature = _signature(folder)  # before loading: a change during it is seen at the next look
        self._rules = load_rules(folder)

    def __call__(self) -> tuple[Rule, ...]:
        """The rules in force, after a look at the files if the last was ``LOOK_EVERY`` ago."""
        now = self._monotonic()
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            self._follow()
        return self._rules

    def _follow(self) -> None:
        signature = _signature(self._folder)
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._rules = load_rules(self._folder)
        except RuleErrors as error:
            logger.warning(
                "rules are broken, the last good ones stay in force",
                rules=len(self._rules), problems=len(error.problems), first=str(error.problems[0]),
            )  # fmt: skip
        else:
            logger.info("rules loaded", rules=len(self._rules), folder=str(self._folder))


def _signature(folder: Path) -> _Signature:
    """Name, time of change and size of every rule file; another one means that the rules must be read again."""
    entries = []
    try:
        for path in rule_files(folder):
            stat = path.stat()
            entries.append((path.name, stat.st_mtime_ns, stat.st_size))
    except OSError as error:  # a file went away just now, or the folder cannot be read: loading says which
        entries.append((str(error), 0, 0))
    return tuple(entries)


def alert_ledger(log: Log, topic: str) -> KeyTable:
    """The table of what was raised on ``topic`` (the full name of ``alerts``): each id, marked where held back."""
    return KeyTable(log, topic, _was_held_back)


def _was_held_back(value: bytes) -> bool:
    """Read from the JSON, whatever its schema version: of a record that cannot be read we say that it was sent, for
    to page nobody is better than to page twice."""
    try:
        fields = json.loads(value)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and fields.get("held_back") is not None


class RaiseAlerts:
    """A ``stream.stage.Handler`` for ``enriched`` and for ``transitions``: publishes the alerts that no record of
    ``alerts`` tells of yet.

    ``ledger`` is the ``alert_ledger``. All three topics have the same partition count; an alert goes by the key of its
    cause (article id or actor root). So whoever owns a partition of ``enriched`` alone writes the alerts on articles
    and statements in that of ``alerts``, whoever owns one of ``transitions`` those on relocations; their ids differ,
    and one refresh at the beginning shows all of one's own that was ever raised there. Once raised, an alert is never
    published again: not when records come again, nor for another revision of the article, nor in another generation.
    The one exception: an alert that was held back is published once more, to be sent, when an article gives cause for
    it that is not held back (found by a backfill or a replay at first, then live). What was taken down gives no cause,
    and is not quoted. What one call returns must be committed before the next call. While a replay runs two groups
    write each partition, and the ledger may miss what the other writes at this moment: so what a replay holds back has
    a key of its own, and what is sent twice with one id is delivered once (``alerts/notify.py``).
    """

    def __init__(
        self,
        rules: Callable[[], Sequence[Rule]],
        ledger: KeyTable,
        takedowns: Takedowns,
        clock: Callable[[], datetime],
        max_age: timedelta,
        turn: Callable[[], Turn] = lambda: ALWAYS,
    ) -> None:
        """``rules`` gives the rules in force (a ``RulesFolder``), ``clock`` the time (UTC); what is held back
        follows from ``max_age``, see ``alerts.matching.held_back``, and from ``turn``, the generation's turn as of the
        call: what came of articles of before is a replay's, what came of those of after is the next generation's."""
        self._rules = rules
        self._ledger = ledger
        self._takedowns = takedowns
        self._clock = clock
        self._max_age = max_age
        self._turn = turn

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """One outcome a record. Raises ``LogError`` when the ledger cannot be read."""
        rules, now, turn = self._rules(), self._clock(), self._turn()
        for partition in sorted({incoming.record.partition for incoming in batch}):
            self._ledger.refresh(partition)
        gone = self._takedowns.among({article for incoming in batch for article in _articles(incoming.message)})
        raised: dict[str, bool] = {}
        return [self._outcome(i, self._caused(i, _standing(i.message, gone), rules, now, turn), raised) for i in batch]

    def _outcome(self, incoming: Incoming, found: tuple[str, list[Alert]] | None, raised: dict[str, bool]) -> Outcome:
        """``raised``: the ids that this batch raised, each with whether it was held back."""
        if found is None:
            said = f"this is {type(incoming.message).__name__}"
            return Reject(f"the alert stage reads EnrichedArticle and Transition, {said}")
        partition_key, alerts = found
        partition = incoming.record.partition
        fresh = [a for a in alerts if _is_news(a, raised.get(a.id, self._was_held_back(partition, a.id)))]
        raised.update({alert.id: alert.held_back is not None for alert in fresh})
        return Done(tuple(Outgoing("alerts", _key(alert), partition_key, alert) for alert in fresh))

    def _was_held_back(self, partition: int, identifier: str) -> bool | None:
        """Whether the alert was held back when it was raised last; None if it never was raised."""
        before = self._ledger.get(partition, identifier)
        if before is None and self._ledger.get(partition, identifier + _OF_A_REPLAY) is not None:
            return True
        return before

    def _caused(
        self, incoming: Incoming, message: object, rules: Sequence[Rule], now: datetime, turn: Turn
    ) -> tuple[str, list[Alert]] | None:
        """The partition key of the cause and the alerts; None for a message that causes none. ``message``: of the
        record, what was not taken down; None: nothing."""
        if message is None:
            return "", []
        if not isinstance(message, EnrichedArticle | Transition):
            return None
        fetched = message.article.fetched if isinstance(message, EnrichedArticle) else None
        moment = moment_of(incoming.record, fetched)
        if turn.is_over(moment):
            return "", []
        replayed = turn.is_replayed(moment)
        if isinstance(message, EnrichedArticle):
            return message.article.id, candidates(rules, message, now, self._max_age, replayed=replayed)
        return message.relocation.actor.root, told_by(rules, message, now, self._max_age, replayed=replayed)


def _articles(message: object) -> set[str]:
    """The articles that an alert on the message would quote."""
    if isinstance(message, EnrichedArticle):
        return {message.article.id}
    if isinstance(message, Transition):
        return {said.article_id for said in (*message.cause, *message.relocation.statements)}
    return set()


def _standing(message: object, gone: frozenset[str]) -> object:
    """The message without what was taken down; None where that is its cause."""
    if not gone.isdisjoint(_articles(message)):
        return without(message, gone) if isinstance(message, Transition) else None
    return message


_OF_A_REPLAY = ":replayed"


def _key(alert: Alert) -> str:
    """The alert's id; of one that a replay found another, for it may come while the live generation raises the same:
    it must not take that record's place under compaction, nor in the ledger."""
    return alert.id + _OF_A_REPLAY if alert.held_back == REPLAYED else alert.id


def _is_news(alert: Alert, before: bool | None) -> bool:
    """Whether to publish it; ``before``: None if its id was never raised, else whether it was held back then."""
    return before is None or (before and alert.held_back is None)
