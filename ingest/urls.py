"""URLs as ingest sees them: what may be polled, who publishes it, which article it is, and how it is shown."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit, urlunsplit

MAX_URL = 4_000
"""Longer URLs (in characters) are refused: no real feed or article has one, and ids and records stay small."""

_SECRET_PARAMETER = re.compile(r"([?&;][^=&;#]*(?:token|key|secret|auth|sig|pass|pwd)[^=&;#]*=)[^&;#]*", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=//)[^/\s]*@")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def complaint(url: str) -> str | None:
    """Why ``url`` cannot be polled, with the fix and without its secrets; None when it can."""
    if len(url) > MAX_URL:
        return f"the URL is longer than {MAX_URL:,} characters"
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return "the URL contains a space or a control character; write it as %20"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "not a valid URL (its port must be a number, an IPv6 address stands in brackets)"
    if parts.scheme not in ("http", "https"):
        return f"only http:// and https:// URLs can be polled, not {parts.scheme[:20]!r}"
    if "@" in parts.netloc:
        return "a user or password in the URL is refused; use a feed that needs none"
    if not parts.hostname or port == 0:
        return "the URL names no host"
    return None


def safe(url: str) -> str:
    """``url`` as it may be shown: user, password and the values of parameters that look like secrets are hidden."""
    return _SECRET_PARAMETER.sub(r"\1***", _CREDENTIALS.sub("***@", url))


def domain(url: str) -> str | None:
    """The registrable domain of ``url`` (bbc.co.uk), offline from the public suffix list (https://publicsuffix.org/list).

    Under a suffix that is not on the list it has two labels. An IP address, ``localhost`` and other
    names of one label are themselves, with their port where one is given.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    if not _is_address(host) and len(labels := host.strip(".").split(".")) > 1:
        from tld import get_fld

        return str(get_fld(f"http://{host}/", fail_silently=True) or ".".join(labels[-2:]))
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else shown


def link(url: str | None, base: str | None = None) -> str | None:
    """``url``, made absolute by ``base``, when it can lead to an article; else None (``javascript:``, ``user:pw@``)."""
    if not url or not (url := url.strip()):
        return None
    url = re.sub(r"[\t\r\n]", "", url).replace(" ", "%20")
    try:
        absolute = urljoin(base, url) if base else url
    except ValueError:
        return None
    return None if complaint(absolute) else absolute


def canonical(url: str) -> str:
    """``url`` for identity only: trackers, fragment, default port and order of the query's parameters do not count.

    By courlan, not strict: its strict mode drops real parameters and so merges distinct stories.
    """
    from courlan import normalize_url  # takes longer than most commands, which compare no URLs

    try:
        normal = str(normalize_url(url, strict=False)) or url
        parts = urlsplit(normal)
    except (ValueError, TypeError):
        return url
    fragment = parts.fragment if parts.fragment.startswith("!") else ""
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", parts.query, fragment))


def same(url: str) -> str:
    """One form for all ways to write a feed's URL: case of scheme and host, default port and fragment do not count."""
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port and parts.port != _DEFAULT_PORTS.get(parts.scheme) else ""
    except ValueError:
        return url
    return urlunsplit((parts.scheme, f"{(parts.hostname or '').lower()}{port}", parts.path or "/", parts.query, ""))


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
