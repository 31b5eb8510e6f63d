"""Replay with a changed lexicon under continuing ingest, killed twice and promoted: ``replaying.py``, small."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stream.settings import PREFIX
from tests.end_to_end import replaying

ARTICLES = 40
PER_SECOND = 2.0


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs, and this process, know only the settings that they are given here."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)


def _check(report: replaying.Report) -> None:
    print(report)
    assert report.searches > 10
    assert report.changed > 0
    assert report.through_new > 0
    assert all(report.compared[kind] for kind in replaying.COMPARED)


def test_a_replay_on_files_is_promoted_without_a_gap_and_pages_nobody(tmp_path: Path) -> None:
    _check(replaying.play(tmp_path, "", ARTICLES, PER_SECOND, to_the_end=False))


def test_a_replay_on_kafka_and_elasticsearch_is_promoted_without_a_gap_and_pages_nobody(tmp_path: Path) -> None:
    with replaying.real_servers() as servers:
        _check(replaying.play(tmp_path, servers, ARTICLES, PER_SECOND, to_the_end=False))
