"""The sections of the settings that say how servers are reached: Elasticsearch, Kibana, Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from stream.sections import ListOf, Section


class ElasticsearchSettings(Section):
    """How the index on Elasticsearch is reached and made; for an ``index_url`` of http or https."""

    api_key: SecretStr | None = None
    """The API key, as Elasticsearch encodes it; or ``user`` and ``password``."""
    user: str | None = None
    """The user, where there is no API key."""
    password: SecretStr | None = None
    """The password of ``user``."""
    ca_file: Path | None = None
    """The authority (PEM) that signed the server's certificate, where the system does not know it."""
    prefix: str = Field(default="newswatch", pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)
    """Before the name of every index, alias and template."""
    shards: int = Field(default=1, ge=1, le=1024)
    """Primary shards of each index, fixed when it is made (a later change is only reported)."""
    replicas: int | None = Field(default=None, ge=0, le=100)
    """Copies of each shard; by default 1 where there is a second node."""


class KibanaSettings(Section):
    """How ``newswatch setup --kibana URL`` reaches Kibana."""

    api_key: SecretStr | None = None
    """An API key of Elasticsearch, as it encodes it; or ``user`` and ``password``."""
    user: str | None = None
    """The user, where there is no API key."""
    password: SecretStr | None = Field(default=None, validate_default=True)
    """The password of ``user``."""
    ca_file: Path | None = None
    """The authority (PEM) that signed Kibana's certificate, where the system does not know it."""
    spaces: ListOf[Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]] = Field(default=("default",), min_length=1)
    """The spaces that get the dashboards."""

    @field_validator("password")
    @classmethod
    def _of_a_user(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        key, user = info.data.get("api_key"), info.data.get("user")
        if bool(user) != bool(value) or (key and user):
            raise ValueError("give kibana.user and kibana.password, or kibana.api_key alone")
        return value


class KafkaSettings(Section):
    """How a log at ``kafka://…`` is reached."""

    user: str | None = None
    """The SASL user."""
    password: SecretStr | None = None
    """The SASL password; better in ``password_file`` or in the environment than in newswatch.toml."""
    password_file: Path | None = None
    """A file with the SASL password, and nothing else."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How user and password are shown to the broker."""
    ca_file: Path | None = None
    """The certificates (PEM) that the brokers' are checked against; by default the system's."""
    replication_factor: int | None = Field(default=None, ge=1, le=100)
    """Of the topics that ``setup`` creates; by default the brokers' own."""
    security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        default="plaintext", validate_default=True
    )
    """``ssl``: TLS; ``sasl_…``: with user and password."""

    @field_validator("security_protocol")
    @classmethod
    def _fits_the_user(cls, value: str, info: ValidationInfo) -> str:
        given = {name for name in ("user", "password", "password_file", "ca_file") if info.data.get(name)}
        if not value.startswith("sasl_") and given - {"ca_file"}:
            raise ValueError("with kafka.user and a password it must be sasl_ssl (or sasl_plaintext)")
        if not value.endswith("ssl") and "ca_file" in given:
            raise ValueError("with kafka.ca_file it must be ssl or sasl_ssl")
        if value.startswith("sasl_") and ("user" not in given or len(given - {"user", "ca_file"}) != 1):
            raise ValueError("give kafka.user, and one of kafka.password and kafka.password_file")
        return value
