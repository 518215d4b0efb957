"""What happened when, written by everyone who changes something, for the judgement at the end."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# The workload gets into its own way; PostgreSQL then says one of these, with or without a relay.
OWN_FAULTS = {
    "42P01": "table is gone", "42703": "column is gone", "42P07": "name is taken", "42701": "column is there",
    "42704": "gone", "42710": "is there", "42P16": "second key, or unfit partition", "42P17": "unfit",
    "23505": "duplicate key", "23514": "no partition", "23502": "null", "40P01": "deadlock", "55P03": "lock timeout", "57014": "statement timeout", "0A000": "plan changed",
    "55006": "in use", "2BP01": "depended on", "42809": "wrong kind of table", "22P02": "no such value",
    "22003": "out of range", "22001": "too long", "42804": "types differ", "42P21": "collations differ", "42830": "no unique key", "42P10": "no unique key", "42846": "cannot cast",
}
# XX000 and others. The relay writes to no table, so nobody meets it in a row that moved.
RACES = ("tuple concurrently", "could not open relation", "cache lookup failed", "is not a member", "moved to another partition")
NO_IDENTITY = "does not have a replica identity"


@dataclass
class Failure:
    at: float
    code: str
    text: str
    statement: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.text.strip().splitlines()[0]}: {self.statement[:120]}"


@dataclass
class Diary:
    begun: float = field(default_factory=time.monotonic)
    failures: list[Failure] = field(default_factory=list)
    statements: Counter = field(default_factory=Counter)  # By action.
    identity_lost: list[tuple[float, frozenset]] = field(default_factory=list)  # When, and of which names.
    relay_away: list[tuple[float, float]] = field(default_factory=list)  # From its end to its streaming.
    slowest: list[tuple[float, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def failed(self, failure: Failure) -> None:
        with self._lock:
            self.failures.append(failure)

    def took(self, seconds: float, statement: str) -> None:
        with self._lock:
            self.slowest.append((seconds, statement))

    def count(self, action: str) -> None:
        with self._lock:
            self.statements[action] += 1

    def lost_identity(self, *names: str) -> None:
        """Updates of these tables may be refused until the relay has seen it."""
        with self._lock:
            self.identity_lost.append((time.monotonic(), frozenset(name.rsplit(".", 1)[-1] for name in names)))

    def renamed(self, names: dict[str, str]) -> None:
        """What was noted of a table is true under its new name too."""
        with self._lock:
            self.identity_lost += [(at, frozenset(names.get(name, name) for name in tables))
                                   for at, tables in self.identity_lost if tables & names.keys()]

    @contextmanager
    def without_relay(self) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.relay_away.append((begun, time.monotonic()))
