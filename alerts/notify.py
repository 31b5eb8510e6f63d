"""What becomes of an alert on its way to its targets: whom it is for, when to try again, when to give up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from alerts.channels import Channel, Failure
from alerts.wording import span
from stream.errors import InvalidMessage, NewerSchema
from stream.ids import digest
from stream.log import Log, partition_of
from stream.messages import Alert, Delivery, decode
from stream.stage import Done, Incoming, Outcome, Reject
from stream.table import KeyTable
from stream.takedowns import Takedowns
from stream.topics import Outgoing

MAX_PAUSE = 300.0
"""Seconds: back-off of a target that fails doubles from one second up to here."""
MAX_ASKED = 3_600.0
"""Seconds that a target may ask to be left alone (``Retry-After``)."""
TAKEN_DOWN = "an article that it quotes was taken down"
"""Why an alert is not sent any more."""
_READ = 500


def quotes(alert: Alert, articles: Collection[str]) -> bool:
    """Whether the alert is about one of the articles (ids), or quotes one."""
    return alert.subject.id in articles or any(e.article_id in articles for e in alert.evidence)


def delivery_id(alert_id: str, target: str) -> str:
    """The idempotency key of an alert for a target."""
    return digest("delivery", alert_id, target)


def pause(failures: int, asked: float | None) -> float:
    """Seconds to leave a target alone that failed so often in a row (1, 2, …), and asked for so much."""
    return max(min(MAX_PAUSE, 2.0 ** min(failures - 1, 10)), min(asked or 0.0, MAX_ASKED))


def too_late(delivery: Delivery, now: datetime, give_up_after: timedelta) -> bool:
    """Whether its alert was raised too long ago to be sent still."""
    return delivery.alert is not None and now - delivery.alert.created >= give_up_after


def delivered(delivery: Delivery, now: datetime, attempts: int) -> Delivery:
    """The record that the target has taken it."""
    return delivery.model_copy(update={"state": "delivered", "at": now, "attempts": attempts, "alert": None})


def given_up(delivery: Delivery, now: datetime, attempts: int, reason: str) -> Delivery:
    """The record that it is not tried any more."""
    fields = {"state": "given_up", "at": now, "attempts": attempts, "reason": reason, "alert": None}
    return delivery.model_copy(update=fields)


def late_reason(give_up_after: timedelta, last: Failure | None, of_target: Failure | None) -> str:
    """Why it is given up when it is too late; ``last`` is how its last attempt failed, ``of_target`` how the target
    fails. Without both nothing is known: attempts of earlier processes are not recorded."""
    if last:
        why = last.reason
    elif of_target:
        why = f"the target failed before its turn came: {of_target.reason}"
    else:
        why = "that was over when its turn came"
    return f"not delivered within {span(give_up_after)} (notify.give_up_after): {why}"


def deliveries_of(log: Log, topic: str, alerts: Collection[str]) -> list[Delivery]:
    """What became of these alerts (ids), for every target, in the order of time; ``topic``: the full name of
    ``deliveries``, which is read from its beginning. Raises ``LogError``."""
    wanted = [alert.encode() for alert in alerts]
    newest: dict[str, Delivery] = {}
    for partition in range(log.partitions(topic)):
        offset = 0
        while records := log.read(topic, partition, offset, _READ):
            offset = records[-1].offset + 1
            values = [r.value for r in records if r.value and any(alert in r.value for alert in wanted)]
            for delivery in map(_decoded, values):
                if delivery is not None and delivery.alert_id in alerts:
                    newest[delivery.id] = delivery
    return sorted(newest.values(), key=lambda d: (d.at, d.id))


def _decoded(value: bytes) -> Delivery | None:
    try:
        message = decode(value)
    except (InvalidMessage, NewerSchema):
        return None
    return message if isinstance(message, Delivery) else None


class PlanDeliveries:
    """A ``stream.stage.Handler`` for ``alerts``: publishes a waiting ``Delivery`` for each target of an alert that is
    to be sent. Held-back alerts, those of a replay among them, have none; so have those that quote what was taken down.

    ``ledger`` is a ``KeyTable`` of ``deliveries``: what is there is never planned again, although the offsets of the
    group were lost. Ids are an alert's and a target's, so whoever owns the alert's partition alone writes them, and
    one refresh of all partitions shows what was ever planned for it. Commit what one call returns before the next.
    """

    def __init__(
        self, log: Log, topic: str, channels: Mapping[str, Channel], clock: Callable[[], datetime], takedowns: Takedowns
    ) -> None:
        """``topic`` is the full name of ``deliveries``."""
        self._partitions = log.partitions(topic)
        self._ledger = KeyTable(log, topic, lambda _: True)
        self._channels = channels
        self._clock = clock
        self._takedowns = takedowns

    def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outcome]:
        """One outcome a record. Raises ``LogError`` when the ledger cannot be read."""
        for partition in range(self._partitions):
            self._ledger.refresh(partition)
        alerts = [i.message for i in batch if isinstance(i.message, Alert)]
        gone = self._takedowns.among({x for a in alerts for x in (a.subject.id, *(e.article_id for e in a.evidence))})
        planned: set[str] = set()
        return [self._outcome(incoming, gone, planned) for incoming in batch]

    def _outcome(self, incoming: Incoming, gone: frozenset[str], planned: set[str]) -> Outcome:
        alert = incoming.message
        if not isinstance(alert, Alert):
            return Reject(f"the notify stage reads Alert, this is {type(alert).__name__}")
        unfit = alert.held_back or quotes(alert, gone)
        fresh = [] if unfit else [d for d in self._deliveries(alert) if self._is_new(d.id, planned)]
        planned.update(delivery.id for delivery in fresh)
        return Done(tuple(Outgoing("deliveries", d.id, d.id, d) for d in fresh))

    def _deliveries(self, alert: Alert) -> Iterator[Delivery]:
        now = self._clock()
        for name, channel in self._channels.items():
            if channel.wants(alert):
                yield Delivery(
                    id=delivery_id(alert.id, name), alert_id=alert.id, target=name, state="waiting", at=now, alert=alert
                )

    def _is_new(self, identifier: str, planned: set[str]) -> bool:
        known = self._ledger.get(partition_of(identifier, self._partitions), identifier)
        return known is None and identifier not in planned
