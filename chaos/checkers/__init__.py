"""One invariant a file. Each has `check(evidence)`, which says in words where the invariant does not hold."""

from collections.abc import Callable, Collection

from ..evidence import Evidence
from . import last_value, memory_bounded, nothing_lost, nothing_twice, order_per_key, snapshot_is_one_moment, wal_bounded

ALL: dict[str, Callable[[Evidence], list[str]]] = {
    "nothing lost": nothing_lost.check,
    "nothing twice": nothing_twice.check,
    "order per key": order_per_key.check,
    "last value": last_value.check,
    "snapshot": snapshot_is_one_moment.check,
    "WAL bounded": wal_bounded.check,
    "memory bounded": memory_bounded.check,
}


def violations(evidence: Evidence, limit: int = 5, unclaimed: Collection[str] = ()) -> list[str]:
    """Of all invariants but the unclaimed, each with its name; the first few of each."""
    found = []
    for name, check in ALL.items():
        if name in unclaimed:
            continue
        places = check(evidence)
        found += [f"{name}: {text}" for text in places[:limit]]
        if len(places) > limit:
            found.append(f"{name}: and {len(places) - limit} more")
    return found
