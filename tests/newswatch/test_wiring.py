"""The wiring: lists change by what was asked only, looking creates nothing, stages stand in the order of the flow."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ingest.feeds import Diff, make_feed
from newswatch.wiring import STAGES, change_feeds, connect_index, connect_log, names, present_feeds, run_stage, set_up
from stream.errors import ConfigError
from stream.log import open_log
from stream.logs import redact
from stream.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "newswatch.toml"
    (tmp_path / "rules").mkdir()
    file.write_text(f'data_dir = "{tmp_path}/data"\nrules_dir = "{tmp_path}/rules"\n', encoding="utf-8")
    return load_settings(file)


def test_two_who_add_a_feed_at_once_both_add_it(settings: Settings) -> None:
    set_up(settings)
    log = connect_log(settings)
    for url in ("https://a.example/feed", "https://b.example/feed"):  # each knew of an empty list
        change_feeds(log, names(settings), Diff((make_feed(url),), (), ()))
    assert {f.url for f in present_feeds(log, names(settings)).values()} == {
        "https://a.example/feed",
        "https://b.example/feed",
    }
    log.close()


@pytest.mark.parametrize("connect", [connect_log, connect_index])
def test_looking_where_nothing_is_creates_nothing(settings: Settings, connect: object) -> None:
    assert callable(connect)
    with pytest.raises(ConfigError, match=r"not there; .* newswatch setup"):
        connect(settings)
    assert not settings.data_dir.exists()


def test_no_stage_makes_work_for_one_before_it() -> None:
    order = list(STAGES)
    makes = {"ingest": ["articles"], "enrich": ["enriched"], "alert": ["alerts"], "index": [], "notify": []}
    for stage, topics in makes.items():
        readers = [s.name for s in STAGES.values() for topic in topics if topic in s.sources]
        assert all(order.index(reader) > order.index(stage) for reader in readers)


def test_a_ledger_that_is_partitioned_otherwise_is_refused(settings: Settings) -> None:
    log = open_log(settings.log)
    described = names(settings).described()
    log.create_topics([t for t in described if t.name.endswith("alerts")], 2)
    log.create_topics(described, 4)
    log.close()
    with pytest.raises(ConfigError, match="same number of partitions, they have 4 and 2"):
        run_stage(settings, "alert", threading.Event())


def test_a_rules_folder_that_was_set_and_is_not_there_is_refused(settings: Settings) -> None:
    settings.rules_dir.rmdir()
    with pytest.raises(ConfigError, match=r"rules_dir: no folder .*rules; make it"):
        set_up(settings)
    assert not settings.data_dir.exists()
    assert set_up(Settings(data_dir=settings.data_dir))  # the default folder need not be there


@pytest.mark.parametrize(("stage", "says"), [("alert", "no rules"), ("notify", "no targets")])
def test_a_stage_that_has_nothing_to_do_says_so_once(settings: Settings, stage: str, says: str) -> None:
    set_up(settings)
    stop = threading.Event()
    stop.set()
    with capture_logs() as logs:
        run_stage(settings, stage, stop)
    assert [line["event"][: len(says)] for line in logs if line["log_level"] == "warning"] == [says]


@pytest.mark.parametrize("name", ["key", "auth", "sig", "pwd", "access_token"])
def test_a_secret_in_a_feeds_url_is_hidden(name: str) -> None:
    assert redact(f"https://a.example/feed?{name}=hunter2&page=3") == f"https://a.example/feed?{name}=***&page=3"
