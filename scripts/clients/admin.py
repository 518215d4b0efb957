"""The admin endpoint of a running relay: by the Unix socket in its spool, or by TCP."""

import http.client
import json
import os
import socket
import ssl
from pathlib import Path
from typing import Any, Optional, Union


class _UnixConnection(http.client.HTTPConnection):
    """By way of /proc: a socket's address has at most 107 bytes, and a path may have more."""

    def __init__(self, path: Path, timeout: float):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


class Admin:
    """`place` is a spool's directory, or "HOST:PORT": with a `tls` context by https."""

    def __init__(self, place: Union[Path, str], timeout: float = 10, tls: Optional[ssl.SSLContext] = None):
        self._place = place
        self._timeout = timeout
        self._tls = tls

    def request(self, method: str, path: str, headers: Optional[dict[str, str]] = None) -> tuple[int, str]:
        if isinstance(self._place, Path):
            connection: http.client.HTTPConnection = _UnixConnection(self._place / "admin.sock", self._timeout)
        elif self._tls:
            connection = http.client.HTTPSConnection(self._place, timeout=self._timeout, context=self._tls)
        else:
            connection = http.client.HTTPConnection(self._place, timeout=self._timeout)
        try:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def get(self, path: str) -> str:
        status, body = self.request("GET", path)
        if status != 200:
            raise AssertionError(f"GET {path}: {status} {body}")
        return body

    def status(self) -> dict[str, Any]:
        return json.loads(self.get("/status"))

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        code, body = self.request("GET", "/readyz")
        answer = json.loads(body)
        assert answer["ready"] == (code == 200), (code, body)
        return answer["ready"], answer

    def metrics(self) -> dict[str, float]:
        """By name with labels, as in the text."""
        lines = [line for line in self.get("/metrics").splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
