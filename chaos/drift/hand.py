"""One user of the database: a thread that does one action after the other, by chance, and notes what PostgreSQL refused."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Optional

import psycopg

from .catalog import TABLES, Table, choose, read_tables
from .diary import Diary, Failure

OWN_LOCK_TIMEOUT = "1500ms"  # The workload gives up on itself, sometimes.
NOTED_FROM_S = 0.1


class Abandoned(Exception):
    """PostgreSQL refused a statement of the action; that is in the diary."""


class Hand(threading.Thread):
    def __init__(self, url: str, name: str, rng: random.Random, diary: Diary, stopping: threading.Event,
                 actions: dict[Callable[["Hand"], None], int], pause_s: float, shared: "Shared"):
        super().__init__(name=name, daemon=True)
        self.rng = rng
        self.diary = diary
        self.stopping = stopping
        self.shared = shared
        self.failure: Optional[Exception] = None
        self._url = url
        self._actions = actions
        self._pause_s = pause_s

    def run(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True, application_name=self.name,
                                 prepare_threshold=None) as self.connection:
                self.connection.execute(f"SET lock_timeout = '{OWN_LOCK_TIMEOUT}'")
                while not self.stopping.is_set():
                    self._act()
                    self.stopping.wait(self.rng.uniform(0, 2 * self._pause_s))
        except Exception as error:
            self.failure = error

    def _act(self) -> None:
        action, = self.rng.choices(list(self._actions), list(self._actions.values()))
        try:
            action(self)
            self.diary.count(action.__name__)
        except Abandoned:
            pass
        finally:
            if self.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self.connection.execute("ROLLBACK")

    def execute(self, statement: str, parameters: Optional[list] = None) -> psycopg.Cursor:
        begun = time.monotonic()
        try:
            return self.connection.execute(statement, parameters)
        except psycopg.Error as error:
            self.diary.failed(Failure(time.monotonic(), error.sqlstate or "", str(error), " ".join(statement.split()),
                                      error.diag.message_detail or ""))
            raise Abandoned from None
        finally:
            taken = time.monotonic() - begun
            if taken > NOTED_FROM_S:
                self.diary.took(taken, statement)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN")
        yield
        self.execute("COMMIT")

    def tables(self) -> list[Table]:
        return read_tables(self.execute(TABLES))

    def choose(self, wanted: Callable[[Table], bool] = lambda table: True) -> Table:
        table = choose(self.rng, self.tables(), wanted)
        if table is None:
            raise Abandoned
        return table

    def linger(self, seconds_max: float) -> None:
        self.stopping.wait(self.rng.uniform(0, seconds_max))


@contextmanager
def at_work(hands: list[Hand], stopping: threading.Event) -> Iterator[None]:
    """All of them act meanwhile. What ended one of them is raised at the end."""
    for hand in hands:
        hand.start()
    try:
        yield
    finally:
        stopping.set()
        for hand in hands:
            hand.join()
    for hand in hands:
        if hand.failure:
            raise hand.failure


class Shared:
    """Names and numbers that no two hands may take."""

    def __init__(self, slot: str):
        self.slot = slot
        self._lock = threading.Lock()
        self._number = 0

    def number(self) -> int:
        with self._lock:
            self._number += 1
            return self._number
