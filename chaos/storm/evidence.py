"""What the log says that each row was, beside what a `read_committed` consumer has."""

from dataclasses import dataclass, field
from typing import Optional

Columns = dict[str, tuple[str, Optional[str]]]  # By name: type and text.


@dataclass(frozen=True)
class LoggedRow:
    table: str
    id: int
    change: Optional[int]  # None for a delete.
    columns: Optional[Columns]


@dataclass(frozen=True)
class SeenRow:
    table: str
    id: int
    at: tuple[int, int]
    op: str
    texts: Optional[dict[str, Optional[str]]]  # None for a tombstone.

    @property
    def change(self) -> Optional[int]:
        return int(self.texts["change"]) if self.texts else None  # type: ignore[arg-type]


@dataclass
class StormEvidence:
    log: list[LoggedRow]   # In the order of the changes of each row.
    seen: list[SeenRow]    # In each topic's order of positions.
    wrong: list[str] = field(default_factory=list)  # What could not even be decoded.
