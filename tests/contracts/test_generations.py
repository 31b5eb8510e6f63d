"""The topic ``generations`` on every log: who looks at it and then changes it does so alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from stream import generations
from stream.errors import NewswatchError
from stream.generations import Generations
from stream.lineage import Generation
from stream.log import Log
from stream.topics import Names

MOMENT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
G1, G2 = Generation(id="g1", live_from=MOMENT), Generation(id="g2", created=MOMENT)


def test_who_changes_generations_does_so_alone(open_store: Callable[[], Log], monkeypatch: pytest.MonkeyPatch) -> None:
    log, other = open_store(), open_store()
    log.create_topics(Names().described(), 4)
    mine, theirs = Generations(log, Names()), Generations(other, Names())
    with mine.alone():
        with monkeypatch.context() as short:
            short.setattr(generations, "PATIENCE", 1.0)
            with pytest.raises(NewswatchError, match="at work just now; try again"), theirs.alone():
                pass
        mine.publish(G2)
    with theirs.alone():
        theirs.publish(G1)
    assert mine.read() == theirs.read() == {"g1": G1, "g2": G2}
