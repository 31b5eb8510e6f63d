"""Webhook and mail against real servers on loopback: what is sent, how it can be checked, and every failure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.channels import Channel, Failure, is_wanted, open_channels, refuse_unknown_rules
from alerts.mail import MailChannel, compose
from alerts.webhook import REFUSALS, WebhookChannel, judge, payload
from stream.errors import ConfigError
from stream.messages import decode
from stream.targets import Mail, NotifySettings, Webhook
from tests.alerts.receivers import PASSWORD, SECRET, USER, Hook, Mailbox, certificate, hook, mailbox, silent
from tests.stream.golden import ALERT

SENT = ALERT.model_copy(update={"held_back": None, "title": "Ümlaut\nleaders: Doha → Baghdad"})
KEY = "0123456789abcdef01234567"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHORT = 1.0


def webhook(url: str, **fields: Any) -> WebhookChannel:
    return WebhookChannel(Webhook(name="desk", url=url, secret=SECRET, **fields), SHORT)


def mail(port: int, to: str = "anna@example.org", **fields: Any) -> MailChannel:
    values = {"security": "none", "host": "127.0.0.1", "from": "newswatch@example.org"} | fields
    return MailChannel(Mail(name="desk", to=(to,), port=port, **values), to, SHORT)


@pytest.fixture(scope="module")
def signed_by_nobody(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


def failed(channel: Channel) -> Failure:
    failure = channel.send(KEY, SENT)
    assert failure is not None
    return failure


# -- what a webhook gets


def test_a_receiver_can_check_the_signature_and_read_the_alert(receiver: Hook) -> None:
    assert webhook(receiver.url).send(KEY, SENT) is None
    ((headers, body),) = receiver.got
    assert headers["webhook-id"] == KEY
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("newswatch/")
    fields = json.loads(body)
    assert (fields["type"], fields["timestamp"]) == ("newswatch.alert", fields["data"]["created"])
    assert decode(json.dumps(fields["data"]).encode()) == SENT


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    """https://github.com/standard-webhooks/standard-webhooks, the example of its libraries' tests."""
    from alerts.webhook import signature

    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_repeated_attempt_says_the_same_under_the_same_key(receiver: Hook) -> None:
    for _ in range(2):
        assert webhook(receiver.url).send(KEY, SENT) is None
    assert receiver.got[0][1] == receiver.got[1][1]
    assert receiver.ids() == [KEY, KEY]


def test_user_and_password_of_the_url_become_a_login_and_are_shown_nowhere(receiver: Hook) -> None:
    url = receiver.url.replace("//", "//anna:hunter2@")
    assert webhook(url).send(KEY, SENT) is None
    assert receiver.got[0][0]["authorization"] == "Basic " + base64.b64encode(b"anna:hunter2").decode()
    receiver.answer = lambda _: (500, {})
    for shown in (failed(webhook(url)), repr(webhook(url)), str(Webhook(name="d", url=url, secret=SECRET))):
        assert "hunter2" not in str(shown)


# -- what goes wrong with a webhook


@pytest.mark.parametrize("status", [301, 401, 404, 408, 429, 500, 503])
def test_what_may_pass_is_tried_again(receiver: Hook, status: int) -> None:
    receiver.answer = lambda _: (status, {"Location": "http://127.0.0.1:1/"})
    failure = failed(webhook(receiver.url))
    assert (failure.final, receiver.requests) == (False, 1)
    assert f"127.0.0.1 answers HTTP {status}" in failure.reason


@pytest.mark.parametrize("status", sorted(REFUSALS))
def test_an_alert_that_is_refused_is_not_tried_again(receiver: Hook, status: int) -> None:
    receiver.answer = lambda _: (status, {})
    assert failed(webhook(receiver.url)) == Failure(f"127.0.0.1 refuses the alert: HTTP {status}", final=True)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("120", 120.0), ("Sun, 22 Nov 2026 12:01:30 GMT", 90.0), ("Sun, 22 Nov 2020 12:01:30 GMT", 0.0),
     ("soon", None), ("-5", None), ("²", None), (None, None), ("9" * 5_000, 999_999_999.0)],
)  # fmt: skip
def test_retry_after_is_understood(said: str | None, seconds: float | None) -> None:
    failure = judge(429, said, "hooks.example.org", NOW)
    assert failure == Failure("hooks.example.org answers HTTP 429", wait=seconds)


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        assert failed(webhook(f"http://127.0.0.1:{port}/")).reason == "127.0.0.1 refused the connection"
        assert failed(mail(port)).reason == "127.0.0.1 refused the connection"
    assert "newswatch.invalid: no connection" in failed(webhook("http://newswatch.invalid/")).reason


def test_a_server_that_hangs(receiver: Hook) -> None:
    receiver.answer = silent
    began = time.monotonic()
    assert failed(webhook(receiver.url)).reason == "127.0.0.1: no answer within 1 s (notify.timeout)"
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert failed(mail(mute.getsockname()[1])).reason == "127.0.0.1: no answer within 1 s (notify.timeout)"
    assert time.monotonic() - began < 20


def test_a_certificate_that_nobody_signed_is_refused_unless_it_is_named(
    signed_by_nobody: tuple[ssl.SSLContext, Path],
) -> None:
    context, ca_file = signed_by_nobody
    with hook(context) as running:
        url = running.url.replace("http:", "https:")
        said = failed(webhook(url)).reason
        assert said.startswith("127.0.0.1: the certificate is not valid: self-signed certificate")
        assert "ca_file" in said
        assert webhook(url, ca_file=ca_file).send(KEY, SENT) is None
        assert "127.0.0.1" in failed(webhook(running.url)).reason  # plain HTTP to a port that speaks TLS
    with hook() as plain:
        assert "no secure connection" in failed(webhook(plain.url.replace("http:", "https:"))).reason


# -- mail


def test_a_mail_says_what_a_person_needs(box: Mailbox) -> None:
    assert mail(box.port).send(KEY, SENT) is None
    ((to, got),) = box.mails
    assert to == got["To"] == "anna@example.org"
    assert got["Subject"] == "[high] Ümlaut leaders: Doha → Baghdad"
    assert got["From"] == "newswatch@example.org"
    assert got["Message-ID"] == f"<{KEY}@example.org>"
    assert got["Date"].datetime == SENT.created.replace(microsecond=0)
    assert got["Auto-Submitted"] == "auto-generated"
    text = got.get_content()
    for told in (SENT.text, SENT.links[0], SENT.rule, SENT.query, f"newswatch alerts show {SENT.id}"):
        assert told in text


def test_a_mail_is_the_same_each_time_and_seven_bits() -> None:
    one, two = (compose(SENT, KEY, "a@example.org", "b@example.org").as_bytes() for _ in range(2))
    assert one == two
    assert one.isascii()
    assert max(map(len, one.splitlines())) < 998


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_over_tls_with_a_login(signed_by_nobody: tuple[ssl.SSLContext, Path], security: str) -> None:
    context, ca_file = signed_by_nobody
    login = {"user": USER, "password": PASSWORD} if security == "starttls" else {}
    with mailbox(**{security: context}) as running:
        trusting: dict[str, Any] = {"security": security, "ca_file": ca_file}
        assert mail(running.port, **trusting, **login).send(KEY, SENT) is None
        assert running.ids() == [KEY]
        assert "certificate is not valid" in failed(mail(running.port, security=security, **login)).reason
        if login:
            wrong = failed(mail(running.port, **trusting, user=USER, password="hunter2"))
            assert wrong == Failure("127.0.0.1 refuses the login: 535; check user and password")
            assert "530" in failed(mail(running.port, security="none")).reason
    assert len(running.mails) == 1


def test_a_server_without_starttls_gets_no_mail_and_no_password(box: Mailbox) -> None:
    failure = failed(mail(box.port, security="starttls", user=USER, password=PASSWORD))
    assert "has no STARTTLS" in failure.reason
    assert box.mails == []


@pytest.mark.parametrize(("reply", "final"), [("550 no such user", True), ("450 greylisted, hunter2", False)])
def test_a_refused_recipient(box: Mailbox, reply: str, final: bool) -> None:
    box.refused = {"bob@example.org": reply}
    assert failed(mail(box.port, "bob@example.org")) == Failure(
        f"127.0.0.1 refuses the recipient: {reply[:3]}", final=final
    )
    assert mail(box.port).send(KEY, SENT) is None


@pytest.mark.parametrize(("reply", "final"), [("554 looks like spam", True), ("451 not now", False)])
def test_a_refused_mail(box: Mailbox, reply: str, final: bool) -> None:
    box.reply = reply
    assert failed(mail(box.port)) == Failure(f"127.0.0.1 refuses the mail: {reply[:3]}", final=final)


def test_a_server_that_says_no_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        channel = mail(server.getsockname()[1])
        server.settimeout(5)
        import threading

        def greet() -> None:
            with server.accept()[0] as connection:
                connection.sendall(b"554 go away\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        assert "127.0.0.1" in failed(channel).reason
        thread.join()


# -- which alerts, and which settings


def test_a_target_gets_the_alerts_that_it_asks_for() -> None:
    def target(**fields: Any) -> Webhook:
        return Webhook(name="d", url="https://a.example/", secret=SECRET, **fields)

    assert is_wanted(SENT, target())
    assert is_wanted(SENT, target(rules=("another", SENT.rule), min_severity="high"))
    assert not is_wanted(SENT, target(rules=("another",)))
    assert not is_wanted(SENT, target(min_severity="critical"))


def test_each_address_is_a_channel_of_its_own() -> None:
    settings = NotifySettings.model_validate(
        {
            "webhook": [{"name": "hook", "url": "https://a.example/", "secret": SECRET}],
            "mail": [{"name": "desk", "to": ["a@b.example", "c@b.example"], "from": "n@b.example", "host": "b"}],
        }
    )
    assert list(open_channels(settings)) == ["hook", "desk:a@b.example", "desk:c@b.example"]


def test_a_rule_that_is_not_there_is_refused() -> None:
    settings = NotifySettings(webhook=(Webhook(name="h", url="https://a.example/", secret=SECRET, rules=("x",)),))
    refuse_unknown_rules(settings, ["x"])
    with pytest.raises(ConfigError, match=r"notify\.webhook h: rules: no rule 'x'; there are a, b"):
        refuse_unknown_rules(settings, ["a", "b"])


def test_secrets_come_from_files_and_a_file_that_fails_is_named(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    hooked = Webhook(name="h", url="https://a.example/", secret_file=file)
    with pytest.raises(ConfigError, match=r"notify\.webhook h: secret_file .*secret cannot be read: No such file"):
        hooked.key()
    file.write_text("hunter2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"notify\.webhook h: secret_file .* must be whsec_") as caught:
        hooked.key()
    assert "hunter2" not in str(caught.value)
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    assert len(hooked.key()) == 32
    posted = Mail.model_validate(
        {"name": "m", "to": ["a@b.c"], "from": "a@b.c", "host": "h", "user": "u", "password_file": file}
    )
    assert posted.login() == ("u", SECRET)


def test_an_authority_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"notify\.webhook desk: ca_file .*absent cannot be used: No such file"):
        webhook("https://a.example/", ca_file=tmp_path / "absent")
    (tmp_path / "empty").write_text("nothing", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"no certificate \(PEM\)"):
        webhook("https://a.example/", ca_file=tmp_path / "empty")


def test_the_body_holds_no_secret() -> None:
    assert SECRET.encode() not in payload(SENT)
