"""The loads of `bench/run compare`: tables, and pgbench, which fills them with rows that no two relays see differently.

Rows are inserts of (id, born_us, payload). Ids are consecutive numbers over all tables and the whole run, so what
arrived can be compared with what was committed. Payloads are hexadecimal text that neither PostgreSQL nor Kafka
can compress much.
"""

import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from servers import PostgresServer, ServerError
from servers.paths import postgres_program

SCHEMA = "bench"  # Of the captured tables; what the loads need besides is in the schema `load`.
PAYLOADS = 512
# Beside the payload, a row has 16 bytes of numbers.
ROW_BYTES_BESIDE_PAYLOAD = 16
CLIENTS = 8
SETTINGS = {
    # The load is not what is measured, and the disk is not to set its pace. What relays sync, they do sync.
    "fsync": "off",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "shared_buffers": "512MB",
    "autovacuum": "off",
    # A walsender that is held while a load is committed must not find that its client was silent.
    "wal_sender_timeout": "10min",
}


@dataclass(frozen=True)
class Shape:
    """Tables and rows of a scenario."""
    tables: int = 1
    row_bytes: int = 200

    @property
    def payload_bytes(self) -> int:
        return self.row_bytes - ROW_BYTES_BESIDE_PAYLOAD


@dataclass(frozen=True)
class Loaded:
    """The ids from `first` to `last` were committed."""
    first: int
    last: int
    seconds: float
    report: str  # What pgbench said.

    @property
    def changes(self) -> int:
        return self.last - self.first + 1

    @property
    def rate(self) -> float:
        """Transactions per second that pgbench reached."""
        return float(re.search(r"tps = ([0-9.]+)", self.report).group(1))


class Load:
    def __init__(self, postgres: PostgresServer):
        self._postgres = postgres
        self._shape = Shape()
        with self.connect() as db:
            db.execute("CREATE SCHEMA load")
            db.execute("CREATE SEQUENCE load.ids")
            db.execute("CREATE FUNCTION load.now_us() RETURNS bigint LANGUAGE sql VOLATILE "
                       "AS 'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint'")

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self._postgres.url(), autocommit=True)

    def make_tables(self, shape: Shape) -> list[str]:
        """Empty ones in a new schema. Returns their names, schema included."""
        self._shape = shape
        names = [f"{SCHEMA}.t{i}" for i in range(shape.tables)]
        with self.connect() as db:
            db.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
            db.execute(f"CREATE SCHEMA {SCHEMA}")
            for name in names:
                db.execute(f"CREATE TABLE {name} (id bigint PRIMARY KEY, born_us bigint NOT NULL, payload text NOT NULL)")
                db.execute(f"ALTER TABLE {name} ALTER COLUMN payload SET STORAGE EXTERNAL")
            db.execute("DROP TABLE IF EXISTS load.payloads")
            db.execute("CREATE TABLE load.payloads (n int PRIMARY KEY, payload text NOT NULL)")
            db.execute("ALTER TABLE load.payloads ALTER COLUMN payload SET STORAGE EXTERNAL")
            size = shape.payload_bytes
            db.execute("INSERT INTO load.payloads SELECT n, substr(string_agg(md5((n * 10000 + piece)::text), ''), 1, %s) "
                       "FROM generate_series(0, %s) n, generate_series(0, %s) piece GROUP BY n",
                       (size, PAYLOADS - 1, size // 32))
            db.execute("VACUUM ANALYZE load.payloads")
        return names

    def next_id(self) -> int:
        with self.connect() as db:
            last, is_called = db.execute("SELECT last_value, is_called FROM load.ids").fetchone()
        return last + 1 if is_called else last

    def transaction(self, rows: int) -> Loaded:
        """All rows in one transaction, in the first table."""
        return self._pgbench(self._rows_in_one(rows), "-c", "1", "-t", "1")

    def transactions(self, count: int, rows_each: int) -> Loaded:
        return self._pgbench(self._rows_in_one(rows_each), "-c", "1", "-t", str(count))

    def commits(self, count: int) -> Loaded:
        """Single-row transactions, as fast as they go, in random tables."""
        return self._pgbench(self._one_row(), *self._clients(), "-t", str(max(1, count // CLIENTS)))

    def steady(self, rate: int, seconds: int) -> Loaded:
        """Single-row transactions that arrive at random, so many a second on average."""
        return self._pgbench(self._one_row(), *self._clients(), "-R", str(rate), "-T", str(seconds))

    def _rows_in_one(self, rows: int) -> str:
        return (f"INSERT INTO {SCHEMA}.t0 SELECT nextval('load.ids'), load.now_us(), payload "
                f"FROM generate_series(1, {rows}) i JOIN load.payloads p ON p.n = i % {PAYLOADS};\n")

    def _one_row(self) -> str:
        """pgbench puts the table's number into the text of the statement, before the server sees it."""
        table = "t0" if self._shape.tables == 1 else "t:t"
        return (f"\\set t random(0, {self._shape.tables - 1})\n\\set n random(0, {PAYLOADS - 1})\n"
                f"INSERT INTO {SCHEMA}.{table} SELECT nextval('load.ids'), load.now_us(), payload "
                f"FROM load.payloads WHERE n = :n;\n")

    def _clients(self) -> list[str]:
        """A statement can be prepared only when its tables are the same each time."""
        return ["-c", str(CLIENTS), "-j", "2", "-M", "prepared" if self._shape.tables == 1 else "simple"]

    def _pgbench(self, script: str, *options: str) -> Loaded:
        first, begun = self.next_id(), time.time()
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            done = subprocess.run([postgres_program("pgbench"), "-n", "-f", file.name, *options, self._postgres.url()],
                                  cwd=Path("/"), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise ServerError(f"pgbench failed: {done.stderr}")
        return Loaded(first, self.next_id() - 1, time.time() - begun, done.stdout)
