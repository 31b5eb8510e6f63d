"""Backfill on every log: state and articles in one transaction, another process takes over where the first stood."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ingest import backfill
from ingest.archives import recognise
from ingest.backfill import Backfiller
from ingest.fulltext import PageReaders
from stream.log import Log, lag
from stream.messages import decode
from stream.settings import IngestSettings
from stream.topics import Names
from tests.ingest.warcs import answers, write

NAMES = Names()


def test_it_goes_on_in_another_process_and_enrich_is_seen_behind(
    open_store: Callable[[], Log], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MAX_ITEMS", 5)
    archive = recognise(write(tmp_path / "a.warc", answers(23)), IngestSettings().max_bytes, full_text=False)
    topic = NAMES.topic("articles")
    log = open_store()
    log.create_topics(NAMES.described(), 2)
    with PageReaders(full_text=False, processes=1) as readers:
        stop = threading.Event()
        first = Backfiller(
            log, NAMES, IngestSettings(), readers, {}, lambda: 0,
            lambda s: stop.set() if s.state and s.state.published > 5 else None,
        )  # fmt: skip
        with closing(first):
            stopped = first.run(archive, stop)
        assert stopped is not None
        assert 5 < stopped.published < 23
        other = open_store()
        assert lag(other, topic, NAMES.group("enrich", "articles")) >= stopped.published
        with closing(Backfiller(other, NAMES, IngestSettings(), readers, {}, lambda: 0)) as second:
            state = second.run(archive, threading.Event())
    assert state is not None
    assert (state.published, state.known, state.finished) == (23, 0, True)
    urls = [decode(r.value or b"").url for p in range(2) for r in other.read(topic, p, 0, 1_000)]  # type: ignore[union-attr]
    assert sorted(urls) == sorted(a.url for a in answers(23))
