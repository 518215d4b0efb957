"""A mixed load with a ledger: transactions of all shapes, some rolled back, on keyed and unkeyed tables.

Each worker has keys of its own, so the order of its commits is the order of commits for each of its keys.
Every row has the number of the change that made it, so no two changes look alike.
"""

import random
import threading
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from .ledger import Expected, Ledger

TABLES = {
    "account": "CREATE TABLE account (id bigint PRIMARY KEY, writer int, change bigint, filler text)",
    "item": "CREATE TABLE item (name text, part int, writer int, change bigint, PRIMARY KEY (name, part))",
    "event": "CREATE TABLE event (writer int, change bigint)",  # Without a key.
}
KEYS_PER_WORKER = 1_000_000


class Workload:
    """Workers that run from `with` to its end. `seed` decides what they do, not when."""

    def __init__(self, url: str, ledger: Ledger, seed: int, workers: int = 3):
        self._stopping = threading.Event()
        self._workers = [Worker(url, ledger, number, random.Random(seed * 1000 + number), self._stopping)
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


class RolledBack(Exception):
    """Ends a transaction, or a part of one, that is to leave nothing."""


@dataclass
class Draft:
    """A transaction being made: what it would change, thrown away with it when it is rolled back."""

    accounts: dict[int, dict]
    items: dict[tuple, dict]
    expected: list[Expected] = field(default_factory=list)

    def copy(self) -> "Draft":
        return Draft(dict(self.accounts), dict(self.items), list(self.expected))


class Worker(threading.Thread):
    def __init__(self, url: str, ledger: Ledger, number: int, rng: random.Random, stopping: threading.Event):
        super().__init__(daemon=True)
        self.failure: Exception | None = None
        self._url = url
        self._ledger = ledger
        self._number = number
        self._rng = rng
        self._stopping = stopping
        self._change = 0
        self._next_account = number * KEYS_PER_WORKER
        self._draft = Draft({}, {})

    def run(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as self._connection:
                while not self._stopping.is_set():
                    self._transaction()
        except Exception as error:
            self.failure = error

    def _transaction(self) -> None:
        before = self._draft.copy()
        try:
            with self._connection.transaction():
                self._fill()
                if self._rng.random() < 0.1:
                    raise RolledBack
        except RolledBack:
            self._draft = before
            return
        self._ledger.committed(self._draft.expected)
        self._draft.expected = []

    def _fill(self) -> None:
        shape = self._rng.choices(["one", "several", "bulk", "copy", "with savepoint"], [60, 25, 2, 3, 10])[0]
        if shape == "one":
            self._change_something()
        elif shape == "several":
            for _ in range(self._rng.randint(2, 30)):
                self._change_something()
        elif shape == "bulk":
            self._insert_accounts(self._rng.randint(500, 3000))
        elif shape == "copy":
            self._copy_events(self._rng.randint(50, 300))
        else:
            self._change_something()
            self._savepoint()
            self._change_something()

    def _savepoint(self) -> None:
        before = self._draft.copy()
        keep = self._rng.random() < 0.5
        with suppress(RolledBack), self._connection.transaction():
            self._change_something()
            self._change_something()
            if not keep:
                raise RolledBack
        if not keep:
            self._draft = before

    def _change_something(self) -> None:
        self._rng.choice([self._insert_account, self._insert_account, self._update_account, self._update_account,
                          self._delete_account, self._insert_item, self._move_item, self._insert_event])()

    def _next_change(self) -> int:
        self._change += 1
        return self._change

    def _insert_account(self) -> None:
        self._insert_accounts(1)

    def _insert_accounts(self, count: int) -> None:
        first, change = self._next_account, self._next_change()
        self._next_account += count
        self._connection.execute(
            "INSERT INTO account SELECT n, %s, %s, 'filler' FROM generate_series(%s, %s::bigint) n",
            [self._number, change, first, first + count - 1])
        for id in range(first, first + count):
            self._set_account({"id": id, "writer": self._number, "change": change, "filler": "filler"})

    def _update_account(self) -> None:
        if id := self._some(self._draft.accounts):
            change, filler = self._next_change(), "x" * self._rng.randint(0, 300)
            self._connection.execute("UPDATE account SET change = %s, filler = %s WHERE id = %s", [change, filler, id])
            self._set_account({"id": id, "writer": self._number, "change": change, "filler": filler})

    def _delete_account(self) -> None:
        if id := self._some(self._draft.accounts):
            self._connection.execute("DELETE FROM account WHERE id = %s", [id])
            del self._draft.accounts[id]
            self._expect("account", {"id": id}, None)

    def _insert_item(self) -> None:
        name, part = f"item of {self._number}", self._next_change()
        row = {"name": name, "part": part, "writer": self._number, "change": part}
        self._connection.execute("INSERT INTO item VALUES (%(name)s, %(part)s, %(writer)s, %(change)s)", row)
        self._set_item(row)

    def _move_item(self) -> None:
        """An update of the key: a tombstone, then the row."""
        if old := self._some(self._draft.items):
            name, part = old
            change = self._next_change()
            self._connection.execute("UPDATE item SET part = %s, change = %s WHERE name = %s AND part = %s",
                                     [change, change, name, part])
            del self._draft.items[old]
            self._expect("item", {"name": name, "part": part}, None)
            self._set_item({"name": name, "part": change, "writer": self._number, "change": change})

    def _insert_event(self) -> None:
        row = {"writer": self._number, "change": self._next_change()}
        self._connection.execute("INSERT INTO event VALUES (%(writer)s, %(change)s)", row)
        self._expect("event", None, row)

    def _copy_events(self, count: int) -> None:
        with self._connection.cursor().copy("COPY event FROM STDIN") as copy:
            for _ in range(count):
                row = {"writer": self._number, "change": self._next_change()}
                copy.write_row(tuple(row.values()))
                self._expect("event", None, row)

    def _some(self, rows: dict):
        """One of the newest keys, so that some keys change often; None when there is none."""
        newest = list(rows)[-50:]
        return self._rng.choice(newest) if newest else None

    def _set_account(self, row: dict) -> None:
        self._draft.accounts[row["id"]] = row
        self._expect("account", {"id": row["id"]}, row)

    def _set_item(self, row: dict) -> None:
        self._draft.items[row["name"], row["part"]] = row
        self._expect("item", {"name": row["name"], "part": row["part"]}, row)

    def _expect(self, table: str, key: dict | None, value: dict | None) -> None:
        self._draft.expected.append(Expected(table, key, value))
