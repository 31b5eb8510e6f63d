"""Where alerts are sent, as the settings say it: webhooks and mail, checked here so that no secret is ever shown."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import NoDecode

from stream.errors import ConfigError
from stream.parts import Severity
from stream.sections import Duration, Section

SIGNING_PREFIX = "whsec_"
"""Before the base64 of a webhook's secret, as in the specification Standard Webhooks."""
_ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+")
T = TypeVar("T", bound="Target")


class Target(BaseModel):
    """What all targets have."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)
    """Names the target in logs and in the topic ``deliveries``; another name is another target."""
    rules: tuple[str, ...] = ()
    """Only alerts of these rules (their ids) are sent; by default of all."""
    min_severity: Severity = "low"
    """Only alerts at least so severe are sent."""
    ca_file: Path | None = None
    """The authority (PEM) that signed the server's certificate, where the system does not know it."""


class Webhook(Target):
    """A URL that gets each alert as JSON by POST, signed."""

    url: str = Field(repr=False)
    secret: SecretStr | None = None
    """``whsec_`` and 24 to 64 bytes in base64, with which the receiver checks the signature."""
    secret_file: Path | None = None
    """A file with the secret, and nothing else."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or re.search(r"[\s\x00-\x1f]", value):
            raise ValueError("must be the http:// or https:// address that gets the alerts")
        return value

    @field_validator("secret")
    @classmethod
    def _is_strong(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _key(value.get_secret_value())
        return value

    def key(self) -> bytes:
        """The bytes to sign with. Raises ``ConfigError`` when the file cannot be read or holds no secret."""
        try:
            return _key(read_secret(f"notify.webhook {self.name}: secret", self.secret, self.secret_file))
        except ValueError as error:
            raise ConfigError(f"notify.webhook {self.name}: secret_file {self.secret_file}: {error}") from None

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"{self.name}: {parts.scheme}://{parts.hostname}"


class Mail(Target):
    """Addresses that get each alert as a mail of their own, through one SMTP server."""

    to: tuple[str, ...] = Field(min_length=1, max_length=50)
    """Each is a receiver of its own; for more there are mailing lists."""
    sender: str = Field(alias="from")
    host: str = Field(pattern=r"^[^\s/@]+$")
    port: int | None = Field(default=None, ge=1, le=65535)
    """By default 587 for ``starttls``, 465 for ``tls``, 25 for ``none``."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    """A file with the password, and nothing else."""

    @field_validator("to", "sender")
    @classmethod
    def _are_addresses(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for one in (value,) if isinstance(value, str) else value:
            if not _ADDRESS.fullmatch(one):
                raise ValueError(f"{one!r} is not a mail address; write it bare, e.g. desk@example.org")
        return value

    @property
    def server(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]

    def login(self) -> tuple[str, str] | None:
        """User and password; None where there is no user. Raises ``ConfigError`` when the file cannot be read."""
        if self.user is None:
            return None
        return self.user, read_secret(f"notify.mail {self.name}: password", self.password, self.password_file)

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(self.to)} through {self.host}"


def read_secret(what: str, given: SecretStr | None, file: Path | None) -> str:
    """The secret as it is set, or what the file holds. Raises ``ConfigError``."""
    if given is not None:
        return given.get_secret_value()
    try:
        return file.read_text(encoding="utf-8").strip() if file else ""
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{what}_file {file} cannot be read: {why}; put the secret there, and nothing else") from None


def _key(secret: str) -> bytes:
    fix = f"make one with: echo {SIGNING_PREFIX}$(openssl rand -base64 32)"
    try:
        key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"it must be {SIGNING_PREFIX} and base64; {fix}") from None
    if not secret.startswith(SIGNING_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError(f"it must be {SIGNING_PREFIX} and 24 to 64 bytes in base64; {fix}")
    return key


# -- lists of targets


def _parsed(cls: type[T]) -> Callable[[object], object]:
    """Checks a list of targets by itself: the error names the target and what is wrong, never a value."""

    def parse(value: object) -> object:
        try:
            entries = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            raise ValueError("in the environment it is JSON: a list of objects") from None
        if not isinstance(entries, list | tuple):
            raise ValueError(f"write [[notify.{cls.__name__.lower()}]] before each target")  # noqa: TRY004
        targets = [_target(cls, entry, n) for n, entry in enumerate(entries, start=1)]
        names = [t.name for t in targets]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"the name {twice.pop()!r} is there twice; a name belongs to one target")
        return tuple(targets)

    return parse


def _target(cls: type[T], entry: Any, number: int) -> T:
    if isinstance(entry, cls):
        return entry
    name = entry.get("name") if isinstance(entry, dict) else None
    where = repr(name) if isinstance(name, str) else f"target {number}"
    try:
        target = cls.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        names = ", ".join(f.alias or n for n, f in cls.model_fields.items())
        hint = f"; there are {names}" if first["type"] == "extra_forbidden" else ""
        raise ValueError(f"{where}: {field}: {said}{hint}") from None
    if wrong := _contradiction(target):
        raise ValueError(f"{where}: {wrong}")
    return target


def _contradiction(target: Target) -> str | None:
    """What does not fit together."""
    if isinstance(target, Webhook) and (target.secret is None) == (target.secret_file is None):
        return "give either secret or secret_file: alerts are signed"
    if isinstance(target, Mail):
        secrets = (target.password, target.password_file)
        if secrets.count(None) != (2 if target.user is None else 1):
            return "give user together with either password or password_file"
        if target.user is not None and target.security == "none":
            return "a password is not sent in the clear; set security to starttls or tls"
    return None


Webhooks = Annotated[tuple[Webhook, ...], NoDecode, BeforeValidator(_parsed(Webhook))]
Mails = Annotated[tuple[Mail, ...], NoDecode, BeforeValidator(_parsed(Mail))]


class NotifySettings(Section):
    """Where alerts are sent, and how long that is tried. The keys of a target: see the README."""

    give_up_after: Duration = timedelta(days=3)
    """What a target has not taken so long after the alert was raised is given up; the topic ``deliveries`` says so."""
    timeout: Duration = timedelta(seconds=10)
    """For one attempt; of a mail for each step."""
    webhook: Webhooks = ()
    """URLs that get alerts as signed JSON: ``[[notify.webhook]]`` with name, url, secret (or secret_file), and, if
    wanted, rules, min_severity, ca_file."""
    mail: Mails = ()
    """Addresses that get alerts as mail: ``[[notify.mail]]`` with name, to, from, host, and, if wanted, port, security
    (starttls, tls, none), user, password (or password_file), rules, min_severity, ca_file."""

    @field_validator("give_up_after", "timeout")
    @classmethod
    def _positive(cls, value: timedelta) -> timedelta:
        if not timedelta(0) < value <= timedelta(days=365):
            raise ValueError("must be more than 0 and at most 365d")
        return value

    @field_validator("timeout")
    @classmethod
    def _is_short(cls, value: timedelta) -> timedelta:
        if value > timedelta(seconds=60):
            raise ValueError("must be at most 60s")
        return value

    @field_validator("mail")
    @classmethod
    def _has_names_of_its_own(cls, value: tuple[Mail, ...], info: ValidationInfo) -> tuple[Mail, ...]:
        taken = {webhook.name for webhook in info.data.get("webhook", ())}
        if both := taken.intersection(mail.name for mail in value):
            raise ValueError(f"the name {both.pop()!r} is a webhook's; a name belongs to one target")
        return value
