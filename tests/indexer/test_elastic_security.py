"""Elasticsearch with security on, for real: TLS, API keys, users, and what they may not do, said in one line."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from indexer.elastic import ElasticIndex
from indexer.fields import KINDS
from indexer.index import Index, Put
from indexer.query import parse
from stream.errors import ConfigError
from stream.settings import ElasticsearchSettings
from tests.service_elastic_secure import SecureServer, secure_elasticsearch

ARTICLE = Put("articles", "a", 1, {"id": "a", "published": "2026-09-01T12:00:00Z", "title": "hamas"})


@pytest.fixture(scope="module")
def server() -> SecureServer:
    return secure_elasticsearch()


@pytest.fixture(scope="module")
def prefix(server: SecureServer) -> Iterator[str]:
    """A prefix whose indices are set up, with a key that may do what the README says that setup needs."""
    found = f"test-{secrets.token_hex(4)}"
    key = server.api_key(f"{found}-*", ["all"], ["manage_index_templates", "monitor"])
    index = ElasticIndex(server.url, "g1", given(server, prefix=found, api_key=key))
    assert len(index.setup()) == len(KINDS)
    assert index.setup() == []
    index.close()
    yield found
    with server.client() as client:
        client.indices.delete(index=list(client.indices.get(index=f"{found}-*", features="aliases")))
        client.indices.delete_index_template(name=f"{found}-*")


def given(server: SecureServer, **settings: Any) -> ElasticsearchSettings:
    return ElasticsearchSettings(**{"ca_file": server.ca_file, "replicas": 0, **settings})


def refused(index: Index, *, write: bool = False) -> str:
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        index.put([ARTICLE]) if write else index.search("articles")
    index.close()
    assert time.monotonic() - started < 15
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_worker_and_a_reader_have_just_the_privileges_they_need(server: SecureServer, prefix: str) -> None:
    mine = ["read", "write", "maintenance", "view_index_metadata"]
    worker = ElasticIndex(
        server.url, "g1", given(server, prefix=prefix, api_key=server.api_key(f"{prefix}-*", mine, []))
    )
    assert [r.outcome for r in worker.put([ARTICLE])] == ["stored"]
    assert worker.search("articles", parse("hamas", "articles")).total == 1
    read = server.api_key(f"{prefix}-*", ["read", "view_index_metadata"], [])
    reader = ElasticIndex(server.url, "g1", given(server, prefix=prefix, api_key=read))
    assert reader.search("articles", parse("hamas", "articles")).total == 1
    assert set(reader.get("articles", ["a"])) == {"a"}
    message = refused(reader, write=True)
    assert "not allowed" in message
    assert "indices:data/write" in message
    assert read not in message
    assert worker.prune("articles", datetime(2027, 1, 1, tzinfo=UTC)) == 1
    worker.close()


def test_setup_without_the_privilege(server: SecureServer, prefix: str) -> None:
    key = server.api_key(f"{prefix}-*", ["read"], ["monitor"])
    index = ElasticIndex(server.url, "g1", given(server, prefix=prefix, api_key=key))
    with pytest.raises(ConfigError, match="not allowed"):
        index.setup()
    index.close()


def test_user_and_password(server: SecureServer, prefix: str) -> None:
    index = ElasticIndex(server.url, "g1", given(server, prefix=prefix, user="elastic", password=server.password))
    assert index.search("articles").total >= 0
    index.close()
    url = server.url.replace("//", f"//elastic:{server.password}@")
    index = ElasticIndex(url, "g1", given(server, prefix=prefix))
    assert index.search("articles").total >= 0
    index.close()


@pytest.mark.parametrize(
    "credentials",
    [{}, {"user": "elastic", "password": "geheim"}, {"api_key": "Z2VoZWltOmdlaGVpbQ=="}],
)
def test_wrong_credentials(server: SecureServer, prefix: str, credentials: dict[str, str]) -> None:
    message = refused(ElasticIndex(server.url, "g1", given(server, prefix=prefix, **credentials)))
    assert "credentials" in message
    assert "elasticsearch.api_key" in message
    assert "geheim" not in message
    assert "Z2VoZWlt" not in message


def test_an_authority_that_nobody_named(server: SecureServer, prefix: str) -> None:
    index = ElasticIndex(
        server.url, "g1",
        given(server, prefix=prefix, user="elastic", password=server.password, ca_file=None),
    )  # fmt: skip
    message = refused(index)
    assert "TLS" in message
    assert "elasticsearch.ca_file" in message


def test_http_where_the_server_speaks_tls(server: SecureServer) -> None:
    settings = ElasticsearchSettings(user="elastic", password=server.password)  # type: ignore[arg-type]
    index = ElasticIndex(server.url.replace("https:", "http:"), "g1", settings)
    with pytest.raises(Exception, match="check index_url") as caught:
        index.search("articles")
    assert "\n" not in str(caught.value)
    index.close()


def test_a_certificate_for_another_name(server: SecureServer, prefix: str) -> None:
    url = server.url.replace("127.0.0.1", "localhost")
    index = ElasticIndex(url, "g1", given(server, prefix=prefix, user="elastic", password=server.password))
    assert "TLS" in refused(index)
