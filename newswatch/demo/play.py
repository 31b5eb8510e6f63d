"""The demo: serves the bundled feeds in three instalments, runs every stage on a throw-away store, and reports."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import get_args

import typer
import yaml

from indexer.index import Index, Kind, Stored
from indexer.query import parse
from newswatch import report
from newswatch.demo.server import FeedServer
from newswatch.demo.world import INSTALMENTS, Outlet, load_world
from newswatch.once import PROCESSORS, BarProgress, measure, poll_once, progress, wait_until_done
from newswatch.supervisor import Supervisor
from newswatch.wiring import connect_index, connect_log, set_up
from stream.errors import NewswatchError
from stream.log import Log
from stream.logs import configure_logging
from stream.settings import PREFIX, Settings, load_settings

RULES = Path(__file__).parent / "rules.yml"
CASES = Path(__file__).parent / "cases.yml"
CORE_RULE = "hamas-moves"
MOST = 500


def play(stop: Event, *, debug: bool = False, keep: bool = False) -> None:
    """Run the demo to its end. Raises ``NewswatchError`` when a stage fails or the story of the demo is not found."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="newswatch-demo-"))
    world = load_world()
    try:
        with FeedServer(world, datetime.now(UTC)) as server:
            config = _configure(folder, world, server, debug)
            _run(load_own_settings(config), config, server, stop, began)
    finally:
        if keep:
            typer.echo(f"The store is kept: newswatch --config {folder / 'newswatch.toml'} search …")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def own_environment() -> dict[str, str]:
    """The environment without newswatch's settings: the demo touches nothing of the user's."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}


def load_own_settings(config: Path) -> Settings:
    """The demo's settings, whatever the user's environment says."""
    for name in os.environ.keys() - own_environment().keys():
        del os.environ[name]
    return load_settings(config)


def _configure(folder: Path, world: Mapping[str, Outlet], server: FeedServer, debug: bool) -> Path:
    """The throw-away folder with settings, feed list and rules, as a user would have them."""
    feeds = [
        {"url": server.url(o.feed), "title": o.title, "publisher": o.domain, "country": o.country}
        for o in world.values()
    ]
    (folder / "feeds.yml").write_text(yaml.safe_dump(feeds, sort_keys=False), encoding="utf-8")
    (folder / "rules").mkdir()
    shutil.copy(RULES, folder / "rules" / RULES.name)
    level = "debug" if debug else "error" if sys.stderr.isatty() else "warning"
    configure_logging(level, "demo")
    lines = [
        f"data_dir = {json.dumps(str(folder / 'data'))}",
        f"feeds_file = {json.dumps(str(folder / 'feeds.yml'))}",
        f"rules_dir = {json.dumps(str(folder / 'rules'))}",
        f'log_level = "{level}"',
        "[ingest]",
        'allow_networks = ["127.0.0.0/8"]',
    ]
    config = folder / "newswatch.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config


def _run(settings: Settings, config: Path, server: FeedServer, stop: Event, began: float) -> None:
    arguments = ("--config", str(config))
    set_up(settings)
    log = connect_log(settings)
    supervisor = Supervisor(PROCESSORS, arguments)
    typer.echo("Feeds on loopback → ingest → enrich → fuse → alert, index; three instalments of news …", err=True)
    show = progress()
    supervisor.start()
    try:
        for instalment in INSTALMENTS:
            server.instalment = instalment
            poll_once(supervisor, stop, arguments)
            wait_until_done(log, settings, supervisor, stop, show)
        if isinstance(show, BarProgress):
            show.stop()
        index = connect_index(settings)
        try:
            _report(log, index, settings, time.monotonic() - began)
        finally:
            index.close()
    finally:
        if isinstance(show, BarProgress):
            show.stop()
        supervisor.stop()
        log.close()


def _report(log: Log, index: Index, settings: Settings, seconds: float) -> None:
    """The cases that the demo is about, the other moves in short, the alerts, counts by stage, and the one alert."""
    shown = _print_cases(index)
    _print_others(index, shown)
    alerts = index.search("alerts", limit=MOST).hits
    _print_alerts(alerts)
    typer.echo("\nCounts")
    for s in measure(log, settings):
        typer.echo(f"  {s.stage:<7} handled {s.appended - s.left:>4} of {s.appended:>4} records of {s.topic}")
    for kind in get_args(Kind):
        typer.echo(f"  index   holds   {index.search(kind, limit=1).total:>4} {kind}")
    core = [a for a in alerts if a.document["rule"] == CORE_RULE and not a.document.get("held_back")]
    if not core:
        raise NewswatchError(
            "the demo's own story (Hamas's leaders, Doha → Baghdad) raised no alert: a bug, please report"
        )
    typer.echo("\nThe alert that this project was begun for")
    best = max(core, key=lambda a: ("independent sources" in a.document["title"], a.document["created"]))
    typer.echo(report.alert(best.document))
    typer.echo(f"\nDone in {seconds:.0f} s. Next: newswatch feeds add URL, then newswatch run; see the README.")


def _print_cases(index: Index) -> set[str]:
    """The relocations of ``cases.yml``, each under what it shows; their ids."""
    shown: set[str] = set()
    typer.echo("Cases: what all outlets say of one move, as one (times are UTC)")
    for case in yaml.safe_load(CASES.read_text(encoding="utf-8")):
        found = index.search("relocations", parse(case["query"], "relocations"), limit=MOST).hits
        if not found:
            raise NewswatchError(f"the demo's case “{case['shows']}” was not found: a bug, please report")
        typer.echo(f"\n== {case['shows']}")
        for hit in sorted(found, key=lambda h: (h.document["first_seen"], h.document["id"])):
            typer.echo(report.case(hit.document))
            shown.add(hit.document["id"])
    return shown


def _print_others(index: Index, shown: set[str]) -> None:
    hits = [h for h in index.search("relocations", limit=MOST).hits if h.document["id"] not in shown]
    typer.echo(f"\n== {len(hits)} other moves; newswatch relocations show ID tells one whole")
    for hit in hits:
        typer.echo(report.relocation_in_short(hit.document))


def _print_alerts(alerts: list[Stored]) -> None:
    """Those to be sent in the order in which they were raised; how many others, and why the first of them."""
    sent = [a.document for a in reversed(alerts) if not a.document.get("held_back")]
    held = [a.document for a in reversed(alerts) if a.document.get("held_back")]
    typer.echo(f"\n== {len(sent)} alerts to be sent; {len(held)} held back")
    for document in sent:
        typer.echo(report.wrapped(report.alert_line(document), "", " " * 18))
    for document in held[:1]:
        typer.echo("of those held back the first (newswatch alerts list shows all):")
        typer.echo("\n".join(report.wrapped(line, "", " " * 18) for line in report.alert_line(document).splitlines()))
