"""What `bench/run compare` has its subjects do."""

import abc
import time
from dataclasses import dataclass
from typing import Iterator

from limits import copy_to_nowhere, produce, receive, receive_by_recvlogical, with_slots
from load import Loaded, Shape
from results import Result
from session import Ground, Session

WARM_UP = 1_000  # Rows after which a subject has written down where it is.
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Scenario(abc.ABC):
    name: str
    title: str
    shape: Shape = Shape()
    relay_options: tuple = ()
    lives: int = 1  # How often a subject begins, each time with topics of its own.

    @abc.abstractmethod
    def measure(self, session: Session) -> Iterator[Result]: ...

    @abc.abstractmethod
    def limits(self, ground: Ground) -> Iterator[Result]:
        """What clients reach that do nothing with the same load."""


@dataclass(frozen=True, kw_only=True)
class Backlog(Scenario):
    """Rows that were committed while nothing was streamed: first to a process that starts, then to one that runs."""
    changes: int
    one_transaction: bool

    def load(self, ground: Ground) -> Loaded:
        changes = ground.scaled(self.changes, 1_000)
        return ground.load.transaction(changes) if self.one_transaction else ground.load.commits(changes)

    def measure(self, session: Session) -> Iterator[Result]:
        session.begin(WARM_UP)
        session.subject.stop()
        yield session.measure("cold", self.load(session.ground), session.subject.start)
        session.hold()
        yield session.measure("warm", self.load(session.ground), session.release)

    def limits(self, ground: Ground) -> Iterator[Result]:
        with with_slots(ground, self.shape):
            changes = self.load(ground).changes
            yield receive_by_recvlogical(ground, self.name, changes)
            yield receive(ground, self.name, changes)
        yield produce(ground, self.name, changes, self.shape)


@dataclass(frozen=True, kw_only=True)
class Snapshot(Scenario):
    """A table that is there when the subject comes."""
    changes: int
    lives: int = 2

    def load(self, ground: Ground) -> Loaded:
        return ground.load.transaction(ground.scaled(self.changes, 1_000))

    def measure(self, session: Session) -> Iterator[Result]:
        loaded = self.load(session.ground)
        yield session.measure("cold", loaded, session.subject.start)
        session.wait_streaming()
        session.subject.retire()
        session.look_again()
        session.arrivals.forget()
        yield session.measure("warm", loaded, lambda: session.subject.renew(session.lives[1]))

    def limits(self, ground: Ground) -> Iterator[Result]:
        ground.make_tables(self.shape)
        changes = self.load(ground).changes
        yield copy_to_nowhere(ground, self.name, changes)
        yield produce(ground, self.name, changes, self.shape)


@dataclass(frozen=True, kw_only=True)
class Outage(Scenario):
    """Kafka is away while rows are committed: what is captured without it, and how fast all has come after its return."""
    changes: int
    rows_each: int = 1_000
    capture_patience_s: int = 10
    # So that the slot tells us at once what is in the spool.
    relay_options: tuple = ("--max-wal-retained=0",)

    def load(self, ground: Ground) -> Loaded:
        return ground.load.transactions(ground.scaled(self.changes, 5_000) // self.rows_each, self.rows_each)

    def measure(self, session: Session) -> Iterator[Result]:
        session.begin(WARM_UP)
        session.wait(session.load.transaction(session.ground.scaled(100_000, 1_000)))
        session.hold()
        session.ground.servers.kafka.stop()
        try:
            loaded = self.load(session.ground)
            yield self._capture(session, loaded)
        finally:
            session.ground.servers.kafka.restart()
        yield session.measure("drain", loaded, lambda: None)

    def _capture(self, session: Session, loaded: Loaded) -> Result:
        with session.load.connect() as db:
            [target] = db.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
            cpu, begun = session.subject.cpu_seconds(), time.time()
            session.subject.reset_peak()
            session.release()
            captured, held = False, 0
            while not captured and time.time() - begun < self.capture_patience_s:
                time.sleep(0.02)
                captured, held = db.execute(
                    "SELECT confirmed_flush_lsn >= %s::pg_lsn, (pg_current_wal_lsn() - confirmed_flush_lsn)::bigint "
                    "FROM pg_replication_slots WHERE slot_name = %s", (target, session.subject.slot)).fetchone()
        seconds = time.time() - begun
        figures = {"wal_mib": held / MIB, "cpu_seconds": session.subject.cpu_seconds() - cpu,
                   "peak_mib": session.subject.peak_mib()}
        return session.result("capture", None, changes=loaded.changes if captured else 0, seconds=seconds, **figures)

    def limits(self, ground: Ground) -> Iterator[Result]:
        with with_slots(ground, self.shape):
            changes = self.load(ground).changes
            yield receive_by_recvlogical(ground, self.name, changes, "capture")
            yield receive(ground, self.name, changes, "capture")
        yield produce(ground, self.name, changes, self.shape, "drain")


@dataclass(frozen=True, kw_only=True)
class Steady(Scenario):
    """Single-row commits that arrive at random, so many a second, to a process that has warmed up."""
    rates: tuple
    seconds: int  # Of each rate.
    warm_up_seconds: int  # At the middle rate. Java compiles for a minute or two, also the broker's.

    def measure(self, session: Session) -> Iterator[Result]:
        session.begin(WARM_UP)
        session.wait(session.load.transaction(session.ground.scaled(100_000, 1_000)))
        seconds = session.ground.scaled(self.seconds, 3)
        session.wait(session.load.steady(self.rates[len(self.rates) // 2],
                                         session.ground.scaled(self.warm_up_seconds, 3)))
        session.arrivals.measure_ages(True)
        for rate in self.rates:
            yield self._at(session, rate, seconds)

    def _at(self, session: Session, rate: int, seconds: int) -> Result:
        cpu = session.subject.cpu_seconds()
        session.subject.reset_peak()
        begun = time.time()
        loaded = session.load.steady(rate, seconds)
        ended = time.time()
        arrival = session.arrivals.wait(loaded.first, loaded.last, session.patience(loaded), session.subject.tend)
        ages = arrival.ages_ms or [0.0]
        return session.result(
            f"{rate:,}/s", loaded, seconds=max(0.0, arrival.last - begun), peak_mib=session.subject.peak_mib(),
            cpu_seconds=session.subject.cpu_seconds() - cpu, problem=arrival.problem(), asked_rate=rate,
            reached_rate=loaded.rate, behind_s=max(0.0, arrival.last - ended), p50_ms=ages[len(ages) // 2],
            p99_ms=ages[len(ages) * 99 // 100], notes=session.subject.notes())

    def limits(self, ground: Ground) -> Iterator[Result]:
        """The rate itself is the limit."""
        yield from ()


SCENARIOS = {scenario.name: scenario for scenario in [
    Backlog(name="transaction", title="1,000,000 rows of 200 B in one transaction",
            changes=1_000_000, one_transaction=True),
    Backlog(name="commits", title="100,000 single-row transactions of 200 B",
            changes=100_000, one_transaction=False),
    Backlog(name="tables", title="20,000 single-row transactions in 1,000 tables",
            changes=20_000, one_transaction=False, shape=Shape(tables=1_000)),
    Backlog(name="large", title="20,000 rows of 10 KB in one transaction",
            changes=20_000, one_transaction=True, shape=Shape(row_bytes=10_000)),
    Snapshot(name="snapshot", title="snapshot of 1,000,000 rows of 200 B", changes=1_000_000),
    Steady(name="steady", title="single-row commits at a steady rate", rates=(1_000, 5_000, 10_000),
           seconds=30, warm_up_seconds=90),
    Outage(name="outage", title="500,000 rows in 500 transactions while Kafka is away", changes=500_000),
]}
