"""A program whose standard output is a terminal."""

import os
import pty
import subprocess
from contextlib import suppress


def on_a_terminal(command: list[str]) -> str:
    """What it writes there."""
    ours, its = pty.openpty()
    with subprocess.Popen(command, stdout=its, stderr=subprocess.PIPE) as process:
        os.close(its)
        written = b""
        with suppress(OSError):  # EIO is the end.
            while part := os.read(ours, 65536):
                written += part
        assert process.wait(30) == 0
    os.close(ours)
    return written.decode()
