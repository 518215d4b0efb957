"""A seeded load of transactions of all shapes on a few tables, by workers that get into each other's way.

The ledger of what was committed is kept by triggers, in the same transactions: so it is right whatever happens to a
COMMIT whose answer got lost, and workers need no memory of their own. A row lock is held from a change to the commit,
and the ledger's number is drawn under it: for one key, the ledger's order is the order of commits.
"""

import random
import threading
from contextlib import suppress

import psycopg

LEDGER_TABLE = "ledger"
KEYED_TABLES = {  # Name -> key columns.
    "account": ["id"],
    "item": ["name", "part"],
}
UNKEYED_TABLE = "event"

SCHEMA = """
CREATE TABLE ledger (
  seq bigserial PRIMARY KEY, xid bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
  tbl text NOT NULL, key text, value text);
CREATE SEQUENCE change;  -- Every change gets a number of its own, so no two look alike.

CREATE FUNCTION keep_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  old_key jsonb := (SELECT jsonb_object_agg(c, to_jsonb(OLD) -> c) FROM unnest(TG_ARGV) c);
  new_key jsonb := (SELECT jsonb_object_agg(c, to_jsonb(NEW) -> c) FROM unnest(TG_ARGV) c);
BEGIN
  IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND old_key <> new_key) THEN
    INSERT INTO ledger (tbl, key, value) VALUES (TG_TABLE_NAME, old_key, NULL);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO ledger (tbl, key, value) VALUES (TG_TABLE_NAME, new_key, to_jsonb(NEW));
  END IF;
  RETURN NULL;
END $$;

CREATE TABLE account (id bigint PRIMARY KEY, change bigint DEFAULT nextval('change'), filler text);
CREATE TABLE item (name text, part bigint, change bigint DEFAULT nextval('change'), PRIMARY KEY (name, part));
CREATE TABLE event (writer int, change bigint DEFAULT nextval('change'));
CREATE TRIGGER ledger AFTER INSERT OR UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION keep_ledger('id');
CREATE TRIGGER ledger AFTER INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION keep_ledger('name', 'part');
CREATE TRIGGER ledger AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION keep_ledger();
"""
# A table that appears while the relay runs; {name} is its name.
NEW_TABLE = """
CREATE TABLE {name} (id bigint PRIMARY KEY, change bigint DEFAULT nextval('change'));
CREATE TRIGGER ledger AFTER INSERT OR UPDATE OR DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION keep_ledger('id');
"""

CONTENDED_IDS = 300  # Accounts that all workers change.
BULK_IDS = 1_000_000  # Those of bulk inserts begin here.
HELD_IDS = range(100, 200)  # Of the table that HeldWorkload changes.
HELD_S_MAX = 0.5  # A transaction waits so long after each of its changes, at most.
FAILURES_MAX = 100  # One after another, and none of them the server's absence: then the workload itself is wrong.


class Workload:
    """Workers that run from `with` to its end. `seed` decides what they do, not when."""

    def __init__(self, url: str, seed: int, workers: int = 3, per_second: float = 50):
        self._stopping = threading.Event()
        self._workers = [Worker(url, number, random.Random(seed * 1000 + number), self._stopping, workers / per_second)
                         for number in range(1, workers + 1)]

    def __enter__(self) -> "Workload":
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        for worker in self._workers:
            worker.join()
        for worker in self._workers:
            if worker.failure:
                raise worker.failure

    @property
    def transactions(self) -> int:
        """Whose COMMIT was answered."""
        return sum(worker.transactions for worker in self._workers)


class HeldWorkload(Workload):
    """Workers on one table made by NEW_TABLE, each nearly always within a transaction."""

    def __init__(self, url: str, seed: int, table: str, workers: int = 6):
        self._stopping = threading.Event()
        self._workers = [Holder(url, number, random.Random(seed * 1000 + number), self._stopping, table)
                         for number in range(1, workers + 1)]


class RolledBack(Exception):
    """Ends a transaction, or a part of one, that is to leave nothing."""


class Worker(threading.Thread):
    def __init__(self, url: str, number: int, rng: random.Random, stopping: threading.Event, pause_s: float):
        super().__init__(daemon=True)
        self.failure: Exception | None = None
        self.transactions = 0
        self._url = url
        self._number = number
        self._rng = rng
        self._stopping = stopping
        self._pause_s = pause_s
        self._failures = 0

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as self._connection:
                    self._connection.execute("SET statement_timeout = '20s'")
                    self._use_connection()
            except psycopg.OperationalError:  # The server is away; what it had committed is in its ledger.
                self._stopping.wait(0.1)
            except Exception as error:
                self.failure = error
                return

    def _use_connection(self) -> None:
        while not self._stopping.is_set():
            try:
                self._transaction()
                self.transactions += 1
                self._failures = 0
            except RolledBack:
                pass
            except (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation, psycopg.errors.QueryCanceled):
                self._failures += 1  # The workers met; the server has rolled one of them back.
                if self._failures > FAILURES_MAX:
                    raise RuntimeError("the workload commits nothing any more") from None
            self._stopping.wait(self._rng.uniform(0, 2 * self._pause_s))

    def _transaction(self) -> None:
        with self._connection.transaction():
            self._fill()
            if self._rng.random() < 0.1:
                raise RolledBack

    def _fill(self) -> None:
        shape = self._rng.choices(["one", "several", "bulk", "copy", "with savepoint"], [60, 24, 2, 4, 10])[0]
        if shape == "one":
            self._change_something()
        elif shape == "several":
            for _ in range(self._rng.randint(2, 30)):
                self._change_something()
        elif shape == "bulk":
            self._insert_bulk(self._rng.randint(300, 1500))
        elif shape == "copy":
            self._copy_events(self._rng.randint(50, 300))
        else:
            self._change_something()
            self._savepoint()
            self._change_something()

    def _savepoint(self) -> None:
        with suppress(RolledBack), self._connection.transaction():
            self._change_something()
            self._change_something()
            if self._rng.random() < 0.5:
                raise RolledBack

    def _change_something(self) -> None:
        self._rng.choice([self._put_account, self._put_account, self._update_accounts, self._delete_account,
                          self._insert_item, self._move_item, self._insert_event])()

    def _put_account(self) -> None:
        self._execute("INSERT INTO account VALUES (%s, DEFAULT, %s) "
                      "ON CONFLICT (id) DO UPDATE SET change = EXCLUDED.change, filler = EXCLUDED.filler",
                      self._account(), "x" * self._rng.randint(0, 300))

    def _update_accounts(self) -> None:
        first = self._account()
        self._execute("UPDATE account SET change = DEFAULT WHERE id BETWEEN %s AND %s", first, first + 3)

    def _delete_account(self) -> None:
        self._execute("DELETE FROM account WHERE id = %s", self._account())

    def _insert_bulk(self, count: int) -> None:
        """Rows of one statement: all in one page of WAL, with one LSN for many."""
        first = BULK_IDS * self._number + self._rng.randrange(BULK_IDS - count)
        self._execute("INSERT INTO account SELECT n, nextval('change'), 'bulk' FROM generate_series(%s, %s::bigint) n "
                      "ON CONFLICT DO NOTHING", first, first + count - 1)

    def _insert_item(self) -> None:
        self._execute("INSERT INTO item SELECT %s, n, n FROM nextval('change') n", f"item {self._rng.randrange(20)}")

    def _move_item(self) -> None:
        """An update of the key: a tombstone, then the row."""
        self._execute("UPDATE item SET part = nextval('change'), change = DEFAULT WHERE (name, part) IN "
                      "(SELECT name, part FROM item WHERE name = %s ORDER BY part DESC LIMIT 1)",
                      f"item {self._rng.randrange(20)}")

    def _insert_event(self) -> None:
        self._execute("INSERT INTO event VALUES (%s)", self._number)

    def _copy_events(self, count: int) -> None:
        with self._connection.cursor().copy("COPY event (writer) FROM STDIN") as copy:
            for _ in range(count):
                copy.write_row((self._number,))

    def _account(self) -> int:
        return self._rng.randint(1, CONTENDED_IDS)

    def _execute(self, statement: str, *parameters) -> None:
        self._connection.execute(statement, parameters)


class Holder(Worker):
    """Its transactions change a few rows of one table, and stay open in between."""

    def __init__(self, url: str, number: int, rng: random.Random, stopping: threading.Event, table: str):
        super().__init__(url, number, rng, stopping, pause_s=0.02)
        self._table = table

    def _fill(self) -> None:
        for id in sorted(self._rng.sample(HELD_IDS, self._rng.randint(1, 4))):  # Sorted: so they do not deadlock.
            if self._rng.random() < 0.3:
                with suppress(RolledBack), self._connection.transaction():
                    self._change(id)
                    if self._rng.random() < 0.5:
                        raise RolledBack
            else:
                self._change(id)
            self._stopping.wait(self._rng.uniform(0, HELD_S_MAX))

    def _change(self, id: int) -> None:
        if self._rng.random() < 0.3:
            self._execute(f"DELETE FROM {self._table} WHERE id = %s", id)
        else:
            self._execute(f"INSERT INTO {self._table} VALUES (%s) "
                          "ON CONFLICT (id) DO UPDATE SET change = EXCLUDED.change", id)
