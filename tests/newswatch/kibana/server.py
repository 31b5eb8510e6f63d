"""An HTTP server on loopback that answers as Kibana does to what setup asks: objects by space, marks and all."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
Key = tuple[str, str]
SUPPORTED = {"index-pattern": "8.11.0", "search": "8.7.0", "map": "8.4.0", "dashboard": "8.9.0", "lens": "8.9.0"}
"""The newest shapes that Kibana 8.12 knows."""


class Kibana:
    """What the server holds and how it is to behave; ``asked`` has every request as ``METHOD path``."""

    def __init__(self) -> None:
        self.url = ""
        self.version = "8.12.2"
        self.key: str | None = None
        self.forbidden = False
        self.starting = 0
        """So many answers say that it is not ready."""
        self.spaces = {"default"}
        self.objects: dict[str, dict[Key, Json]] = {}
        self.defaults: dict[str, str] = {}
        self.asked: list[str] = []
        self.answers: dict[str, tuple[int, str]] = {}
        """Answers in full by the end of the path, whatever was asked."""

    def imports(self) -> int:
        """How often something was imported."""
        return sum("_import" in a for a in self.asked)

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Json | str]:
        """The status and body of an answer."""
        self.asked.append(f"{method} {path}")
        for end, fixed in self.answers.items():
            if path.partition("?")[0].endswith(end):
                return fixed
        if self.starting:
            self.starting -= 1
            return 503, "Kibana server is not ready yet."
        known = self.key is None or headers.get("Authorization") == f"ApiKey {self.key}"
        if path == "/api/status":
            status: Json = {"status": {"overall": {"level": "available"}}}
            return 200, {**status, "version": {"number": self.version}} if known else status
        if not known:
            return 401, error(401, "Unauthorized", "[security_exception]: unable to authenticate with provided key")
        if method == "POST" and "kbn-xsrf" not in headers:
            return 400, error(400, "Bad Request", "Request must contain a kbn-xsrf header.")
        if path.startswith("/api/spaces/space/"):
            space = path.rpartition("/")[2]
            return (200, {"id": space}) if space in self.spaces else (404, error(404, "Not Found", "Not Found"))
        space, path = self.space_of(path)
        if self.forbidden:
            return 403, error(403, "Forbidden", "Unable to bulk_get dashboard,index-pattern,map,search")
        return self.saved_objects(space, path, headers, body)

    def space_of(self, path: str) -> tuple[str, str]:
        if path.startswith("/s/"):
            _, _, space, rest = path.split("/", 3)
            return space, f"/{rest}"
        return "default", path

    def saved_objects(self, space: str, path: str, headers: Any, body: bytes) -> tuple[int, Json | str]:
        held = self.objects.setdefault(space, {})
        if path == "/api/saved_objects/_export":
            return self.export(held, json.loads(body))
        if path == "/api/saved_objects/_import?overwrite=true":
            return self.import_(held, upload(headers, body))
        if path == "/api/data_views/default":
            given = json.loads(body)
            if given["force"] or space not in self.defaults:
                self.defaults[space] = given["data_view_id"]
            return 200, {"acknowledged": True}
        return 404, error(404, "Not Found", "Not Found")

    def export(self, held: dict[Key, Json], asked: Json) -> tuple[int, Json | str]:
        keys = [(o["type"], o["id"]) for o in asked["objects"]]
        if missing := [k for k in keys if k not in held]:
            objects = [
                {"id": i, "type": t, "error": error(404, "Not Found", f"Saved object [{t}/{i}] not found")}
                for t, i in missing
            ]  # fmt: skip
            told = error(400, "Bad Request", "Error fetching objects to export")
            return 400, {**told, "attributes": {"objects": objects}}
        return 200, "\n".join(json.dumps(held[k]) for k in keys)

    def import_(self, held: dict[Key, Json], given: list[Json]) -> tuple[int, Json | str]:
        objects = [o for o in given if "type" in o]
        for o in objects:
            if "typeMigrationVersion" not in o:
                return 500, error(500, "Internal Server Error", "An internal server error occurred.")
            if number(o["typeMigrationVersion"]) > number(SUPPORTED[o["type"]]):
                told = f"Document {o['id']} belongs to a more recent version of Kibana [{o['typeMigrationVersion']}]"
                return 422, error(422, "Unprocessable Entity", told)
        there = held.keys() | {(o["type"], o["id"]) for o in objects}
        errors = []
        for o in objects:
            if missing := [r for r in o["references"] if (r["type"], r["id"]) not in there and r["type"] != "map"]:
                why = {
                    "type": "missing_references",
                    "references": [{"type": r["type"], "id": r["id"]} for r in missing],
                }
                errors.append({"id": o["id"], "type": o["type"], "title": o["attributes"]["title"], "error": why})
            else:
                held[o["type"], o["id"]] = o
        result: Json = {"success": not errors, "successCount": len(objects) - len(errors), "warnings": []}
        return 200, {**result, "errors": errors} if errors else result


def error(status: int, name: str, message: str) -> Json:
    return {"statusCode": status, "error": name, "message": message}


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def upload(headers: Any, body: bytes) -> list[Json]:
    """The objects of a multipart form's ``file``."""
    parsed = message_from_bytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body, policy=HTTP)
    [part] = [p for p in parsed.iter_parts() if p.get_param("name", header="content-disposition") == "file"]
    assert part.get_filename().endswith(".ndjson")
    return [json.loads(line) for line in part.get_payload(decode=True).decode().splitlines()]


@contextmanager
def serve() -> Iterator[Kibana]:
    """A Kibana that listens until the block ends."""
    kibana = Kibana()

    class Handler(BaseHTTPRequestHandler):
        def work(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                raise AssertionError("Kibana's file uploads want a length")
            status, answer = kibana.answer(self.command, self.path, self.headers, body)
            text = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = work  # noqa: N815 (as the base class wants them)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    kibana.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield kibana
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
