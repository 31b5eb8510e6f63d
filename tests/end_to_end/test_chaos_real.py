"""The short form of ``make chaos``: on real servers nothing is lost and nothing comes twice, whoever is killed."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from stream.settings import PREFIX
from tests.end_to_end.real_chaos import SHORT, run

SEED = 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # clients of a broker that was killed
def test_workers_the_broker_and_the_index_killed_lose_nothing_and_do_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in os.environ if n.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
    found = run(SHORT, SEED, tmp_path)
    gc.collect()  # their sockets are told of here, and not in some later test
    assert not found.faults, "\n".join(found.faults)
