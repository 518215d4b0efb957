"""The relay as it is built, and whether it takes the options it is given."""

import os
import signal
import socket
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RELAY = os.environ.get("BOTTLEDWATER_BINARY", str(ROOT / "build/bottledwater"))
AWAY = "host=127.0.0.1 port=1"  # Where no PostgreSQL is.


def free_address() -> str:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{chosen.getsockname()[1]}"


def takes(arguments: list[str], **environment: str) -> None:
    """Fails unless the relay accepts the options, of which the database is AWAY, and waits for it."""
    with subprocess.Popen([RELAY, *arguments], text=True, env={**os.environ, **environment},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as relay:
        seen = []
        for line in relay.stdout:
            seen.append(line)
            if "PostgreSQL is away" in line:
                relay.send_signal(signal.SIGTERM)
        assert relay.wait(timeout=30) == 0, "".join(seen)
