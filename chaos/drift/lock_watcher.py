"""Looks every 20 ms for backends that wait for nobody but the relay's, or another application's, and for how long.

This record, and not how long a statement took, is what the relay is judged by: on a loaded machine everything takes long.
"""

import threading
import time
from dataclasses import dataclass

import psycopg

INTERVAL_S = 0.02
LATE_S = 0.06  # A look that comes later than this says nothing about the time in between.

WAITING = """
SELECT w.pid, w.application_name, w.query, b.pid, b.query, b.state, b.backend_type
  FROM pg_stat_activity w
 CROSS JOIN LATERAL (SELECT pg_blocking_pids(w.pid) AS pids) p
  JOIN pg_stat_activity b ON b.pid = p.pids[1]
 WHERE w.wait_event_type = 'Lock' AND w.application_name NOT LIKE %(whom)s
   AND cardinality(p.pids) > 0 AND NOT EXISTS (
     SELECT FROM unnest(p.pids) pid LEFT JOIN pg_stat_activity o ON o.pid = pid.pid
      WHERE coalesce(o.application_name, '') NOT LIKE %(whom)s)
"""

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %(whom)s"


@dataclass
class Wait:
    """One backend waited for the relay alone."""

    query: str
    relay_query: str
    relay_state: str
    seconds: float = 0.0

    def __str__(self) -> str:
        return (f"{self.seconds * 1000:.0f} ms: {self.query[:100]!r} waited for the relay's {self.relay_query[:160]!r} "
                f"({self.relay_state})")


class LockWatcher(threading.Thread):
    def __init__(self, url: str, whom: str = "bottledwater%"):
        super().__init__(daemon=True)
        self.waits: list[Wait] = []
        self.relay_pids: set[int] = set()  # Of its backends.
        self.looks = 0
        self.late_looks = 0
        self.failure: Exception | None = None
        self._url = url
        self._whom = {"whom": whom}  # As application_name is LIKE it.
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()
        self.join()
        if self.failure:
            raise self.failure

    def run(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True, application_name="lock watcher") as connection:
                self._watch(connection)
        except Exception as error:
            self.failure = error

    def _watch(self, connection: psycopg.Connection) -> None:
        waiting: dict[tuple, Wait] = {}
        last = time.monotonic()
        while not self._stopping.wait(INTERVAL_S):
            rows = connection.execute(WAITING, self._whom).fetchall()
            self.relay_pids |= {pid for pid, in connection.execute(BACKENDS, self._whom)}
            now = time.monotonic()
            passed, last = now - last, now
            self.looks += 1
            self.late_looks += passed > LATE_S
            seen = {}
            for pid, _, query, _, relay_query, state, kind in rows:
                wait = waiting.get((pid, query)) or Wait(one_line(query), one_line(relay_query), f"{kind}, {state}")
                wait.seconds += min(passed, LATE_S)
                seen[pid, query] = wait
                if (pid, query) not in waiting:
                    self.waits.append(wait)
            waiting = seen


def one_line(statement: str) -> str:
    return " ".join(statement.split())
