"""What was committed, kept outside the relay and compared with what a consumer sees."""

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Optional

from clients import Message


@dataclass(frozen=True)
class Expected:
    """A message that must come. Unkeyed tables have key None; a delete has value None."""

    table: str
    key: Optional[dict]
    value: Optional[dict]


class Ledger:
    """Committed changes in their order per key; of an unkeyed table, per writer of the row."""

    def __init__(self):
        self._lock = threading.Lock()
        self._sequences: dict[tuple, list[Any]] = defaultdict(list)
        self.changes = 0

    def committed(self, changes: Iterable[Expected]) -> None:
        """To be called after the commit, and for one key in the order of commits."""
        with self._lock:
            for change in changes:
                self._sequences[_sequence(change.table, change.key, change.value)].append(change.value)
                self.changes += 1

    def differences(self, messages: Iterable[Message], prefix: str, limit: int = 20) -> list[str]:
        """Where the messages are not exactly what was committed; the first few, in words."""
        found: dict[tuple, list[Any]] = defaultdict(list)
        for message in messages:
            table = message.topic.removeprefix(prefix)
            found[_sequence(table, message.key, message.value)].append(message.value)
        with self._lock:
            wrong = [place for place in {**self._sequences, **found} if self._sequences.get(place) != found.get(place)]
            return [_describe(place, self._sequences.get(place, []), found.get(place, [])) for place in wrong[:limit]]


def _sequence(table: str, key: Optional[dict], value: Optional[dict]) -> tuple:
    if key is None:
        return table, "written by", value["writer"]
    return table, *sorted(key.items())


def _describe(place: tuple, wanted: list, found: list) -> str:
    at = next((n for n, (a, b) in enumerate(zip(wanted, found)) if a != b), min(len(wanted), len(found)))
    return (f"{place}: {len(wanted)} changes committed, {len(found)} published; from number {at} on: "
            f"committed {wanted[at:at + 3]}, published {found[at:at + 3]}")
