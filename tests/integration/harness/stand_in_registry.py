"""A schema registry in memory that answers as Confluent's does, for what the real one of our tests has not: modes.

Also an outage to order: `answer_with` makes every request get that answer.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional
from urllib.parse import unquote


class StandInRegistry:
    def __init__(self, can_import: bool = True):
        self.can_import = can_import
        self.mode = "READWRITE"
        self.subject_modes: dict[str, str] = {}
        self.subjects: dict[str, list[tuple[int, Any]]] = {}  # Ids and schemas, by version.
        self.answer_with: Optional[tuple[int, str]] = None  # Status and body.
        self.requests: list[str] = []
        self.lock = threading.Lock()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            do_POST = do_PUT = do_DELETE = do_GET

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with registry.lock:
                    status, text = registry.answer(self.command, unquote(self.path), json.loads(body) if body else {})
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "StandInRegistry":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def wipe(self, first_id: int = 1) -> None:
        """All schemas are gone; the next new one gets `first_id`."""
        with self.lock:
            self.subjects.clear()
            self._next_id = first_id

    _next_id = 1

    def ids(self) -> dict[int, Any]:
        return {id: schema for versions in self.subjects.values() for id, schema in versions}

    def answer(self, method: str, path: str, body: dict) -> tuple[int, str]:
        self.requests.append(f"{method} {path}")
        if self.answer_with:
            return self.answer_with
        path = path.partition("?")[0]
        if found := re.fullmatch(r"/schemas/ids/(\d+)", path):
            return self._by_id(int(found[1]))
        if found := re.fullmatch(r"/mode/(.+)", path):
            return self._mode(method, found[1], body)
        if found := re.fullmatch(r"/subjects/(.+)/versions", path):
            return self._register(found[1], body)
        if found := re.fullmatch(r"/subjects/(.+)", path):
            return self._look_up(found[1], body)
        return self._error(404, 404, "no such path")

    def _by_id(self, id: int) -> tuple[int, str]:
        known = self.ids()
        return (200, json.dumps({"schema": known[id]})) if id in known else self._error(404, 40403, "Schema not found")

    def _mode(self, method: str, subject: str, body: dict) -> tuple[int, str]:
        if not self.can_import:
            return self._error(422, 42205, "Mode changes are not allowed")
        if method == "DELETE":
            self.subject_modes.pop(subject, None)
            return 200, "{}"
        if body["mode"] == "IMPORT" and self.subjects.get(subject):
            return self._error(422, 42205, "Cannot import since found existing subjects")
        self.subject_modes[subject] = body["mode"]
        return 200, json.dumps(body)

    def _register(self, subject: str, body: dict) -> tuple[int, str]:
        mode = self.subject_modes.get(subject, self.mode)
        if mode == "READONLY":
            return self._error(422, 42205, f"Subject {subject} is in read-only mode")
        for id, schema in self.subjects.get(subject, []):
            if schema == body["schema"]:
                return 200, json.dumps({"id": id})
        if ("id" in body) != (mode == "IMPORT"):
            return self._error(422, 42205, f"Subject {subject} is not in import mode, or is and there is no id")
        known = self.ids()
        same = [id for id, schema in known.items() if schema == body["schema"]]
        id = body.get("id") or (same[0] if same else self._next_id)
        if known.get(id, body["schema"]) != body["schema"]:
            return self._error(422, 42207, f"Overwrite new schema with id {id} is not permitted")
        self._next_id = max(self._next_id, id + 1)
        self.subjects.setdefault(subject, []).append((id, body["schema"]))
        return 200, json.dumps({"id": id})

    def _look_up(self, subject: str, body: dict) -> tuple[int, str]:
        for version, (id, schema) in enumerate(self.subjects.get(subject, []), start=1):
            if schema == body["schema"]:
                return 200, json.dumps({"subject": subject, "id": id, "version": version, "schema": schema})
        return self._error(404, 40403, "Schema not found")

    @staticmethod
    def _error(status: int, code: int, message: str) -> tuple[int, str]:
        return status, json.dumps({"error_code": code, "message": message})
