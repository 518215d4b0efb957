"""One invariant a file. Each has `check(evidence)`, which says in words where the invariant does not hold."""

from collections.abc import Callable, Collection

from ..drift.evidence import DriftEvidence
from ..evidence import Evidence
from . import drift_last_value, drift_messages, drift_statements
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

DRIFT: dict[str, Callable[[DriftEvidence], list[str]]] = {
    "message is the row": drift_messages.check,
    "last value": drift_last_value.check,
    "statements": drift_statements.check,
}


def drift_violations(evidence: DriftEvidence, limit: int = 8) -> list[str]:
    found = []
    for name, check in DRIFT.items():
        found += few(name, check(evidence), limit)
    return found


def few(name: str, places: list[str], limit: int) -> list[str]:
    """The first ones, and how many more there are."""
    found = [f"{name}: {text}" for text in places[:limit]]
    return found + ([f"{name}: and {len(places) - limit} more"] if len(places) > limit else [])


def violations(evidence: Evidence, limit: int = 5, unclaimed: Collection[str] = ()) -> list[str]:
    """Of all invariants but the unclaimed, each with its name; the first few of each."""
    found = []
    for name, check in ALL.items():
        if name in unclaimed:
            continue
        found += few(name, check(evidence), limit)
    return found
