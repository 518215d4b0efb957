"""Looks twice a second at the WAL that the slot retains and at the relay's memory."""

import threading
from pathlib import Path
from typing import Optional

import psycopg

from servers import Relay

INTERVAL_S = 0.5


class Watcher:
    def __init__(self, url: str, slot: str):
        self.retained_wal_max = 0
        self.memory_max = 0
        self.relay: Optional[Relay] = None
        self._url = url
        self._slot = slot
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._stopping.set()
            self._thread.join()

    def forget_wal(self) -> None:
        """What counts begins now."""
        self.retained_wal_max = 0

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    while not self._stopping.wait(INTERVAL_S):
                        self._look(connection)
            except psycopg.Error:  # PostgreSQL is away.
                self._stopping.wait(INTERVAL_S)

    def _look(self, connection: psycopg.Connection) -> None:
        self.memory_max = max(self.memory_max, self._relay_memory())
        rows = connection.execute("SELECT (pg_current_wal_lsn() - confirmed_flush_lsn)::bigint FROM pg_replication_slots "
                                  "WHERE slot_name = %s AND confirmed_flush_lsn IS NOT NULL", [self._slot]).fetchall()
        for retained, in rows:
            self.retained_wal_max = max(self.retained_wal_max, retained)

    def _relay_memory(self) -> int:
        if self.relay is None or not self.relay.is_running():
            return 0
        try:
            for line in Path(f"/proc/{self.relay.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        except OSError:  # It has just been killed.
            pass
        return 0
