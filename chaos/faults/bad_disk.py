"""A disk whose fsyncs are slow or fail, or that cannot be read, for the relay alone: a library loaded before libc's."""

import subprocess
from pathlib import Path

from .unavailable import Unavailable

SOURCE = Path(__file__).with_suffix(".c")


class BadDisk:
    def __init__(self, folder: Path):
        self._control = folder / "disk.fault"
        self._library = folder / "bad_disk.so"
        self.heal()
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(self._library), str(SOURCE), "-ldl"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"no C compiler for the library that makes fsync fail: {error}") from None

    @property
    def environment(self) -> dict[str, str]:
        """What the relay must be started with."""
        return {"LD_PRELOAD": str(self._library), "CHAOS_DISK": str(self._control)}

    def disturb(self, milliseconds: int = 0, error: int = 0, read_error: int = 0) -> None:
        """Each fsync takes so much longer, and fails when `error` is an errno; reads fail with `read_error`."""
        new = self._control.with_suffix(".new")
        new.write_text(f"{milliseconds} {error} {read_error}\n")
        new.rename(self._control)

    def heal(self) -> None:
        self.disturb()
