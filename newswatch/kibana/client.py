"""Kibana's HTTP API, as far as setup needs it; each failure is one line: the address, the fault, the fix."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

import aiohttp

from newswatch.kibana.bundle import Mark, mark_of
from newswatch.kibana.objects import OLDEST, SavedObject, ndjson
from stream.errors import ConfigError, NewswatchError
from stream.logs import redact
from stream.settings import KibanaSettings

PATIENCE = 15.0
"""Seconds to wait for a Kibana that is starting; one that nobody hears is given up at once."""
CONNECT_SECONDS = 5.0
SECONDS = 60.0
"""For one answer: an import takes a while."""
FIRST_SECONDS = 10.0
"""For the first: so soon a person hears of a wrong address."""

Key = tuple[str, str]
_RETRY_SECONDS = 1.0
_STARTING = 503


@dataclass(frozen=True, slots=True)
class Answer:
    """What Kibana answers: JSON where it is some, else text."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        """The body; an empty object where it is no JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return {}

    @property
    def message(self) -> str:
        """What it says is wrong."""
        body = self.json
        told = body.get("message") if isinstance(body, dict) else None
        return " ".join(str(told or self.text).split())[:300]


class Kibana:
    """One Kibana. To be used as an asynchronous context manager, in a running loop."""

    def __init__(self, url: str, settings: KibanaSettings, patience: float = PATIENCE) -> None:
        """Raises ``ConfigError`` for a URL that cannot be meant, and for a ``ca_file`` that cannot be read."""
        self._base = _base(url)
        self._name = redact(self._base)
        self._settings = settings
        self._patience = patience
        self._ssl = _ssl_context(settings)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Kibana:
        """Open the connections; nothing is sent yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._ssl),
            headers={"kbn-xsrf": "true", "User-Agent": "newswatch", **_credentials(self._settings)},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        assert self._session is not None
        await self._session.close()

    async def ready(self) -> None:
        """Wait until Kibana is ready. Raises ``NewswatchError`` where it is down, ``ConfigError`` where it is too old
        or what answers is no Kibana."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while (answer := await self._ask("GET", "/api/status", seconds=FIRST_SECONDS)).status == _STARTING:
            if loop.time() >= deadline:
                self._down(f"is not ready after {self._patience:.0f} s: {answer.message}", "see its log, and try again")
            await asyncio.sleep(_RETRY_SECONDS)
        self._expect(answer, "asking for its status")
        body = answer.json
        if not isinstance(body, dict) or "status" not in body:
            self._wrong("what answers is no Kibana", "give its address, with the base path where it has one")
        number = str(body.get("version", {}).get("number", ""))
        found = tuple(int(part) for part in number.split(".")[:2] if part.isdigit())
        if len(found) == 2 and found < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            self._wrong(f"this is Kibana {number}, too old for the dashboards", f"upgrade it to {oldest} or newer")

    async def check_space(self, space: str) -> None:
        """Raises ``ConfigError`` where there is no such space: Kibana itself would import into it all the same."""
        if space == "default":
            return
        answer = await self._ask("GET", f"/api/spaces/space/{quote(space, safe='')}")
        if answer.status == 404:
            self._wrong(f"there is no space {space!r}", "make it in Kibana (Stack Management, Spaces), or change"
                        " kibana.spaces")  # fmt: skip
        self._expect(answer, f"looking for the space {space}")

    async def marks(self, space: str, keys: Iterable[Key]) -> dict[Key, Mark | None]:
        """The marks of those objects that are there."""
        wanted = list(keys)
        while wanted:
            objects = [{"type": type_, "id": id_} for type_, id_ in wanted]
            asked = {"objects": objects, "includeReferencesDeep": False, "excludeExportDetails": True}
            answer = await self._ask("POST", _path(space, "/api/saved_objects/_export"), json=asked)
            missing = _missing(answer) & set(wanted)
            if answer.status != 400 or not missing:
                self._expect(answer, "reading the objects that are there")
                return self._exported(answer)
            wanted = [key for key in wanted if key not in missing]
        return {}

    def _exported(self, answer: Answer) -> dict[Key, Mark | None]:
        try:
            found = [json.loads(line) for line in answer.text.splitlines() if line.strip()]
            return {(o["type"], o["id"]): mark_of(o["attributes"]) for o in found}
        except (ValueError, KeyError, TypeError, AttributeError):
            self._wrong("what answers is no Kibana", "check the address")

    async def import_objects(self, space: str, objects: Iterable[SavedObject]) -> None:
        """Import them over what is there. Raises ``NewswatchError`` when not all were: HTTP 200 says nothing."""
        form = aiohttp.FormData()
        form.add_field("file", ndjson(objects).encode(), filename="newswatch.ndjson",
                       content_type="application/ndjson")  # fmt: skip
        path = _path(space, "/api/saved_objects/_import?overwrite=true")
        answer = await self._ask("POST", path, data=form)
        self._expect(answer, "importing")
        body = answer.json
        if not isinstance(body, dict) or body.get("success") is not True:
            errors = body.get("errors", []) if isinstance(body, dict) else []
            told = "; ".join(_told(e) for e in errors[:3]) or answer.message
            more = f" and {len(errors) - 3} more" if len(errors) > 3 else ""
            self._down(f"space {space}: not everything was imported: {told}{more}", "see its log, and run setup again")

    async def make_default(self, space: str, view: str) -> None:
        """Let the data view be the one that Discover opens with, where nobody chose one."""
        chosen = {"data_view_id": view, "force": False}
        answer = await self._ask("POST", _path(space, "/api/data_views/default"), json=chosen)
        self._expect(answer, "choosing the default data view")

    async def _ask(self, method: str, path: str, *, seconds: float = SECONDS, **what: Any) -> Answer:
        assert self._session is not None
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        try:
            async with self._session.request(
                method, self._base + path, timeout=timeout, allow_redirects=False, **what
            ) as answer:
                return Answer(answer.status, await answer.text(errors="replace"))
        except aiohttp.ClientSSLError as error:
            self._wrong(f"TLS fails: {_reason(error)}", "check that the address is https where Kibana is, and set"
                        " kibana.ca_file to the authority that signed its certificate")  # fmt: skip
        except TimeoutError:
            self._down("no answer in time", "is it overloaded, or the address wrong?")
        except (aiohttp.ClientError, OSError) as error:
            self._down(f"cannot be reached: {_reason(error)}", "is it running, and is this its address?")

    def _expect(self, answer: Answer, doing: str) -> None:
        """Raise what anything but success means."""
        if 200 <= answer.status < 300:
            return
        if answer.status == 401:
            given = "refuses the credentials" if _credentials(self._settings) else "wants credentials"
            self._wrong(given, "set kibana.api_key (or kibana.user and kibana.password) to one that Kibana knows")
        if answer.status == 403:
            fix = "give the API key or user the privilege Saved Objects Management, all, in the space"
            self._wrong(f"not allowed: {answer.message}", fix)
        if 300 <= answer.status < 400 or answer.status in {404, 405}:
            self._wrong(f"{doing}: answers {answer.status}, so it is no Kibana or has another base path",
                        "give the address that a browser shows before /app")  # fmt: skip
        if answer.status == 422:
            self._wrong(f"{doing}: it is too old for the objects: {answer.message}", "upgrade Kibana")
        self._down(f"{doing}: {answer.status} {answer.message}", "see its log")

    def _wrong(self, fault: str, fix: str) -> NoReturn:
        raise ConfigError(redact(f"kibana {self._name}: {fault}; {fix}"))

    def _down(self, fault: str, fix: str) -> NoReturn:
        raise NewswatchError(redact(f"kibana {self._name}: {fault}; {fix}"))


def _base(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None if parts.netloc.endswith(":") else 0
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or parts.query or parts.fragment:
        raise ConfigError(f"--kibana: {redact(url)!r} is no address; write http://HOST:5601 or https://HOST:5601")
    if parts.username:
        raise ConfigError("--kibana: user and password do not belong in the address; set kibana.user, kibana.password")
    return url.rstrip("/")


def _ssl_context(settings: KibanaSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"kibana.ca_file: {settings.ca_file}: {error}; name a PEM file") from error


def _credentials(settings: KibanaSettings) -> dict[str, str]:
    key, user, password = settings.api_key, settings.user, settings.password
    if key:
        return {"Authorization": f"ApiKey {key.get_secret_value()}"}
    if user and password:
        pair = f"{user}:{password.get_secret_value()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


def _path(space: str, path: str) -> str:
    return path if space == "default" else f"/s/{quote(space, safe='')}{path}"


def _missing(answer: Answer) -> set[Key]:
    """The objects that an export says are not there."""
    body = answer.json
    attributes = body.get("attributes") if isinstance(body, dict) else None
    objects = attributes.get("objects", []) if isinstance(attributes, dict) else []
    return {
        (str(o["type"]), str(o["id"])) for o in objects if (o.get("error") or {}).get("statusCode", 404) == 404
    }  # fmt: skip


def _told(error: Any) -> str:
    """One error of an import: the object, and what is wrong with it."""
    why = error.get("error", {})
    missing = ", ".join(f"{r.get('type')} {r.get('id')}" for r in why.get("references", ()))
    said = why.get("message") or (f"refers to {missing}" if missing else "")
    return f"{error.get('type')} {error.get('id')}: {why.get('type')}{f' ({said})' if said else ''}"


def _reason(error: Exception) -> str:
    inner = getattr(error, "os_error", None) or error
    return " ".join(str(getattr(inner, "strerror", None) or inner).split())[:200]
