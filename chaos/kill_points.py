"""The relay's kill points, read from its source: a new one cannot be forgotten here."""

import os
import re
from pathlib import Path

from .faults.unavailable import Unavailable

ROOT = Path(__file__).resolve().parent.parent
CALL = re.compile(r"BW_KILL_POINT\(([^;]*?)\);", re.DOTALL)
NAME = re.compile(r'"([a-z_]+\.[a-z_]+)"')

# Reached only before the first streaming.
FIRST_START = ("first_start.", "snapshot.", "startup.", "publish.checkpoint_topic_created")
# What has a situation of its own; see scenarios/kill_points.py.
SPECIAL = {"startup.begun_at": "a spool that is lost"}
# Reached only in a re-snapshot.
RESNAPSHOT = "resnapshot."


def kill_points() -> list[str]:
    """Without those of a re-snapshot."""
    return [name for name in _all_kill_points() if not name.startswith(RESNAPSHOT)]


def resnapshot_kill_points() -> list[str]:
    return [name for name in _all_kill_points() if name.startswith(RESNAPSHOT)]


def _all_kill_points() -> list[str]:
    names = set()
    for file in (ROOT / "src").rglob("*.cc"):
        for call in CALL.findall(file.read_text()):
            names.update(NAME.findall(call))
    assert names, "no kill points in src/"
    return sorted(names)


def in_first_start(name: str) -> bool:
    return name.startswith(FIRST_START) and name not in SPECIAL


def program() -> Path:
    path = Path(os.environ.get("BOTTLEDWATER_KILLPOINTS_BINARY", ROOT / "build" / "killpoints" / "bottledwater"))
    if not path.exists():
        raise Unavailable(f"no build with kill points at {path}: cmake --preset killpoints, ninja -C build/killpoints")
    return path
