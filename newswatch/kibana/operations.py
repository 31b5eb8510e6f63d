"""What operators look at in Kibana: workers, lag, errors, dead letters, feeds that fail or fell silent."""

from __future__ import annotations

from collections.abc import Sequence

from newswatch.kibana.charts import bars, count, highest, number, over_time, table, top, total, unique
from newswatch.kibana.dashboards import links
from newswatch.kibana.layout import Dashboard
from newswatch.kibana.objects import Place, SavedObject, View
from newswatch.kibana.searches import saved_search

_ALIVE = "at >= now-1m AND NOT ended: true"
_SILENT = "at < now-1m AND at >= now-1h AND NOT ended: true"
"""A worker that ends as it should says so; one that was killed is silent, and forgotten after an hour."""
_LATELY = "at >= now-1h AND NOT ended: true"
_LISTED = "NOT removed: true"
_FAILING = f"failures > 0 AND {_LISTED}"
_QUIET = f"failures: 0 AND silent_after < now AND {_LISTED}"
_WAITING = "NOT retried: *"


def operations(place: Place) -> Sequence[SavedObject]:
    """Operations. A feed is polled every 24 hours at least: in two days all that are listed are seen."""
    workers, feeds, letters = (View(place, "workers"), View(place, "feeds"), View(place, "dead-letters"))
    searches = _searches(workers, feeds, letters)
    d = Dashboard(place.id("operations"), "newswatch: Operations", "Whether newswatch works as it should.", "now-2d")
    d.row(4, (48, f"**newswatch · Operations** · {links(place)}\n\nOne row is a worker on one of its topics, a feed, or"
                  " a dead letter, as it stands. `newswatch status` tells the same, `newswatch dead-letters retry`"
                  " gives dead letters back."))  # fmt: skip
    d.row(6, (8, number(workers, "Workers alive", unique(workers, "worker", "workers"), _ALIVE)),
          (8, number(workers, "Workers silent", unique(workers, "worker", "workers"), _SILENT)),
          (8, number(letters, "Dead letters that wait", count("dead letters"), _WAITING)),
          (8, number(feeds, "Feeds", count("feeds"), _LISTED)),
          (8, number(feeds, "Feeds failing", count("feeds"), _FAILING)),
          (8, number(feeds, "Feeds silent", count("feeds"), _QUIET)))  # fmt: skip
    _charts(d, workers, letters)
    by_name = {s.id: s for s in searches}
    latest, failing, quiet, given_up = (by_name[place.id(n)] for n in _NAMES)
    d.row(14, (48, latest))
    d.row(14, (24, failing), (24, quiet))
    d.row(16, (48, given_up))
    return [*searches, d.saved()]


_NAMES = ("workers-latest", "feeds-failing", "feeds-silent", "dead-letters-latest")


def _charts(d: Dashboard, workers: View, letters: View) -> None:
    """Lag and errors by stage and topic, dead letters and alerts over time."""
    lag = {"stage": top(workers, "stage", "Stage", by="lag"), "topic": top(workers, "topic", "Topic", by="lag"),
           "lag": highest(workers, "lag", "To do")}  # fmt: skip
    settled = {"stage": top(workers, "stage", "Stage", by="done"), "topic": top(workers, "topic", "Topic", by="done"),
               "done": total(workers, "done", "Handled"), "rejected": total(workers, "rejected", "Dead letters"),
               "retried": total(workers, "retried", "Waits")}  # fmt: skip
    d.row(14, (24, bars(workers, "Lag by stage and topic", lag, x="stage", split="topic", query=_LATELY,
                        series="bar_horizontal_stacked")),
          (24, table(workers, "Records settled since the workers were started", settled, _LATELY)))  # fmt: skip
    alerts = View(workers.place, "alerts")
    d.row(14, (24, bars(letters, "Dead letters by stage", {"stage": top(letters, "stage", "Stage", by="order"),
                                                           "time": over_time(letters), "order": count("dead letters")},
                        x="time", split="stage")),
          (24, bars(alerts, "Alerts to be sent, by severity",
                    {"severity": top(alerts, "severity", "Severity", by="order"), "time": over_time(alerts),
                     "order": count("alerts")}, x="time", split="severity", query="NOT held_back: *")))  # fmt: skip


def _searches(workers: View, feeds: View, letters: View) -> list[SavedObject]:
    """The tables, each of which is of use in Discover, too."""
    feed = ("url", "error", "failures", "last_success", "next_poll")
    return [
        saved_search(
            workers, "workers-latest", "newswatch: workers", "Workers of the last hour on their topics.",
            ("worker", "topic", "lag", "per_second", "done", "rejected", "retried", "waits", "started", "newswatch"),
            _LATELY,
        ),
        saved_search(feeds, "feeds-failing", "newswatch: failing feeds", "Feeds that could not be read.", feed,
                     _FAILING),
        saved_search(
            feeds, "feeds-silent", "newswatch: silent feeds",
            "Feeds that brought nothing for longer than is usual for them.",
            ("url", "newest", "items_per_day", "last_success"), _QUIET,
        ),
        saved_search(
            letters, "dead-letters-latest", "newswatch: dead letters", "What a stage could not handle, and why.",
            ("id", "stage", "topic", "partition", "offset", "key", "error", "attempts", "retried"),
        ),
    ]  # fmt: skip
