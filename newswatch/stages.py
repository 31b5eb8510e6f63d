"""The stages: what each consumes and does, in the order of the flow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: the topics it consumes and what it publishes to, in words for people."""

    name: str
    sources: tuple[str, ...]
    does: str
    beside: tuple[str, ...] = ()
    """Topics that tell of newswatch itself, consumed beside: a run is done without them."""


STAGES: dict[str, Stage] = {
    s.name: s
    for s in (
        Stage("ingest", ("feeds",), "polls feeds and publishes their articles"),
        Stage("enrich", ("articles",), "finds entities, places and location changes"),
        Stage("fuse", ("location-changes",), "fuses what all articles say into relocations and tells what changed"),
        Stage("alert", ("enriched", "transitions"), "raises alerts where rules match"),
        Stage(
            "index",
            ("enriched", "relocations", "alerts"),
            "writes articles, location changes, relocations, alerts and the state of newswatch itself to the index",
            beside=("workers", "feed-state", "dead-letters"),
        ),
        Stage("notify", ("alerts", "deliveries"), "sends alerts by webhook and mail"),
    )
}
"""In the order of the flow: no stage makes work for one before it, so asked in this order, all done means all done."""
