"""Alerts by mail: a plain text a person reads on any device, handed to an SMTP server over TLS."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP

from alerts.channels import Failure, is_wanted, reason_of, tls_context
from stream.messages import Alert
from stream.targets import Mail

_POLICY = SMTP.clone(cte_type="7bit")  # not every server takes 8 bits
_PERMANENT = 500  # SMTP replies from here on say that to try again is of no use (RFC 5321, 4.2.1)


class MailChannel:
    """A ``Channel`` to one address of a mail target, so that one that is refused does not touch the others."""

    def __init__(self, target: Mail, address: str, timeout: float) -> None:
        """``timeout`` is for each step of the dialogue, in seconds. Raises ``ConfigError``."""
        self.name = f"{target.name}:{address}"
        self._target = target
        self._address = address
        self._timeout = timeout
        self._login = target.login()
        self._tls = tls_context(f"notify.mail {target.name}", target.ca_file)

    def wants(self, alert: Alert) -> bool:
        """See ``Channel.wants``."""
        return is_wanted(alert, self._target)

    def send(self, delivery_id: str, alert: Alert) -> Failure | None:
        """See ``Channel.send``."""
        host = self._target.host
        try:
            smtp = self._connect()
            try:
                self._greet(smtp)
                smtp.send_message(compose(alert, delivery_id, self._target.sender, self._address))
            except BaseException:
                smtp.close()
                raise
            with suppress(smtplib.SMTPException, OSError):  # the mail has been taken, whatever comes now
                smtp.quit()
        except smtplib.SMTPException as error:
            return _said(error, host, self._timeout)
        except (OSError, ValueError) as error:
            return Failure(reason_of(error, host, self._timeout))
        return None

    def _connect(self) -> smtplib.SMTP:
        host, port = self._target.server
        if self._target.security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=self._timeout, context=self._tls)
        return smtplib.SMTP(host, port, timeout=self._timeout)

    def _greet(self, smtp: smtplib.SMTP) -> None:
        if self._target.security == "starttls":
            smtp.starttls(context=self._tls)
        if self._login:
            smtp.login(*self._login)


def compose(alert: Alert, delivery_id: str, sender: str, to: str) -> EmailMessage:
    """The mail, the same each time; its Message-ID is the idempotency key."""
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = f"[{alert.severity}] {' '.join(alert.title.split())}"
    mail["From"] = sender
    mail["To"] = to
    mail["Date"] = alert.created
    mail["Message-ID"] = f"<{delivery_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    lines = [alert.title, "", alert.text, "", *alert.links, "", "-- "]
    lines += [f"{alert.severity} alert by the rule {alert.rule} ({alert.rule_name}): {alert.query}"]
    lines += [f"newswatch alerts show {alert.id}"]
    mail.set_content("\n".join(lines))
    return mail


def _said(error: smtplib.SMTPException, host: str, seconds: float) -> Failure:
    """What the server's refusal means. Its words are left out: they may repeat what it was shown."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code = max(code for code, _ in error.recipients.values())
            return Failure(f"{host} refuses the recipient: {code}", final=code >= _PERMANENT)
        case smtplib.SMTPDataError():
            return Failure(f"{host} refuses the mail: {error.smtp_code}", final=error.smtp_code >= _PERMANENT)
        case smtplib.SMTPSenderRefused():
            return Failure(f"{host} refuses the sender (from): {error.smtp_code}")
        case smtplib.SMTPAuthenticationError():
            return Failure(f"{host} refuses the login: {error.smtp_code}; check user and password")
        case smtplib.SMTPNotSupportedError():
            return Failure(f"{host} has no STARTTLS, login or UTF-8 addresses; check security (starttls, tls, none)")
        case smtplib.SMTPResponseException():
            return Failure(f"{host} answers {error.smtp_code}")
        case smtplib.SMTPServerDisconnected():
            cause = error.__context__
            if isinstance(cause, TimeoutError | ssl.SSLError):
                return Failure(reason_of(cause, host, seconds))
            return Failure(f"{host} closed the connection")
        case _:
            return Failure(f"{host}: no mail dialogue: {type(error).__name__}")
