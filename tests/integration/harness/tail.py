"""`bottledwater tail` on a scene's servers: run to its end, or followed line by line."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from types import TracebackType
from typing import Any, Optional

from servers import binary

from .scene import Scene


def tail_command(scene: Scene, *words: str) -> list[str]:
    return [str(binary()), "tail", f"--broker={scene.servers.kafka.address}",
            f"--schema-registry={scene.servers.registry.url}", *words]


def run_tail(scene: Scene, *words: str, timeout: float = 60, **more: Any) -> subprocess.CompletedProcess:
    return subprocess.run(tail_command(scene, *words), capture_output=True, timeout=timeout, **more)


def tail_text(scene: Scene, *words: str) -> str:
    done = run_tail(scene, *words)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def tail_lines(scene: Scene, *words: str) -> list[dict]:
    """Of a tail that stops at the end."""
    return [json.loads(line) for line in tail_text(scene, "--until=end", *words).splitlines()]


class FollowedTail:
    """A tail that runs inside the `with` block."""

    def __init__(self, scene: Scene, *words: str):
        self._process = subprocess.Popen(tail_command(scene, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._said: list[bytes] = []
        self._threads = [threading.Thread(target=self._read, daemon=True), threading.Thread(target=self._hear, daemon=True)]

    def __enter__(self) -> "FollowedTail":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self._process.kill()
        self.wait()

    def lines(self, count: int, timeout: float = 60) -> list[dict]:
        """The next ones."""
        deadline = time.monotonic() + timeout
        return [json.loads(self._lines.get(timeout=max(0.01, deadline - time.monotonic()))) for _ in range(count)]

    def wait_until_said(self, text: str, timeout: float = 30) -> str:
        """Of standard error."""
        deadline = time.monotonic() + timeout
        while text not in (said := b"".join(self._said).decode()):
            assert time.monotonic() < deadline, f"in {timeout:g} s tail did not say {text!r}, but: {said}"
            time.sleep(0.05)
        return said

    def wrote_nothing_more(self) -> bool:
        return self._lines.empty()

    def end(self, number: int = signal.SIGINT) -> int:
        """The exit code."""
        os.kill(self._process.pid, number)
        return self.wait()

    def wait(self, timeout: float = 30) -> int:
        code = self._process.wait(timeout)
        for thread in self._threads:
            thread.join()
        return code

    def said(self) -> str:
        return b"".join(self._said).decode()

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)

    def _hear(self) -> None:
        assert self._process.stderr
        with self._process.stderr as lines:
            for line in lines:
                self._said.append(line)
