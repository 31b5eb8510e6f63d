"""The targets of notifications in the settings: whatever is wrong is one line with its place and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from newswatch.commands.settings import plain
from stream.errors import ConfigError
from stream.settings import FILE, load_settings

SECRET = "whsec_" + "a" * 43 + "="
HOOK = f"""\
[[notify.webhook]]
name = "desk"
url = "https://anna:hunter2@hooks.example.org/T/hunter2"
secret = "{SECRET}"
"""
MAIL = """\
[[notify.mail]]
name = "analysts"
to = ["anna@example.org", "bob@example.org"]
from = "newswatch@example.org"
host = "smtp.example.org"
user = "newswatch"
password = "hunter2"
"""


def load(folder: Path, text: str) -> str:
    """The line that refuses these settings."""
    (folder / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(folder / FILE)
    return str(caught.value)


def test_targets_are_read_and_shown_without_secrets(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(HOOK + MAIL, encoding="utf-8")
    settings = load_settings(tmp_path / FILE).notify
    (hook,), (mail,) = settings.webhook, settings.mail
    assert len(hook.key()) == 32
    assert (mail.sender, mail.server, mail.login()) == (
        "newswatch@example.org", ("smtp.example.org", 587), ("newswatch", "hunter2")
    )  # fmt: skip
    for shown in (plain(settings.webhook), plain(settings.mail), repr(settings), str(settings)):
        assert "hunter2" not in shown
        assert SECRET not in shown
    assert plain(settings.webhook) == '["desk: https://hooks.example.org"]'
    assert plain(settings.mail) == '["analysts: anna@example.org, bob@example.org through smtp.example.org"]'


def test_the_environment_gives_a_list_of_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "NEWSWATCH_NOTIFY__WEBHOOK", f'[{{"name": "a", "url": "https://b.example", "secret": "{SECRET}"}}]'
    )
    assert [target.name for target in load_settings().notify.webhook] == ["a"]
    monkeypatch.setenv("NEWSWATCH_NOTIFY__WEBHOOK", "hunter2")
    with pytest.raises(
        ConfigError, match=r"notify\.webhook: .*from NEWSWATCH_NOTIFY__WEBHOOK.*list of objects"
    ) as wrong:
        load_settings()
    assert "hunter2" not in str(wrong.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://anna", "ftp://anna", "'desk': url: must be the http:// or https:// address"),
        ("https://anna:hunter2@hooks.example.org", "https://", "'desk': url: must be the http:// or https:// address"),
        ("example.org/T", "example.org:x/T", "'desk': url: must be the http:// or https:// address"),
        ("example.org/T", "example.org/ T", "'desk': url: must be the http:// or https:// address"),
        (SECRET, "hunter2", "'desk': secret: it must be whsec_ and base64; make one with: echo whsec_$(openssl"),
        (SECRET, "whsec_aHVudGVyMg==", "'desk': secret: it must be whsec_ and 24 to 64 bytes"),
        (f'secret = "{SECRET}"', "", "'desk': give either secret or secret_file"),
        (f'secret = "{SECRET}"', f'secret = "{SECRET}"\nsecret_file = "x"', "'desk': give either secret or secret_f"),
        ('name = "desk"\n', "", "target 1: name: Field required"),
        ('name = "desk"', 'name = "desk"\ncolour = "red"', "'desk': colour: Extra inputs are not permitted; there"),
        ("[[notify.webhook]]", "[notify.webhook]", "write [[notify.webhook]] before each target"),
        ('name = "desk"', 'name = "analysts"', "notify.mail: what is set is not valid"),
        ('name = "desk"', 'name = "desk"\nmin_severity = "huge"', "'desk': min_severity: Input should be 'low'"),
        ("anna@example.org", "anna", "'analysts': to: 'anna' is not a mail address; write it bare"),
        ('["anna@example.org", "bob@example.org"]', "[]", "'analysts': to: "),
        ('user = "newswatch"\n', "", "'analysts': give user together with either password or password_file"),
        ('host =', 'security = "none"\nhost =', "'analysts': a password is not sent in the clear; set security"),
        ("smtp.example.org", "https://smtp.example.org", "'analysts': host: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_without_secrets(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in HOOK + MAIL
    line = load(tmp_path, (HOOK + MAIL).replace(old, new))
    assert said in line
    assert FILE in line
    assert "\n" not in line
    assert "hunter2" not in line
    assert SECRET not in line


def test_a_name_belongs_to_one_target(tmp_path: Path) -> None:
    assert "the name 'desk' is there twice" in load(tmp_path, HOOK + HOOK)


@pytest.mark.parametrize(("name", "value"), [("give_up_after", "0s"), ("timeout", "2m"), ("timeout", "-1s")])
def test_spans_that_make_no_sense_are_refused(tmp_path: Path, name: str, value: str) -> None:
    assert f"notify.{name}: '{value}' is not valid" in load(tmp_path, f'[notify]\n{name} = "{value}"\n')
