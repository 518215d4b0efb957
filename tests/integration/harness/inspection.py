"""What `bottledwater inspect` says of a spool."""

import json
import subprocess
from pathlib import Path
from typing import Any

from servers import binary


def inspect(spool: Path, *options: str, code: int = 0) -> str:
    """Its output, with what it complains about."""
    done = subprocess.run([binary(), "inspect", f"--spool={spool}", *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr)
    return done.stdout + done.stderr


def summary(spool: Path, *options: str) -> dict[str, Any]:
    return json.loads(inspect(spool, "--json", *options))


def lines(spool: Path, *options: str) -> list[dict[str, Any]]:
    """With --changes or --transactions."""
    return [json.loads(line) for line in inspect(spool, "--json", *options).splitlines()]


def position(line: dict[str, Any]) -> tuple[int, int]:
    """Of a change, as Message.position."""
    high, low = line["lsn"].split("/")
    return int(high, 16) << 32 | int(low, 16), line["index"]
