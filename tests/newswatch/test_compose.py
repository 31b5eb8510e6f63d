"""docker-compose.yml, .env.example and the image: what can be checked of them without an engine."""

from __future__ import annotations

import fnmatch
import importlib.resources
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.accounts import PASSWORDS
from newswatch.wiring import STAGES
from stream.settings import load_settings
from tests import compose, service_elastic, service_kafka

FILLED = {name: value or f"secret-of-{name.lower()}" for name, value in compose.example().items()}
SERVICES: dict[str, dict[str, Any]] = compose.read(FILLED)["services"]
OURS = {name: service for name, service in SERVICES.items() if "newswatch" in service["image"].partition(":")[0]}
DOCKERFILE = (compose.ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_the_file_is_what_the_compose_specification_says() -> None:
    pytest.importorskip("check_jsonschema", reason="the Compose specification's schema: pip install check-jsonschema")
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.validators.validator_for(schema)(schema).validate(yaml.safe_load(compose.FILE.read_text("utf-8")))


def test_the_example_names_just_the_variables_that_are_asked_for() -> None:
    assert compose.example().keys() == compose.variables()


@pytest.mark.parametrize("name", [n for n, value in compose.example().items() if not value])
def test_nothing_starts_without_what_a_person_must_fill_in(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        compose.read({**FILLED, name: ""})


@pytest.mark.parametrize("name", OURS)
def test_the_code_reads_every_variable_that_a_service_is_given(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [v for v in os.environ if v.startswith("NEWSWATCH_")]:
        monkeypatch.delenv(variable)
    given = OURS[name]["environment"]
    defaults = load_settings().model_dump()
    assert {v for v in given if not v.startswith("NEWSWATCH_")} == (
        set(PASSWORDS.values()) if name == "setup" else set()
    )
    for variable, value in given.items():
        if variable.startswith("NEWSWATCH_"):
            monkeypatch.setenv(variable, value)
    settings: Any = load_settings()  # one that it does not know is refused
    same = []
    for variable in (v for v in given if v.startswith("NEWSWATCH_")):
        path = variable.removeprefix("NEWSWATCH_").lower().split("__")
        value, default = settings.model_dump(), defaults
        for part in path:
            value, default = value[part], default[part]
        same += [variable] if value == default else []
    assert set(same) <= {"NEWSWATCH_LOG_LEVEL", "NEWSWATCH_ALERTS__MAX_AGE"}  # named for the person who changes them


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_a_service_that_scales(name: str) -> None:
    service = SERVICES[name]
    assert service["command"] == [name]
    assert not service.keys() & {"container_name", "ports", "hostname"}
    assert "/readyz" in service["healthcheck"]["test"][-1]
    assert service["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}
    assert service["restart"] == "unless-stopped"
    own = [v for v in service.get("volumes", ()) if v != "/tmp" and not v.endswith(":ro")]
    assert not own, "what a worker knows is in topics and index"


@pytest.mark.parametrize("name", OURS)
def test_each_reads_the_settings_of_the_person(name: str) -> None:
    assert OURS[name]["working_dir"] == "/settings"
    assert "./settings:/settings:ro" in OURS[name]["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_rules_are_there_where_they_are_said_to_be(name: str) -> None:
    said = OURS[name]["environment"].get("NEWSWATCH_RULES_DIR")
    assert (said == "/rules") == ("./rules:/rules:ro" in OURS[name]["volumes"])


def test_rules_can_be_tried_where_the_readme_tries_them() -> None:
    readme = (compose.ROOT / "README.md").read_text(encoding="utf-8")
    (name,) = re.findall(r"^\$ docker compose exec (\w+) newswatch rules test", readme, re.MULTILINE)
    assert {"NEWSWATCH_RULES_DIR", "NEWSWATCH_INDEX_URL", "NEWSWATCH_LOG_URL"} <= OURS[name]["environment"].keys()


def test_the_dashboards_are_brought_into_kibana() -> None:
    service, before = OURS["dashboards"], OURS["setup"]
    assert service["command"] == ["setup", "--kibana", "http://kibana:5601"]
    assert service["depends_on"] == {"kibana": {"condition": "service_healthy"}}
    assert "restart" not in service
    same = {k: v for k, v in service["environment"].items() if not k.startswith("NEWSWATCH_KIBANA__")}
    assert same.items() <= before["environment"].items(), "it repeats what setup did, and must change nothing"


@pytest.mark.parametrize("name", OURS)
def test_ours_run_without_rights_on_a_file_system_that_is_read_only(name: str) -> None:
    service = OURS[name]
    assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001:10001", True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_each_has_limits_and_a_pinned_image(name: str) -> None:
    service = SERVICES[name]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert re.fullmatch(r".+:\d+\.\d+\.\d+", service["image"])


def test_the_versions_are_those_that_the_tests_run_on() -> None:
    versions = {name: service["image"].rpartition(":")[2] for name, service in SERVICES.items()}
    assert versions["kafka"] == service_kafka.VERSION
    assert versions["elasticsearch"] == versions["kibana"] == service_elastic.VERSION
    with (compose.ROOT / "pyproject.toml").open("rb") as file:
        assert {versions[name] for name in OURS} == {tomllib.load(file)["project"]["version"]}


def test_only_kibana_can_be_reached_and_only_from_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"kibana": ["127.0.0.1:5601:5601"]}
    assert compose.read(FILLED)["networks"]["inside"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "outside" in service["networks"]} == {
        "kibana",
        "ingest",
        "notify",
    }


def test_a_service_has_only_the_passwords_that_it_needs() -> None:
    holders = {
        name: {service for service, fields in SERVICES.items() if FILLED[name] in json.dumps(fields["environment"])}
        for name, value in compose.example().items()
        if not value
    }
    assert holders == {
        "KAFKA_PASSWORD": {"kafka", *OURS},
        "ELASTIC_PASSWORD": {"elasticsearch", "setup", "dashboards"},
        "WORKER_PASSWORD": {"index", "setup"},
        "KIBANA_PASSWORD": {"kibana", "setup"},
        "ANALYST_PASSWORD": {"setup"},
        "KIBANA_ENCRYPTION_KEY": {"kibana"},
    }


# -- the image


def copied() -> list[str]:
    """What the Dockerfile copies out of the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [source.rstrip("/") for line in lines for source in line.split()]


def test_the_image_is_pinned_and_runs_as_nobody() -> None:
    assert all(
        re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", image) for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
    )
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert DOCKERFILE.count("--require-hashes") == 2


def test_what_is_copied_is_there_and_reaches_the_builder() -> None:
    lines = (compose.ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    admitted = {line.removeprefix("!").rstrip("/") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert set(copied()) == admitted
    assert all((compose.ROOT / source).exists() for source in copied())
    assert not any(fnmatch.fnmatch(".env", pattern) for pattern in admitted)


def test_the_build_backend_is_locked_as_the_project_names_it() -> None:
    with (compose.ROOT / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["build-system"]["requires"]
    locked = re.findall(r"^(\S+==\S+)", (compose.ROOT / "deploy" / "build.lock").read_text("utf-8"), re.MULTILINE)
    assert set(wanted) <= set(locked)


def test_the_wheel_of_just_those_files_has_everything(tmp_path: Path) -> None:
    for source in copied():
        here, there = compose.ROOT / source, tmp_path / Path(source).name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(here, there, ignore=ignored) if here.is_dir() else shutil.copy(here, there)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        inside = {name for name in packed.namelist() if ".dist-info/" not in name}
    packages = [source for source in copied() if (compose.ROOT / source).is_dir()]
    files = [p for package in packages for p in (compose.ROOT / package).rglob("*") if p.is_file()]
    assert inside == {str(p.relative_to(compose.ROOT)) for p in files if "__pycache__" not in p.parts}
