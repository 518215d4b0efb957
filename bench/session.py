"""One subject's turn in one scenario: tables, topics, reader and slot of its own, all gone afterwards."""

import os
import shutil
import signal
import time
from dataclasses import replace
from typing import Callable, Optional, Sequence

from confluent_kafka.admin import AdminClient, NewTopic

from arrivals import Arrivals
from load import Load, Loaded, Shape
from results import Result
from servers import ServerError, Servers
from subjects import Subject

SLOWEST = 3_000  # Changes per second; who is slower is not waited for.
PATIENCE = 120  # Seconds, beside that.
QUIET = 1.0  # Seconds after the last row, in which no other may come.


class Ground:
    """Servers, and the load on them: what all turns share."""

    def __init__(self, servers: Servers, load: Load, scale: float):
        self.servers = servers
        self.load = load
        self._scale = scale
        self._admin = AdminClient({"bootstrap.servers": servers.kafka.address, "log_level": 2})

    def scaled(self, number: int, at_least: int) -> int:
        return max(at_least, round(number * self._scale))

    def tables_of(self, shape: Shape) -> int:
        return min(shape.tables, self.scaled(shape.tables, 20))

    def make_tables(self, shape: Shape) -> list[str]:
        """As Load.make_tables."""
        return self.load.make_tables(replace(shape, tables=self.tables_of(shape)))

    def make_topics(self, names: Sequence[str]) -> None:
        """So that whoever makes topics faster has no advantage."""
        done = self._admin.create_topics([NewTopic(name, 1, 1, config={"max.message.bytes": "16777216"}) for name in names],
                                         request_timeout=60)
        for future in done.values():
            future.result(60)

    def clear(self) -> None:
        """Drops slots, publications and topics, whoever made them. Nothing may use them any more."""
        with self.load.connect() as db:
            for (slot,) in db.execute("SELECT slot_name FROM pg_replication_slots").fetchall():
                self._drop_slot(db, slot)
            for (publication,) in db.execute("SELECT pubname FROM pg_publication").fetchall():
                db.execute(f'DROP PUBLICATION "{publication}"')
        names = [name for name in self._admin.list_topics(timeout=30).topics if not name.startswith("__")]
        if names:
            for future in self._admin.delete_topics(names, request_timeout=60).values():
                future.result(60)

    def _drop_slot(self, db, slot: str) -> None:
        """The server may need a moment to notice that its client has gone."""
        deadline = time.time() + 30
        while db.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (slot,)).fetchone()[0]:
            if time.time() > deadline:
                raise ServerError(f'slot "{slot}" is still in use')
            time.sleep(0.1)
        db.execute("SELECT pg_drop_replication_slot(%s)", (slot,))


class Session:
    def __init__(self, ground: Ground, scenario, make_subject: Callable[[Servers, str], Subject], subject_name: str,
                 run: int):
        """`scenario` is one of scenarios.py."""
        self.ground = ground
        self.load = ground.load
        self._scenario = scenario.name
        self._subject_name = subject_name
        self._held: Optional[int] = None
        self._to_look_at: list = []
        self.lives = [f"{subject_name}_{scenario.name}_{run}_{life}" for life in range(1, scenario.lives + 1)]
        self.subject = make_subject(ground.servers, self.lives[0])
        tables = ground.make_tables(scenario.shape)
        topics = [f"{each}.{table}" for each in self.lives for table in tables]
        ground.make_topics(topics)
        self.arrivals = Arrivals(ground.servers.kafka.address, topics, ground.load.next_id())

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_) -> None:
        self.release()
        self.subject.stop()
        self.arrivals.stop()
        self.ground.clear()
        shutil.rmtree(self.subject.folder, ignore_errors=True)

    def sender(self) -> Optional[int]:
        """The pid of the walsender that streams to the subject."""
        with self.load.connect() as db:
            found = db.execute("SELECT active_pid FROM pg_replication_slots s JOIN pg_stat_replication r ON pid = active_pid "
                               "WHERE s.slot_name = %s AND state IN ('catchup', 'streaming')", (self.subject.slot,)).fetchone()
        return found[0] if found else None

    def wait_streaming(self) -> None:
        deadline = time.time() + PATIENCE
        while not self.sender():
            self.subject.tend()
            if time.time() > deadline:
                raise ServerError(f"{self.subject.title} does not stream; its log ends:\n{self.subject.process.log_tail()}")
            time.sleep(0.2)

    def begin(self, warm_up: int) -> None:
        """Starts the subject, and has it relay some rows, so that it has written down where it is."""
        self.subject.start()
        self.wait_streaming()
        self.wait(self.load.transaction(warm_up))

    def wait(self, loaded: Loaded) -> None:
        arrival = self.arrivals.wait(loaded.first, loaded.last, self.patience(loaded), self.subject.tend)
        if arrival.problem():
            raise ServerError(f"{self.subject.title}, while warming up: {arrival.problem()}")

    def hold(self) -> None:
        """Until `release`, PostgreSQL sends the subject nothing. What is committed meanwhile is a backlog: nobody gets
        a head start, and how fast the load was is not measured."""
        time.sleep(0.5)  # A walsender that has nothing to do holds no lock.
        self._held = self.sender()
        if not self._held:
            raise ServerError(f"{self.subject.title} does not stream any more; its log ends:\n{self.subject.process.log_tail()}")
        os.kill(self._held, signal.SIGSTOP)

    def release(self) -> None:
        if self._held:
            os.kill(self._held, signal.SIGCONT)
        self._held = None

    def measure(self, phase: str, loaded: Loaded, start: Callable[[], None]) -> Result:
        """From `start`, which may also start the subject's process, to the arrival of the load's last row."""
        used = 0.0
        if self.subject.process.is_running():
            used = self.subject.cpu_seconds()
            self.subject.reset_peak()
        begun = time.time()
        start()
        arrival = self.arrivals.wait(loaded.first, loaded.last, self.patience(loaded), self.subject.tend)
        return self.result(phase, loaded, seconds=max(0.0, arrival.last - begun), cpu_seconds=self.subject.cpu_seconds() - used,
                           peak_mib=self.subject.peak_mib(), problem=arrival.problem(), notes=self.subject.notes())

    def result(self, phase: str, loaded: Optional[Loaded], **figures) -> Result:
        """With a load, of which all has arrived or will not."""
        result = Result(self._scenario, phase, self._subject_name, **figures)
        if loaded:
            result.changes = loaded.changes
            self._to_look_at.append((result, loaded))
        return result

    def look_again(self) -> None:
        """What comes twice comes late: a result whose load came twice since then does not count any more."""
        time.sleep(QUIET)
        for result, loaded in self._to_look_at:
            result.problem = result.problem or self.arrivals.look(loaded.first, loaded.last).problem()
        self._to_look_at.clear()

    def patience(self, loaded: Loaded) -> float:
        return PATIENCE + loaded.changes / SLOWEST
