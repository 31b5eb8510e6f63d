"""An outlet's feed as bytes, in RSS 2.0, Atom 1.0, RDF (RSS 1.0) or JSON Feed 1.1, as a publisher would serve it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from email.utils import format_datetime
from html import escape
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from newswatch.demo.world import Outlet, Told, address, published

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DC = "http://purl.org/dc/elements/1.1/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RSS1 = "http://purl.org/rss/1.0/"
for prefix, space in (("content", CONTENT), ("dc", DC), ("rdf", RDF)):
    register_namespace(prefix, space)

Render = Callable[[Outlet, Sequence[Told], datetime, dict[str, Outlet]], bytes]


def render(outlet: Outlet, instalment: int, start: datetime, world: dict[str, Outlet]) -> tuple[str, bytes]:
    """Content type and body of the outlet's feed once ``instalment`` is out."""
    content_type, function = _FORMATS[outlet.format]
    return content_type, function(outlet, outlet.carried(instalment), start, world)


def _html(told: Told) -> str:
    return "".join(f"<p>{escape(p.strip(), quote=False)}</p>" for p in told.body.split("\n\n") if p.strip())


def _rss(outlet: Outlet, articles: Sequence[Told], start: datetime, world: dict[str, Outlet]) -> bytes:
    rss = Element("rss", version="2.0")
    channel = SubElement(rss, "channel")
    _texts(channel, title=outlet.title, link=f"https://www.{outlet.domain}/", description=outlet.title)
    _texts(channel, language=outlet.language)
    for told in articles:
        item = SubElement(channel, "item")
        link = address(outlet, told, world)
        _texts(item, title=told.title, link=link, guid=link, pubDate=format_datetime(published(told, start)))
        SubElement(item, f"{{{CONTENT}}}encoded").text = _html(told)
        if told.author:
            SubElement(item, f"{{{DC}}}creator").text = told.author
        if told.source_feed:
            SubElement(item, "source", url=f"https://www.{world[told.source_feed].domain}/feed").text = world[
                told.source_feed
            ].title
    return _xml(rss)


def _atom(outlet: Outlet, articles: Sequence[Told], start: datetime, world: dict[str, Outlet]) -> bytes:
    feed = Element("feed", {"xmlns": ATOM, "xml:lang": outlet.language})
    _texts(feed, title=outlet.title, id=f"tag:{outlet.domain},2024:news", updated=start.isoformat())
    SubElement(feed, "link", rel="alternate", type="text/html", href=f"https://www.{outlet.domain}/")
    for told in articles:
        entry = SubElement(feed, "entry")
        moment = published(told, start).isoformat()
        _texts(entry, title=told.title, id=f"tag:{outlet.domain},2024:{told.slug}", published=moment, updated=moment)
        SubElement(entry, "link", rel="alternate", type="text/html", href=address(outlet, told, world))
        SubElement(entry, "content", type="html").text = _html(told)
        if told.author:
            _texts(SubElement(entry, "author"), name=told.author)
    return _xml(feed)


def _rdf(outlet: Outlet, articles: Sequence[Told], start: datetime, world: dict[str, Outlet]) -> bytes:
    root = Element(f"{{{RDF}}}RDF", {"xmlns": RSS1})
    about = f"https://www.{outlet.domain}/"
    channel = SubElement(root, "channel", {f"{{{RDF}}}about": about})
    _texts(channel, title=outlet.title, link=about, description=outlet.title)
    SubElement(channel, f"{{{DC}}}language").text = outlet.language
    listed = SubElement(SubElement(channel, "items"), f"{{{RDF}}}Seq")
    for told in articles:
        link = address(outlet, told, world)
        SubElement(listed, f"{{{RDF}}}li", {f"{{{RDF}}}resource": link})
        item = SubElement(root, "item", {f"{{{RDF}}}about": link})
        _texts(item, title=told.title, link=link)
        SubElement(item, f"{{{CONTENT}}}encoded").text = _html(told)
        SubElement(item, f"{{{DC}}}date").text = published(told, start).isoformat()
        if told.author:
            SubElement(item, f"{{{DC}}}creator").text = told.author
    return _xml(root)


def _json(outlet: Outlet, articles: Sequence[Told], start: datetime, world: dict[str, Outlet]) -> bytes:
    items = [
        {
            "id": told.slug,
            "url": address(outlet, told, world),
            "title": told.title,
            "content_html": _html(told),
            "date_published": published(told, start).isoformat(),
            "authors": [{"name": told.author}] if told.author else [],
        }
        for told in articles
    ]
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.title,
        "home_page_url": f"https://www.{outlet.domain}/",
        "language": outlet.language,
        "items": items,
    }
    return json.dumps(feed, ensure_ascii=False, indent=1).encode()


def _texts(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text


def _xml(root: Element) -> bytes:
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


_FORMATS: dict[str, tuple[str, Render]] = {
    "rss": ("application/rss+xml; charset=utf-8", _rss),
    "atom": ("application/atom+xml; charset=utf-8", _atom),
    "rdf": ("application/rdf+xml; charset=utf-8", _rdf),
    "json": ("application/feed+json; charset=utf-8", _json),
}
