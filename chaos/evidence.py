"""What was committed, as the database's ledger says, beside what a `read_committed` consumer sees.

The ledger table is captured like the others. That says what the snapshot must hold when it was taken under load: a ledger
row that came with the snapshot (`op` is `r`) was committed before it, and of such changes of a key only the last shows.

A table that was taken again later (`bottledwater resnapshot TABLE`) has a snapshot of its own, in the place of its rows
among the streamed changes: the commit LSN of each ledger row says on which side of it a change is.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Optional

from clients import Message

from .workload import KEYED_TABLES, LEDGER_TABLE, UNKEYED_TABLE

Place = tuple  # A table and a key; of an unkeyed table, its name and the row's writer.


@dataclass(frozen=True)
class Entry:
    """One row of the ledger."""

    seq: int
    xid: int
    table: str
    key: Optional[dict]
    value: Optional[dict]

    @property
    def place(self) -> Place:
        return place_of(self.table, self.key, self.value)


@dataclass
class Watched:
    """What was sampled while the scenario ran; bounds that are None are not claimed in it."""

    retained_wal_max: int = 0
    retained_wal_bound: Optional[int] = None
    memory_max: int = 0
    memory_bound: Optional[int] = None


@dataclass
class Evidence:
    entries: list[Entry]
    messages: list[Message]  # In offset order per partition.
    tables: dict[str, list[dict]]  # The rows that the keyed tables have at the end.
    prefix: str
    watched: Watched = field(default_factory=Watched)
    # Tables that were, or may have been, read again. What their topics held before the last time is no claim.
    taken_again: set[str] = field(default_factory=set)
    taken_again_at: dict[str, int] = field(init=False)  # The LSN of their rows: what commits later is streamed.
    commits: dict[int, int] = field(init=False)  # Of each published ledger row, the commit LSN.
    snapshot_seqs: set[int] = field(init=False)  # Ledger rows that came with the snapshot.
    expected: dict[Place, list[Any]] = field(init=False)
    found: dict[Place, list[Message]] = field(init=False)

    def __post_init__(self):
        ledger = [message for message in self.messages if self.table(message) == LEDGER_TABLE]
        self.commits = {message.key["seq"]: message.position[0] for message in ledger}
        self.snapshot_seqs = {message.key["seq"] for message in ledger if message.op == "r"}
        self.taken_again_at = {}
        for message in self.messages:
            table = self.table(message)
            if table in self.taken_again and message.op == "r":
                self.taken_again_at[table] = max(message.position[0], self.taken_again_at.get(table, 0))
        self.expected = self._expected()
        self.found = self._found()

    def table(self, message: Message) -> str:
        return message.topic.removeprefix(self.prefix)

    def values(self, place: Place) -> list[Any]:
        return [message.value for message in self.found.get(place, [])]

    def _came_with_rows(self, entry: Entry) -> bool:
        """Whether a snapshot's rows hold what this change made, so that it needs no message of its own."""
        if entry.table in self.taken_again_at:
            before = self.commits.get(entry.seq, 0) < self.taken_again_at[entry.table]
            return before or entry.seq in self.snapshot_seqs
        return entry.seq in self.snapshot_seqs

    def _counts(self, message: Message) -> bool:
        table = self.table(message)
        return table != LEDGER_TABLE and message.position[0] >= self.taken_again_at.get(table, 0)

    def _expected(self) -> dict[Place, list[Any]]:
        before: dict[Place, list[Any]] = defaultdict(list)
        after: dict[Place, list[Any]] = defaultdict(list)
        for entry in self.entries:
            (before if self._came_with_rows(entry) else after)[entry.place].append(entry.value)
        for place, values in before.items():
            if place[0] == UNKEYED_TABLE:
                kept = sorted(values, key=lambda value: value["change"])
            else:
                kept = [value for value in values[-1:] if value is not None]
            after[place] = kept + after[place]
        return {place: values for place, values in after.items() if values}

    def _found(self) -> dict[Place, list[Message]]:
        found: dict[Place, list[Message]] = defaultdict(list)
        for message in filter(self._counts, self.messages):
            found[place_of(self.table(message), message.key, message.value)].append(message)
        for place, messages in found.items():
            if place[0] == UNKEYED_TABLE:  # Its partitions have an order of their own; the snapshot's rows have none.
                messages.sort(key=lambda message: (message.position[0], message.op == "r" and message.value["change"],
                                                   message.position[1]))
        return found


def place_of(table: str, key: Optional[dict], value: Optional[dict]) -> Place:
    if key is None:
        assert value is not None
        return table, "written by", value["writer"]
    return table, *sorted(key.items())


def counted(values: Iterable[Any]) -> Counter[str]:
    """How often each value is there."""
    return Counter(json.dumps(value, sort_keys=True) for value in values)


def read_entries(rows: Iterable[tuple]) -> list[Entry]:
    """From rows of `seq, xid, tbl, key, value`."""
    def parse(text: Optional[str]) -> Any:
        return None if text is None else json.loads(text)

    return [Entry(seq, xid, table, parse(key), parse(value)) for seq, xid, table, key, value in rows]


def key_columns(table: str) -> list[str]:
    return KEYED_TABLES.get(table, ["id"])
