"""What `bench/run compare` measured: the form of its JSON."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Optional

# Subjects that are limits, by the side of a relay that they are the limit of.
SOURCES = {"receive": "libpq receiver", "pg_recvlogical": "pg_recvlogical", "copy": "COPY"}
SINKS = {"produce": "producer"}

KEEPS_UP_S = 1.0  # Whose last row comes later than this after the end of a steady load has not kept up with it.


@dataclass
class Result:
    """One measurement. `phase` tells measurements of one scenario apart, such as cold and warm."""
    scenario: str
    phase: str
    subject: str
    changes: int = 0
    seconds: float = 0.0
    cpu_seconds: Optional[float] = None  # Of the subject's process, meanwhile.
    peak_mib: Optional[float] = None
    p50_ms: Optional[float] = None
    p99_ms: Optional[float] = None
    asked_rate: Optional[int] = None  # Commits per second, of steady loads.
    reached_rate: Optional[float] = None  # What the load generator reached of it.
    behind_s: Optional[float] = None  # From the end of a steady load to its last row's arrival.
    wal_mib: Optional[float] = None  # What the slot made PostgreSQL keep.
    problem: Optional[str] = None  # Why this is no figure: incomplete, twice, failed.
    notes: list = field(default_factory=list)
    run: int = 0

    @property
    def rate(self) -> float:
        return self.changes / self.seconds if self.seconds else 0.0

    @property
    def fell_behind(self) -> bool:
        return self.behind_s is not None and self.behind_s > KEEPS_UP_S

    @property
    def cpu_per_million(self) -> Optional[float]:
        if self.cpu_seconds is None or not self.changes:
            return None
        return self.cpu_seconds / self.changes * 1e6


@dataclass
class Results:
    """All of it. `about` says what was measured, and on what."""
    about: dict
    scenarios: dict  # Name -> what it is, in the order of the tables.
    results: list = field(default_factory=list)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @staticmethod
    def read(path: Path) -> "Results":
        content = json.loads(path.read_text())
        return Results(content["about"], content["scenarios"], [Result(**one) for one in content["results"]])
