"""Editing a feed list in place: the text of a YAML file is kept, an entry's lines are appended or removed.

Where that cannot be done (a list in flow style, ``[{url: …}]``, or two entries on a line) and for OPML, the
file is written anew from its feeds: its comments are lost then, and of OPML what ``ingest/opml.py`` does not write.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ingest import opml, urls
from ingest.feeds import Entry, dump_yaml, is_opml, parse_list, read_list, yaml_entry
from stream.errors import ConfigError
from stream.messages import Feed


def add_feeds(path: Path, feeds: Sequence[Feed]) -> None:
    """Append ``feeds`` to the list at ``path``, made when absent. Raises ``ConfigError``, also for a duplicate."""
    content = read_list(path) if path.exists() else b""
    entries = parse_list(content, str(path))
    lines = {urls.same(entry.feed.url): entry.first_line for entry in entries}
    for feed in feeds:
        if line := lines.get(urls.same(feed.url)):
            raise ConfigError(f"{path}:{line}: {urls.safe(feed.url)} is already in the feed list")
    text = content.decode("utf-8-sig")
    kept = text if text.endswith("\n") or not text else text + "\n"
    new_style = not content and path.suffix.lower() in (".opml", ".xml")
    indent = _indent(text, entries)
    added = "".join(indent + line for feed in feeds for line in yaml_entry(feed).splitlines(keepends=True))
    _write(path, kept + added, [*(e.feed for e in entries), *feeds], as_opml=new_style or is_opml(text))


def remove_feed(path: Path, url: str) -> Feed:
    """Remove the feed with ``url`` (or with this id) from the list at ``path``; returns it. Raises ``ConfigError``."""
    content = read_list(path)
    entries = parse_list(content, str(path))
    found = [e for e in entries if url.strip() in (e.feed.url, e.feed.id) or urls.same(e.feed.url) == urls.same(url)]
    if not found:
        raise ConfigError(f"{path}: {urls.safe(url)} is not in the feed list; 'newswatch feeds list' shows what is")
    gone = found[0]
    text = content.decode("utf-8-sig")
    lines = text.splitlines(keepends=True)
    del lines[gone.first_line - 1 : gone.last_line]
    _write(path, "".join(lines), [e.feed for e in entries if e is not gone], as_opml=is_opml(text))
    return gone.feed


def _indent(text: str, entries: list[Entry]) -> str:
    """The white space before the dash of the list's last entry."""
    if not entries:
        return ""
    line = text.splitlines()[entries[-1].first_line - 1]
    return line[: len(line) - len(line.lstrip())]


def _write(path: Path, edited: str, feeds: list[Feed], *, as_opml: bool) -> None:
    """Write ``edited`` if it reads as ``feeds``, else the feeds anew; readers see the old file or the new one."""
    text = opml.dump(feeds) if as_opml else edited if _reads_as(edited, feeds) else dump_yaml(feeds)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.chmod(name, path.stat().st_mode & 0o777)
        else:
            os.chmod(name, 0o644)  # a feed list is no secret, mkstemp makes it 0600
        os.replace(name, path)
    except OSError as error:
        raise ConfigError(f"{path}: the feed list cannot be written: {error.strerror}") from error


def _reads_as(text: str, feeds: list[Feed]) -> bool:
    try:
        return [entry.feed for entry in parse_list(text.encode(), "edited")] == feeds
    except ConfigError:
        return False
