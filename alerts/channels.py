"""The channels that alerts are sent through, made from the settings: one a webhook, one an address of mail."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, get_args

from stream.errors import ConfigError
from stream.messages import Alert, Severity
from stream.targets import NotifySettings, Target

_GRAVITY: dict[Severity, int] = {severity: n for n, severity in enumerate(get_args(Severity))}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an alert did not arrive; ``reason`` is one line without secrets."""

    reason: str
    final: bool = False
    """The target refuses this alert: to try again is of no use."""
    wait: float | None = None
    """Seconds that the target asks to be left alone."""


class Channel(Protocol):
    """A way to one receiver. Used by one thread at a time."""

    name: str

    def wants(self, alert: Alert) -> bool:
        """Whether the alert is for this receiver at all."""

    def send(self, delivery_id: str, alert: Alert) -> Failure | None:
        """Send the alert with the idempotency key ``delivery_id``; None when the receiver has taken it.

        Ends within a few times ``notify.timeout``. Whatever the network does is a ``Failure``, never an exception.
        """


def open_channels(settings: NotifySettings) -> dict[str, Channel]:
    """All channels by name. Raises ``ConfigError`` when a file with a secret or an authority cannot be read."""
    from alerts.mail import MailChannel
    from alerts.webhook import WebhookChannel

    seconds = settings.timeout.total_seconds()
    channels: list[Channel] = [WebhookChannel(target, seconds) for target in settings.webhook]
    channels += [MailChannel(target, address, seconds) for target in settings.mail for address in target.to]
    return {channel.name: channel for channel in channels}


def is_wanted(alert: Alert, target: Target) -> bool:
    """Whether the settings send the alert to this target: its rule is one of those named, and it is severe enough."""
    named = not target.rules or alert.rule in target.rules
    return named and _GRAVITY[alert.severity] >= _GRAVITY[target.min_severity]


def refuse_unknown_rules(settings: NotifySettings, known: Sequence[str]) -> None:
    """Raise ``ConfigError`` for a target that asks for alerts of a rule that is not there."""
    for kind, targets in (("webhook", settings.webhook), ("mail", settings.mail)):
        for target in targets:
            for rule in target.rules:
                if rule not in known:
                    have = ", ".join(known) or "none"
                    raise ConfigError(f"notify.{kind} {target.name}: rules: no rule {rule!r}; there are {have}")


def tls_context(what: str, ca_file: Path | None) -> ssl.SSLContext:
    """Checks certificates by the system's authorities, or by those in ``ca_file``. Raises ``ConfigError``."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # also ssl.SSLError
        why = "it holds no certificate (PEM)" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(f"{what}: ca_file {ca_file} cannot be used: {why}") from None


def reason_of(error: Exception, host: str, seconds: float) -> str:
    """One line for an error of a connection to ``host``, without the error's own text, which may hold a URL."""
    if isinstance(error, TimeoutError):
        return f"{host}: no answer within {seconds:g} s (notify.timeout)"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{host}: the certificate is not valid: {error.verify_message} (a private authority goes into ca_file)"
    if isinstance(error, ssl.SSLError):
        return f"{host}: no secure connection ({error.reason or 'TLS'})"
    if isinstance(error, ConnectionRefusedError):
        return f"{host} refused the connection"
    if isinstance(error, OSError) and error.strerror:
        return f"{host}: no connection: {error.strerror}"
    return f"{host}: no connection: {type(error).__name__}"
