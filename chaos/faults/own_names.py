"""Names of machines that only the relay resolves, from a file of ours: it is started in a mount namespace of its own."""

import os
import shlex
import subprocess
from pathlib import Path

from .unavailable import Unavailable

SCRIPT = """#!/bin/sh
exec unshare --mount --propagation private sh -c '
  mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/nsswitch.conf && shift 2 && exec "$@"
' sh {hosts} {switch} {program} "$@"
"""


class OwnNames:
    """What is not in the file is unknown: nobody else is asked. Each look-up reads it anew."""

    def __init__(self, folder: Path):
        if os.geteuid() != 0:
            raise Unavailable("a mount namespace needs root")
        self._folder = folder
        self._hosts = folder / "hosts"
        self._switch = folder / "nsswitch.conf"
        self._switch.write_text("hosts: files\n")
        self.forget()
        self._try()

    def program(self, program: Path) -> Path:
        """The same program, with our names; its process id is that of the program's."""
        wrapped = self._folder / f"{program.name}-with-own-names"
        words = {"hosts": self._hosts, "switch": self._switch, "program": program}
        wrapped.write_text(SCRIPT.format(**{name: shlex.quote(str(path)) for name, path in words.items()}))
        wrapped.chmod(0o755)
        return wrapped

    def set(self, name: str, address: str) -> None:
        """In place: another file would not be the mounted one."""
        self._hosts.write_text(f"127.0.0.1 localhost\n{address} {name}\n")

    def forget(self) -> None:
        self._hosts.write_text("127.0.0.1 localhost\n")

    def _try(self) -> None:
        done = subprocess.run([self.program(Path("/bin/true"))], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"no mount namespace: {done.stderr.strip()}")
