"""The feed list: YAML with file and line in every error, OPML in and out, and what differs from the topic.

A YAML list has one entry a feed; only ``url`` is required::

    - url: https://feeds.bbci.co.uk/news/world/rss.xml
      title: BBC News
      publisher: bbc.com     # who is paced as one, and whose own articles are not second-hand
      country: GB            # ISO 3166-1 alpha-2
      language: en           # ISO 639-1; overrides what the feed says of itself
      fulltext: true         # fetch each article's page for its text
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ingest import opml, urls
from stream.errors import ConfigError
from stream.ids import digest
from stream.messages import Feed, FeedState
from stream.topics import Outgoing

_CUT_OFF = "the file ends before </opml>: it is cut off; export or copy it again"
_KEYS = ("url", "title", "publisher", "country", "language", "fulltext")


@dataclass(frozen=True, slots=True)
class Entry:
    """A feed of a list, with the lines of the file that describe it (1-based, last inclusive)."""

    feed: Feed
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class Imported:
    """The feeds of a list that somebody else wrote, each once, and what cannot be taken of it, in a line each."""

    feeds: tuple[Feed, ...]
    odd: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """What to do to the feeds in the log. ``changed`` holds (present, wanted)."""

    added: tuple[Feed, ...]
    changed: tuple[tuple[Feed, Feed], ...]
    removed: tuple[Feed, ...]

    def outgoing(self, states: Mapping[str, FeedState]) -> list[Outgoing]:
        """The records to publish in one transaction, for ``feeds`` and for ``feed-state``.

        A feed whose publisher changed leaves the partition of the old one, and its state (of ``states``, by feed
        id) goes with it: without it all that the feed carries would be news. The states of feeds that are removed
        are forgotten by the worker that owns them.
        """
        moved = [(old, new) for old, new in self.changed if old.publisher != new.publisher]
        gone = [Outgoing("feeds", f.id, f.publisher, None) for f in (*self.removed, *(old for old, _ in moved))]
        kept = [Outgoing("feeds", f.id, f.publisher, f) for f in (*self.added, *(new for _, new in self.changed))]
        known = [(old, new, states[old.id]) for old, new in moved if old.id in states]
        left = [Outgoing("feed-state", old.id, old.publisher, None) for old, _, _ in known]
        return gone + left + kept + [Outgoing("feed-state", new.id, new.publisher, state) for _, new, state in known]


def make_feed(
    url: str, *, title: str | None = None, publisher: str | None = None,
    country: str | None = None, language: str | None = None, fulltext: str = "false",
) -> Feed:  # fmt: skip
    """The feed at ``url``. Raises ``ConfigError`` for what cannot be polled and for codes that are none."""
    url = url.strip()
    if why := urls.complaint(url):
        raise ConfigError(why)
    if country is not None and not re.fullmatch(r"[A-Za-z]{2}", country):
        raise ConfigError(f"country: {country!r} is not an ISO 3166-1 code of two letters, such as GB")
    if language is not None and not re.fullmatch(r"[A-Za-z]{2}", language):
        raise ConfigError(f"language: {language!r} is not an ISO 639-1 code of two letters, such as en")
    if fulltext.lower() not in ("true", "false"):
        raise ConfigError(f"fulltext: {fulltext!r} is neither true nor false")
    publisher = (publisher or "").strip() or urls.domain(url) or url
    return Feed(
        id=digest("feed", url), url=url, publisher=publisher, title=(title or "").strip() or None,
        country=country and country.upper(), language=language and language.lower(),
        fulltext=fulltext.lower() == "true",
    )  # fmt: skip


def diff(wanted: Iterable[Feed], present: Mapping[str, Feed]) -> Diff:
    """What makes ``present`` (by feed id) equal to ``wanted``."""
    by_id = {feed.id: feed for feed in wanted}
    changed = tuple((present[i], f) for i, f in by_id.items() if i in present and present[i] != f)
    added = tuple(f for i, f in by_id.items() if i not in present)
    return Diff(added, changed, tuple(f for i, f in present.items() if i not in by_id))


def load_feeds(path: Path) -> list[Feed]:
    """The feeds of a YAML or OPML file. Raises ``ConfigError`` with file and line."""
    return [entry.feed for entry in parse_list(read_list(path), str(path))]


def import_list(path: Path) -> Imported:
    """The feeds of a file to be added to the list; an odd entry of an OPML file, which a program wrote, costs only
    itself. Raises ``ConfigError``, also for anything odd in YAML."""
    text = _text(read_list(path), str(path))
    if not is_opml(text):
        return Imported(tuple(load_feeds(path)), ())
    found: dict[str, Feed] = {}
    odd: list[str] = []
    for outline in opml.parse(text, str(path)):
        try:
            feed = make_feed(outline.url, title=outline.title)
        except ConfigError as error:
            odd.append(f"{path}:{outline.line}: {error}")
        else:
            found.setdefault(urls.same(feed.url), feed)  # readers list a feed in each of its folders
    if opml.is_cut_off(text):
        odd.append(f"{path}:{text.count(chr(10)) + 1}: {_CUT_OFF}")
    return Imported(tuple(found.values()), tuple(odd))


def read_list(path: Path) -> bytes:
    """The bytes of a feed list. Raises ``ConfigError``."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: the feed list cannot be read: {error.strerror}") from error


def parse_list(content: bytes, name: str) -> list[Entry]:
    """The entries of a feed list called ``name``: OPML when its first character is ``<``, else YAML."""
    text = _text(content, name)
    found = _opml_entries(text, name) if is_opml(text) else _yaml_entries(text, name)
    seen: dict[str, int] = {}
    for entry in found:
        key = urls.same(entry.feed.url)
        if key in seen:
            raise ConfigError(
                f"{name}:{entry.first_line}: duplicate: {urls.safe(entry.feed.url)} is already in line {seen[key]}; "
                "remove one of them"
            )
        seen[key] = entry.first_line
    return found


def is_opml(text: str) -> bool:
    """Whether a feed list is OPML."""
    return text.lstrip("\ufeff \t\r\n").startswith("<")


def dump_yaml(feeds: Iterable[Feed]) -> str:
    """The feeds as a YAML list; a publisher that follows from the URL is left out."""
    return "".join(yaml_entry(feed) for feed in feeds) or "[]\n"


def yaml_entry(feed: Feed) -> str:
    """One feed as the lines of a block sequence."""
    implied = urls.domain(feed.url) or feed.url
    values = {
        "url": feed.url, "title": feed.title, "publisher": feed.publisher if feed.publisher != implied else None,
        "country": feed.country, "language": feed.language, "fulltext": feed.fulltext or None,
    }  # fmt: skip
    given = {key: value for key, value in values.items() if value is not None}
    return yaml.safe_dump([given], sort_keys=False, allow_unicode=True, width=10_000)


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: not UTF-8; save the feed list as UTF-8") from error


def _opml_entries(text: str, name: str) -> list[Entry]:
    if opml.is_cut_off(text):
        raise ConfigError(f"{name}:{text.count(chr(10)) + 1}: {_CUT_OFF}")
    entries = []
    for outline in opml.parse(text, name):
        try:
            feed = make_feed(outline.url, title=outline.title)
        except ConfigError as error:
            raise ConfigError(f"{name}:{outline.line}: {error}") from error
        entries.append(Entry(feed, outline.line, outline.line))
    return entries


def _yaml_entries(text: str, name: str) -> list[Entry]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{name}:{line}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{name}:1: not valid YAML: {type(error).__name__}") from error
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        raise ConfigError(f"{name}:{_line(root)}: a feed list is a YAML list; begin each feed with '- url: https://…'")
    return [_yaml_entry(node, name) for node in root.value]


def _yaml_entry(node: yaml.Node, name: str) -> Entry:
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{name}:{_line(node)}: not a feed; write '- url: https://…'")
    values: dict[str, str] = {}
    last = node.start_mark.line + 1
    for key, value in node.value:
        where = f"{name}:{_line(key)}"
        if not isinstance(key, yaml.ScalarNode) or key.value not in _KEYS:
            raise ConfigError(f"{where}: unknown key {key.value!r}; a feed has {', '.join(_KEYS)}")
        if key.value in values:
            raise ConfigError(f"{where}: {key.value} is given twice")
        if not isinstance(value, yaml.ScalarNode):
            raise ConfigError(f"{where}: {key.value} must be text")
        # as written, not as YAML 1.1 resolves it: `country: NO` is Norway, not false
        null = value.tag == "tag:yaml.org,2002:null"
        if not null:
            values[key.value] = value.value
        last = max(last, value.end_mark.line + (1 if value.end_mark.column else 0), _line(key))
    if "url" not in values:
        raise ConfigError(f"{name}:{_line(node)}: the feed has no url")
    try:
        feed = make_feed(values.pop("url"), **values)
    except ConfigError as error:
        raise ConfigError(f"{name}:{_line(_culprit(node, str(error)))}: {error}") from error
    return Entry(feed, _line(node), last)


def _culprit(node: yaml.MappingNode, message: str) -> yaml.Node:
    """The key that an error is about: the one it names, else ``url``."""
    keys: Sequence[yaml.Node] = [key for key, _ in node.value]
    named = [k for k in keys if message.startswith(f"{k.value}:")]
    return (named or [k for k in keys if k.value == "url"] or [node])[0]


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
