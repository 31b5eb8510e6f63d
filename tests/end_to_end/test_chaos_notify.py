"""Each alert delivered at least once, under one key, and recorded once: ``newswatch notify`` under SIGKILL."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from alerts.notify import delivery_id
from newswatch.wiring import connect_log, names, set_up
from stream.log import Log, lag, partition_of
from stream.messages import Alert, Delivery, encode
from stream.settings import Settings, load_settings
from stream.topics import Names
from tests.alerts.receivers import SECRET, Answer, Hook, Mailbox, hook, mailbox
from tests.end_to_end import chaos
from tests.stream.golden import ALERT

ALERTS, KILLS = 120, 6
HELD = "found by a replay of kept articles"
PATIENCE = 120.0  # seconds
SETTINGS = """\
data_dir = {data}
log_level = "warning"
[notify]
timeout = "1s"
[[notify.webhook]]
name = "shaky"
url = "http://anna:hunter2@127.0.0.1:{shaky}/in"
secret = "{secret}"
[[notify.webhook]]
name = "refusing"
url = "http://127.0.0.1:{refusing}/in"
secret = "{secret}"
[[notify.webhook]]
name = "absent"
url = "http://127.0.0.1:9/"
secret = "{secret}"
[[notify.mail]]
name = "desk"
to = ["anna@example.org"]
from = "newswatch@example.org"
host = "127.0.0.1"
port = {mail}
security = "none"
"""


def test_alerts_arrive_and_are_recorded_once_whoever_dies(tmp_path: Path) -> None:
    chance = chaos.chance()
    alerts = [_alert(n, chance) for n in range(ALERTS)]
    with hook() as shaky, hook() as refusing, mailbox() as box:
        shaky.answer = _shaky(chance)
        refusing.answer = lambda _: (400, {})
        config = _configure(tmp_path, shaky, refusing, box)
        settings = load_settings(config)
        set_up(settings)
        with closing(connect_log(settings)) as log, (tmp_path / "stderr").open("ab") as stderr:
            process = _start(config, stderr)
            try:
                for n in range(KILLS):
                    _raise(log, names(settings), alerts[n * ALERTS // KILLS : (n + 1) * ALERTS // KILLS])
                    time.sleep(chance.uniform(0.8, 2.0))
                    process.kill()
                    process.wait()
                    process = _start(config, stderr)
                sent = [a for a in alerts if a.held_back is None]
                chaos.wait(lambda: len(_ends(log, settings)) == 3 * len(sent), PATIENCE, "all but the absent", look=0.2)
            finally:
                process.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(30)
                code = process.poll()
                process.kill()
            _check(log, settings, sent, shaky, box)
    assert code == 0
    said = (tmp_path / "stderr").read_text(encoding="utf-8")
    assert "absent" in said
    assert "hunter2" not in said
    assert SECRET not in said


def _check(log: Log, settings: Settings, sent: list[Alert], shaky: Hook, box: Mailbox) -> None:
    ends = _ends(log, settings)
    twice = [i for i, n in Counter(d.id for d in ends).items() if n > 1]
    assert twice == [], "each end is recorded once"
    for target, took in (("shaky", shaky.ids()), ("desk:anna@example.org", box.ids())):
        keys = {delivery_id(alert.id, target) for alert in sent}
        assert set(took) == keys, "each alert arrived, and nothing else, under its key"
        assert {d.id for d in ends if d.target == target and d.state == "delivered"} == keys
        print(f"{target}: {len(took) - len(keys)} of {len(keys)} came twice")
    assert {d.alert_id for d in ends if d.target == "refusing" and d.state == "given_up"} == {a.id for a in sent}
    assert {d.target for d in ends} == {"shaky", "desk:anna@example.org", "refusing"}
    topics = names(settings)
    assert not lag(log, topics.topic("alerts"), topics.group("notify", "alerts"))
    waiting = [d for d in _deliveries(log, settings) if d.state == "waiting" and d.target == "absent"]
    assert sorted(d.alert_id for d in waiting) == sorted(a.id for a in sent), "what is not delivered waits"


def _alert(n: int, chance: random.Random) -> Alert:
    held = HELD if chance.random() < 0.2 else None
    return ALERT.model_copy(update={"id": f"a{n}", "created": datetime.now(UTC), "held_back": held})


def _shaky(chance: random.Random) -> Callable[[int], Answer]:
    def answer(_number: int) -> Answer:
        time.sleep(chance.uniform(0, 0.02))
        return chance.choice([(204, {})] * 12 + [(500, {}), (429, {"Retry-After": "1"})])

    return answer


def _configure(folder: Path, shaky: Hook, refusing: Hook, box: Mailbox) -> Path:
    config = folder / "newswatch.toml"
    data = json.dumps(str(folder / "data"))
    text = SETTINGS.format(data=data, shaky=shaky.port, refusing=refusing.port, mail=box.port, secret=SECRET)
    config.write_text(text, encoding="utf-8")
    return config


def _start(config: Path, stderr: BinaryIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "newswatch", "--config", str(config), "notify"],
        stdin=subprocess.DEVNULL, stderr=stderr, start_new_session=True,
    )  # fmt: skip


def _raise(log: Log, topics: Names, alerts: list[Alert]) -> None:
    topic = topics.topic("alerts")
    with log.transaction() as tx:
        for alert in alerts:
            tx.publish(topic, partition_of(alert.id, log.partitions(topic)), alert.id, encode(alert))


def _deliveries(log: Log, settings: Settings) -> list[Delivery]:
    return chaos.messages(log, names(settings).topic("deliveries"), Delivery)


def _ends(log: Log, settings: Settings) -> list[Delivery]:
    return [d for d in _deliveries(log, settings) if d.state != "waiting"]
