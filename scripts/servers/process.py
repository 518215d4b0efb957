"""One server process of ours: start, wait until it serves, stop, kill, pause. Only ever by its own pid."""

import os
import random
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Callable, Optional, Sequence


class ServerError(Exception):
    """A server did not do what was asked; the text ends with the tail of its log."""


class Process:
    """A program, its log file, and its life. The same object can be started again after it ended.

    The kernel kills the program when we die, however we die, so nothing outlives a killed test run.
    It does so when the *thread* that started it ends: hence the check in `start`.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path, *, user: Optional[str] = None,
                 environment: Optional[dict] = None, folder: Optional[Path] = None):
        self.name = name
        self.log = log
        self._command = [*_credentials(user), "--pdeathsig", "KILL", "--", *command]
        self.environment = environment  # Of the next start.
        self._folder = folder
        self._process: Optional[subprocess.Popen] = None
        self._log_start = 0  # Where in the log the newest start begins.

    def start(self) -> None:
        assert threading.current_thread() is threading.main_thread(), "it would die with this thread"
        assert not self.is_running(), f"{self.name} runs already"
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            # A session of its own: Ctrl-C at the terminal reaches us alone, and we stop things in order.
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             env=self.environment, cwd=self._folder, start_new_session=True)

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def exit_code(self, timeout: float) -> int:
        """Waits for the end of the program; negative when a signal killed it, as in `subprocess`."""
        assert self._process is not None
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ServerError(f"{self.name} still runs after {timeout:g} s; its log ends:\n{self.log_tail()}") from None

    def send(self, number: int) -> None:
        if self.is_running():
            os.kill(self.pid, number)

    def stop(self, number: int = signal.SIGTERM, timeout: float = 20) -> None:
        """Asks it to end, waits, and kills it when it does not."""
        self.resume()
        self.send(number)
        try:
            if self._process is not None:
                self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill9()

    def kill9(self) -> None:
        self.send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        """Freezes it: connections stay open and nothing answers, as when a machine hangs."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def wait_ready(self, ready: Callable[[], bool], timeout: float = 60) -> None:
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.is_running():
                raise ServerError(f"{self.name} ended instead of starting; its log ends:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} is not up after {timeout:g} s; its log ends:\n{self.log_tail()}")
            time.sleep(0.05)

    def log_text(self) -> str:
        """What it logged since its newest start."""
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def log_tail(self, lines: int = 30) -> str:
        return "\n".join(self.log_text().splitlines()[-lines:])


class OneProcess:
    """A server that is one process: `process`, which the class that inherits makes, with `start` and `wait_ready`."""

    process: Process

    def is_running(self) -> bool:
        return self.process.is_running()

    def restart(self) -> None:
        """Comes back on the same port, with the same data."""
        self.start()
        self.wait_ready()

    def stop(self) -> None:
        self.process.stop()

    def kill9(self) -> None:
        self.process.kill9()

    def pause(self) -> None:
        self.process.pause()

    def resume(self) -> None:
        self.process.resume()


def _credentials(user: Optional[str]) -> list[str]:
    if user is None or os.geteuid() != 0:
        return ["setpriv"]
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


_claims: list[socket.socket] = []  # Of ports, until this process ends.


def free_port() -> int:
    """A free port on the loopback address, below the range for outgoing connections. No other process gets it from here.

    From that range, a client that keeps trying to reach a stopped server could be given the server's own
    port, connect to itself, and keep the server from coming back.

    A server that is stopped, or that has not started yet, does not hold its port. So that test runs side by side do not
    take each other's ports meanwhile, a name in Linux's abstract namespace of sockets stands for each port.
    """
    while True:
        port = random.randrange(20000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                claim.bind(f"\0bottledwater-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        _claims.append(claim)
        return port
