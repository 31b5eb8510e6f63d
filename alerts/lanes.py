"""A thread for each target: it sends one alert after the other, and waits where the target fails, alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import SimpleQueue

import structlog

from alerts.channels import Channel, Failure
from alerts.notify import TAKEN_DOWN, delivered, given_up, late_reason, pause, too_late
from alerts.wording import span
from stream.messages import Alert, Delivery

logger = structlog.get_logger()

UNSET_PATIENCE = timedelta(hours=1)
"""A target that the settings do not name may come back with the next restart; its alerts wait so long from when this
process first saw it missing, or from when they were raised if that was later."""


class Unset:
    """Stands for a target that waiting deliveries name and the settings do not, from when it is made."""

    def __init__(self, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self._clock = clock
        self._since = clock()

    def wants(self, _alert: Alert) -> bool:
        """Nothing new."""
        return False

    def send(self, _delivery_id: str, alert: Alert) -> Failure | None:
        """Cannot; after ``UNSET_PATIENCE`` it never will."""
        if self._clock() - max(self._since, alert.created) >= UNSET_PATIENCE:
            return Failure(f"the settings name no such target, for {span(UNSET_PATIENCE)} by now", final=True)
        return Failure("the settings name no such target")


@dataclass(slots=True)
class _Work:
    """A delivery and what was tried so far."""

    delivery: Delivery
    attempts: int = 0
    last: Failure | None = None


class Lane:
    """Sends the deliveries of one target in the order given; one that fails goes to the end, so that an alert that
    upsets its receiver does not keep the others back. What has come to an end goes to ``ended``."""

    def __init__(
        self,
        channel: Channel,
        give_up_after: timedelta,
        clock: Callable[[], datetime],
        is_wanted: Callable[[str], bool],
        is_taken_down: Callable[[Alert], bool],
        ended: SimpleQueue[Delivery],
    ) -> None:
        """``is_wanted`` says whether a delivery's id is still ours to send, ``is_taken_down`` whether its alert may not
        be sent; they are asked before each attempt, from the lane's thread."""
        self._channel = channel
        self._give_up_after = give_up_after
        self._clock = clock
        self._is_wanted = is_wanted
        self._is_taken_down = is_taken_down
        self._ended = ended
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._stop = threading.Event()
        self._failures = 0
        self._failing: Failure | None = None  # the last of these failures
        # a daemon: a receiver that hangs does not keep the process from ending; the alert is sent again, as it must be
        self._thread = threading.Thread(target=self._run, name=f"notify {channel.name}", daemon=True)
        self._thread.start()

    def put(self, delivery: Delivery) -> None:
        """Send this one, too."""
        self._queue.put(_Work(delivery))

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop.set()
        self._queue.put(None)

    def join(self, seconds: float) -> None:
        """Wait for the attempt that is under way."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None and not self._stop.is_set():
            if self._is_wanted(work.delivery.id):
                self._deal_with(work)

    def _deal_with(self, work: _Work) -> None:
        assert work.delivery.alert is not None
        if self._is_taken_down(work.delivery.alert):
            self._give_up(work, TAKEN_DOWN)
            return
        if too_late(work.delivery, self._clock(), self._give_up_after):
            self._give_up(work, late_reason(self._give_up_after, work.last, self._failing))
            return
        failure = self._attempt(work)
        if failure is None:
            self._recovered()
            self._ended.put(delivered(work.delivery, self._clock(), work.attempts))
        elif failure.final:
            self._give_up(work, failure.reason)
        else:
            work.last = failure
            self._wait(failure)
            self._queue.put(work)

    def _attempt(self, work: _Work) -> Failure | None:
        work.attempts += 1
        assert work.delivery.alert is not None
        try:
            return self._channel.send(work.delivery.id, work.delivery.alert)
        except Exception as error:
            logger.exception("sending failed", target=self._channel.name, alert=work.delivery.alert_id)
            return Failure(f"unexpected {type(error).__name__}, see the log")

    def _give_up(self, work: _Work, reason: str) -> None:
        logger.error("alert is not delivered", target=self._channel.name, alert=work.delivery.alert_id, reason=reason)
        self._ended.put(given_up(work.delivery, self._clock(), work.attempts, reason))

    def _wait(self, failure: Failure) -> None:
        self._failures += 1
        self._failing = failure
        seconds = pause(self._failures, failure.wait)
        logger.warning(
            "target fails, alerts for it wait", target=self._channel.name, reason=failure.reason,
            seconds=round(seconds, 1), failures=self._failures,
        )  # fmt: skip
        self._stop.wait(seconds)

    def _recovered(self) -> None:
        if self._failures:
            logger.info("target takes alerts again", target=self._channel.name, failures=self._failures)
        self._failures = 0
        self._failing = None
