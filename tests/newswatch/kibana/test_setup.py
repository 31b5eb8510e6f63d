"""``newswatch setup --kibana``: what is missing or differs is imported, once; whatever is wrong is one clear line."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from newswatch.kibana import provision
from newswatch.kibana.bundle import NUMBER, Mark, bundle, mark_of
from newswatch.kibana.client import Kibana as Client
from newswatch.kibana.objects import Place, ndjson
from newswatch.kibana.provision import plan, set_up_kibana
from stream.errors import ConfigError, NewswatchError
from stream.settings import KibanaSettings
from tests.end_to_end.conftest import Home
from tests.newswatch.kibana.server import Kibana, serve

SECRET = "bmV3c3dhdGNoOmh1bnRlcjI="
NO_KEY = KibanaSettings()


@pytest.fixture
def kibana() -> Iterator[Kibana]:
    with serve() as running:
        yield running


def set_up(kibana: Kibana, settings: KibanaSettings = NO_KEY) -> list[str]:
    return set_up_kibana(Client(kibana.url, settings, patience=2.0), settings.spaces, "newswatch")


def test_the_first_time_brings_everything_the_second_nothing(kibana: Kibana) -> None:
    lines = set_up(kibana)
    wanted = {o.key: o.line() for o in bundle(Place())}
    assert kibana.objects["default"] == wanted
    assert len(lines) == len(wanted)
    assert "kibana, space default: dashboard newswatch: Moves created" in lines
    assert "kibana, space default: data view newswatch relocations created" in lines
    assert kibana.defaults == {"default": "newswatch-relocations"}

    assert set_up(kibana) == []
    assert kibana.imports() == 1


def test_what_a_person_removed_comes_back_and_what_they_moved_stays(kibana: Kibana) -> None:
    set_up(kibana)
    held = kibana.objects["default"]
    del held["map", "newswatch-news-map"]
    held["dashboard", "newswatch-moves"]["attributes"]["timeFrom"] = "now-1y"
    assert set_up(kibana) == ["kibana, space default: map newswatch: places in the news created"]
    assert held["dashboard", "newswatch-moves"]["attributes"]["timeFrom"] == "now-1y"
    del held["index-pattern", "newswatch-alerts"]
    assert set_up(kibana) == ["kibana, space default: data view newswatch alerts created"]


def test_what_an_older_newswatch_left_is_changed_and_told(kibana: Kibana) -> None:
    set_up(kibana)
    held = kibana.objects["default"]
    for o in held.values():
        if mark := mark_of(o["attributes"]):
            o["attributes"]["description"] = f"As it was. {Mark(NUMBER - 1, mark.digest)}"
    first, *others = set_up(kibana)
    assert first == f"kibana, space default: bundle {NUMBER - 1} becomes bundle {NUMBER}"
    assert "kibana, space default: saved search newswatch: what articles say of moves changed" in others
    assert set_up(kibana) == []
    assert "As it was" not in kibana.objects["default"]["search", "newswatch-statements"]["attributes"]["description"]


def test_the_default_data_view_that_a_person_chose_stays(kibana: Kibana) -> None:
    kibana.defaults["default"] = "ours"
    set_up(kibana)
    assert kibana.defaults == {"default": "ours"}


def test_each_space_gets_its_own_and_the_key_is_sent(kibana: Kibana) -> None:
    kibana.key, kibana.spaces = SECRET, {"default", "desk"}
    settings = KibanaSettings(api_key=SecretStr(SECRET), spaces=("default", "desk"))
    set_up(kibana, settings)
    assert kibana.objects["desk"].keys() == {o.key for o in bundle(Place("newswatch", "desk"))}
    assert not kibana.objects["desk"].keys() & kibana.objects["default"].keys()
    assert kibana.defaults["desk"] == "newswatch-relocations-desk"
    assert set_up(kibana, settings) == []
    assert kibana.imports() == 2


def test_one_that_is_starting_is_waited_for(kibana: Kibana) -> None:
    kibana.starting = 1
    assert set_up(kibana)


# -- what is wrong, in one line


def fault(kibana: Kibana | str, error: type[NewswatchError], settings: KibanaSettings = NO_KEY) -> str:
    url = kibana if isinstance(kibana, str) else kibana.url
    began = time.monotonic()
    with pytest.raises(error) as caught:
        set_up_kibana(Client(url, settings, patience=1.5), settings.spaces, "newswatch")
    assert time.monotonic() - began < 10
    told = str(caught.value)
    assert "\n" not in told
    assert SECRET not in told
    assert caught.type is error
    return told


def test_one_that_is_down() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{s.getsockname()[1]}"
    told = fault(url, NewswatchError)
    assert url in told
    assert "cannot be reached: " in told
    assert "is it running" in told


def test_one_that_does_not_become_ready(kibana: Kibana) -> None:
    kibana.starting = 99
    assert "is not ready after 2 s: Kibana server is not ready yet." in fault(kibana, NewswatchError)


def test_a_wrong_key_and_none(kibana: Kibana) -> None:
    kibana.key = "another"
    wrong = fault(kibana, ConfigError, KibanaSettings(api_key=SecretStr(SECRET)))
    assert "refuses the credentials; set kibana.api_key" in wrong
    assert "wants credentials; set kibana.api_key" in fault(kibana, ConfigError)
    assert not kibana.imports()


def test_a_key_that_may_not(kibana: Kibana) -> None:
    kibana.forbidden = True
    told = fault(kibana, ConfigError)
    assert "not allowed: Unable to bulk_get" in told
    assert "Saved Objects Management" in told


def test_an_older_kibana(kibana: Kibana) -> None:
    kibana.version = "8.11.4"
    told = fault(kibana, ConfigError)
    assert "this is Kibana 8.11.4, too old" in told
    assert "8.12 or newer" in told
    assert not kibana.objects


def test_an_older_bundle_than_what_is_there(kibana: Kibana) -> None:
    set_up(kibana)
    attributes = kibana.objects["default"]["dashboard", "newswatch-news"]["attributes"]
    attributes["description"] = f"From tomorrow. {Mark(NUMBER + 1, '0' * 12)}"
    told = fault(kibana, ConfigError)
    assert f"its objects are of bundle {NUMBER + 1}, this newswatch has the older bundle {NUMBER}" in told
    assert "run setup with the newer newswatch" in told
    assert kibana.imports() == 1


def test_an_unknown_space(kibana: Kibana) -> None:
    told = fault(kibana, ConfigError, KibanaSettings(spaces=("default", "desk")))
    assert "there is no space 'desk'" in told
    assert not kibana.imports()  # nor into the space that is there: all or nothing


def test_success_false_is_a_failure_although_the_status_is_200(kibana: Kibana, monkeypatch: pytest.MonkeyPatch) -> None:
    real = provision.bundle

    def broken(place: Place) -> list[provision.SavedObject]:
        return [
            replace(o, references=(replace(o.references[0], id="gone"),)) if o.type == "search" else o
            for o in real(place)
        ]  # fmt: skip

    monkeypatch.setattr(provision, "bundle", broken)
    told = fault(kibana, NewswatchError)
    assert "space default: not everything was imported: search newswatch-statements: missing_references" in told
    assert "refers to index-pattern gone" in told
    assert " more; see its log" in told


@pytest.mark.parametrize(
    ("path", "answer", "error", "told"),
    [
        ("/api/status", (404, "nothing here"), ConfigError, "it is no Kibana or has another base path"),
        ("/api/status", (302, ""), ConfigError, "it is no Kibana or has another base path"),
        ("/api/status", (200, "<html>hello</html>"), ConfigError, "what answers is no Kibana"),
        ("/api/status", (200, "[]"), ConfigError, "what answers is no Kibana"),
        ("_export", (200, "<html>hello</html>"), ConfigError, "what answers is no Kibana"),
        ("_export", (400, '{"message": "no such type"}'), NewswatchError, "400 no such type"),
        ("_import", (422, '{"message": "a more recent version"}'), ConfigError, "too old for the objects"),
        ("_import", (500, '{"message": "password: hunter2"}'), NewswatchError, "importing: 500 password: ***"),
        ("_import", (200, "not json"), NewswatchError, "not everything was imported: not json"),
    ],
)
def test_strange_answers(
    kibana: Kibana, path: str, answer: tuple[int, str], error: type[NewswatchError], told: str
) -> None:
    kibana.answers[path] = answer
    assert told in fault(kibana, error)


@pytest.mark.parametrize(
    "url", ["localhost:5601", "ftp://x", "http://", "http://x:y", "http://x?y=z", "http://u:hunter2@x", "http://x:0"]
)
def test_an_address_that_cannot_be_meant(url: str) -> None:
    told = fault(url, ConfigError)
    assert told.startswith("--kibana: ")
    assert "hunter2" not in told


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    told = fault("https://localhost:1", ConfigError, KibanaSettings(ca_file=tmp_path / "absent.pem"))
    assert "kibana.ca_file" in told
    assert "name a PEM file" in told


# -- the command


def test_the_command_reports_and_does_nothing_the_second_time(kibana: Kibana, home: Home) -> None:
    kibana.key = SECRET
    key = {"NEWSWATCH_KIBANA__API_KEY": SECRET}
    first = home("setup", "--kibana", kibana.url, **key)
    assert first.returncode == 0, first.stderr
    assert "kibana, space default: dashboard newswatch: News created" in first.stdout
    assert "index_url is a file" in first.stderr
    second = home.ok("setup", "--kibana", kibana.url, **key)
    assert second == "everything is there; nothing to do\n"
    assert kibana.imports() == 1
    assert SECRET not in home.ok("config", **key)
    wrong = home("setup", "--kibana", kibana.url)
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines()[-1].startswith(f"newswatch: kibana {kibana.url}: wants credentials")


def test_the_command_refuses_an_address_before_it_makes_anything(home: Home) -> None:
    wrong = home("setup", "--kibana", "localhost:5601")
    assert wrong.returncode == 2
    assert wrong.stdout == ""
    assert wrong.stderr.startswith("newswatch: --kibana: 'localhost:5601' is no address")
    assert not list(home.folder.rglob("*.db"))


def test_what_is_planned_can_be_imported_alone() -> None:
    wanted = bundle(Place())
    present = {o.key: mark_of(o.attributes) for o in wanted}
    assert plan(wanted, present).objects == ()
    del present["dashboard", "newswatch-news"]
    planned = plan(wanted, present)
    assert [o.type for o in planned.objects] == ["index-pattern", "dashboard"]
    assert json.loads(ndjson(planned.objects).splitlines()[-1])["exportedCount"] == 2
