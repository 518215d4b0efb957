"""bench/run toast: updates that leave a large value alone. What they cost, and whether each message has the value."""

import json
import statistics
import threading
import time
from dataclasses import dataclass
from typing import Optional

import psycopg

from measured import MeasuredRelay, connect
from reader import assign, consumer_of_committed
from servers import Servers

ROWS = 1_000
# 3,136 characters that hardly compress, and by which the row is known again whatever its key has become.
DOC = "(SELECT string_agg(md5(seed::text || '.' || n), '') FROM generate_series(1, 98) n)"
QUIET_SECONDS = 3  # What comes twice comes late.


@dataclass(frozen=True)
class Form:
    """A table with a large value of this storage, or without any, and whether its relay keeps such values."""
    name: str
    storage: Optional[str]
    options: tuple = ()


FORMS = [Form("toasted", "EXTERNAL"), Form("inline", "PLAIN"), Form("narrow", None),
         Form("narrow, no cache", None, ("--toast-cache-max-bytes=0",))]


@dataclass
class Seen:
    changes: int = 0
    wrong: int = 0
    marked: int = 0
    refetched: int = 0
    last: float = 0.0


def make_table(db: psycopg.Connection, table: str, storage: Optional[str]) -> dict:
    """The values by their seeds."""
    db.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, seed int, v int)")
    db.execute(f"INSERT INTO {table} SELECT seed, seed, 0 FROM generate_series(1, {ROWS}) seed")
    if not storage:
        return {}
    db.execute(f"ALTER TABLE {table} ADD doc text, ALTER doc SET STORAGE {storage}")
    db.execute(f"UPDATE {table} SET doc = {DOC}")
    return dict(db.execute(f"SELECT seed, doc FROM {table}").fetchall())


def update_rows(db: psycopg.Connection, table: str, updates: int) -> None:
    """Ten in a transaction, in the order of keys."""
    db.execute("SET synchronous_commit = off")
    db.execute(f"DO $$ BEGIN FOR i IN 0..{updates // 10 - 1} LOOP "
               f"UPDATE {table} SET v = v + 1 WHERE id BETWEEN i * 10 % {ROWS} + 1 AND i * 10 % {ROWS} + 10; "
               f"COMMIT; END LOOP; END $$")


def read(brokers: str, topic: str, updates: int, docs: dict, timeout: float) -> Seen:
    """All messages of the topic until so many updates have come and then for a while."""
    consumer = consumer_of_committed(brokers)
    deadline = time.time() + timeout
    assign(consumer, topic)
    seen, quiet_since = Seen(), time.time()
    while (seen.changes < updates or time.time() < quiet_since + QUIET_SECONDS) and time.time() < deadline:
        for message in consumer.consume(num_messages=10_000, timeout=0.2):
            headers = dict(message.headers())
            if headers["op"] != b"u":
                continue
            quiet_since = seen.last = time.time()
            row = json.loads(message.value())
            seen.changes += 1
            seen.marked += "unavailable" in headers
            seen.refetched += "refetched" in headers
            seen.wrong += row.get("doc") != docs.get(row["seed"])
    consumer.close()
    return seen


def say(name: str, seen: Seen, updates: int) -> None:
    print(f"{name}: {seen.changes} updates of {updates}, {seen.wrong} with another value, {seen.marked} marked, "
          f"{seen.refetched} refetched")


def measure_cost(servers: Servers, db: psycopg.Connection, updates: int, runs: int, options: list) -> None:
    """A backlog of updates, to a relay that starts: its processor time, and from its start to the last message."""
    cpu: dict = {form.name: [] for form in FORMS}
    wall: dict = {form.name: [] for form in FORMS}
    for run in range(runs):
        # What runs before leaves its work to Kafka and PostgreSQL: so not always the same.
        for number, form in list(enumerate(FORMS))[::-1 if run % 2 else 1]:
            table = f"cost_{run}_{number}"
            docs = make_table(db, table, form.storage)
            relay = MeasuredRelay(servers, ["--output-format=plain-json", f"--tables={table}", f"--slot={table}",
                                            *form.options, *options])
            relay.start()
            relay.stop()
            update_rows(db, table, updates)
            begun = time.time()
            relay.start()
            seen = read(servers.kafka.address, table, updates, docs, 600)
            cpu[form.name].append(relay.cpu_seconds())
            wall[form.name].append(seen.last - begun)
            relay.stop()
            db.execute(f"SELECT pg_drop_replication_slot('{table}')")
            say(f"run {run + 1}, {form.name}", seen, updates)
    for name in cpu:
        print(f"{name}: {statistics.median(cpu[name]) / updates * 1e6:.1f} µs of processor time an update, "
              f"{statistics.median(wall[name]):.2f} s from start to last message (medians of {runs})")
    for ours, theirs in [("toasted", "inline"), ("narrow", "narrow, no cache")]:
        print(f"{ours} / {theirs}: {statistics.median(cpu[ours]) / statistics.median(cpu[theirs]):.2f} of the processor "
              f"time, {statistics.median(wall[ours]) / statistics.median(wall[theirs]):.2f} of the time")


def check_exactness(servers: Servers, db: psycopg.Connection, updates: int, kills: int, options: list) -> None:
    """Keys that move and savepoints that are rolled back, by a relay that is killed meanwhile."""
    docs = make_table(db, "exact", FORMS[0].storage)
    relay = MeasuredRelay(servers, ["--output-format=plain-json", "--tables=exact", "--slot=exact", *options])
    relay.start()
    done = threading.Event()

    def load() -> None:
        with connect(servers) as own:
            own.execute("SET synchronous_commit = off")
            for step in range(updates // 10):
                first = step * 9 % (ROWS - 10) + 1
                own.execute(f"BEGIN; UPDATE exact SET v = v + 1 WHERE id BETWEEN {first} AND {first + 8};"
                            f"SAVEPOINT s; UPDATE exact SET doc = repeat('lost', 900) WHERE id = {first}; ROLLBACK TO s;"
                            f"UPDATE exact SET id = -1 WHERE id = {first}; COMMIT;"
                            f"BEGIN; UPDATE exact SET id = {first} WHERE id = -1; COMMIT")
        done.set()

    thread = threading.Thread(target=load)
    thread.start()
    killed = 0
    while not done.wait(1.0) or killed < kills:
        relay.kill9()
        relay.start()
        killed += 1
    thread.join()
    expected = updates // 10 * 11
    seen = read(servers.kafka.address, "exact", expected, docs, 600)
    say(f"killed {killed} times", seen, expected)
    relay.stop()


def toast(arguments) -> None:
    """Updates that leave a large (TOASTed) value alone: their cost beside rows without one, and whether each is whole."""
    with Servers() as servers, connect(servers) as db:
        measure_cost(servers, db, arguments.updates, arguments.runs, arguments.relay)
        check_exactness(servers, db, arguments.updates, arguments.kills, arguments.relay)
