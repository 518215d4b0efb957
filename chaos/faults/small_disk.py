"""A file system of its own, small enough to be filled: ext4 in a file, on a loop device."""

import os
import subprocess
from pathlib import Path

from .unavailable import Unavailable


class SmallDisk:
    """A context manager: mounted inside."""

    def __init__(self, folder: Path, mib: int):
        self.path = folder / "disk"
        self._image = folder / "disk.img"
        self._ballast = self.path / "ballast"
        self._mib = mib

    def __enter__(self) -> "SmallDisk":
        if os.geteuid() != 0:
            raise Unavailable("mounting a small disk needs root")
        self.path.mkdir(parents=True)
        with open(self._image, "wb") as image:
            image.truncate(self._mib << 20)
        _run("mkfs.ext4", "-q", "-m", "0", str(self._image))
        _run("mount", "-o", "loop", str(self._image), str(self.path))
        return self

    def __exit__(self, *_) -> None:
        _run("umount", str(self.path))
        self._image.unlink()

    def fill(self) -> None:
        """To the last block."""
        with open(self._ballast, "ab", buffering=0) as ballast:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        ballast.write(b"\0" * size)
                except OSError:
                    pass

    def make_room(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def free(self) -> int:
        """Bytes."""
        state = os.statvfs(self.path)
        return state.f_bavail * state.f_frsize


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{command[0]}: {done.stderr.strip()}")
