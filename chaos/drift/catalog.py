"""Which tables of the workload there are right now: asked of PostgreSQL each time, for others change them meanwhile.

The question must not wait for anybody's lock: no pg_get_expr, which opens the table.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Optional

TABLES = r"""
SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relispartition, c.relreplident::text,
       coalesce(array_length(drift.identity_columns(c.oid, c.relreplident), 1), 0) > 0,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
       coalesce((SELECT array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
                   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '{}'),
       coalesce((SELECT array_agg(i.inhrelid::regclass::text) FROM pg_inherits i WHERE i.inhparent = c.oid), '{}'),
       CASE WHEN c.relkind = 'r' AND NOT c.relispartition THEN '{0,1,2,3}' ELSE coalesce((
         SELECT array_agg(substring(l.relpartbound::text from 'constvalue 4 \[ ([0-9]+)')::int)
           FROM pg_class l WHERE l.oid = c.oid AND l.relispartition OR l.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid)), '{}') END
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('public', 'side') AND c.relname ~ '^d_[0-9]+$' AND c.relkind IN ('r', 'p')
 ORDER BY c.oid
"""


@dataclass(frozen=True)
class Table:
    oid: int
    schema: str
    name: str
    kind: str  # r or p.
    is_partition: bool
    identity: str  # pg_class.relreplident.
    has_identity: bool  # With key columns.
    has_primary_key: bool
    columns: tuple[str, ...]  # "name type".
    partitions: tuple[str, ...]
    parts: tuple[int, ...]  # Values of `part` that it takes.

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"

    def extra_columns(self) -> list[tuple[str, str]]:
        """Those that come and go: name and type."""
        return [tuple(column.split(" ", 1)) for column in self.columns if column.startswith("x_")]  # type: ignore[misc]


def read_tables(rows: Iterable[tuple]) -> list[Table]:
    """From the rows of TABLES."""
    return [Table(*row[:8], *map(tuple, row[8:])) for row in rows]


def choose(rng: random.Random, found: list[Table], wanted: Callable[[Table], bool]) -> Optional[Table]:
    candidates = [table for table in found if wanted(table)]
    return rng.choice(candidates) if candidates else None
