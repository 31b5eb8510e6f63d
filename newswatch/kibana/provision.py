"""Bringing the bundle into Kibana: what is missing or differs is imported, the rest is left as people have it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.fields import Kind
from newswatch.kibana.bundle import NUMBER, Mark, bundle, mark_of
from newswatch.kibana.client import Key, Kibana
from newswatch.kibana.objects import Place, SavedObject, View
from stream.errors import ConfigError

DEFAULT_VIEW: Kind = "relocations"
"""What Discover opens with where nobody chose."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to import, in the order of the bundle; a line for each of it that is new or differs."""

    objects: tuple[SavedObject, ...]
    lines: tuple[str, ...]


def plan(wanted: Sequence[SavedObject], present: Mapping[Key, Mark | None]) -> Plan:
    """What of the bundle must be imported where ``present`` (the marks of what is there) is.

    A data view has no mark: it goes with who refers to it. Raises ``ConfigError`` where a newer newswatch was here.
    """
    there = max((m.bundle for m in present.values() if m), default=NUMBER)
    if there > NUMBER:
        raise ConfigError(
            f"its objects are of bundle {there}, this newswatch has the older bundle {NUMBER} and leaves them alone;"
            " run setup with the newer newswatch"
        )
    new = {o.key for o in wanted if o.key not in present}
    differing = {o.key for o in wanted if o.key not in new and (m := mark_of(o.attributes)) and present[o.key] != m}
    needed = {(r.type, r.id) for o in wanted if o.key in new | differing for r in o.references}
    views = {o.key for o in wanted if o.type == "index-pattern" and o.key in needed}
    lines = [f"bundle {there} becomes bundle {NUMBER}"] if there < NUMBER else []
    lines += [
        f"{_called(o)} {'created' if o.key in new else 'changed'}" for o in wanted if o.key in new | differing
    ]  # fmt: skip
    return Plan(tuple(o for o in wanted if o.key in new | differing | views), tuple(lines))


def _called(o: SavedObject) -> str:
    kind = {"index-pattern": "data view", "search": "saved search"}.get(o.type, o.type)
    return f"{kind} {o.attributes.get('name') or o.attributes['title']!s}"


def set_up_kibana(kibana: Kibana, spaces: Sequence[str], prefix: str) -> list[str]:
    """Make each of these spaces hold the bundle over the indices called ``prefix``; a line for each change.

    Safe to repeat. Raises ``NewswatchError`` where Kibana is away or did not take everything, ``ConfigError`` where a
    person must act: a wrong key, an unknown space, a Kibana that is too old, objects of a newer newswatch.
    """
    return asyncio.run(_set_up(kibana, spaces, prefix))


async def _set_up(kibana: Kibana, spaces: Sequence[str], prefix: str) -> list[str]:
    lines = []
    async with kibana:
        await kibana.ready()
        for space in spaces:
            await kibana.check_space(space)
        for space in spaces:
            place = Place(prefix, space)
            wanted = bundle(place)
            present = await kibana.marks(space, [o.key for o in wanted])
            try:
                planned = plan(wanted, present)
            except ConfigError as error:
                raise ConfigError(f"kibana, space {space}: {error}") from error
            if planned.objects:
                await kibana.import_objects(space, planned.objects)
                await kibana.make_default(space, View(place, DEFAULT_VIEW).id)
                lines += [f"kibana, space {space}: {line}" for line in planned.lines]
    return lines
