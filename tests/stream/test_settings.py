"""The settings: file and environment, and one clear line without secrets for everything that is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import ConfigError
from stream.logs import redact
from stream.sections import parse_duration
from stream.settings import FILE, PREFIX, Settings, known, load_settings, source_of

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in [v for v in os.environ if v.upper().startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / FILE
        path.write_text(text, encoding="utf-8")
        return path

    return write


# -- where values come from


def test_without_file_and_environment_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings == Settings()
    assert settings.log == "sqlite:///newswatch-data/log.db"
    assert settings.index == "sqlite:///newswatch-data/index.db"
    assert settings.alerts.max_age == timedelta(hours=24)


def test_the_file_in_the_working_folder_is_read(write: Write) -> None:
    write('data_dir = "here"\npartitions = 2\n[ingest]\ntimeout = "5s"\n')
    settings = load_settings()
    assert (settings.data_dir, settings.partitions, settings.ingest.timeout) == (Path("here"), 2, timedelta(seconds=5))
    assert settings.ingest.concurrency == Settings().ingest.concurrency
    assert settings.log == "sqlite:///here/log.db"


def test_the_environment_is_over_the_file_and_leaves_its_neighbours(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write('partitions = 2\nlog_level = "error"\n[ingest]\ntimeout = "5s"\nconcurrency = 7\n')
    monkeypatch.setenv("NEWSWATCH_PARTITIONS", "3")
    monkeypatch.setenv("NEWSWATCH_INGEST__TIMEOUT", "6s")
    settings = load_settings()
    assert (settings.partitions, settings.log_level) == (3, "error")
    assert (settings.ingest.timeout, settings.ingest.concurrency) == (timedelta(seconds=6), 7)
    assert source_of(("partitions",), path) == "NEWSWATCH_PARTITIONS"
    assert source_of(("ingest", "timeout"), path) == "NEWSWATCH_INGEST__TIMEOUT"
    assert source_of(("ingest", "concurrency"), path) == str(path)
    assert source_of(("ingest", "max_bytes"), path) == "default"


def test_a_right_variable_hides_a_wrong_value_of_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('[alerts]\nmax_age = "soon"\n')
    monkeypatch.setenv("NEWSWATCH_ALERTS__MAX_AGE", "1h")
    assert load_settings().alerts.max_age == timedelta(hours=1)


def test_a_section_may_be_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSWATCH_INGEST", '{"timeout": "3s"}')
    assert load_settings().ingest.timeout == timedelta(seconds=3)
    assert source_of(("ingest", "timeout"), Path("absent")) == "NEWSWATCH_INGEST"
    assert source_of(("ingest", "concurrency"), Path("absent")) == "default"


def test_what_nobody_set_comes_from_the_defaults() -> None:
    sections = {name: section for name, section in known().items() if section}
    assert set(sections) == {"ingest", "enrich", "alerts", "notify", "elasticsearch", "kibana", "retention", "kafka"}
    for name, section in sections.items():
        assert all(source_of((name, field), Path("absent")) == "default" for field in section.model_fields)


# -- files that cannot be read


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        load_settings(tmp_path / "absent.toml")


@pytest.mark.parametrize("content", [b"partitions = ", b"\xff\xfe", b"[ingest\n"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"x\.toml: not valid TOML"):
        load_settings(path)


# -- wrong values: name, value, where from, what is expected


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("partitions = 0", ["partitions: '0'", FILE, "greater than or equal to 1"]),
        ('partitions = "many"', ["partitions: 'many'", FILE, "valid integer"]),
        ('log_level = "loud"', ["log_level: 'loud'", "debug|info|warning|error"]),
        ("ingest = 3", ["ingest: what is set", FILE, "valid dictionary"]),
        ('[ingest]\ntimeout = "soon"', ["ingest.timeout: 'soon'", "90s, 15m, 2h, 7d"]),
        ('[ingest]\ntimeout = "0s"', ["ingest.timeout: '0s'", "must be more than 0"]),
        ('[ingest]\ntimeout = "9999999999w"', ["ingest.timeout: '9999999999w'"]),
        ('[ingest]\nmin_interval = "2d"', ["ingest.max_interval: '1 day, 0:00:00'", "default", "ingest.min_interval"]),
        ("[ingest]\nmax_bytes = 1", ["ingest.max_bytes: '1'", "10000"]),
        ('[ingest]\nallow_networks = ["10.0.0.0/33"]', ["ingest.allow_networks: '10.0.0.0/33'", "network"]),
        ('[ingest]\nallow_networks = ["10.0.0.1/8"]', ["ingest.allow_networks: '10.0.0.1/8'", "network"]),
        ("[ingest]\nallow_networks = 3", ["ingest.allow_networks: '3'", FILE]),
        ("[enrich]\nbatch_size = 0", ["enrich.batch_size: '0'", FILE]),
        ('[alerts]\nmax_age = "-3h"', ["alerts.max_age: '-3h'", "durations look like"]),
        ("[alerts]\nmax_age = -3", ["alerts.max_age: '-1 day, 23:59:57'", "greater than or equal to 0"]),
    ],
)
def test_a_wrong_value_is_told_in_one_line(write: Write, content: str, parts: list[str]) -> None:
    write(content)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    line = str(caught.value)
    assert "\n" not in line
    assert all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("variable", "value", "parts"),
    [
        ("NEWSWATCH_PARTITIONS", "0", ["partitions: '0'", "from NEWSWATCH_PARTITIONS"]),
        ("NEWSWATCH_ALERTS__MAX_AGE", "soon", ["alerts.max_age: 'soon'", "from NEWSWATCH_ALERTS__MAX_AGE", "2h"]),
        ("NEWSWATCH_INGEST", "x", ["what is set is not a JSON object", "e.g. NEWSWATCH_INGEST__ALLOW_NETWORKS="]),
        ("NEWSWATCH_INGEST", '{"timeout": "x"}', ["ingest.timeout: 'x'", "from NEWSWATCH_INGEST)"]),
        ("NEWSWATCH_INGEST", "3", ["ingest: what is set", "from NEWSWATCH_INGEST)", "valid dictionary"]),
        (
            "NEWSWATCH_ENRICH__PIPELINES",
            "de=foo",
            ["NEWSWATCH_ENRICH__PIPELINES: 'de=foo' is not a JSON object", 'write it as in {"de": "de_core_news_sm"}'],
        ),
        ("NEWSWATCH_ENRICH__PIPELINES", '{"de": 3}', ["enrich.pipelines: '3'", "from NEWSWATCH_ENRICH__PIPELINES"]),
        ("NEWSWATCH_INGEST__ALLOW_NETWORKS", "home", ["'home'", "from NEWSWATCH_INGEST__ALLOW_NETWORKS", "network"]),
        ("NEWSWATCH_INGEST__ALLOW_NETWORKS", '["10.0.0.0/8"', ["not valid JSON", '["127.0.0.0/8"]']),
    ],
)
def test_a_wrong_variable_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, parts: list[str]
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    line = str(caught.value)
    assert "\n" not in line
    assert all(part in line for part in parts), line


# -- unknown names


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[ingest]\ntimout = 3", f"ingest.timout: no such setting (in {FILE}); did you mean ingest.timeout?"),
        ("[ingset]\ntimeout = 3", f"ingset: no such setting (in {FILE}); did you mean ingest?"),
        ("WEATHER = 3", f"WEATHER: no such setting (in {FILE}); newswatch config lists them all"),
        ('"my key" = 3', f"my key: no such setting (in {FILE}); newswatch config lists them all"),
    ],
)
def test_an_unknown_name_in_the_file_is_refused_with_the_nearest(write: Write, content: str, says: str) -> None:
    write(content)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("NEWSWATCH_INGEST__TIMOUT", "did you mean NEWSWATCH_INGEST__TIMEOUT?"),
        ("NEWSWATCH_INGEST_TIMEOUT", "did you mean NEWSWATCH_INGEST__TIMEOUT?"),
        ("NEWSWATCH_PARTITION", "did you mean NEWSWATCH_PARTITIONS?"),
        ("NEWSWATCH_WEATHER_FORECAST", "newswatch config lists them all"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, variable: str, says: str
) -> None:
    monkeypatch.setenv(variable, "3")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert str(caught.value) == f"{variable}: no such setting; {says}"


def test_variables_of_other_programs_are_none_of_our_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSWATCHER_HOME", "x")
    assert load_settings() == Settings()


# -- durations and networks


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7_200), ("7d", 604_800), ("1w", 604_800), ("1.5h", 5_400), (" 2 h ", 7_200)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@given(st.integers(0, 10_000), st.sampled_from("smhdw"))
def test_a_duration_is_its_number_of_units(number: int, unit: str) -> None:
    one = parse_duration(f"1{unit}")
    assert isinstance(one, timedelta)
    assert parse_duration(f"{number}{unit}") == number * one


@pytest.mark.parametrize("value", ["soon", "", "2 fortnights", "-3h", "9999999999w", 3, None])
def test_what_is_no_duration_is_left_to_the_validation(value: object) -> None:
    assert parse_duration(value) == value


@pytest.mark.parametrize("value", ["127.0.0.0/8,::1/128", "127.0.0.0/8, ::1/128", '["127.0.0.0/8", "::1/128"]'])
def test_networks_in_the_environment_are_plain_or_json(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NEWSWATCH_INGEST__ALLOW_NETWORKS", value)
    assert load_settings().ingest.allow_networks == (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize("value", ['["127.0.0.0/8"]', '"127.0.0.0/8"'])
def test_networks_in_the_file_are_a_list_or_one(write: Write, value: str) -> None:
    write(f"[ingest]\nallow_networks = {value}\n")
    assert load_settings().ingest.allow_networks == (ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize("value", ["", "[]"])
def test_no_networks(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NEWSWATCH_INGEST__ALLOW_NETWORKS", value)
    assert load_settings().ingest.allow_networks == ()


# -- secrets


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@es.example.org:9200",
        "https://user:hun/ter2@es.example.org",
        "https://user:hun@ter2@es.example.org",
        "kafka://user:hunter2@a:9092,b:9092",
    ],
)
@pytest.mark.parametrize("name", ["partitions", "topic_prefix", "ingest.allow_networks", "alerts.max_age", "ingest"])
@pytest.mark.parametrize("source", ["file", "environment"])
def test_the_password_in_a_url_never_reaches_the_message(
    write: Write, monkeypatch: pytest.MonkeyPatch, url: str, name: str, source: str
) -> None:
    if source == "file":
        write(f'{name} = "{url}"')
    else:
        monkeypatch.setenv(PREFIX + name.upper().replace(".", "__"), url)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    causes = [str(caught.value), str(caught.value.__cause__)]
    assert not any("user" in text or "hun" in text or "ter2" in text for text in causes)
    assert ("what is set" if name == "ingest" else "//***@") in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        'elasticsearch = "bXlz"',
        'elasticsearch = ["bXlz"]',
        '[[elasticsearch]]\napi_key = "bXlz"',
        '[elasticsearch]\nuser = {api_key = "bXlz"}',
        '[elasticsearch.api_key]\nkey = "bXlz"',
        '[[notify]]\nname = "desk"\nurl = "https://hooks.example.org/T/bXlz"',
        '[notify]\nwebhook = "https://hooks.example.org/T/bXlz"',
    ],
)
def test_a_secret_in_the_wrong_place_of_the_file_is_not_shown(write: Write, content: str) -> None:
    write(content)
    with pytest.raises(ConfigError, match=r"^(elasticsearch|notify)[a-z._]*: what is set is not valid") as caught:
        load_settings()
    assert "bXlz" not in str(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NEWSWATCH_ELASTICSEARCH", "bXlz"),
        ("newswatch_elasticsearch", "bXlz"),
        ("NEWSWATCH_ELASTICSEARCH", '"bXlz"'),
        ("NEWSWATCH_ELASTICSEARCH", '["bXlz"]'),
        ("NEWSWATCH_NOTIFY", "https://hooks.example.org/T/bXlz"),
        ("NEWSWATCH_NOTIFY", '[{"name": "desk", "url": "https://hooks.example.org/T/bXlz"}]'),
        ("NEWSWATCH_NOTIFY", '{"webhook": {"url": "https://hooks.example.org/T/bXlz"}}'),
    ],
)
def test_a_secret_in_the_wrong_variable_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=f"(?i){variable}.*") as caught:
        load_settings()
    assert "what is set is not" in str(caught.value)
    assert "bXlz" not in str(caught.value) + str(caught.value.__cause__)


# -- Kafka


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('user = "desk"\npassword = "hunter2"', "must be sasl_ssl"),
        ('security_protocol = "ssl"\nuser = "desk"', "must be sasl_ssl"),
        ('ca_file = "ca.pem"', "must be ssl or sasl_ssl"),
        ('security_protocol = "sasl_ssl"\nuser = "desk"', "one of kafka.password and kafka.password_file"),
        ('security_protocol = "sasl_ssl"\npassword = "hunter2"', "give kafka.user"),
        ('security_protocol = "sasl_ssl"\nuser = "desk"\npassword = "hunter2"\npassword_file = "x"', "one of"),
        ("password = 12345", "kafka.password"),
    ],
)
def test_how_brokers_are_reached_must_fit_together(write: Write, text: str, match: str) -> None:
    write(f"[kafka]\n{text}\n")
    with pytest.raises(ConfigError, match=match) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ['user = "desk"', 'password = "hunter2"', 'api_key = "hunter2"\nuser = "desk"\npassword = "hunter2"',
             'api_key = "hunter2"\nuser = "desk"']
)  # fmt: skip
def test_kibana_wants_user_and_password_or_a_key_alone(write: Write, text: str) -> None:
    write(f"[kibana]\n{text}\n")
    with pytest.raises(
        ConfigError, match=r"give kibana\.user and kibana\.password, or kibana\.api_key alone"
    ) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_the_user_of_kibana_may_be_in_the_file_and_the_password_in_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('[kibana]\nuser = "desk"\n')
    monkeypatch.setenv("NEWSWATCH_KIBANA__PASSWORD", "hunter2")
    kibana = load_settings().kibana
    assert (kibana.user, kibana.password and kibana.password.get_secret_value()) == ("desk", "hunter2")


def test_a_password_is_not_shown(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('[kafka]\nsecurity_protocol = "sasl_ssl"\nuser = "desk"\n')
    monkeypatch.setenv("NEWSWATCH_KAFKA__PASSWORD", "hunter2")
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings.kafka.password)
    assert settings.kafka.password is not None
    assert settings.kafka.password.get_secret_value() == "hunter2"


def test_a_section_with_a_password_that_is_no_json_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSWATCH_KAFKA", "password: hunter2")
    with pytest.raises(ConfigError, match="NEWSWATCH_KAFKA") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_variables_for_the_tests_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    monkeypatch.setenv("NEWSWATCH_TEST_KAFKA", "kafka://127.0.0.1:9092")
    assert load_settings() == before


@pytest.mark.parametrize(
    "text",
    [
        'password = "hunter2"',
        '[kafka]\npasswords = "hunter2"',
        "[kafka]\npassword = 5",
        '[kibana]\npassword = "hunter2"',
        '[elasticsearch]\ntoken = "hunter2"',
        '[[notify.webhook]]\nname = "a"\nurl = "https://a.example"\nsecret = "hunter2"',
        '[[notify.webhook]]\nname = "a"\nurl = "https://a.example"\ntoken = "hunter2"',
        '[[notify.mail]]\nname = "a"\nto = ["a@b.example"]\nfrom = "c@d.example"\nhost = "e"\npassword = 5',
    ],
)
def test_what_is_said_of_a_secret_comes_whole_out_of_the_redaction(tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path / "wrong.toml")
    assert "hunter2" not in str(caught.value)
    assert redact(str(caught.value)) == str(caught.value)


def test_so_does_a_variable_that_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSWATCH_KAFKA__PASSWORDS", "hunter2")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert redact(str(caught.value)) == str(caught.value)
