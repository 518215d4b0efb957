"""Measures the relay on a PostgreSQL, a Kafka and a registry of its own. See bench/README.md."""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from measured import MeasuredRelay, connect
from reader import Reader
from servers import Servers
from whole_rows import toast

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20


def make_table(db: psycopg.Connection) -> None:
    db.execute("CREATE TABLE bench (id bigint PRIMARY KEY, payload text NOT NULL)")


def insert_rows(db: psycopg.Connection, rows: int) -> None:
    """`rows` rows of about 150 bytes in one transaction."""
    db.execute("INSERT INTO bench SELECT i, substr(repeat(md5(i::text), 5), 1, 142) FROM generate_series(1, %s) i",
               (rows,))


def update_rows(db: psycopg.Connection, updates: int, rows: int) -> None:
    """`updates` transactions of one row each."""
    db.execute("SET synchronous_commit = off")
    db.execute(f"DO $$ BEGIN FOR i IN 1..{updates} LOOP "
               f"UPDATE bench SET payload = substr(repeat(md5((i + 1)::text), 5), 1, 142) WHERE id = 1 + i % {rows}; "
               f"COMMIT; END LOOP; END $$")


def wait_until_spooled(db: psycopg.Connection, timeout: float = 600) -> None:
    """Needs --max-wal-retained=0: then the slot is told what the spool has."""
    target = db.execute("SELECT pg_current_wal_insert_lsn()").fetchone()[0]
    deadline = time.time() + timeout
    while not db.execute("SELECT bool_and(confirmed_flush_lsn >= %s::pg_lsn) FROM pg_replication_slots",
                         (target,)).fetchone()[0]:
        if time.time() > deadline:
            sys.exit("the relay did not spool everything in time")
        time.sleep(0.05)


def check_exact(lsns: list, expected: int) -> str:
    distinct = len(set(lsns))
    if len(lsns) != expected or distinct != expected:
        return f"NOT EXACT: {len(lsns)} messages, {distinct} distinct, {expected} expected"
    return f"exact: {expected} changes, each once"


def drain(arguments) -> None:
    """Backlog to reader: Kafka comes back to a full spool."""
    total = arguments.rows + arguments.updates
    with Servers() as servers, connect(servers) as db:
        make_table(db)
        relay = MeasuredRelay(servers, ["--max-wal-retained=0", *arguments.relay])
        relay.start()
        servers.kafka.stop()
        started = time.time()
        insert_rows(db, arguments.rows)
        update_rows(db, arguments.updates, arguments.rows)
        loaded = time.time()
        wait_until_spooled(db)
        spooled = time.time()
        memory_capture = relay.memory_mib("VmHWM")
        cpu = relay.cpu_seconds()
        servers.kafka.restart()
        reader = Reader(servers.kafka.address, "bench", total, 600)
        reading = reader.result()
        seconds = reading.last - reading.first
        print(f"load: {arguments.rows} rows in one transaction and {arguments.updates} updates in {loaded - started:.1f} s; "
              f"spooled {spooled - loaded:.1f} s later, {total / (spooled - started):,.0f} changes/s")
        print(f"drain: {total / seconds:,.0f} changes/s from backlog to reader ({seconds:.1f} s), relay CPU "
              f"{relay.cpu_seconds() - cpu:.1f} s")
        print(f"memory: {relay.memory_mib('VmHWM'):.0f} MiB at most ({memory_capture:.0f} MiB while spooling)")
        print(check_exact(reading.lsns, total))
        relay.stop()


def live(arguments) -> None:
    """Commit to reader with everything up."""
    total = arguments.rows + arguments.updates
    with Servers() as servers, connect(servers) as db:
        make_table(db)
        relay = MeasuredRelay(servers, arguments.relay)
        relay.start()
        reader = Reader(servers.kafka.address, "bench", total, 900)
        started = time.time()
        insert_rows(db, arguments.rows)
        committed = time.time()
        update_rows(db, arguments.updates, arguments.rows)
        loaded = time.time()
        reading = reader.result()
        print(f"load: insert {committed - started:.1f} s, updates {loaded - committed:.1f} s")
        print(f"live: {total / (reading.last - committed):,.0f} changes/s from the insert's commit to the reader's last "
              f"change ({reading.last - committed:.1f} s)")
        print(f"memory: {relay.memory_mib('VmHWM'):.0f} MiB at most; relay CPU {relay.cpu_seconds():.1f} s")
        print(check_exact(reading.lsns, total))
        relay.stop()


def latency(arguments) -> None:
    """Single-row commits at a steady rate: from the commit's return to the reader."""
    count = arguments.rate * arguments.seconds
    with Servers() as servers, connect(servers) as db:
        make_table(db)
        relay = MeasuredRelay(servers, ["--output-format=plain-json", *arguments.relay])
        relay.start()
        db.execute("INSERT INTO bench VALUES (0, 'first')")  # Makes the topic.
        reader = Reader(servers.kafka.address, "bench", count + 1, 4 * arguments.seconds + 60, with_stamps=True)
        reader.wait_assigned()
        committed = {}
        cpu, begun = relay.cpu_seconds(), time.time()
        for i in range(1, count + 1):
            delay = begun + i / arguments.rate - time.time()
            if delay > 0:
                time.sleep(delay)
            db.execute("INSERT INTO bench VALUES (%s, repeat('x', 140))", (i,))
            committed[b'{"id":%d}' % i] = time.time()
        cpu, seconds = relay.cpu_seconds() - cpu, time.time() - begun
        if count / seconds < .95 * arguments.rate:
            sys.exit(f"one connection reached only {count / seconds:.0f} commits/s here: ask for less, or run "
                     "bench/run compare --scenarios steady, which has several")
        reading = reader.result()
        # The first second warms up: connections, topic, JIT.
        keys = list(committed)[arguments.rate:]
        delays = sorted((reading.stamps[key] - committed[key]) * 1000 for key in keys)
        print(f"latency at {arguments.rate} commits/s: p50 {statistics.median(delays):.1f} ms, "
              f"p95 {delays[int(len(delays) * .95)]:.1f} ms, p99 {delays[int(len(delays) * .99)]:.1f} ms, "
              f"max {delays[-1]:.1f} ms ({len(delays)} commits); the relay took {100 * cpu / seconds:.1f} % of a core")
        print(check_exact(reading.lsns, count + 1))
        relay.stop()


def outage(arguments) -> None:
    """Kafka away under load: retained WAL, memory, and everything once after its return."""
    with Servers() as servers, connect(servers) as db, connect(servers) as writer:
        make_table(db)
        relay = MeasuredRelay(servers, [f"--max-wal-retained={arguments.max_wal_retained}MiB", *arguments.relay])
        relay.start()
        writer.execute("INSERT INTO bench VALUES (0, 'first')")
        time.sleep(2)
        servers.kafka.stop()
        written, worst_wal, memory = 1, 0, []
        end = time.time() + arguments.seconds
        sampled = 0.0
        while time.time() < end:
            tick = time.time()
            writer.execute("INSERT INTO bench SELECT i, md5(i::text) || md5((-i)::text) || md5((i / 7)::text) || md5((i * 3)::text) "
                           "FROM generate_series(%s::bigint, %s) i", (written, written + arguments.rate // 10 - 1))
            written += arguments.rate // 10
            if tick - sampled >= 1:
                sampled = tick
                worst_wal = max(worst_wal, db.execute(
                    "SELECT max(pg_current_wal_lsn() - confirmed_flush_lsn)::bigint FROM pg_replication_slots"
                ).fetchone()[0])
                memory.append(relay.memory_mib())
            time.sleep(max(0.0, tick + 0.1 - time.time()))
        disk = sum(f.stat().st_size for f in Path(relay.options["spool"]).rglob("*") if f.is_file())
        servers.kafka.restart()
        back = time.time()
        reader = Reader(servers.kafka.address, "bench", written, 600)
        # Load goes on while the backlog drains.
        reading = reader.result()
        wal_written = db.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()[0]
        tenth = max(1, len(memory) // 10)
        print(f"outage of {arguments.seconds} s at {arguments.rate} rows/s: {written} changes, spool {disk / MIB:.0f} MiB, "
              f"{disk / reading.avro_bytes:.2f} x the {reading.avro_bytes / MIB:.0f} MiB of Avro it holds")
        print(f"retained WAL: {worst_wal / MIB:.1f} MiB at most, --max-wal-retained={arguments.max_wal_retained} MiB "
              f"(WAL written in all: {float(wal_written) / MIB:.0f} MiB)")
        print(f"memory: {statistics.mean(memory[:tenth]):.0f} MiB in the first tenth, "
              f"{statistics.mean(memory[-tenth:]):.0f} MiB in the last, {max(memory):.0f} MiB at most")
        print(f"return: the last change was read {reading.last - back:.1f} s after Kafka was up, "
              f"{written / max(reading.last - reading.first, .001):,.0f} changes/s")
        print(check_exact(reading.lsns, written))
        relay.stop()


def idle(arguments) -> None:
    """A captured database without writes beside a busy one."""
    with Servers() as servers, connect(servers) as db:
        db.execute("CREATE DATABASE idle")
        with connect(servers, "idle") as captured:
            make_table(captured)
        make_table(db)
        relay = MeasuredRelay(servers, arguments.relay, database="idle")
        relay.start()
        worst, end, row = 0, time.time() + arguments.seconds, 0
        while time.time() < end:
            db.execute("INSERT INTO bench SELECT i, repeat('x', 1000) FROM generate_series(%s::bigint, %s) i",
                       (row, row + 999))
            row += 1000
            time.sleep(0.1)
            worst = max(worst, db.execute(
                "SELECT max(pg_current_wal_lsn() - confirmed_flush_lsn)::bigint FROM pg_replication_slots"
            ).fetchone()[0])
        total = float(db.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()[0])
        time.sleep(arguments.settle)
        settled = db.execute("SELECT max(pg_current_wal_lsn() - confirmed_flush_lsn)::bigint FROM pg_replication_slots"
                             ).fetchone()[0]
        print(f"idle: the busy database wrote {total / MIB:.0f} MiB of WAL in {arguments.seconds} s; the idle slot held "
              f"{worst / MIB:.1f} MiB at most, {settled / MIB:.2f} MiB {arguments.settle} s after the load")
        relay.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    scenarios = parser.add_subparsers(dest="scenario", required=True)
    for run, options in [
        (drain, {"rows": 1_000_000, "updates": 100_000}),
        (live, {"rows": 1_000_000, "updates": 100_000}),
        (latency, {"rate": 50, "seconds": 60}),
        (outage, {"seconds": 300, "rate": 2000, "max_wal_retained": 64}),
        (idle, {"seconds": 60, "settle": 15}),
        (toast, {"updates": 100_000, "runs": 3, "kills": 10}),
    ]:
        scenario = scenarios.add_parser(run.__name__, help=run.__doc__)
        scenario.set_defaults(run=run)
        for name, default in options.items():
            scenario.add_argument("--" + name.replace("_", "-"), type=int, default=default, help=f"default {default}")
        scenario.add_argument("--relay", action="append", default=[], metavar="OPTION", help="a further option of the relay")
    arguments = parser.parse_args()
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    print(f"{arguments.scenario} at commit {commit.stdout.strip()}")
    arguments.run(arguments)


if __name__ == "__main__":
    main()
